// tests/fault/hub/same_cycle_test.cpp - what clients say so closely together that the hub hears it in one cycle of its loop.
#include <doctest/doctest.h>

#include "bus/codec/codec.hpp"
#include "bus/hub/loop.hpp"
#include "tests/support/faulty_files.hpp"
#include "tests/support/scripted_server.hpp"

using namespace laban;
using namespace laban::test;

namespace {

void say(ScriptedServer& server, const char* peer, const codec::ClientMessage& message) {
  const auto frame = codec::encode(message);
  server.say(peer, {reinterpret_cast<const char*>(frame.bytes().data()), frame.size()});
}

}  // namespace

TEST_CASE("same cycle: a queue is deleted just when its consumer leaves, and the hub goes on (G310)") {
  FaultyFiles files;
  HubOptions options;
  options.http.clear();
  options.data = "/log";
  options.files = &files;
  options.segment_bytes = 1u << 20;
  options.disk_free_min = 0;
  auto made = std::make_unique<ScriptedServer>();
  auto& server = *made;
  QueueSpec queue;
  queue.name = "q";
  say(server, "owner", codec::Hello{});
  say(server, "consumer", codec::Hello{});
  say(server, "owner", codec::Request{1, queue});
  say(server, "consumer", codec::Consume{1, "q", 10});
  say(server, "consumer", codec::Bye{});
  say(server, "owner", codec::Request{2, codec::DeleteQueue{"q"}});
  hub::Loop loop{options, std::move(made)};
  int silences = 0;
  std::size_t sessions = 0;
  bool has_queue = true;
  server.on_silence([&] {
    if (++silences > 1) return loop.stop();
    (void)loop.post([&](hub::Core& core) {
      sessions = core.sessions.size();
      has_queue = core.broker.queue("q") != nullptr;
    });
  });
  CHECK_NOTHROW(loop.run());
  CHECK(sessions == 1);
  CHECK_FALSE(has_queue);
}

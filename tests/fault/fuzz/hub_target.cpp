// tests/fault/fuzz/hub_target.cpp - what peers say to a hub: a byte for who and how, two for the length, then the frame,
// and again until the input ends. The first byte of all says how the hub ends.
#include <spdlog/spdlog.h>

#include <optional>

#include "bus/codec/codec.hpp"
#include "bus/hub/loop.hpp"
#include "laban/error.hpp"
#include "tests/fault/fuzz/targets.hpp"
#include "tests/support/bombs.hpp"
#include "tests/support/faulty_files.hpp"
#include "tests/support/scripted_server.hpp"

namespace laban::fuzz {

namespace {

// Of the byte before each frame.
constexpr unsigned peers = 3;           // its lowest bits: which peer
constexpr unsigned door_shift = 2;      // then the door
constexpr unsigned without_hello = 16;  // the peer's first frame is this one
enum Door { conversation, talk, feeds, at_most_once };

HubOptions options_of(test::FaultyFiles& files) {
  HubOptions options;
  options.http.clear();
  options.data = "/hub";
  options.files = &files;
  options.segment_bytes = 64u << 10;
  options.disk_free_min = 0;
  options.limits.sync_beside_bytes = ~std::size_t{0};
  return options;
}

std::string text_of(const codec::ClientMessage& message) {
  const auto frame = codec::encode(message);
  return {reinterpret_cast<const char*>(frame.bytes().data()), frame.size()};
}

std::string hello_of(const std::string& peer) {
  codec::Hello hello;
  hello.source = peer;
  hello.producer = peer;
  hello.session = 1;
  return text_of(hello);
}

void read_script(std::string_view input, test::ScriptedServer& server) {
  bool greeted[peers + 1] = {};
  while (input.size() >= 3) {
    const auto how = static_cast<unsigned char>(input[0]);
    const std::size_t length = static_cast<unsigned char>(input[1]) | static_cast<unsigned char>(input[2]) << 8;
    const auto frame = input.substr(3, length);
    input.remove_prefix(3 + frame.size());
    switch (how >> door_shift & 3) {
      case feeds:
        server.wish(frame, (how & without_hello) == 0);
        break;
      case at_most_once:
        server.say_at_most_once(frame);
        break;
      default: {
        const std::string peer = "peer " + std::to_string(how & peers);
        if (!greeted[how & peers] && (how & without_hello) == 0) server.say(peer, hello_of(peer));
        greeted[how & peers] = true;
        server.say(peer, frame);
      }
    }
  }
}

std::string broken_law(hub::Core& core) {
  std::string broken;
  core.broker.each_queue([&](hub::QueueEntry& entry) {
    const auto counts = entry.queue.counts();
    if (counts.enqueued != counts.acknowledged + counts.ready + counts.unacknowledged + counts.delayed + counts.parked +
                               counts.moved + counts.ledgered)
      broken = "the law of queue " + entry.name + " is broken";
  });
  return broken;
}

// One life of a hub, until it has heard everything. What it throws is wrong: nothing in here is its user's doing.
std::string live(test::FaultyFiles& files, std::string_view script, bool crash) {
  auto made = std::make_unique<test::ScriptedServer>();
  auto& server = *made;
  read_script(script, server);
  std::string wrong;
  try {
    hub::Loop loop{options_of(files), std::move(made)};
    bool asked = false;
    server.on_silence([&] {
      if (!asked) {
        asked = true;
        (void)loop.post([&](hub::Core& core) { wrong = broken_law(core); });
      } else {
        crash ? loop.crash() : loop.stop();
      }
    });
    loop.run();
  } catch (const std::exception& error) {
    return std::string{"the hub ends: "} + error.what();
  }
  return wrong;
}

std::string run(std::string_view input) {
  if (input.empty()) return "";
  spdlog::set_level(spdlog::level::off);
  test::FaultyFiles files;
  if (auto wrong = live(files, input.substr(1), input[0] % 2 != 0); !wrong.empty()) return wrong;
  if (auto wrong = live(files, {}, false); !wrong.empty()) return "after a restart " + wrong;
  return "";
}

void add(std::string& script, unsigned peer, Door door, const std::string& frame) {
  script += static_cast<char>(peer | static_cast<unsigned>(door) << door_shift);
  script += static_cast<char>(frame.size());
  script += static_cast<char>(frame.size() >> 8);
  script += frame;
}

// A queue from its declaration to its end, with what peers can do to it.
std::string conversation_about_a_queue() {
  using namespace codec;
  const Frame body = test::sample_envelope();
  std::string script(1, '\0');
  const auto says = [&](unsigned peer, const ClientMessage& message) {
    add(script, peer, conversation, text_of(message));
  };
  ExchangeSpec exchange;
  exchange.name = "x";
  exchange.type = "fanout";
  QueueSpec queue;
  queue.name = "q";
  queue.delivery_limit = 1;
  queue.dead_letter_exchange = "x";
  QueueSpec dead;
  dead.name = "dead";
  dead.messages_max = 2;
  dead.overflow = "park";
  says(0, Request{1, exchange});
  says(0, Request{2, queue});
  says(0, Request{3, dead});
  says(0, Request{4, Bind{{"amq.topic", "q", {}, "order.*", {}}}});
  says(0, Request{5, Bind{{"x", "dead", {}, "", {}}}});
  says(1, Consume{1, "q", 2});
  says(1, Subscribe{1, "amq.topic", {"order.#"}, Subscribe::From::first, 0, {}, {}});
  says(0, Publish{1, Level::synced, {body.bytes(), body.bytes(), body.bytes()}, false});
  says(1, Settle{1, Outcome::fail, {1}, 0, 0, "no"});
  says(1, Settle{1, Outcome::reject, {1, 2}, 0, 0, "no"});
  says(1, Settle{1, Outcome::acknowledge, {}, 3, 0, {}});
  says(1, Replay{1, 0, 10, 1'000});
  says(0, Publish{4, Level::written, {body.bytes()}, true});
  says(0, Request{6, Redrive{"q", false, 10}});
  says(0, Request{7, Inspect{"queues", "{}"}});
  says(0, Request{8, Inspect{"explain", R"({"id":"id"})"}});
  says(1, Bye{});
  says(0, Request{9, DeleteQueue{"q"}});
  return script;
}

std::vector<std::string> seeds() {
  std::vector<std::string> all{conversation_about_a_queue()};
  for (const auto& frame : test::sample_client_frames()) {
    all.emplace_back(1, '\1');
    add(all.back(), 0, conversation, frame);
  }
  all.emplace_back(1, '\0');
  add(all.back(), 0, feeds, std::string(16, 'f'));
  const codec::Frame body = test::sample_envelope();
  const auto fleeting = codec::encode(codec::Fleeting{"s", {body.bytes()}});
  add(all.back(), 0, at_most_once, {reinterpret_cast<const char*>(fleeting.bytes().data()), fleeting.size()});
  return all;
}

}  // namespace

Target hub_target() {
  return {"hub", run, seeds, mutated_bytes};
}

}  // namespace laban::fuzz

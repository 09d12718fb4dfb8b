// tests/system/queues/queues_bench_test.cpp - the queue's benchmark runs, small, with all its processes.
#include <doctest/doctest.h>

#include "bench/bus_bench.hpp"
#include "bench/jetstream.hpp"

using namespace laban::bench;

TEST_CASE("queue bench: every message of a backlog is taken and acknowledged, by one consumer and by several") {
  for (const std::uint32_t consumers : {1u, 3u}) {
    CAPTURE(consumers);
    Settings settings;
    settings.count = 2'000;
    settings.keys = 100;
    settings.subscribers = consumers;
    settings.window = 50;
    const auto measured = queue(settings);
    CHECK(measured.events == settings.count);
    CHECK(measured.seconds > 0);
    CHECK(measured.latency.p50 > 0);
  }
}

TEST_CASE("queue bench: the peer is spoken to as its own clients do") {
  if (!has_jetstream()) {
    MESSAGE("SKIPPED: nats-server is not installed");
    return;
  }
  Settings settings;
  settings.count = 2'000;
  CHECK(jetstream_queue(settings).events == settings.count);
}

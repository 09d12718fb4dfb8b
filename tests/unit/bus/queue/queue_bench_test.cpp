// tests/unit/bus/queue/queue_bench_test.cpp - the queue's benchmarks run, small.
#include "bench/queue_bench.hpp"

#include <doctest/doctest.h>

using namespace laban::bench;

TEST_CASE("queue bench: every message passes, whether the queue is short or a backlog") {
  Settings settings;
  settings.count = 5'000;
  settings.keys = 50;
  settings.subscribers = 3;
  settings.window = 10;
  CHECK(queue_pass(settings).events >= settings.count);
  CHECK(queue_backlog(settings).events == settings.count);
}

TEST_CASE("queue bench: the memory run measures a queue that is the same after a restart") {
  Settings settings;
  settings.count = 20'000;
  settings.keys = 1'000;
  const QueueMemory memory = queue_memory(settings);
  CHECK(memory.messages == settings.count);
  CHECK(memory.snapshot_bytes_a_message > 0);
}

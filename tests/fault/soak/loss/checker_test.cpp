// tests/fault/soak/loss/checker_test.cpp - the checker finds what is planted: a judge that finds nothing proves nothing.
#include "tests/fault/soak/loss/checker.hpp"

#include <doctest/doctest.h>

#include "tests/support/temporary_directory.hpp"

using namespace laban;
using namespace laban::soak::loss;

namespace {

test::LoggedEvent stored(std::uint64_t offset, const std::string& id, const std::string& from = "amq.topic",
                         const std::string& key = "loss.a.x") {
  test::LoggedEvent event;
  event.offset = offset;
  event.id = id;
  event.exchange = from;
  event.routingkey = key;
  return event;
}

Handling handling(std::uint64_t offset, const std::string& id, std::int64_t at, bool redelivered = false,
                  const std::string& verdict = "acknowledge") {
  return {"work", "consumer.1", offset, id, "k1", 0, redelivered, at, verdict, false};
}

const std::vector<QueueRule> rules{{"work", {"loss.*.*"}}};

// Three events, published, confirmed, seen and handled; each test spoils one thing.
struct World {
  Log log{stored(1, "p-1"), stored(2, "p-2"), stored(3, "p-3")};
  Histories histories;
  std::vector<QueueRule> queues = rules;

  World() {
    ProducerRun producer{"p", 1, false, {}, {{0, "p-1"}, {0, "p-2"}, {0, "p-3"}}, {}, {}};
    for (const auto& event : log) producer.confirms.push_back({event.id, event.offset, true, false});
    histories.producers.push_back(producer);
    SubscriberRun subscriber{"s", 1, {"loss.#"}, 0, {}, {}, 0};
    for (const auto& event : log) subscriber.seen.push_back({event.offset, event.id});
    histories.subscribers.push_back(subscriber);
    for (const auto& event : log)
      histories.handlings.push_back(handling(event.offset, event.id, static_cast<std::int64_t>(event.offset)));
  }
  Tally judged() const { return check(histories, log, queues); }
  ProducerRun& producer() { return histories.producers.front(); }
  SubscriberRun& subscriber() { return histories.subscribers.front(); }
};

}  // namespace

TEST_CASE("loss checker: a world in which all went well has nothing wrong") {
  const auto tally = World{}.judged();
  CHECK(tally.passed());
  CHECK(tally.attempted == 3);
  CHECK(tally.confirmed == 3);
  CHECK(tally.stored == 3);
  CHECK(tally.seen == 3);
  CHECK(tally.handled == 3);
}

TEST_CASE("loss checker: finds what was confirmed and is not in the log") {
  World world;
  world.log.pop_back();
  world.subscriber().seen.pop_back();
  world.histories.handlings.pop_back();
  CHECK(world.judged().lost == 1);
}

TEST_CASE("loss checker: an attempt without a confirm may be stored or not, if nothing behind it is") {
  World world;
  world.producer().attempts.push_back({0, "p-4"});
  CHECK(world.judged().passed());
  world.producer().confirms.erase(world.producer().confirms.begin() + 1);
  CHECK(world.judged().passed());
  world.log.erase(world.log.begin() + 1);
  world.subscriber().seen.erase(world.subscriber().seen.begin() + 1);
  world.histories.handlings.erase(world.histories.handlings.begin() + 1);
  CHECK(world.judged().lost == 1);
}

TEST_CASE("loss checker: finds what was stored twice, by nobody, at another offset, or out of order") {
  World twice;
  twice.log.push_back(stored(4, "p-1"));
  CHECK(twice.judged().duplicated == 1);
  World nobody;
  nobody.log.push_back(stored(4, "q-1"));
  CHECK_FALSE(nobody.judged().passed());
  World elsewhere;
  elsewhere.producer().confirms[0].offset = 2;
  CHECK_FALSE(elsewhere.judged().passed());
  elsewhere.producer().confirms[0] = {"p-1", 0, true, true};  // a duplicate, whose place the hub no longer knows
  CHECK(elsewhere.judged().passed());
  World weak;
  weak.producer().confirms[0].synced = false;
  CHECK_FALSE(weak.judged().passed());
  World turned;
  std::swap(turned.producer().attempts[0], turned.producer().attempts[2]);
  CHECK(turned.judged().disordered >= 1);
  World refused;
  refused.producer().refused.emplace_back("p-2");
  CHECK(refused.judged().duplicated == 1);
}

TEST_CASE("loss checker: finds what the hub claimed to have of a named producer and has not") {
  World world;
  for (std::uint64_t i = 0; i < 3; ++i) world.producer().attempts[i].sequence = i + 1;
  world.producer().named = true;
  world.producer().last_sequence = 0;
  auto next = world.producer();
  next.run = 2;
  next.last_sequence = 4;
  next.attempts = {{4, "p-4"}};
  next.confirms.clear();
  world.histories.producers.push_back(next);
  CHECK(world.judged().lost == 1);
  world.histories.producers.back().last_sequence = 3;
  CHECK(world.judged().passed());
}

TEST_CASE("loss checker: finds what a subscriber did not see, saw twice, out of order, or nobody stored") {
  World hole;
  hole.subscriber().seen.erase(hole.subscriber().seen.begin() + 1);
  CHECK(hole.judged().lost == 1);
  World early;  // dying early is no loss
  early.subscriber().seen.pop_back();
  CHECK(early.judged().passed());
  World twice;
  twice.subscriber().seen.push_back(twice.subscriber().seen.back());
  CHECK(twice.judged().duplicated == 1);
  World turned;
  std::swap(turned.subscriber().seen[0], turned.subscriber().seen[1]);
  CHECK(turned.judged().disordered == 1);
  World other;
  other.subscriber().seen[0].id = "p-9";
  CHECK_FALSE(other.judged().passed());
  World missed;
  missed.subscriber().misses.emplace_back("1 to 2 retention");
  CHECK(missed.judged().lost == 1);
  World start;
  start.subscriber().after = 2;
  start.subscriber().seen = {{3, "p-3"}};
  CHECK(start.judged().passed());
}

TEST_CASE("loss checker: finds what a queue lost, gave twice unmarked, or gave out of order") {
  World lost;
  lost.histories.handlings.pop_back();
  CHECK(lost.judged().lost == 1);
  World unfinished;
  unfinished.histories.handlings.back().verdict = "fail";
  CHECK(unfinished.judged().lost == 1);
  World marked;
  marked.histories.handlings.push_back(handling(2, "p-2", 9, true));
  CHECK(marked.judged().passed());
  CHECK(marked.judged().again == 1);
  World unmarked;
  unmarked.histories.handlings.push_back(handling(2, "p-2", 9));
  CHECK(unmarked.judged().duplicated == 1);
  World turned;
  std::swap(turned.histories.handlings[0].at, turned.histories.handlings[1].at);
  CHECK(turned.judged().disordered == 1);
  turned.queues[0].holds_keys = false;
  CHECK(turned.judged().disordered == 1);
  turned.histories.handlings[0].redelivered = true;  // it had been parked
  CHECK(turned.judged().passed());
}

TEST_CASE("loss checker: what was rejected is stored behind the dead-letter exchange, once") {
  World world;
  world.queues[0].dead_letters = "dead";
  world.histories.handlings.back().verdict = "reject";
  CHECK(world.judged().lost == 1);
  world.log.push_back(stored(4, "p-3", "dead"));
  CHECK(world.judged().passed());
  world.log.push_back(stored(5, "p-3", "dead"));
  CHECK(world.judged().duplicated == 1);
}

TEST_CASE("loss checker: a history that was cut off by kill -9 counts up to its last whole line") {
  const test::TemporaryDirectory directory;
  {
    HistoryWriter writer{directory.path(), "c"};
    CHECK(writer.run() == 1);
    writer.write("consumer work");
    writer.write("d 3 p-3 k1 0 1 17 acknowledge 0");
    writer.write("d 4 p-4 k1 0 0 1");
  }
  std::filesystem::resize_file(directory / "c.1", std::filesystem::file_size(directory / "c.1") - 3);
  CHECK(HistoryWriter{directory.path(), "c"}.run() == 2);
  const auto histories = read_histories(directory.path());
  REQUIRE(histories.handlings.size() == 1);
  const auto& one = histories.handlings.front();
  CHECK(one.queue == "work");
  CHECK(one.consumer == "c.1");
  CHECK(one.offset == 3);
  CHECK(one.redelivered);
  CHECK(one.at == 17);
  CHECK(one.verdict == "acknowledge");
  CHECK_FALSE(one.damaged);
}

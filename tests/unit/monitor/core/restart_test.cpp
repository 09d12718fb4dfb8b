// tests/unit/monitor/core/restart_test.cpp - a tracker that goes on from what was stored: of each instance what it was when it
// changed last, and the totals of the last commit.
#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "tests/support/seed.hpp"
#include "tests/unit/monitor/core/random_process.hpp"
#include "tests/unit/monitor/core/sequence.hpp"
#include "tests/unit/monitor/core/stream.hpp"

using namespace laban::monitor;
using namespace laban::test;
using namespace std::chrono_literals;

namespace {

// A stream that commits as the monitor does, and dies between two commits.
class Mortal {
 public:
  Mortal(const ProcessModel& model, TrackerOptions options) : model_(model), options_(options) { begin(); }

  Stream& stream() { return *stream_; }
  void commit() {
    for (const Change& change : stream_->changes) {
      std::string& bytes = instances_[std::string(stream_->tracker.key(change.instance))];
      bytes.clear();
      stream_->tracker.save(change.instance, bytes);
    }
    stream_->changes.clear();
    totals_ = stream_->tracker.save_totals();
    offset_ = stream_->offset;
  }
  // Right after a commit.
  void die() {
    begin();
    stream_->offset = offset_;
    REQUIRE(stream_->tracker.restore_totals(totals_));
    for (const auto& [key, bytes] : instances_) REQUIRE(stream_->tracker.restore(0, bytes) != no_instance);
  }

 private:
  void begin() {
    stream_ = std::make_unique<Stream>(options_);
    stream_->tracker.activate(made(model_));
  }

  const ProcessModel& model_;
  TrackerOptions options_;
  std::unique_ptr<Stream> stream_;
  std::map<std::string, std::string> instances_;
  std::string totals_;
  std::uint64_t offset_ = 0;
};

// Says the same to both, with silences in between, while one of them dies again and again.
template <class Check>
void live_and_die(std::mt19937_64& random, const ProcessModel& model, TrackerOptions options, Check check) {
  Mortal mortal(model, options);
  Stream straight(options);
  straight.tracker.activate(made(model));
  Time now{};
  for (const Said& said : noise(random, made(model)->types(), 12, 150)) {
    now = std::max(now, said.time);
    straight.say(said.key, said.type, now);
    mortal.stream().say(said.key, said.type, now);
    while (random() % 3 == 0) {
      now += std::chrono::milliseconds{random() % 15'000};
      straight.tracker.advance(now, straight.changes);
      mortal.stream().tracker.advance(now, mortal.stream().changes);
      mortal.commit();
      if (random() % 2 == 0) mortal.die();
    }
    check(straight, mortal.stream());
  }
  now += 6h;
  straight.tracker.advance(now, straight.changes);
  mortal.stream().tracker.advance(now, mortal.stream().changes);
  CHECK(text(mortal.stream().tracker) == text(straight.tracker));
  check_sums(mortal.stream().tracker.totals(0));
}

ProcessModel with_deadlines(std::mt19937_64& random) {
  auto model = RandomProcess(random).make(2);
  for (auto& node : model.nodes)
    if (random() % 3 == 0) node.deadline = std::chrono::milliseconds{1000 + random() % 90'000};
  return model;
}

}  // namespace

TEST_CASE("restart: a look at the clock that told nothing is not stored, and the next one comes all the same (G250)") {
  auto model = sequence("order", {"placed", "paid"});
  model.nodes[2].deadline = 40s;
  Mortal mortal(model, {});
  mortal.stream().say("1", "placed", noon);
  mortal.commit();
  for (const auto silence : {12s, 25s, 39s}) {
    mortal.stream().tracker.advance(noon + silence, mortal.stream().changes);
    CHECK(mortal.stream().changes.empty());
    mortal.commit();
    mortal.die();
    CHECK(mortal.stream().view("1").flags == 0);
  }
  mortal.stream().tracker.advance(noon + 41s, mortal.stream().changes);
  CHECK(mortal.stream().view("1").flags == flag_late);
}

TEST_CASE("restart: killed again and again between commits it tells each deadline in the same moment (G250)") {
  LABAN_SEED(seed);
  std::mt19937_64 random(seed);
  TrackerOptions options;
  options.learn_after = ~0u;
  for (int round = 0; round < 12; ++round) {
    CAPTURE(round);
    live_and_die(random, with_deadlines(random), options,
                 [](Stream& straight, Stream& mortal) { REQUIRE(text(mortal.tracker) == text(straight.tracker)); });
  }
}

TEST_CASE("restart: killed again and again it tells what was learned of silence in the same moment (G250) (G251)") {
  LABAN_SEED(seed);
  std::mt19937_64 random(seed);
  TrackerOptions options;
  options.learn_after = 4;
  for (int round = 0; round < 12; ++round) {
    CAPTURE(round);
    live_and_die(random, with_deadlines(random), options,
                 [](Stream& straight, Stream& mortal) { REQUIRE(text(mortal.tracker) == text(straight.tracker)); });
  }
}

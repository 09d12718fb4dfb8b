// tests/unit/monitor/witness/kills_test.cpp - what a monitor answers depends on events and on the time that has passed: not on when
// it committed, was killed, looked at the clock, or began to listen.
#include <doctest/doctest.h>

#include <algorithm>
#include <memory>

#include "tests/support/seed.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tests/unit/monitor/witness/followed.hpp"

using namespace laban;
using namespace laban::monitor;
using namespace laban::test;
using namespace std::chrono_literals;

namespace {

const std::string timed_yaml = [] {
  std::string out = order_yaml;
  out.replace(out.find("- payment.taken: {"), 18, "- payment.taken: {within: 3s, ");
  return out;
}();

const std::string rerun_yaml = [] {
  std::string out = timed_yaml;
  out.replace(out.find("name: Order"), 11,
              "name: Order\nreruns: yes\ndeadlines:\n  - {from: order.placed, to: parcel.shipped, within: 9s}");
  return out;
}();

// Orders with long silences between them, and gaps.
struct Script {
  explicit Script(std::mt19937_64& random, bool causes_late = false) {
    events = random_events(random, 50);
    std::chrono::nanoseconds later{0};
    for (std::size_t i = 0; i < events.size(); ++i) {
      if (random() % 8 == 0) later += std::chrono::milliseconds{random() % 40'000};
      events[i].time += later;
    }
    // What is lost takes its offsets.
    std::uint64_t lost = 0;
    for (auto& event : events) {
      if (random() % (causes_late ? 30 : 60) == 0) ++lost, gap_before.push_back(event.offset + lost);
      event.offset += lost;
    }
    if (causes_late) name_causes(events, random);
  }

  std::vector<TestEvent> events;
  std::vector<std::uint64_t> gap_before;  // the offset of the event behind it
};

// Follows the script, looking at the clock whenever it likes.
class Follower {
 public:
  Follower(const Script& script, const std::string& yaml, std::uint64_t seed, bool restless, TrackerOptions options)
      : script_(script), yaml_(yaml), random_(seed), restless_(restless), options_(options) {
    begin();
  }

  void follow_until(std::size_t end, Time time) {
    while (next_ < end) {
      const TestEvent& event = script_.events[next_];
      const bool behind_gap = std::count(script_.gap_before.begin(), script_.gap_before.end(), event.offset) > 0;
      if (behind_gap && bench_->witness.offset() < event.offset - 1)
        bench_->witness.gap(event.offset - 1, event.offset - 1);
      if (now_ != Time{} && restless_)
        for (; random_() % 3 == 0; bench_->witness.advance(now_)) now_ += (event.time - now_) * (random_() % 4) / 4;
      bench_->see(event);
      now_ = event.time;
      ++next_;
      if (!restless_) continue;
      if (random_() % 5 == 0) bench_->commit();
      if (random_() % 12 == 0) begin();
    }
    bench_->witness.advance(time);
    now_ = time;
    bench_->commit(time);
  }
  Bench& bench() { return *bench_; }

 private:
  // What was not committed is gone, and comes again.
  void begin() {
    bench_.reset();
    bench_ = std::make_unique<Bench>(directory_.path(), yaml_, options_);
    const auto seen = bench_->witness.offset();
    next_ = 0;
    while (next_ < script_.events.size() && script_.events[next_].offset <= seen) ++next_;
    now_ = next_ == 0 ? Time{} : script_.events[next_ - 1].time;
  }

  const Script& script_;
  const std::string& yaml_;
  std::mt19937_64 random_;
  bool restless_;
  TrackerOptions options_;
  test::TemporaryDirectory directory_;
  std::unique_ptr<Bench> bench_;
  std::size_t next_ = 0;
  Time now_{};
};

std::string first_difference(const std::string& a, const std::string& b) {
  std::istringstream left(a), right(b);
  std::string one, other;
  while (std::getline(left, one) && std::getline(right, other))
    if (one != other) {
      const auto at = std::mismatch(one.begin(), one.end(), other.begin(), other.end()).first - one.begin();
      const auto from = static_cast<std::size_t>(std::max<std::ptrdiff_t>(0, at - 200));
      return one.substr(from, 300) + "\n  instead of\n" + other.substr(from, 300);
    }
  return a.size() == b.size() ? "" : "one has more lines";
}

void live_and_die(std::mt19937_64& random, const std::string& yaml, bool causes_late) {
  TrackerOptions options;
  options.learn_after = 4;
  const Script script(random, causes_late);
  Follower quiet(script, yaml, 0, false, options), restless(script, yaml, random(), true, options);
  std::size_t end = 0;
  while (end < script.events.size()) {
    end = std::min<std::size_t>(script.events.size(), end + 1 + random() % 40);
    const Time last = script.events[end - 1].time;
    const Time next = end < script.events.size() ? script.events[end].time : last + 10min;
    const Time now = last + (next - last) * (random() % 5) / 4;
    quiet.follow_until(end, now);
    restless.follow_until(end, now);
    const std::string difference = first_difference(everything(restless.bench()), everything(quiet.bench()));
    REQUIRE(difference == "");
  }
}

}  // namespace

TEST_CASE("witness: killed at any moment it tells every flag, forecast and count as one that was not (G251)") {
  LABAN_SEED(seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 6; ++round) {
    CAPTURE(round);
    live_and_die(random, timed_yaml, false);
  }
}

TEST_CASE("witness: killed at any moment it tells the same where causes come after what they caused (G251)") {
  LABAN_SEED(seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 4; ++round) {
    CAPTURE(round);
    live_and_die(random, round % 2 == 0 ? timed_yaml : rerun_yaml, true);
  }
}

TEST_CASE(
    "witness: what lost events excuse is used up, also where an instance's newest event is not its last (G251) (G94)") {
  const auto told = [](bool killed) {
    const test::TemporaryDirectory directory;
    auto bench = std::make_unique<Bench>(directory.path());
    bench->see({1, "a", "order.placed", Time{1s}});
    bench->see({2, "a", "order.placed", Time{2s}, "id-5"});
    bench->witness.gap(3, 4);
    bench->see({5, "a", "shipment.failed", Time{5s}});  // excused, and then comes what it caused
    if (killed) {
      bench->commit();
      bench.reset();
      bench = std::make_unique<Bench>(directory.path());
    }
    bench->see({6, "a", "order.cancelled", Time{6s}});
    bench->commit();
    return everything(*bench);
  };
  CHECK(told(true) == told(false));
}

TEST_CASE("witness: an event that lost ones excuse moves an instance on that had deviated before (G94) (G130)") {
  const test::TemporaryDirectory directory;
  Bench bench(directory.path());
  bench.see({1, "a", "order.placed", Time{1s}});
  bench.see({2, "a", "order.placed", Time{2s}});
  bench.witness.gap(3, 3);
  bench.see({4, "a", "parcel.shipped", Time{4s}});
  bench.commit();
  const Json now = bench.ask(&Api::instance, {}, {"a"});
  CHECK(now["state"] == "completed");
  CHECK(now["deviations"].size() == 1);
  CHECK(now["deviations"][0]["settled"] == true);
  const auto& settled = bench.witness.publish({}).counts->definitions[0]->totals.deviations;
  CHECK(settled[static_cast<std::size_t>(DeviationKind::repeated)] == 1);
}

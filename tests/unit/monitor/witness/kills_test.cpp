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

// Orders with long silences between them, and gaps.
struct Script {
  explicit Script(std::mt19937_64& random) {
    events = random_events(random, 50);
    std::chrono::nanoseconds later{0};
    for (std::size_t i = 0; i < events.size(); ++i) {
      if (random() % 8 == 0) later += std::chrono::milliseconds{random() % 40'000};
      events[i].time += later;
    }
    // What is lost takes its offsets.
    std::uint64_t lost = 0;
    for (auto& event : events) {
      if (random() % 60 == 0) ++lost, gap_before.push_back(event.offset + lost);
      event.offset += lost;
    }
  }

  std::vector<TestEvent> events;
  std::vector<std::uint64_t> gap_before;  // the offset of the event behind it
};

// Follows the script, looking at the clock whenever it likes.
class Follower {
 public:
  Follower(const Script& script, std::uint64_t seed, bool restless, TrackerOptions options)
      : script_(script), random_(seed), restless_(restless), options_(options) {
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
    bench_ = std::make_unique<Bench>(directory_.path(), timed_yaml, options_);
    const auto seen = bench_->witness.offset();
    next_ = 0;
    while (next_ < script_.events.size() && script_.events[next_].offset <= seen) ++next_;
    now_ = next_ == 0 ? Time{} : script_.events[next_ - 1].time;
  }

  const Script& script_;
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

}  // namespace

TEST_CASE("witness: killed at any moment it tells every flag, forecast and count as one that was not (G251)") {
  LABAN_SEED(seed);
  std::mt19937_64 random(seed);
  TrackerOptions options;
  options.learn_after = 4;
  for (int round = 0; round < 6; ++round) {
    CAPTURE(round);
    const Script script(random);
    Follower quiet(script, 0, false, options), restless(script, random(), true, options);
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
}

// tests/unit/bus/journal/journal_property_test.cpp - random lives of a log beside the simplest thing that could be one.
#include <doctest/doctest.h>

#include <map>
#include <set>

#include "bus/journal/journal.hpp"
#include "bus/journal/verify.hpp"
#include "tests/support/faulty_files.hpp"
#include "tests/support/journal_log.hpp"
#include "tests/support/seed.hpp"

using namespace laban::journal;
using namespace laban::test;

namespace {

// A log as a list in memory: every event ever, what retention took, what was live then.
struct Model {
  std::map<std::uint64_t, std::pair<std::string, Timestamp>> events;
  std::vector<std::pair<std::uint64_t, std::string>> records;  // notes have offset 0
  std::set<std::uint64_t> live;
  std::uint64_t first = 1;
};

class Life {
 public:
  explicit Life(std::uint64_t seed) : random_(seed) {
    options_ = small_options(4096 + 8 * (random_() % 4000));
    options_.cache_bytes = random_() % 60'000;
    log_ = open_log(files_, options_);
  }

  void step() {
    switch (random_() % 12) {
      case 0:
      case 1:
      case 2:
      case 3:
        return write();
      case 4:
      case 5:
        return read();
      case 6:
        return read_one();
      case 7:
        return reopen();
      case 8:
        return checkpoint();
      case 9:
        return retain();
      case 10:
        return find_time();
      default:
        return settle();
    }
  }

  void finish() {
    reopen();
    std::uint64_t next = model_.first;
    for (const auto& [offset, text] : events_of(*log_, 1 + random_() % 5000)) {
      CHECK(offset == next++);
      CHECK(text == model_.events.at(offset).first);
    }
    CHECK(next == log_->head() + 1);
    log_.reset();
    const auto report = verify(files_, log_directory);
    CHECK_FALSE(report.damage);
    CHECK(report.head == model_.events.size());
    CHECK(report.events == report.head + 1 - report.first_offset);
  }

 private:
  void write() {
    const auto before = model_.records.size();
    for (auto n = random_() % 6; n > 0; --n) {
      std::string text(random_() % (random_() % 40 == 0 ? 9000 : 300), static_cast<char>('a' + random_() % 26));
      if (random_() % 4 == 0) {
        log_->append_note(static_cast<std::uint8_t>(random_()), {bytes_of(text)});
        model_.records.emplace_back(0, text);
      } else {
        const auto offset = append(*log_, text, static_cast<std::uint8_t>(random_()));
        CHECK(offset == log_->next_offset() - 1);
        model_.records.emplace_back(offset, text);
      }
    }
    if (random_() % 10 == 0) {
      log_->discard();
      model_.records.resize(before);
      return;
    }
    second_ += static_cast<std::int64_t>(random_() % 3);
    const auto result = commit(*log_, second_, random_() % 2 == 0 ? Durability::synced : Durability::written);
    REQUIRE(result);
    for (auto i = before; i < model_.records.size(); ++i) {
      const auto& [offset, text] = model_.records[i];
      if (offset == 0) continue;
      CHECK(offset == model_.events.size() + 1);
      model_.events[offset] = {text, result.recordedtime};
      if (random_() % 5 == 0) model_.live.insert(offset);
    }
    CHECK(log_->head() == model_.events.size());
  }

  void read() {
    const auto from = random_() % (log_->head() + 3);
    const auto budget = random_() % 4000;
    const auto result = log_->read(from, budget);
    REQUIRE_FALSE(result.damage);
    CHECK(result.lost_to == (from < model_.first ? model_.first - 1 : 0));
    auto next = std::max(from, model_.first);
    std::size_t bytes = 0;
    for (const auto& event : result.events) {
      CHECK(event.offset == next++);
      CHECK(text_of(event.body) == model_.events.at(event.offset).first);
      CHECK(event.recordedtime == model_.events.at(event.offset).second);
      bytes += event.body.size();
    }
    CHECK(result.next == next);
    CHECK((result.events.size() <= 1 || bytes <= budget));
    const bool more = next <= log_->head();
    if (more) CHECK((!result.events.empty() && bytes + model_.events.at(next).first.size() > budget));
  }

  void read_one() {
    const auto offset = 1 + random_() % (log_->head() + 2);
    const auto result = log_->get(offset);
    REQUIRE_FALSE(result.damage);
    const bool known = offset <= log_->head() && (offset >= model_.first || carried_.count(offset) != 0);
    REQUIRE(result.events.size() == (known ? 1 : 0));
    if (!known) return;
    CHECK(text_of(result.events[0].body) == model_.events.at(offset).first);
    CHECK(result.events[0].recordedtime == model_.events.at(offset).second);
  }

  void reopen() {
    if (random_() % 2 == 0) log_->close();
    log_.reset();
    options_.check_bytes = random_() % 2 == 0 ? 0 : 1 << 20;
    log_ = open_log(files_, options_);
    CHECK(log_->head() == model_.events.size());
    CHECK(log_->first_offset() == model_.first);
    CHECK(log_->recovery().cut_bytes == 0);
  }

  void checkpoint() { CHECK(log_->save_checkpoint(log_->position(), bytes_of("state")).empty()); }

  void retain() {
    Retention retention;
    retention.bytes_max = 5000 + random_() % 40'000;
    retention.floor = random_() % 2 == 0 ? ~0ull : random_() % (log_->head() + 2);
    retention.is_live = [&](std::uint64_t offset) { return model_.live.count(offset) != 0; };
    const auto result = log_->retain(retention);
    if (result.segments == 0) return;
    if (result.last_lost != 0) {
      CHECK(result.first_lost == model_.first);
      CHECK(result.last_lost < retention.floor);
      for (auto offset = result.first_lost; offset <= result.last_lost; ++offset)
        if (model_.live.count(offset) != 0) carried_.insert(offset);
      model_.first = result.last_lost + 1;
    }
    CHECK(log_->first_offset() == model_.first);
    for (const auto offset : carried_) REQUIRE(log_->get(offset).events.size() == 1);
  }

  // A queue acknowledged something: it is live no more. Its copy may stay until its segment goes.
  void settle() {
    if (model_.live.empty() || !carried_.empty()) return;
    model_.live.erase(model_.live.begin());
  }

  void find_time() {
    const auto wanted = at_second(static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(second_ + 3)));
    std::uint64_t expected = log_->head() + 1;
    for (auto offset = log_->head(); offset >= model_.first && model_.events.at(offset).second >= wanted; --offset)
      expected = offset;
    CHECK(log_->offset_at(wanted) == expected);
  }

  std::mt19937_64 random_;
  FaultyFiles files_;
  Options options_;
  Model model_;
  std::set<std::uint64_t> carried_;
  std::unique_ptr<Journal> log_;
  std::int64_t second_ = 1;
};

}  // namespace

TEST_CASE("journal: random appends, reads, retention and restarts agree with a list in memory (G10, G21)") {
  LABAN_SEED(seed);
  for (std::uint64_t round = 0; round < 60; ++round) {
    CAPTURE(round);
    Life life{seed + round};
    for (int i = 0; i < 300; ++i) life.step();
    life.finish();
  }
}

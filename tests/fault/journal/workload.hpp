// tests/fault/journal/workload.hpp - a hub's life in small, which knows what was promised and checks it afterwards.
#pragma once

#include <doctest/doctest.h>

#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "bus/journal/format.hpp"
#include "bus/journal/verify.hpp"
#include "laban/error.hpp"
#include "tests/support/faulty_files.hpp"
#include "tests/support/journal_log.hpp"

namespace laban::test {

class Workload {
 public:
  explicit Workload(std::uint64_t seed) : random_(seed) {}

  // Opens the log and works on it until the steps are done or the log refuses to go on.
  void run(FaultyFiles& files, int steps) {
    std::unique_ptr<journal::Journal> log;
    try {
      log = open_log(files);
    } catch (const Error& error) {
      CHECK(error.code() == Errc::storage);
      return;
    }
    for (int i = 0; i < steps && !log->failed(); ++i) step(*log);
    if (random_() % 2 == 0) log->close();
  }

  // Opens the log again and compares it with what was promised. `power_was_cut`: only what was synced must be there.
  void check(FaultyFiles& files, bool power_was_cut) {
    const auto log = open_log(files);
    const auto head = log->head();
    CHECK(head >= (power_was_cut ? synced_ : written_));
    CHECK_MESSAGE(group_ends_.count(head) == 1, "the log ends inside a group, at " << head);
    const auto events = events_of(*log);
    CHECK(events.size() == head + 1 - log->first_offset());
    for (const auto& [offset, text] : events) REQUIRE(expected(offset) == text);
    for (auto offset = std::uint64_t{1}; offset < log->first_offset(); ++offset) {
      if (!live(offset)) continue;
      const auto found = log->get(offset);
      REQUIRE(found.events.size() == 1);
      CHECK(text_of(found.events[0].body) == expected(offset));
      CHECK(found.events[0].recordedtime == time_of_[offset]);
    }
    if (const auto checkpoint = log->latest_checkpoint()) CHECK(states_.count(text_of(checkpoint->state)) == 1);
    std::uint64_t next = log->first_offset();
    log->scan(0, [&](const journal::Record& record) {
      if (record.carried || record.offset == 0) return;
      CHECK(record.offset == next++);
    });
    CHECK(next == head + 1);
    forget_after(head);
  }

  // After check(): what the log has now is all there is.
  std::uint64_t head() const { return written_; }

 private:
  static bool live(std::uint64_t offset) { return offset % 7 == 0; }

  std::string expected(std::uint64_t offset) const {
    if (const auto found = texts_.find(offset); found != texts_.end()) return found->second;
    const auto found = maybe_.find(offset);
    return found == maybe_.end() ? "nothing" : found->second;
  }

  void step(journal::Journal& log) {
    maybe_.clear();
    std::map<std::uint64_t, std::string> group;
    const auto events = random_() % 4;
    for (std::uint64_t i = 0; i < events; ++i) {
      const auto text = std::to_string(random_()) + std::string(random_() % 700, 'e');
      group[append(log, text)] = text;
    }
    if (random_() % 3 == 0) log.append_note(2, {bytes_of("note")});
    const bool synced = random_() % 3 != 0;
    const auto result = commit(log, ++second_, synced ? journal::Durability::synced : journal::Durability::written);
    if (result) {
      for (auto& [offset, text] : group) {
        texts_[offset] = text;
        time_of_[offset] = result.recordedtime;
      }
      written_ = log.head();
      group_ends_.insert(written_);
      if (synced) synced_ = written_;
    } else if (result.status == journal::CommitResult::Status::failed) {
      CHECK(log.failed());
      CHECK_FALSE(result.reason.empty());
      maybe_ = group;
      for (const auto& [offset, text] : group) time_of_[offset] = at_second(second_);
      if (!group.empty()) group_ends_.insert(group.rbegin()->first);
      append(log, "after the failure");
      CHECK(commit(log).status == journal::CommitResult::Status::failed);  // for ever
      return;
    }
    if (random_() % 6 == 0) {
      const auto state = "state " + std::to_string(++checkpoint_);
      states_.insert(state);
      const auto position = log.position();
      if (log.save_checkpoint(position, bytes_of(state)).empty()) synced_ = std::max(synced_, log.synced_head());
    }
    if (random_() % 3 == 0) {
      journal::Retention retention;
      retention.bytes_max = 12'000;
      retention.is_live = live;
      log.retain(retention);
    }
    if (random_() % 4 == 0) log.prepare();
  }

  void forget_after(std::uint64_t head) {
    for (const auto& [offset, text] : maybe_)
      if (offset <= head) texts_[offset] = text;
    maybe_.clear();
    texts_.erase(texts_.upper_bound(head), texts_.end());
    group_ends_.erase(group_ends_.upper_bound(head), group_ends_.end());
    written_ = synced_ = head;
  }

  std::mt19937_64 random_;
  std::map<std::uint64_t, std::string> texts_;  // of groups that were confirmed, at either level
  std::map<std::uint64_t, std::string> maybe_;  // of the group that failed
  std::map<std::uint64_t, journal::Timestamp> time_of_;
  std::set<std::uint64_t> group_ends_{0};
  std::set<std::string> states_;
  std::uint64_t written_ = 0;
  std::uint64_t synced_ = 0;
  std::int64_t second_ = 0;
  int checkpoint_ = 0;
};

}  // namespace laban::test

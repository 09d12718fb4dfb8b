// tests/fault/soak/loss/checker.cpp - three judges: of the log, of each subscriber, of each queue.
#include "tests/fault/soak/loss/checker.hpp"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "bus/client/topic_match.hpp"

namespace laban::soak::loss {

namespace {

constexpr std::uint64_t wrongs_shown = 20;

bool matches(std::string_view from, const std::vector<std::string>& patterns, const test::LoggedEvent& event) {
  return event.exchange == from && std::any_of(patterns.begin(), patterns.end(), [&](const auto& pattern) {
           return client::topic_matches(pattern, event.routingkey);
         });
}

struct Judge {
  const Log& log;
  Tally& tally;
  std::unordered_map<std::string, std::uint64_t> offsets{};                    // of what was published, by id
  std::map<std::string, std::unordered_set<std::string>, std::less<>> dead{};  // ids, by dead-letter exchange

  void wrong(std::uint64_t& kind, const std::string& what) {
    ++kind;
    ++tally.wrongs_count;
    if (tally.wrongs.size() < wrongs_shown) tally.wrongs.push_back(what);
  }
  void wrong(const std::string& what) {
    std::uint64_t none = 0;
    wrong(none, what);
  }

  void read_log() {
    std::uint64_t before = 0;
    for (const auto& event : log) {
      if (event.offset <= before) wrong(tally.disordered, "the log has " + std::to_string(event.offset) + " too late");
      before = event.offset;
      if (event.exchange == "laban.lost") ++tally.ledgered;
      if (event.exchange.empty() || event.exchange.starts_with("laban.") || event.routingkey == end_key) continue;
      if (event.exchange != exchange) {
        if (!dead[event.exchange].insert(event.id).second)
          wrong(tally.duplicated, event.id + " was dead-lettered twice to " + event.exchange);
        continue;
      }
      ++tally.stored;
      if (!offsets.emplace(event.id, event.offset).second) wrong(tally.duplicated, event.id + " was stored twice");
    }
  }

  std::uint64_t offset_of(const std::string& id) const {
    const auto found = offsets.find(id);
    return found == offsets.end() ? 0 : found->second;
  }

  // --- producers

  void judge_producers(const std::vector<ProducerRun>& runs) {
    std::unordered_set<std::string> known;
    for (const auto& run : runs) {
      tally.attempted += run.attempts.size();
      for (const auto& attempt : run.attempts) known.insert(attempt.id);
      for (const auto& confirmed : run.confirms) judge_confirm(run, confirmed);
      for (const auto& id : run.refused)
        if (offset_of(id) != 0) wrong(tally.duplicated, id + " was refused and is stored");
    }
    for (const auto& [id, offset] : offsets)
      if (!known.contains(id)) wrong("nobody published " + id + ", which is stored at " + std::to_string(offset));
    for (auto first = runs.begin(); first != runs.end();) {
      // A named producer is one over all its starts, an anonymous one is new with each.
      auto last = first + 1;
      while (last != runs.end() && first->named && last->name == first->name) ++last;
      judge_order(first, last);
      first = last;
    }
  }

  void judge_confirm(const ProducerRun& run, const Confirmed& confirmed) {
    ++tally.confirmed;
    const auto offset = offset_of(confirmed.id);
    if (offset == 0) {
      wrong(tally.lost, confirmed.id + " was confirmed to " + run.name + " and is not in the log");
    } else if (offset != confirmed.offset && !(confirmed.duplicate && confirmed.offset == 0)) {
      wrong(confirmed.id + " was confirmed at " + std::to_string(confirmed.offset) + " and is stored at " +
            std::to_string(offset));
    }
    if (!confirmed.synced) wrong(confirmed.id + " was confirmed below the level that was asked for");
  }

  // What a producer said is stored in the order in which it said it, without a hole.
  void judge_order(std::vector<ProducerRun>::const_iterator run, std::vector<ProducerRun>::const_iterator end) {
    std::uint64_t before = 0, claimed = 0, sequence = 0;
    std::string hole;
    std::unordered_set<std::string> refused;
    for (auto each = run; each != end; ++each) {
      claimed = std::max(claimed, each->last_sequence.value_or(0));
      refused.insert(each->refused.begin(), each->refused.end());
    }
    for (; run != end; ++run) {
      for (const auto& attempt : run->attempts) {
        if (attempt.sequence != 0 && attempt.sequence <= std::exchange(sequence, attempt.sequence))
          wrong(attempt.id + " has a sequence that does not grow: the trial itself is wrong");
        if (refused.contains(attempt.id)) continue;
        const auto offset = offset_of(attempt.id);
        if (offset == 0) {
          if (hole.empty()) hole = attempt.id;
          if (attempt.sequence != 0 && attempt.sequence <= claimed)
            wrong(tally.lost,
                  attempt.id + " is not in the log, and the hub said that it had " + std::to_string(claimed));
          continue;
        }
        if (!hole.empty()) wrong(tally.lost, hole + " is not in the log, and " + attempt.id + " behind it is");
        hole.clear();
        if (offset < before) wrong(tally.disordered, attempt.id + " is stored before what was published before it");
        before = offset;
      }
    }
  }

  // --- subscribers

  void judge_subscriber(const SubscriberRun& run) {
    const auto who = run.name + "." + std::to_string(run.run);
    for (const auto& miss : run.misses) wrong(tally.lost, who + " was told of a miss: " + miss);
    if (run.damaged > 0) wrong(who + " got " + std::to_string(run.damaged) + " events with another body");
    tally.seen += run.seen.size();
    if (!run.after) {
      if (!run.seen.empty()) wrong(who + " saw events before it was ready");
      return;
    }
    std::uint64_t before = *run.after;
    auto next = std::upper_bound(log.begin(), log.end(), before,
                                 [](std::uint64_t offset, const auto& event) { return offset < event.offset; });
    for (const auto& seen : run.seen) {
      if (seen.offset <= before) {
        wrong(seen.offset == before ? tally.duplicated : tally.disordered,
              who + " saw " + seen.id + " at " + std::to_string(seen.offset) + " after " + std::to_string(before));
        continue;
      }
      before = seen.offset;
      for (; next != log.end() && next->offset < seen.offset; ++next)
        if (matches(exchange, run.patterns, *next)) wrong(tally.lost, who + " did not see " + next->id);
      if (next == log.end() || next->offset != seen.offset || next->id != seen.id ||
          !matches(exchange, run.patterns, *next)) {
        wrong(who + " saw " + seen.id + ", which is not in the log at " + std::to_string(seen.offset));
        continue;
      }
      ++next;
    }
  }

  // --- queues

  void judge_queue(const QueueRule& rule, std::vector<const Handling*> handlings) {
    std::sort(handlings.begin(), handlings.end(), [](const auto* a, const auto* b) { return a->at < b->at; });
    struct Life {
      bool unmarked = false;
      bool finished = false;
    };
    std::unordered_map<std::uint64_t, Life> lives;
    std::unordered_map<std::string, std::uint64_t> newest;  // by key, of first handlings
    tally.handled += handlings.size();
    const auto& dead_letters = dead[rule.dead_letters];
    for (const auto* one : handlings) {
      const auto what = rule.name + ": " + one->id + " at " + std::to_string(one->offset) + " for " + one->consumer;
      if (one->damaged) wrong(what + " has another body");
      const auto [life, first] = lives.try_emplace(one->offset);
      if (!first && one->redelivered) ++tally.again;
      if (!one->redelivered && std::exchange(life->second.unmarked, true))
        wrong(tally.duplicated, what + " came twice, and neither time marked");
      if (one->verdict == "acknowledge" || dead_letters.contains(one->id)) life->second.finished = true;
      if (!first || !rule.keyed) continue;
      auto& last = newest[one->key];
      if (one->offset < last && (rule.holds_keys || !one->redelivered))
        wrong(tally.disordered, what + " came first after " + std::to_string(last) + " of key " + one->key);
      last = std::max(last, one->offset);
    }
    for (const auto& event : log) {
      if (!matches(rule.from, rule.patterns, event)) continue;
      const auto life = lives.find(event.offset);
      if (life == lives.end() || !life->second.finished)
        wrong(tally.lost, rule.name + ": " + event.id + " at " + std::to_string(event.offset) +
                              (life == lives.end() ? " never came" : " was never acknowledged"));
      if (life != lives.end()) lives.erase(life);
    }
    if (!lives.empty())
      wrong(rule.name + ": offset " + std::to_string(lives.begin()->first) + " came and is not bound to it");
  }
};

}  // namespace

Tally check(const Histories& histories, const Log& log, const std::vector<QueueRule>& queues) {
  Tally tally;
  Judge judge{log, tally};
  judge.read_log();
  judge.judge_producers(histories.producers);
  for (const auto& run : histories.subscribers) judge.judge_subscriber(run);
  std::map<std::string, std::vector<const Handling*>> by_queue;
  for (const auto& one : histories.handlings) by_queue[one.queue].push_back(&one);
  for (const auto& rule : queues) judge.judge_queue(rule, std::move(by_queue[rule.name]));
  return tally;
}

}  // namespace laban::soak::loss

// tests/fault/soak/loss/checker.hpp - judges histories against the log, in the manner of Jepsen's total queue and Kafka
// workloads: what was confirmed and is gone, came twice, or came out of order.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "tests/fault/soak/loss/history.hpp"
#include "tests/support/hub_log.hpp"

namespace laban::soak::loss {

struct QueueRule {
  std::string name;
  std::vector<std::string> patterns;  // of its bindings
  std::string from{exchange};         // to this exchange
  // A key waits while its message is parked; else only what comes marked may come behind later ones.
  bool holds_keys = true;
  bool keyed = true;
  std::string dead_letters{};  // its dead-letter exchange, or none: what it rejects is stored there, once
};

struct Tally {
  std::uint64_t attempted = 0;
  std::uint64_t confirmed = 0;
  std::uint64_t stored = 0;
  std::uint64_t lost = 0;
  std::uint64_t duplicated = 0;  // and not marked
  std::uint64_t disordered = 0;
  std::uint64_t ledgered = 0;
  std::uint64_t again = 0;    // came once more, and marked
  std::uint64_t seen = 0;     // by subscribers
  std::uint64_t handled = 0;  // by consumers

  std::vector<std::string> wrongs;  // the first of each kind
  bool passed() const { return wrongs_count == 0; }
  std::uint64_t wrongs_count = 0;
};

using Log = std::vector<test::LoggedEvent>;

// The log from its first event, and the histories of processes that all have ended.
Tally check(const Histories& histories, const Log& log, const std::vector<QueueRule>& queues);

}  // namespace laban::soak::loss

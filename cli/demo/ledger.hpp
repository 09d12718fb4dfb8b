// cli/demo/ledger.hpp - what the services' own databases say about each order, read without asking bus or monitor.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace laban::demo {

// One order as five databases have it.
struct OrderRecord {
  std::string state;  // the order service's word: placed, undoing, completed, failed, compensated
  int charges = 0;
  int refunds = 0;
  bool reserved = false;
  int releases = 0;
  int parcels = 0;
  int shipment_failures = 0;
  int notices = 0;

  bool ended() const;
  // Why the databases contradict each other or what was done twice; empty where all is well. For an ended order.
  std::string contradiction() const;
};

struct Ledger {
  std::map<std::string, OrderRecord> orders;
  std::int64_t unsaid = 0;  // facts that wait in an outbox

  std::size_t ended() const;
  std::map<std::string, std::int64_t> outcomes() const;  // of the ended ones
  std::vector<std::string> contradictions() const;       // "order-000007: charged 2 times"
};

// Only exact while nothing moves: each database is read at its own instant.
Ledger read_ledger(const std::filesystem::path& services);

// How many orders there are, and how many of them ended, without reading everything. 0 before the first start.
struct OrderCounts {
  std::int64_t placed = 0;
  std::int64_t ended = 0;
};
OrderCounts count_orders(const std::filesystem::path& services);

}  // namespace laban::demo

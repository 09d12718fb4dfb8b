// monitor/keeper.hpp - what is kept and for how long: checkpoints of the past, and the instances and the past that are let
// go. Looks at a published instant, writes checkpoints itself, and says what the witness is to let go with its next commit.
//
// Threads:  one, any.
// Errors:   Error(storage) from the store.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "monitor/retention.hpp"
#include "monitor/witness.hpp"

namespace laban::monitor {

struct LetGo {
  std::vector<InstanceRow> rows;
  std::optional<Checkpoint> past;  // everything before it

  bool any() const { return past || !rows.empty(); }
};

class Keeper {
 public:
  // A checkpoint at least every so many changes, or as many as there are live instances if that is more.
  static constexpr std::uint64_t changes_a_checkpoint = 65'536;
  static constexpr std::size_t rows_at_once = 1000;

  Keeper(Store& store, Retention retention, std::uint64_t changes = changes_a_checkpoint)
      : store_(store), retention_(std::move(retention)), changes_(changes) {}

  LetGo look(const Published& at);

 private:
  void checkpoint(const Published& at);
  std::optional<std::chrono::nanoseconds> age_of(const std::string& definition) const;
  void by_age(const Published& at, LetGo& out) const;
  void by_size(const Published& at, LetGo& out) const;

  Store& store_;
  Retention retention_;
  std::uint64_t changes_;
};

}  // namespace laban::monitor

// monitor/edge/history/changes.hpp - changes as bytes, many in one value, so that remembering them costs one write a commit.
#pragma once

#include <functional>
#include <vector>

#include "monitor/edge/history/records.hpp"

namespace laban::monitor {

// Collects the changes of one commit. Threads: one.
class ChangeWriter {
 public:
  void add(const ChangeRecord& change, Time clock);
  std::vector<ChangeBlock> take();

 private:
  static constexpr std::size_t block_changes = 1024;
  std::vector<ChangeBlock> blocks_;
  std::size_t in_block_ = 0;
  std::uint64_t last_offset_ = 0;
  Time last_time_{};
};

// Visits the changes of a block in their order until `visit` says false. False where the bytes are not of that form.
bool read_changes(const ChangeBlock& block, const std::function<bool(const ChangeRecord&)>& visit);

// A row after the change, where `row` is what it was before; whatever it was where the instance began with it.
void carry(InstanceRow& row, const ChangeRecord& change);

}  // namespace laban::monitor

// monitor/core/discovery.hpp - what follows what in a log: the directly-follows graph, its variants, and a simple sound
// process drawn from it.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "monitor/core/event_log.hpp"
#include "monitor/core/hash.hpp"
#include "monitor/core/process_model.hpp"

namespace laban::monitor {

// Threads: one.
class Discovery : public LogSink {
 public:
  using OnWarning = std::function<void(const Finding&)>;
  struct Edge {
    std::uint32_t from, to;
    std::uint64_t count;
  };
  struct Variant {
    std::vector<std::uint32_t> activities;
    std::uint64_t count;
  };

  explicit Discovery(OnWarning on_warning = {}) : on_warning_(std::move(on_warning)) {}

  void begin_trace(std::string_view id) override;
  void event(const LogEvent& event) override;
  void end_trace() override;
  void warning(const Finding& finding) override;
  bool wants_times() const override { return false; }

  std::uint64_t cases() const { return cases_; }
  std::uint64_t events() const { return events_; }
  const std::vector<std::string>& activities() const { return names_; }
  std::uint64_t count(std::uint32_t activity) const { return counts_[activity]; }
  std::uint64_t starts(std::uint32_t activity) const { return starts_[activity]; }
  std::uint64_t ends(std::uint32_t activity) const { return ends_[activity]; }
  std::vector<Edge> edges() const;        // by names
  std::vector<Variant> variants() const;  // the most frequent first

  // A sound process in which every trace of the log fits: a start, a choice after each activity among those that ever
  // followed it, an end where a trace ever ended. No parallel parts.
  ProcessModel model(const std::string& id) const;
  // The same in nested blocks: the tree of the traces' beginnings, or, where that has more than `most` steps, a loop over
  // a choice of all activities.
  ProcessModel block_model(const std::string& id, std::size_t most = 300) const;

 private:
  OnWarning on_warning_;
  std::uint64_t cases_ = 0, events_ = 0;
  absl::flat_hash_map<std::string, std::uint32_t, BytesHash, BytesEqual> ids_;
  std::vector<std::string> names_;
  std::vector<std::uint64_t> counts_, starts_, ends_;
  absl::flat_hash_map<std::uint64_t, std::uint64_t> follows_;  // from and to in one number
  std::map<std::vector<std::uint32_t>, std::uint64_t> variants_;
  std::vector<std::uint32_t> trace_;
};

}  // namespace laban::monitor

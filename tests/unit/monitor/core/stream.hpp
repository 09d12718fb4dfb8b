// tests/unit/monitor/core/stream.hpp - a tracker that is told events one by one, noise to tell it, and all that it says as text.
#pragma once

#include <doctest/doctest.h>

#include <chrono>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "monitor/core/tracker.hpp"

namespace laban::monitor {

inline const Time noon{std::chrono::sys_days{std::chrono::year{2026} / 3 / 1} + std::chrono::hours{12}};

inline std::unique_ptr<Definition> made(ProcessModel model) {
  std::vector<Finding> findings;
  return Definition::of(std::move(model), findings);
}

struct Stream {
  explicit Stream(TrackerOptions options = {}) : tracker(options) {}

  void say(std::string_view key, std::string_view type, Time time, std::string_view source = "s") {
    Observation event;
    event.key = key;
    event.type = type;
    event.source = source;
    event.time = time;
    event.offset = ++offset;
    tracker.observe(event, changes);
  }
  InstanceView view(std::string_view key, DefinitionIndex definition = 0) {
    const InstanceIndex instance = tracker.find(definition, key);
    REQUIRE(instance != no_instance);
    return tracker.view(instance);
  }

  Tracker tracker;
  std::vector<Change> changes;
  std::uint64_t offset = 0;
};

inline void check_sums(const Totals& totals) {
  std::uint64_t ended = 0, instances = 0, verdicts_sum = 0;
  for (auto one : totals.ended) ended += one;
  for (auto one : totals.instances) instances += one;
  for (auto one : totals.verdict) verdicts_sum += one;
  const std::uint64_t live = totals.instances[static_cast<std::size_t>(InstanceState::running)] +
                             totals.instances[static_cast<std::size_t>(InstanceState::compensating)];
  CHECK(totals.started == ended + live);
  CHECK(instances == verdicts_sum);
}

inline std::string text(const InstanceView& view) {
  std::string line = view.id + " " + std::string(word(view.state)) + " " + std::string(word(view.verdict)) + " " +
                     std::to_string(view.events) + " " + std::to_string(view.flags) + " " +
                     std::to_string(view.last_offset);
  for (const auto& step : view.steps) line += " at " + step;
  for (const auto& step : view.expected) line += " then " + step;
  for (const auto& deviation : view.deviations) {
    line += "; " + std::string(word(deviation.kind)) + " " + std::to_string(deviation.index) + " " + deviation.event;
    for (const auto& missing : deviation.missing) line += " -" + missing;
  }
  return line;
}

inline std::string text(Tracker& tracker) {
  std::map<std::string, std::string> lines;
  tracker.each([&](InstanceIndex instance) {
    const auto view = tracker.view(instance);
    lines[view.id] = text(view);
  });
  std::string all;
  for (const auto& [id, line] : lines) all += line + "\n";
  for (DefinitionIndex i = 0; i < tracker.definitions(); ++i) {
    const Totals& totals = tracker.totals(i);
    all += std::to_string(totals.events) + " " + std::to_string(totals.started);
    for (auto one : totals.ended) all += " " + std::to_string(one);
    for (auto one : totals.instances) all += " " + std::to_string(one);
    for (auto one : totals.deviations) all += " " + std::to_string(one);
    for (auto one : totals.flagged) all += " " + std::to_string(one);
  }
  return all;
}

struct Said {
  std::string key, type;
  Time time;
};

// A noisy stream over a few random processes.
inline std::vector<Said> noise(std::mt19937_64& random, const std::vector<std::string>& types, std::size_t keys,
                               std::size_t events) {
  std::vector<Said> said;
  Time time = noon;
  for (std::size_t i = 0; i < events; ++i) {
    time += std::chrono::milliseconds{random() % 2000};
    said.push_back({"key-" + std::to_string(random() % keys), types[random() % types.size()], time});
  }
  return said;
}

}  // namespace laban::monitor

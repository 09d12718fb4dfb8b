// tests/fault/soak/offline_fold.cpp - the monitor's core, fed with the log and with nothing else.
#include "tests/fault/soak/offline_fold.hpp"

#include <stdexcept>

#include "cli/demo/definition.hpp"
#include "monitor/core/tracker.hpp"
#include "monitor/edge/bpmn/read_bpmn.hpp"

namespace laban::soak {

std::map<std::string, FoldedInstance> fold_offline(const std::vector<test::LoggedEvent>& log) {
  auto file = monitor::read_bpmn(demo::definition_text, demo::definition_file);
  if (file.models.size() != 1) throw std::runtime_error("the demo's definition is not one process");
  std::vector<monitor::Finding> findings;
  monitor::Tracker tracker;
  const auto process = tracker.activate(monitor::Definition::of(std::move(file.models.front()), findings));

  std::vector<monitor::Change> changes;
  for (const auto& event : log) {
    tracker.observe({.key = event.correlationid,
                     .type = event.type,
                     .source = event.source,
                     .exchange = event.exchange,
                     .routing_key = event.routingkey,
                     .offset = event.offset,
                     .time = event.recordedtime},
                    changes);
    changes.clear();
  }
  std::map<std::string, FoldedInstance> table;
  tracker.each([&](monitor::InstanceIndex index) {
    const auto instance = tracker.view(index);
    if (instance.definition != process) return;
    table[instance.key] = {std::string{word(instance.state)}, std::string{word(instance.verdict)}, instance.events};
  });
  return table;
}

}  // namespace laban::soak

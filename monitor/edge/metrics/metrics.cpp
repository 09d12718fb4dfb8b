// monitor/edge/metrics/metrics.cpp - counts to metric families.
#include "monitor/edge/metrics/metrics.hpp"

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <cmath>
#include <map>
#include <sstream>
#include <utility>

namespace laban::monitor {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<ClientMetric::Label>;

// Bounds in tenths of a decade, so that they are bounds of DurationHistogram too.
constexpr int instance_bounds[] = {-20, -10, -5, 0, 5, 10, 15, 20, 30, 40, 50, 60};
constexpr int step_bounds[] = {-20, -10, 0, 10, 20, 30, 40};

constexpr std::string_view flag_words[] = {"stuck", "late"};

// One process: all versions of a definition together, because a dashboard asks for the process.
struct Process {
  std::vector<const DefinitionCounts*> versions;

  template <class Pick>
  double sum(Pick pick) const {
    std::uint64_t out = 0;
    for (const auto* version : versions) out += pick(*version);
    return static_cast<double>(out);
  }
};

MetricFamily family(const char* name, const char* help, MetricType type) {
  return {name, help, type, {}};
}

void add(MetricFamily& to, Labels labels, double value) {
  ClientMetric metric;
  metric.label = std::move(labels);
  if (to.type == MetricType::Counter) {
    metric.counter.value = value;
  } else {
    metric.gauge.value = value;
  }
  to.metric.push_back(std::move(metric));
}

template <class Bounds>
void add(MetricFamily& to, Labels labels, const std::vector<const DurationHistogram*>& histograms,
         const Bounds& bounds) {
  ClientMetric metric;
  metric.label = std::move(labels);
  for (const auto* histogram : histograms) {
    metric.histogram.sample_count += histogram->count();
    metric.histogram.sample_sum += histogram->sum_seconds();
  }
  for (const int tenths : bounds) {
    ClientMetric::Bucket bucket;
    bucket.upper_bound = std::stod(std::to_string(std::pow(10.0, tenths / 10.0)));
    for (const auto* histogram : histograms) bucket.cumulative_count += histogram->at_most(tenths);
    metric.histogram.bucket.push_back(bucket);
  }
  to.metric.push_back(std::move(metric));
}

MetricFamily single(const char* name, const char* help, MetricType type, double value) {
  MetricFamily out = family(name, help, type);
  add(out, {}, value);
  return out;
}

double seconds(Time time) {
  return std::chrono::duration<double>(time.time_since_epoch()).count();
}

class SnapshotCollectable : public prometheus::Collectable {
 public:
  SnapshotCollectable(const Snapshot& snapshot, const MetricsOptions& options)
      : snapshot_(snapshot), options_(options) {
    for (const auto& definition : snapshot.definitions)
      processes_[definition->facts->id].versions.push_back(definition.get());
  }

  std::vector<MetricFamily> Collect() const override {
    std::vector<MetricFamily> out;
    instances(out);
    durations(out);
    observation(out);
    return out;
  }

 private:
  void instances(std::vector<MetricFamily>& out) const {
    auto events =
        family("laban_monitor_events_total", "Events that belong to an instance of the process.", MetricType::Counter);
    auto now =
        family("laban_monitor_instances", "Instances by state; live are running and compensating.", MetricType::Gauge);
    auto started = family("laban_monitor_instances_started_total",
                          "Instances that began, and those that a late event opened again.", MetricType::Counter);
    auto ended =
        family("laban_monitor_instances_ended_total", "Instances that ended, by outcome.", MetricType::Counter);
    auto deviations = family("laban_monitor_deviations_total", "Settled deviations by kind.", MetricType::Counter);
    auto flagged = family("laban_monitor_instances_flagged", "Live instances with the flag.", MetricType::Gauge);
    auto verdict = family("laban_monitor_instances_judged", "Instances by verdict, ended ones too.", MetricType::Gauge);
    auto owed = family("laban_monitor_compensations_owed", "Steps that are still to be undone.", MetricType::Gauge);
    for (const auto& [id, process] : processes_) {
      add(events, {{"process", id}}, process.sum([](const auto& d) { return d.totals.events; }));
      add(started, {{"process", id}}, process.sum([](const auto& d) { return d.totals.started; }));
      add(owed, {{"process", id}}, process.sum([](const auto& d) { return d.totals.compensations_owed; }));
      for (std::size_t i = 0; i < instance_states; ++i) {
        const auto state = static_cast<InstanceState>(i);
        add(now, {{"process", id}, {"state", std::string(word(state))}},
            process.sum([&](const auto& d) { return d.statistics.count(state); }));
        if (is_live(state)) continue;
        add(ended, {{"process", id}, {"outcome", std::string(word(state))}},
            process.sum([&](const auto& d) { return d.totals.ended[i]; }));
      }
      for (std::size_t i = 0; i < deviation_kinds; ++i) {
        add(deviations, {{"process", id}, {"kind", std::string(word(static_cast<DeviationKind>(i)))}},
            process.sum([&](const auto& d) { return d.totals.deviations[i]; }));
      }
      for (std::size_t i = 0; i < verdicts; ++i) {
        const auto said = static_cast<Verdict>(i);
        add(verdict, {{"process", id}, {"verdict", std::string(word(said))}},
            process.sum([&](const auto& d) { return d.statistics.count(said); }));
      }
      for (std::size_t i = 0; i < 2; ++i) {
        add(flagged, {{"process", id}, {"flag", std::string(flag_words[i])}},
            process.sum([&](const auto& d) { return d.statistics.count_flag(static_cast<std::uint8_t>(1u << i)); }));
      }
    }
    for (auto* one : {&events, &now, &started, &ended, &deviations, &flagged, &verdict, &owed})
      out.push_back(std::move(*one));
  }

  void durations(std::vector<MetricFamily>& out) const {
    auto whole = family("laban_monitor_instance_duration_seconds", "From an instance's first event to its end.",
                        MetricType::Histogram);
    auto steps = family("laban_monitor_step_duration_seconds", "From an instance's event before until the step showed.",
                        MetricType::Histogram);
    for (const auto& [id, process] : processes_) {
      std::vector<const DurationHistogram*> all;
      std::map<std::string, std::vector<const DurationHistogram*>> by_step;
      for (const auto* version : process.versions) {
        all.push_back(&version->statistics.duration);
        for (std::size_t step = 0; step < version->facts->step_names.size(); ++step) {
          by_step[version->facts->step_names[step]].push_back(&version->statistics.step_duration[step]);
        }
      }
      add(whole, {{"process", id}}, all, instance_bounds);
      if (!options_.step_durations) continue;
      for (const auto& [step, histograms] : by_step)
        add(steps, {{"process", id}, {"step", step}}, histograms, step_bounds);
    }
    out.push_back(std::move(whole));
    if (options_.step_durations) out.push_back(std::move(steps));
  }

  void observation(std::vector<MetricFamily>& out) const {
    auto gaps = family("laban_monitor_sequence_gaps_total",
                       "Events that never came: numbered by their publisher and not on the bus, or no longer in the "
                       "hub's log (hub).",
                       MetricType::Counter);
    add(gaps, {{"publisher", "hub"}}, static_cast<double>(snapshot_.gaps));
    for (const auto& [publisher, missing] : snapshot_.missing) {
      if (publisher != "hub") add(gaps, {{"publisher", publisher}}, static_cast<double>(missing));
    }
    out.push_back(std::move(gaps));
    const auto number = [](std::uint64_t n) { return static_cast<double>(n); };
    out.push_back(single("laban_monitor_lag_events", "Events that the hub has and the monitor has not read.",
                         MetricType::Gauge, number(snapshot_.head - snapshot_.offset)));
    out.push_back(single("laban_monitor_last_event_timestamp_seconds",
                         "When the hub recorded the last event that was read.", MetricType::Gauge,
                         seconds(snapshot_.last_event_at)));
    out.push_back(single("laban_monitor_offset", "Offset of the last event that every number here includes.",
                         MetricType::Gauge, number(snapshot_.offset)));
    out.push_back(single("laban_monitor_hub_connected", "1 while the hub answers.", MetricType::Gauge,
                         snapshot_.connected ? 1 : 0));
    out.push_back(single("laban_monitor_ready", "1 once the monitor has caught up with the bus.", MetricType::Gauge,
                         snapshot_.ready ? 1 : 0));
    out.push_back(single("laban_monitor_events_out_of_scope_total", "Events that no definition has in its scope.",
                         MetricType::Counter, number(snapshot_.out_of_scope)));
    out.push_back(single("laban_monitor_events_duplicate_total", "Events that had been read before and were dropped.",
                         MetricType::Counter, number(snapshot_.duplicates)));
    out.push_back(single("laban_monitor_events_malformed_total",
                         "Messages that could not be understood since the start.", MetricType::Counter,
                         number(snapshot_.malformed)));
    out.push_back(single("laban_monitor_events_repaired_total",
                         "Events that the live feed lost and the log gave back since the start.", MetricType::Counter,
                         number(snapshot_.repaired)));
    auto build = family("laban_monitor_build_info", "The software; always 1.", MetricType::Gauge);
    add(build, {{"version", options_.version}}, 1);
    out.push_back(std::move(build));
  }

  const Snapshot& snapshot_;
  const MetricsOptions& options_;
  std::map<std::string, Process> processes_;
};

}  // namespace

std::string render_metrics(const Snapshot& snapshot, const MetricsOptions& options) {
  const SnapshotCollectable collectable(snapshot, options);
  std::ostringstream out;
  prometheus::TextSerializer{}.Serialize(out, collectable.Collect());
  return std::move(out).str();
}

}  // namespace laban::monitor

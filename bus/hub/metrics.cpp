// bus/hub/metrics.cpp - names, helps and labels of laban_hub_*.
#include "bus/hub/metrics.hpp"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <limits>
#include <utility>
#include <vector>

namespace laban::hub {
namespace {

using Label = std::pair<std::string, std::string>;

// Families in the order of their first use.
class Page {
 public:
  void counter(const char* name, const char* help, std::uint64_t value, std::vector<Label> labels = {}) {
    add(name, help, prometheus::MetricType::Counter, labels).counter.value = static_cast<double>(value);
  }
  void gauge(const char* name, const char* help, std::uint64_t value, std::vector<Label> labels = {}) {
    add(name, help, prometheus::MetricType::Gauge, labels).gauge.value = static_cast<double>(value);
  }
  void histogram(const char* name, const char* help, const SyncTimes& times) {
    auto& to = add(name, help, prometheus::MetricType::Histogram, {}).histogram;
    std::uint64_t below = 0;
    for (std::size_t i = 0; i < times.counts.size(); ++i) {
      below += times.counts[i];
      const double bound =
          i < SyncTimes::bounds.size() ? SyncTimes::bounds[i] : std::numeric_limits<double>::infinity();
      to.bucket.push_back({below, bound});
    }
    to.sample_count = times.count;
    to.sample_sum = times.sum;
  }
  // A family that has no member yet still shows, so that a rule over it is not about nothing.
  void family(const char* name, const char* help, prometheus::MetricType type) { (void)find(name, help, type); }

  std::string text() const { return prometheus::TextSerializer{}.Serialize(families_); }

 private:
  prometheus::MetricFamily& find(const char* name, const char* help, prometheus::MetricType type) {
    for (auto& family : families_) {
      if (family.name == name) return family;
    }
    return families_.emplace_back(prometheus::MetricFamily{name, help, type, {}});
  }
  prometheus::ClientMetric& add(const char* name, const char* help, prometheus::MetricType type,
                                const std::vector<Label>& labels) {
    auto& metric = find(name, help, type).metric.emplace_back();
    for (const auto& [label, value] : labels) metric.label.push_back({label, value});
    return metric;
  }

  std::vector<prometheus::MetricFamily> families_;
};

void write_queues(Page& page, const Snapshot& snapshot) {
  for (const auto& queue : snapshot.queues) {
    const std::vector<Label> label{{"queue", queue.name}};
    const auto in_state = [&](const char* state, std::uint64_t value) {
      page.gauge("laban_hub_queue_messages", "Messages in a queue by state", value,
                 {{"queue", queue.name}, {"state", state}});
    };
    page.counter("laban_hub_enqueued_total", "Messages that joined a queue", queue.enqueued, label);
    page.counter("laban_hub_acknowledged_total", "Messages that a consumer acknowledged", queue.acknowledged, label);
    page.counter("laban_hub_redelivered_total", "Deliveries of messages that may have been seen before",
                 queue.redelivered, label);
    in_state("ready", queue.ready);
    in_state("unacknowledged", queue.unacknowledged);
    in_state("delayed", queue.delayed);
    in_state("parked", queue.parked);
    page.gauge("laban_hub_queue_consumers", "Consumers of a queue", queue.consumers, label);
    for (const auto& [reason, value] : queue.parked_total) {
      page.counter("laban_hub_parked_total", "Messages parked by reason", value,
                   {{"queue", queue.name}, {"reason", reason}});
    }
  }
  page.family("laban_hub_parked_total", "Messages parked by reason", prometheus::MetricType::Counter);
}

void write_exchanges(Page& page, const Snapshot& snapshot) {
  const auto label = [](const std::string& exchange) {
    return std::vector<Label>{{"exchange", exchange.empty() ? "(default)" : exchange}};
  };
  page.family("laban_hub_published_total", "Events stored", prometheus::MetricType::Counter);
  for (const auto& [exchange, value] : snapshot.published) {
    page.counter("laban_hub_published_total", "Events stored", value, label(exchange));
  }
  page.family("laban_hub_unroutable_total", "Events that no binding took", prometheus::MetricType::Counter);
  for (const auto& [exchange, value] : snapshot.unroutable) {
    page.counter("laban_hub_unroutable_total", "Events that no binding took", value, label(exchange));
  }
  page.family("laban_hub_lost_total", "Events lost by a queue, cursor, subscription or publisher, each in laban.lost",
              prometheus::MetricType::Counter);
  for (const auto& [reason, value] : snapshot.lost) {
    page.counter("laban_hub_lost_total",
                 "Events lost by a queue, cursor, subscription or publisher, each in laban.lost", value,
                 {{"reason", reason}});
  }
}

void write_sessions(Page& page, const Snapshot& snapshot) {
  const auto& counters = snapshot.counters;
  const auto ended = [&](const char* reason, std::uint64_t value) {
    page.counter("laban_hub_sessions_ended_total", "Sessions that did not say goodbye", value, {{"reason", reason}});
  };
  page.counter("laban_hub_connections_total", "Connections accepted on the sockets of clients and readers",
               counters.connections.accepted);
  for (const auto& [reason, value] :
       {std::pair{"unfinished", counters.connections.unfinished}, std::pair{"foreign", counters.connections.foreign},
        std::pair{"denied", counters.connections.denied}}) {
    page.counter("laban_hub_connections_refused_total", "Connections that ended before they could say anything", value,
                 {{"reason", reason}});
  }
  page.counter("laban_hub_files_exhausted_total", "Seconds in which the limit on open files let nobody connect",
               counters.files_exhausted);
  page.gauge("laban_hub_sessions", "Connected clients", snapshot.sessions);
  page.counter("laban_hub_sessions_opened_total", "Sessions opened", counters.sessions_opened);
  ended("silent", counters.sessions_expired);
  ended("vanished", counters.sessions_vanished);
  ended("slow", counters.sessions_cut_off);
  const auto odd = [&](const char* reason, std::uint64_t value) {
    page.counter("laban_hub_odd_frames_total", "Frames that were refused as a whole", value, {{"reason", reason}});
  };
  odd("malformed", counters.frames_malformed);
  odd("unknown", counters.frames_unknown);
  odd("no-session", counters.frames_without_session);
  odd("hello", counters.hellos_refused);
  odd("schema", counters.schemas_refused);
  odd("feed", counters.feed_requests_denied);
  odd("ingest", counters.fleeting_frames_odd);
}

}  // namespace

std::string render_metrics(const Snapshot& snapshot) {
  Page page;
  const auto& counters = snapshot.counters;
  write_exchanges(page, snapshot);
  page.counter("laban_hub_confirmed_total", "Events confirmed to their publishers", snapshot.confirmed);
  page.counter("laban_hub_refused_total", "Events refused to their publishers", counters.events_refused);
  page.counter("laban_hub_malformed_events_total", "Events among those refused whose envelopes do not decode",
               counters.events_malformed);
  page.counter("laban_hub_duplicates_total", "Resent events that had been stored before", counters.events_duplicate);
  write_queues(page, snapshot);
  write_sessions(page, snapshot);
  page.counter("laban_hub_stale_settlements_total", "Settlements of deliveries that had already gone back",
               counters.stale_settlements);
  page.counter("laban_hub_deliveries_total", "Deliveries to consumers", counters.deliveries);
  page.gauge("laban_hub_feeds", "Distinct live subscriptions", snapshot.feeds);
  page.counter("laban_hub_feed_events_total", "Events put into feeds", counters.feed_events);
  page.counter("laban_hub_feed_batches_total", "Batches put into feeds", counters.feed_batches);
  page.counter("laban_hub_fleeting_events_total", "Events at most once that came in", counters.fleeting_events);
  page.counter("laban_hub_fleeting_sent_total", "Events at most once put into feeds", counters.fleeting_sent);
  for (const auto& [reason, value] :
       {std::pair{"refused", counters.fleeting_refused}, std::pair{"unwanted", counters.fleeting_unwanted}}) {
    page.counter("laban_hub_fleeting_dropped_total", "Events at most once that the hub handed to nobody", value,
                 {{"reason", reason}});
  }
  page.counter("laban_hub_replayed_events_total", "Events read back from the log for subscribers",
               counters.replayed_events);
  page.gauge("laban_hub_log_bytes", "Used bytes of the log", snapshot.log_bytes);
  page.gauge("laban_hub_log_segments", "Files of the log", snapshot.log_segments);
  if (snapshot.disk_free_bytes) {
    page.gauge("laban_hub_disk_free_bytes", "Free bytes of the disk that the log is on", *snapshot.disk_free_bytes);
  }
  page.counter("laban_hub_log_dropped_events_total", "Events that retention took from the log", snapshot.log_dropped);
  page.counter("laban_hub_log_carried_events_total", "Copies that retention made of events still in a queue",
               snapshot.log_carried);
  for (const std::string_view reason : {"cursor", "checkpoint", "backup", "queues", "disk"}) {
    page.gauge("laban_hub_log_held", "1 where the log keeps more than it was told to, by reason",
               snapshot.log_held == reason ? 1 : 0, {{"reason", std::string{reason}}});
  }
  page.gauge("laban_hub_cursors", "Durable cursors, observers' included", snapshot.cursors);
  page.gauge("laban_hub_log_first", "Offset of the oldest event from which the log is dense", snapshot.first_offset);
  page.gauge("laban_hub_log_head", "Offset of the newest event", snapshot.head);
  page.gauge("laban_hub_log_writable", "1 while the log takes events", snapshot.storage_ok ? 1 : 0);
  page.counter("laban_hub_commits_total", "Groups written to the log", counters.groups);
  page.counter("laban_hub_commits_failed_total", "Groups that the log did not take", counters.groups_failed);
  page.histogram("laban_hub_sync_seconds", "Time to bring a group to the disk", counters.sync_times);
  return page.text();
}

}  // namespace laban::hub

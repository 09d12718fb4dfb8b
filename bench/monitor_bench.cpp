// bench/monitor_bench.cpp - the monitor's whole way of an event, its memory and its pages, on one core.
#include "bench/monitor_bench.hpp"

#include <malloc.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <fstream>
#include <functional>
#include <random>
#include <stdexcept>

#include "bench/raw_rocksdb.hpp"
#include "bench/scratch.hpp"
#include "bus/codec/codec.hpp"
#include "bus/codec/envelope.hpp"
#include "laban/event.hpp"
#include "monitor/ahead.hpp"
#include "monitor/core/hash.hpp"
#include "monitor/edge/bus/feed.hpp"
#include "monitor/edge/metrics/metrics.hpp"
#include "monitor/witness.hpp"

namespace laban::bench {

using namespace monitor;
using namespace std::chrono_literals;

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t frame_events = 256;
constexpr std::size_t commit_events = 64 * 1024;
constexpr const char* process_yaml = R"(
process: order
name: Order
within: 30d
steps:
  - order.placed: {by: shop}
  - all of:
      money:
        - payment.asked: {by: payment}
        - payment.taken: {by: payment, within: 1h, undo: payment.refunded}
      goods:
        - stock.reserved: {by: stock, undo: stock.released}
        - order.packed: {by: stock}
  - order.shipped: {by: shipping}
  - order.delivered: {by: shipping}
  - end: completed
)";
const std::vector<std::pair<const char*, const char*>> story{
    {"order.placed", "shop"},       {"payment.asked", "payment"}, {"stock.reserved", "stock"},
    {"payment.taken", "payment"},   {"order.packed", "stock"},    {"order.shipped", "shipping"},
    {"order.delivered", "shipping"}};

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

std::string key_of(std::uint64_t instance) {
  static const char digits[] = "0123456789abcdef";
  std::string key(36, '-');
  std::uint64_t bits = fold_multiply(instance + 1, 0x9e3779b97f4a7c15);
  for (std::size_t i = 0; i < key.size(); ++i) {
    if (i == 16) bits = instance * 0x100000001b3;
    if (i == 8 || i == 13 || i == 18 || i == 23) continue;
    key[i] = digits[bits & 15];
    bits = bits >> 4 | bits << 60;
  }
  return key;
}

// Orders that move at random, `live` of them at a time; one in fifty events is one too many.
class Traffic {
 public:
  explicit Traffic(std::uint64_t live) : at_(live, 0), number_(live) {
    for (std::uint64_t i = 0; i < live; ++i) number_[i] = next_++;
  }

  NewEvent next() {
    const std::size_t one = random_() % at_.size();
    const bool extra = random_() % 50 == 0;
    const auto& [type, source] = story[extra ? random_() % story.size() : at_[one]];
    NewEvent event;
    event.id = key_of(events_ | std::uint64_t{1} << 40);
    event.type = type;
    event.source = source;
    event.correlationid = key_of(number_[one]);
    if (at_[one] > 0)
      event.causationid = key_of((events_ > 100 ? events_ - random_() % 100 : 0) | std::uint64_t{1} << 40);
    event.sequence = ++events_;
    event.time = Time{1'700'000'000s + std::chrono::microseconds{events_ * 10}};
    event.exchange = "amq.topic";
    event.routingkey = type;
    event.data.resize(64);
    if (!extra && ++at_[one] == story.size()) {
      at_[one] = 0;
      number_[one] = next_++;
    }
    return event;
  }
  std::uint64_t instances() const { return next_; }

 private:
  std::mt19937_64 random_{7};
  std::vector<std::uint8_t> at_;
  std::vector<std::uint64_t> number_;
  std::uint64_t next_ = 0, events_ = 0;
};

// The events from `offset` on, as the hub would send them.
codec::Frame frame_of(const std::vector<NewEvent>& events, std::uint64_t offset) {
  std::vector<codec::Frame> envelopes;
  for (const auto& event : events) envelopes.push_back(codec::encode_envelope(event));
  codec::FeedBatch batch;
  batch.after = offset - 1;
  for (std::size_t i = 0; i < events.size(); ++i)
    batch.events.push_back({offset + i, events[i].time, {}, envelopes[i].bytes()});
  batch.up_to = offset + events.size() - 1;
  return codec::encode(batch);
}

std::vector<codec::Frame> frames_of(Traffic& traffic, std::uint64_t count) {
  std::vector<codec::Frame> frames;
  for (std::uint64_t at = 0; at < count; at += frame_events) {
    std::vector<NewEvent> events;
    for (std::uint64_t i = at; i < std::min(count, at + frame_events); ++i) events.push_back(traffic.next());
    frames.push_back(frame_of(events, at + 1));
  }
  return frames;
}

// Decodes as the client does, and hands on as the monitor's feed does.
std::uint64_t feed(const codec::Frame& frame, FeedListener& listener) {
  const auto decoded = codec::decode_feed_batch(frame);
  const auto* batch = std::get_if<codec::FeedBatch>(&decoded);
  if (batch == nullptr) throw std::logic_error("a frame of the benchmark is malformed");
  for (const auto& recorded : batch->events) {
    EventFields fields;
    if (!codec::read_envelope(recorded.envelope, fields)) throw std::logic_error("an envelope is malformed");
    fields.offset = recorded.offset;
    fields.recordedtime = recorded.recordedtime;
    hand_over(Event{std::move(fields)}, {}, listener);
  }
  return batch->events.size();
}

std::vector<LibraryEntry> library_of(const std::string& yaml) {
  std::vector<std::string> said;
  return entries_of(yaml, "bench.yaml", said);
}

// The fold and its counts, nothing stored: ended instances are forgotten, as the store would keep them. The events of a
// frame are tracked together, as the monitor does with those that come together.
struct InMemory : FeedListener {
  InMemory() {
    std::vector<Finding> findings;
    auto definition = Definition::of(library_of(process_yaml).front().model, findings);
    statistics = Statistics(definition->steps().size());
    tracker.activate(std::move(definition));
  }
  void on_event(const Observation& event, const EventAttributes&) override {
    events.push_back(event);  // its views point into the frame
    events.back().fields = nullptr;
  }
  void on_gap(std::uint64_t, std::uint64_t) override {}
  void track() {
    changes.clear();
    tracker.observe(std::span<const Observation>(events), changes);
    for (const auto& change : changes) {
      if (change.ended) statistics.duration.add(change.took);
      if (change.step == no_index) continue;
      ++statistics.passed[change.step];
      if (!change.started) statistics.step_duration[change.step].add(change.step_took);
    }
    for (const auto& change : changes)
      if (change.ended && !is_live(tracker.state(change.instance))) tracker.forget(change.instance);
    events.clear();
  }

  Tracker tracker;
  Statistics statistics;
  std::vector<Observation> events;
  std::vector<Change> changes;
};

// The same with its memory on disk, in the batches of the monitor.
struct OnDisk : FeedListener {
  explicit OnDisk(const std::string& directory) : store(directory), witness(store, {}, [](auto&&...) {}) {
    witness.adopt(library_of(process_yaml));
    witness.commit();
  }
  void on_event(const Observation& event, const EventAttributes& attributes) override {
    ahead.add(event, attributes);
    if (witness.pending() >= commit_events) commit();
  }
  void commit() {
    ahead.flush();
    witness.commit();
  }
  void on_gap(std::uint64_t, std::uint64_t) override {}

  Store store;
  Witness witness;
  Ahead ahead{witness};
};

void expect(std::uint64_t is, std::uint64_t should, const char* what) {
  if (is != should) throw std::runtime_error(std::to_string(is) + " " + what + " instead of " + std::to_string(should));
}

std::uint64_t events_of(const Snapshot& snapshot) {
  std::uint64_t events = 0;
  for (const auto& definition : snapshot.definitions) events += definition->totals.events;
  return events;
}

void in_memory(const std::vector<codec::Frame>& frames, Measurement& result) {
  InMemory fold;
  std::vector<std::uint64_t> samples;
  const auto begin = Clock::now();
  for (const auto& frame : frames) {
    const auto start = Clock::now();
    const auto events = feed(frame, fold);
    fold.track();
    samples.push_back(static_cast<std::uint64_t>(std::chrono::nanoseconds(Clock::now() - start).count()) / events);
    result.events += events;
  }
  result.seconds = seconds_since(begin);
  result.latency = percentiles(samples);
  expect(fold.tracker.totals(0).events, result.events, "events were counted");
}

void with_history(const std::vector<codec::Frame>& frames, std::uint64_t count, Measurement& result) {
  const Scratch scratch;
  {
    OnDisk fold(scratch.path());
    const auto begin = Clock::now();
    for (const auto& frame : frames) feed(frame, fold);
    fold.commit();
    result.figures.emplace_back("historyEventsPerSecond", static_cast<double>(count) / seconds_since(begin));
  }
  const Store store(scratch.path());
  const auto begin = Clock::now();
  std::uint64_t read = 0;
  store.view()->each_event([&](const InstanceName&, const EventSummary& event) { read += event.offset > 0 ? 1 : 0; });
  expect(read, count, "events were read again from the disk");
  result.figures.emplace_back("historyReadEventsPerSecond", static_cast<double>(count) / seconds_since(begin));
}

// In the same run, so that the machine's pace is the same: an event of a live instance is five entries in the store.
void below_history(std::uint64_t count, Measurement& result) {
  for (const auto& [name, entries] :
       {std::pair{"rocksdbFiveEntriesPerSecond", 5}, std::pair{"rocksdbOneEntryPerSecond", 1}}) {
    const Scratch scratch;
    result.figures.emplace_back(name, raw_rocksdb(scratch.path(), count / 2, entries));
  }
}

double resident_bytes() {
  malloc_trim(0);
  std::ifstream file("/proc/self/statm");
  double pages = 0, resident = 0;
  file >> pages >> resident;
  return resident * static_cast<double>(sysconf(_SC_PAGESIZE));
}

// In a process of its own, because memory that was used before would be used again and not be seen.
std::vector<double> in_child(const std::function<std::vector<double>()>& work) {
  int ends[2];
  if (pipe(ends) != 0) throw std::runtime_error("no pipe can be made: close some files");
  const pid_t child = fork();
  if (child < 0) throw std::runtime_error("no process can be started: end some");
  if (child == 0) {
    close(ends[0]);
    int code = 0;
    try {
      const auto figures = work();
      const auto bytes = figures.size() * sizeof(double);
      if (write(ends[1], figures.data(), bytes) != static_cast<ssize_t>(bytes)) code = 1;
    } catch (const std::exception& error) {
      std::fprintf(stderr, "laban bench monitor: %s\n", error.what());
      code = 1;
    }
    _exit(code);
  }
  close(ends[1]);
  std::vector<double> figures(16);
  const auto got = read(ends[0], figures.data(), figures.size() * sizeof(double));
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (status != 0 || got <= 0) throw std::runtime_error("the process that measures memory failed");
  figures.resize(static_cast<std::size_t>(got) / sizeof(double));
  return figures;
}

// Events of each instance; the first ones of all, then the second ones, so that all live at a time.
std::uint64_t tell_story(OnDisk& fold, std::uint64_t instances, std::uint64_t first, std::size_t steps,
                         std::uint64_t offset) {
  std::vector<NewEvent> events;
  const auto flush = [&] {
    if (events.empty()) return;
    offset += feed(frame_of(events, offset), fold);
    events.clear();
  };
  for (std::size_t step = 0; step < steps; ++step) {
    for (std::uint64_t i = 0; i < instances; ++i) {
      NewEvent event;
      event.id = key_of(offset + events.size());
      event.type = story[step].first;
      event.source = story[step].second;
      event.correlationid = key_of(first + i);
      event.time = Time{1'700'000'000s + std::chrono::microseconds{offset + events.size()}};
      event.exchange = "amq.topic";
      event.routingkey = event.type;
      events.push_back(std::move(event));
      if (events.size() == frame_events) flush();
    }
    flush();
  }
  fold.commit();
  return offset;
}

void memory_and_resumption(std::uint64_t instances, Measurement& result) {
  const Scratch scratch;
  const auto memory = in_child([&] {
    OnDisk fold(scratch.path());
    // A monitor that is in use: its store's buffers are full, nothing lives.
    const auto next = tell_story(fold, instances / 4, instances, story.size(), 1);
    const double before = resident_bytes();
    tell_story(fold, instances, 0, 3, next);
    return std::vector<double>{(resident_bytes() - before) / static_cast<double>(instances)};
  });
  const auto resumed = in_child([&] {
    const auto begin = Clock::now();
    OnDisk fold(scratch.path());
    const double took = seconds_since(begin);
    const auto counts = fold.witness.publish({}).counts;
    expect(counts->definitions.front()->statistics.count(InstanceState::running), instances, "live instances");
    expect(events_of(*counts), instances * 3 + instances / 4 * story.size(), "events");
    return std::vector<double>{took};
  });
  result.figures.emplace_back("liveInstances", static_cast<double>(instances));
  result.figures.emplace_back("rssBytesPerLiveInstance", memory.at(0));
  result.figures.emplace_back("resumeSeconds", resumed.at(0));
}

void metrics_page(Measurement& result) {
  Snapshot snapshot;
  for (DefinitionIndex index = 0; index < 100; ++index) {
    auto facts = std::make_shared<DefinitionFacts>();
    facts->index = index;
    facts->id = "process-" + std::to_string(index);
    for (int step = 0; step < 10; ++step) facts->step_names.push_back("step." + std::to_string(step));
    auto counts = std::make_shared<DefinitionCounts>();
    counts->facts = facts;
    counts->statistics = Statistics(10);
    for (auto& histogram : counts->statistics.step_duration) histogram.add(3ms * (index + 1));
    snapshot.definitions.push_back(counts);
  }
  render_metrics(snapshot, {true, "bench"});
  const auto begin = Clock::now();
  const std::string page = render_metrics(snapshot, {true, "bench"});
  result.figures.emplace_back("metricsSeconds", seconds_since(begin));
  result.figures.emplace_back("metricsBytes", static_cast<double>(page.size()));
}

// Everything of this process, and of those that it starts, on the core where it is.
class OneCore {
 public:
  OneCore() {
    sched_getaffinity(0, sizeof before_, &before_);
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(static_cast<std::size_t>(std::max(0, sched_getcpu())), &one);
    sched_setaffinity(0, sizeof one, &one);
  }
  ~OneCore() { sched_setaffinity(0, sizeof before_, &before_); }
  OneCore(const OneCore&) = delete;
  OneCore& operator=(const OneCore&) = delete;

 private:
  cpu_set_t before_{};
};

}  // namespace

Measurement monitor(const Settings& settings) {
  const OneCore one_core;
  Measurement result;
  result.name = "monitor";
  result.settings = settings;
  result.settings.size = 64;
  memory_and_resumption(settings.keys, result);
  Traffic traffic(settings.keys);
  const auto frames = frames_of(traffic, settings.count);
  in_memory(frames, result);
  with_history(frames, settings.count, result);
  below_history(settings.count, result);
  metrics_page(result);
  return result;
}

}  // namespace laban::bench

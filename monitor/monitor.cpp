// monitor/monitor.cpp - the threads of the monitor and what they hand to each other.
#include "monitor/monitor.hpp"

#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>

#include "laban/error.hpp"
#include "monitor/ahead.hpp"
#include "monitor/api.hpp"
#include "monitor/edge/bus/feed.hpp"
#include "monitor/edge/metrics/metrics.hpp"
#include "monitor/keeper.hpp"
#include "monitor/pages.hpp"
#include "monitor/stream.hpp"

namespace laban::monitor {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds poll_wait{20};
constexpr std::chrono::milliseconds batch_age_max{100};
constexpr std::size_t batch_events_max = 64 * 1024;
constexpr std::chrono::milliseconds publish_every{250};  // where only the bus's state moved
constexpr std::chrono::milliseconds look_every{1000};    // at the definitions
constexpr std::chrono::milliseconds keep_every{1000};    // retention and checkpoints
constexpr std::chrono::milliseconds keep_on_every{200};  // ... while there is much to let go
constexpr std::chrono::seconds caught_up_within{10};     // further behind, the monitor is not ready

// Events a second over the last seconds, smoothed.
class Rate {
 public:
  double update(std::uint64_t count, Clock::time_point now) {
    const double seconds = std::chrono::duration<double>(now - at_).count();
    if (seconds < 0.5) return rate_;
    const double fresh = started_ ? static_cast<double>(count - count_) / seconds : 0;
    rate_ = started_ ? rate_ + (fresh - rate_) * 0.5 : 0;
    if (rate_ < 0.05) rate_ = 0;
    started_ = true;
    count_ = count;
    at_ = now;
    return rate_;
  }

 private:
  Clock::time_point at_{};
  std::uint64_t count_ = 0;
  double rate_ = 0;
  bool started_ = false;
};

HttpOptions http_options(const MonitorOptions& options) {
  HttpOptions out;
  out.address = parse_http_address(options.http);
  out.insecure = options.insecure;
  return out;
}

}  // namespace

struct Monitor::Impl : FeedListener {
  explicit Impl(MonitorOptions given);
  ~Impl() override;

  // --- on the feed thread
  void on_event(const Observation& event, const EventAttributes& attributes) override;
  void on_gap(std::uint64_t from, std::uint64_t to) override;
  void on_erasure(std::string_view instance, const std::vector<std::uint64_t>& offsets) override;
  void follow(const std::stop_token& stop);
  void check_log();
  void step();
  void commit();
  void publish(Clock::time_point now);
  void look_at_definitions();

  void keep(const std::stop_token& stop);  // on a thread of its own
  void fail();

  void serve();
  HttpResponse ready() const;
  void say(const std::string& line) const {
    if (options.say) options.say(line);
  }

  MonitorOptions options;
  HttpServer server;  // first, so that a port in use is known before the store is opened
  Library library;
  std::unique_ptr<Store> store;
  Catalogue catalogue;
  Board board;
  std::unique_ptr<Payloads> payloads;
  std::unique_ptr<Api> api;
  std::unique_ptr<ChangeStream> stream;
  std::unique_ptr<Witness> witness;
  std::unique_ptr<Ahead> ahead;
  std::unique_ptr<Feed> feed;

  // Of the feed thread.
  bool log_checked = false;
  Clock::time_point oldest_pending{};
  Clock::time_point last_publish{};
  Clock::time_point last_look{};
  Time last_hub_time{};
  Rate rate;
  std::uint64_t events = 0;

  mutable std::mutex mutex;
  mutable std::condition_variable progressed;
  std::exception_ptr failure;
  LetGo letting_go;  // from the keeper to the feed thread
  std::condition_variable_any keeper_wakes;
  std::jthread keeper;
  std::jthread thread;  // last: everything else lives longer
};

Monitor::Impl::Impl(MonitorOptions given)
    : options(std::move(given)), server(http_options(options)), library(options.definitions) {
  LibraryChange definitions = library.read();
  for (const auto& line : definitions.said) say(line);
  store = std::make_unique<Store>(options.data);
  payloads = std::make_unique<Payloads>(options.hub, options.decoder);
  api = std::make_unique<Api>(board, catalogue, options.version, payloads.get(), options.tracking);
  stream = std::make_unique<ChangeStream>(*api);
  witness = std::make_unique<Witness>(*store, options.tracking,
                                      [this](DefinitionIndex index, const ProcessModel& model, const std::string& text,
                                             const std::string& file) { catalogue.add(index, model, text, file); });
  for (const auto& line : witness->adopt(definitions.entries)) say(line);
  for (const auto& line : witness->accept(definitions.accepted)) say(line);
  witness->commit();
  board.put(witness->publish({}));
  ahead = std::make_unique<Ahead>(*witness);
  feed = std::make_unique<Feed>(options.hub, witness->offset(), *this, options.decoder);
  serve();
  thread = std::jthread([this](std::stop_token stop) {
    try {
      follow(stop);
    } catch (...) {
      fail();
    }
  });
  keeper = std::jthread([this](std::stop_token stop) {
    try {
      keep(stop);
    } catch (...) {
      fail();
    }
  });
}

void Monitor::Impl::fail() {
  const std::lock_guard lock(mutex);
  failure = std::current_exception();
  progressed.notify_all();
}

void Monitor::Impl::keep(const std::stop_token& stop) {
  Keeper keeper_of(*store, options.retention);
  while (!stop.stop_requested()) {
    api->tidy();
    LetGo found = keeper_of.look(board.newest());
    const bool more = found.rows.size() >= Keeper::rows_at_once;
    std::unique_lock lock(mutex);
    if (!letting_go.any()) letting_go = std::move(found);
    // As long as the last ones are not gone, the same would be found again.
    keeper_wakes.wait_for(lock, stop, more ? keep_on_every : keep_every, [] { return false; });
  }
}

Monitor::Impl::~Impl() {
  thread.request_stop();
  keeper.request_stop();
  server.stop();
  if (keeper.joinable()) keeper.join();
  if (thread.joinable()) thread.join();
}

void Monitor::Impl::serve() {
  const auto get = [this](const char* route, HttpResponse (Api::*question)(const HttpRequest&) const) {
    server.get(route, [this, question](const HttpRequest& request) { return (api.get()->*question)(request); });
  };
  get("/api/v1/status", &Api::status);
  get("/api/v1/definitions", &Api::definitions);
  get("/api/v1/definitions/(.+)", &Api::definition);
  get("/api/v1/problems", &Api::problems);
  get("/api/v1/services", &Api::services);
  get("/api/v1/instances", &Api::instances);
  get("/api/v1/instances/(.+)", &Api::instance);
  server.stream("/api/v1/stream", [this](const HttpRequest&) { return stream->open(board); });
  server.get("/metrics", [this](const HttpRequest&) {
    HttpResponse out;
    out.content_type = metrics_content_type;
    out.body = render_metrics(*board.newest().counts, {options.step_durations, options.version});
    return out;
  });
  server.get("/healthz", [](const HttpRequest&) {
    return HttpResponse{200, "application/json", "{\"alive\":true}\n", {}};
  });
  server.get("/readyz", [this](const HttpRequest&) { return ready(); });
  serve_pages(server, options.web);
  server.start();
}

HttpResponse Monitor::Impl::ready() const {
  const auto counts = board.newest().counts;
  if (counts->ready) return {200, "application/json", "{\"ready\":true}\n", {}};
  if (!counts->connected) throw HttpError(503, "no-hub", "the hub does not answer: start it, or name it with --hub");
  throw HttpError(503, "catching-up",
                  std::to_string(counts->head - counts->offset) + " events of the bus are still to be read");
}

// --- the feed thread

void Monitor::Impl::on_event(const Observation& event, const EventAttributes& attributes) {
  check_log();
  if (!witness->dirty()) oldest_pending = Clock::now();
  ++events;
  ahead->add(event, attributes);
  if (witness->pending() >= batch_events_max) commit();
}

void Monitor::Impl::on_gap(std::uint64_t from, std::uint64_t to) {
  ahead->flush();
  check_log();
  say("events " + std::to_string(from) + " to " + std::to_string(to) +
      " are lost: the hub's log no longer has them; instances that lived then may become incomplete");
  witness->gap(from, to);
}

void Monitor::Impl::on_erasure(std::string_view instance, const std::vector<std::uint64_t>& offsets) {
  ahead->flush();
  check_log();
  witness->erase(instance, offsets);
  payloads->forget();
  say("forgot the text of " + std::string(instance) + ": it was erased");
  publish(Clock::now());
}

void Monitor::Impl::check_log() {
  if (log_checked) return;
  const FeedState state = feed->state();
  if (state.log_id == 0) return;
  witness->follows(state.log_id, state.generation);
  log_checked = true;
}

void Monitor::Impl::follow(const std::stop_token& stop) try {
  while (!stop.stop_requested()) step();
  if (witness->dirty()) commit();
} catch (const Error& error) {
  // A log that was restored from a backup, and is shorter still than the store, is refused by the hub itself.
  if (error.code() != Errc::refused) throw;
  throw Error(error.code(), error.what() + witness->erased_text());
}

void Monitor::Impl::step() {
  feed->poll(poll_wait);
  ahead->flush();
  check_log();
  const FeedState state = feed->state();
  const auto now = Clock::now();
  if (log_checked && state.ready && state.position >= witness->offset()) {
    witness->reached(state.position);
    // The hub's clock goes on for the instances only where every event before it was seen.
    if (state.position >= state.head && state.hub_time > last_hub_time) {
      last_hub_time = state.hub_time;
      witness->advance(state.hub_time);
    }
  }
  if (now - last_look >= look_every) {
    last_look = now;
    look_at_definitions();
  }
  const bool was_dirty = witness->dirty();
  const bool lets_go = [this] {
    const std::lock_guard lock(mutex);
    return letting_go.any();
  }();
  if ((was_dirty && now - oldest_pending >= batch_age_max) || (lets_go && !was_dirty)) commit();
  if (now - last_publish >= publish_every) publish(now);
}

void Monitor::Impl::look_at_definitions() {
  auto change = library.look();
  if (!change) return;
  for (const auto& line : change->said) say(line);
  for (const auto& line : change->refused) say(line + "; what held before holds on");
  for (const auto& line : witness->adopt(change->entries)) say(line);
  for (const auto& line : witness->accept(change->accepted)) say(line);
}

void Monitor::Impl::commit() {
  {
    const std::lock_guard lock(mutex);
    if (letting_go.any()) {
      witness->remove(letting_go.rows);
      if (letting_go.past) witness->forget_past(*letting_go.past);
      letting_go = {};
    }
  }
  witness->commit();
  publish(Clock::now());
}

void Monitor::Impl::publish(Clock::time_point now) {
  last_publish = now;
  const FeedState state = feed->state();
  Observing observing;
  observing.head = state.head;
  observing.hub_time = state.hub_time;
  observing.malformed = state.malformed;
  observing.repaired = state.repaired;
  observing.events_per_second = rate.update(events, now);
  observing.connected = state.connected;
  const auto before = board.newest().counts;
  const bool at_head = state.ready && witness->offset() >= state.head;
  const bool near_head = before && before->ready && state.hub_time - before->last_event_at < caught_up_within;
  observing.ready = state.connected && state.log_id != 0 && (at_head || near_head);
  const Published published = witness->publish(observing);
  board.put(published);
  if (stream->due()) {
    bool more = false;
    auto changed = witness->take_changed(more);
    stream->offer(published, std::move(changed), more);
  }
  progressed.notify_all();
}

// --- the outside

Monitor::Monitor(MonitorOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}
Monitor::~Monitor() = default;

std::uint16_t Monitor::http_port() const {
  return impl_->server.port();
}

std::string Monitor::address() const {
  HttpAddress address = parse_http_address(impl_->options.http);
  address.port = http_port();
  return "http://" + address.text();
}

void Monitor::wait(std::stop_token stop) {
  std::unique_lock lock(impl_->mutex);
  while (!stop.stop_requested() && !impl_->failure) impl_->progressed.wait_for(lock, std::chrono::milliseconds{100});
  if (impl_->failure) std::rethrow_exception(impl_->failure);
}

bool Monitor::wait_for(std::uint64_t offset, std::chrono::milliseconds wait) const {
  std::unique_lock lock(impl_->mutex);
  const auto reached = [&] { return impl_->failure || impl_->board.newest().counts->offset >= offset; };
  const auto end = Clock::now() + wait;
  while (!reached() && Clock::now() < end) impl_->progressed.wait_for(lock, std::chrono::milliseconds{10});
  return !impl_->failure && impl_->board.newest().counts->offset >= offset;
}

}  // namespace laban::monitor

// bus/client/bus.cpp - what laban/bus.hpp promises: puts window, consumers and subscriptions into one session.
#include "laban/bus.hpp"

#include <algorithm>
#include <atomic>
#include <thread>

#include "bus/client/announcer.hpp"
#include "bus/client/consumer.hpp"
#include "bus/client/fleeting.hpp"
#include "bus/client/log.hpp"
#include "bus/client/publish_window.hpp"
#include "bus/client/publisher.hpp"
#include "bus/client/session.hpp"
#include "bus/client/subscription.hpp"
#include "bus/client/topic_match.hpp"
#include "bus/codec/envelope.hpp"
#include "bus/codec/schema_nodes.hpp"
#include "bus/transport/zmq_client.hpp"

namespace laban {

using namespace std::chrono_literals;
using client::Clock;

namespace {

constexpr std::size_t events_a_turn = 256;  // of one consumer or subscription, then the others get theirs
constexpr auto forever = 1h;                // between two looks at nothing
constexpr std::size_t atomic_events_max = 10'000;
constexpr std::size_t atomic_bytes_max = 32u << 20;

BusOptions checked(BusOptions options) {
  if (options.service.empty()) {
    throw Error(Errc::usage, "a bus without a service name: set BusOptions::service, it is the events' source");
  }
  if (options.window_events == 0 || options.window_bytes == 0) {
    throw Error(Errc::usage, "a publish window of nothing: set window_events and window_bytes to at least 1");
  }
  options.hub = transport::resolved(options.hub);
  return options;
}

client::SessionOptions session_options(const BusOptions& options) {
  client::SessionOptions session;
  session.source = options.service;
  session.named = !options.producer.empty();
  session.producer = session.named ? options.producer : options.service + "~" + new_id();
  session.hub = options.hub.endpoint;
  return session;
}

client::PublishWindow::Limits window_limits(const BusOptions& options) {
  client::PublishWindow::Limits limits;
  limits.events = options.window_events;
  limits.bytes = options.window_bytes;
  return limits;
}

std::chrono::milliseconds left_until(Clock::time_point end) {
  return std::max(0ms, std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now()));
}

}  // namespace

struct Bus::Impl {
  struct Reader {
    std::shared_ptr<client::Subscription> subscription;
    client::FeedHandlers handlers;
  };
  struct Taker {
    std::shared_ptr<client::Consumer> consumer;
    client::Consumer::Handler handler;
    std::vector<client::Consumer::Settlement> said;  // waits for before_acknowledge
  };
  struct Reaction {
    std::string pattern;
    std::function<void(const Event&)> handler;
  };

  explicit Impl(BusOptions given)
      : options(checked(std::move(given))),
        window(window_limits(options), options.level, !options.producer.empty()),
        fleeting(std::make_shared<client::FleetingOut>(options.service)),
        session(session_options(options), transport::make_zmq_client(options.hub), signal) {
    session.add(announcer);
    session.add(std::make_shared<client::Publisher>(window, signal));
    session.add(fleeting);
  }

  // --- publishing

  void fill(NewEvent& event) const {
    if (event.type.empty()) throw Error(Errc::usage, "an event without a type: say what happened");
    if (event.id.empty()) event.id = new_id();
    if (event.source.empty()) event.source = options.service;
    if (event.time == Timestamp{}) event.time = std::chrono::system_clock::now();
    if (event.exchange.empty()) event.exchange = "amq.topic";
    if (event.exchange == "amq.default") event.exchange.clear();
    if (event.routingkey.empty() && !event.keyless) event.routingkey = event.type;
    if (in_handler() && event.correlationid.empty() && event.causationid.empty()) {
      event.correlationid = current->correlationid();
      event.causationid = current->id();
      if (event.traceparent.empty()) event.traceparent = current->traceparent();
    }
  }

  // Fills the event in. False: the window was full.
  bool publish(NewEvent& event, std::optional<std::chrono::milliseconds> wait,
               std::shared_ptr<client::PublishWindow::Waiter> waiter = nullptr) {
    session.check();
    fill(event);
    if (const auto excess = codec::check_limits(event); !excess.empty()) throw Error(Errc::usage, excess);
    if (!window.append(event, wait, std::move(waiter), in_handler())) return false;
    session.nudge();
    return true;
  }

  using Waiter = client::PublishWindow::Waiter;

  bool publish_atomic(std::vector<NewEvent>& events, std::optional<std::chrono::milliseconds> wait,
                      std::vector<std::shared_ptr<Waiter>> waiters = {}) {
    session.check();
    if (events.empty() || events.size() > atomic_events_max) {
      throw Error(Errc::usage, "an atomic set of " + std::to_string(events.size()) + " events: give 1 to " +
                                   std::to_string(atomic_events_max));
    }
    std::size_t index = 0;
    std::size_t bytes = 0;
    const auto sequence = events.front().sequence;
    for (auto& event : events) {
      fill(event);
      if (const auto excess = codec::check_limits(event); !excess.empty()) throw Error(Errc::usage, excess);
      if (event.sequence != (sequence == 0 ? 0 : sequence + index++)) {
        throw Error(Errc::usage,
                    "the sequences of an atomic set do not follow each other: number them densely, or not");
      }
      bytes += codec::envelope_bytes(event);
    }
    if (bytes > atomic_bytes_max) throw Error(Errc::usage, "an atomic set of over 32 MiB: split it");
    if (!window.append_atomic(events, wait, std::move(waiters), in_handler())) return false;
    session.nudge();
    return true;
  }

  bool in_handler() const { return handling == std::this_thread::get_id(); }

  [[noreturn]] void window_stayed_full(std::chrono::milliseconds wait) const {
    session.check();
    throw Error(Errc::unreachable, "the publish window stayed full for " + std::to_string(wait.count()) +
                                       " ms: wait for confirms, or check that the hub is there");
  }

  Confirm confirm_of(std::future<client::PublishWindow::Answer>& future, Clock::time_point end,
                     std::chrono::milliseconds wait) const {
    if (future.wait_for(left_until(end)) != std::future_status::ready) {
      throw Error(Errc::unreachable, session.connected()
                                         ? "the hub did not confirm in " + std::to_string(wait.count()) +
                                               " ms: the event is still sent; look at the hub's log"
                                         : session.absence());
    }
    auto answer = future.get();
    if (const auto* error = std::get_if<Error>(&answer)) throw *error;
    return std::get<Confirm>(std::move(answer));
  }

  // --- reacting

  void start() {
    if (started) return;
    started = true;
    for (const auto& taker : takers) taker.consumer->start();
    session.nudge();
  }

  // The queue of on() takes its bindings from the reactions, so it is made when there will be no more of them.
  void make_service_queue() {
    if (reactions.empty() || service_queue_made) return;
    service_queue_made = true;
    client::Consumer::Options queue;
    queue.queue = options.service;
    queue.prefetch = options.prefetch;
    for (const auto& reaction : reactions) {
      queue.bindings.push_back({"amq.topic", options.service, {}, reaction.pattern, {}});
    }
    add_taker(std::move(queue), [this](const Event& event, const Delivery&) { return react(event); });
  }

  void add_taker(client::Consumer::Options queue, client::Consumer::Handler handler) {
    const std::uint64_t number = client::first_consumer_number + takers.size() + 1;
    auto consumer = std::make_shared<client::Consumer>(number, std::move(queue), signal);
    takers.push_back({consumer, std::move(handler), {}});
    session.add(std::move(consumer));
  }

  Verdict react(const Event& event) {
    for (const auto& reaction : reactions) {
      if (client::topic_matches(reaction.pattern, event.routingkey())) {
        reaction.handler(event);
        return Verdict::acknowledge;
      }
    }
    ++unhandled;
    return Verdict::acknowledge;
  }

  // Handles what is waiting, everyone in turn; how many.
  std::size_t handle(std::stop_token stop) {
    std::size_t count = hand_out_confirms();
    for (auto& taker : takers) count += take(taker, stop);
    for (auto& reader : readers) {
      count += reader.subscription->handle(reader.handlers, events_a_turn, stop);
      if (reader.subscription->made_room()) session.nudge();
    }
    return count;
  }

  std::size_t take(Taker& taker, std::stop_token stop) {
    const Turn turn{*this};
    working = taker.consumer.get();
    std::size_t count = 0;
    const auto handler = [&](const Event& event, const Delivery& delivery) {
      current = &event;
      return taker.handler(event, delivery);
    };
    while (count < events_a_turn && !stop.stop_requested() && taker.consumer->handle_one(handler, taker.said)) {
      ++count;
      if (!commit) release(taker);
    }
    if (count == 0) {
      taker.consumer->check();
    } else if (commit) {
      current = &nothing;  // what is published now has no cause among the events of the batch
      try {
        commit();
      } catch (...) {
        for (auto& settlement : taker.said) settlement.outcome = codec::Outcome::give_back;
        release(taker);
        throw;
      }
      release(taker);
    }
    return count;
  }

  void release(Taker& taker) {
    taker.consumer->settle(std::exchange(taker.said, {}));
    session.nudge();
  }

  std::size_t hand_out_confirms() {
    if (!on_confirm) return 0;
    const Turn turn{*this};
    return window.take_confirms(on_confirm);
  }

  void stop_taking() {
    if (!started) return;
    started = false;
    for (const auto& taker : takers) taker.consumer->stop();
    session.nudge();
  }

  bool flush(std::chrono::milliseconds wait) {
    const auto end = Clock::now() + wait;
    for (;;) {
      hand_out_confirms();
      session.check();
      const bool idle = window.wait_until_idle(std::min(left_until(end), 50ms));
      if (idle || Clock::now() >= end) {
        hand_out_confirms();
        return idle;
      }
    }
  }

  // Marks the thread that handlers run on, for as long as they do.
  struct Turn {
    explicit Turn(Impl& of) : impl(of), before(of.handling.exchange(std::this_thread::get_id())) {}
    ~Turn() {
      impl.handling = before;
      impl.current = &nothing;
      impl.working = nullptr;
    }
    Impl& impl;
    std::thread::id before;
  };

  static inline const Event nothing{EventFields{}};

  const BusOptions options;
  client::Signal signal;
  client::PublishWindow window;
  std::shared_ptr<client::FleetingOut> fleeting;
  client::Session session;

  const std::shared_ptr<client::Announcer> announcer = std::make_shared<client::Announcer>();
  ConfirmHandler on_confirm;
  std::function<void()> commit;
  std::vector<Reaction> reactions;
  std::vector<Taker> takers;
  std::vector<Reader> readers;
  bool service_queue_made = false;
  bool started = false;
  std::atomic<std::thread::id> handling{};
  const Event* current = &nothing;
  client::Consumer* working = nullptr;  // whose handler runs
  std::atomic<std::uint64_t> unhandled{0};
};

Bus::Bus(BusOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}

Bus::~Bus() {
  try {
    impl_->stop_taking();
    if (!impl_->window.wait_until_idle(impl_->options.linger)) {
      client::log_warning("the bus of " + impl_->options.service + " was closed with " +
                          std::to_string(stats().unconfirmed) + " events unconfirmed: use flush() before");
    }
    impl_->session.stop();
  } catch (const std::exception& error) {
    client::log_warning(std::string{"the bus could not be closed cleanly: "} + error.what());
  }
}

void Bus::on(std::string_view type, std::function<void(const Event&)> handler) {
  if (impl_->service_queue_made) throw Error(Errc::usage, "on() after run(): say on what to react before");
  for (const auto& reaction : impl_->reactions) {
    if (reaction.pattern == type) {
      throw Error(Errc::usage, "two handlers for " + std::string{type} + ": use one handler a type");
    }
  }
  if (type.empty() || type.size() > codec::address_bytes_max) {
    throw Error(Errc::usage, "a type is 1 to 255 bytes long: shorten \"" + std::string{type.substr(0, 64)} + "\"");
  }
  Impl::Reaction reaction{std::string{type}, std::move(handler)};
  // Exact types come before patterns, whatever the order in which they were said.
  const bool exact = type.find('*') == std::string_view::npos && type.find('#') == std::string_view::npos;
  impl_->reactions.insert(exact ? impl_->reactions.begin() : impl_->reactions.end(), std::move(reaction));
}

void Bus::consume(ConsumeOptions options, RawHandler handler) {
  if (impl_->started) throw Error(Errc::usage, "consume() after run(): say from what to take before");
  if (options.queue.empty() || options.queue.size() > codec::address_bytes_max) {
    throw Error(Errc::usage, "a queue's name is 1 to 255 bytes long: set ConsumeOptions::queue");
  }
  client::Consumer::Options queue;
  queue.queue = std::move(options.queue);
  queue.prefetch = options.prefetch;
  queue.declare = options.declare;
  queue.exclusive = options.exclusive;
  queue.renew_every = options.renew_every;
  impl_->add_taker(std::move(queue), std::move(handler));
}

void Bus::renew() {
  if (!impl_->in_handler() || impl_->working == nullptr) return;
  impl_->working->renew();
  impl_->session.nudge();
}

void Bus::speaks(capnp::StructSchema type) {
  impl_->announcer->add(codec::schema_nodes(type));
  impl_->session.nudge();
}

void Bus::subscribe(SubscriptionOptions options, std::function<void(const Event&)> handler,
                    std::function<void(const Miss&)> on_miss) {
  const std::uint64_t number = client::first_subscription_number + impl_->readers.size() + 1;
  auto subscription = std::make_shared<client::Subscription>(number, std::move(options), impl_->signal);
  impl_->readers.push_back({subscription, {std::move(handler), std::move(on_miss), {}}});
  impl_->session.add(std::move(subscription));
}

std::string Bus::publish(NewEvent event) {
  (void)impl_->publish(event, std::nullopt);
  return std::move(event.id);
}

std::optional<std::string> Bus::try_publish(NewEvent event) {
  if (!impl_->publish(event, 0ms)) return {};
  return std::move(event.id);
}

std::vector<std::string> Bus::publish_atomic(std::vector<NewEvent> events) {
  impl_->publish_atomic(events, std::nullopt);
  std::vector<std::string> ids;
  ids.reserve(events.size());
  for (auto& event : events) ids.push_back(std::move(event.id));
  return ids;
}

std::vector<Confirm> Bus::publish_atomic_and_wait(std::vector<NewEvent> events, std::chrono::milliseconds wait) {
  const auto end = Clock::now() + wait;
  std::vector<std::shared_ptr<client::PublishWindow::Waiter>> waiters;
  std::vector<std::future<client::PublishWindow::Answer>> answers;
  for (std::size_t i = 0; i < events.size(); ++i) {
    answers.push_back(waiters.emplace_back(std::make_shared<client::PublishWindow::Waiter>())->get_future());
  }
  if (!impl_->publish_atomic(events, wait, std::move(waiters))) impl_->window_stayed_full(wait);
  std::vector<Confirm> confirms;
  confirms.reserve(answers.size());
  for (auto& answer : answers) confirms.push_back(impl_->confirm_of(answer, end, wait));
  return confirms;
}

bool Bus::publish_at_most_once(NewEvent event) {
  impl_->session.check();
  impl_->fill(event);
  event.sequence = 0;
  if (const auto excess = codec::check_limits(event); !excess.empty()) throw Error(Errc::usage, excess);
  if (!impl_->fleeting->append(event)) return false;
  impl_->session.nudge();
  return true;
}

Confirm Bus::publish_and_wait(NewEvent event, std::chrono::milliseconds wait) {
  const auto end = Clock::now() + wait;
  auto waiter = std::make_shared<client::PublishWindow::Waiter>();
  auto confirm = waiter->get_future();
  if (!impl_->publish(event, wait, waiter)) impl_->window_stayed_full(wait);
  return impl_->confirm_of(confirm, end, wait);
}

void Bus::on_confirm(ConfirmHandler handler) {
  impl_->on_confirm = std::move(handler);
  impl_->window.keep_confirms();
}

void Bus::before_acknowledge(std::function<void()> commit) {
  impl_->commit = std::move(commit);
}

bool Bus::flush(std::chrono::milliseconds wait) {
  return impl_->flush(wait);
}

std::optional<std::uint64_t> Bus::last_sequence(std::chrono::milliseconds wait) {
  if (!impl_->session.wait_until_connected(wait)) return {};
  return impl_->session.last_sequence();
}

void Bus::run(std::stop_token stop) {
  impl_->make_service_queue();
  impl_->start();
  while (!stop.stop_requested()) {
    const auto seen = impl_->signal.count();
    if (impl_->handle(stop) != 0) continue;
    impl_->session.check();
    impl_->signal.wait(seen, Clock::now() + forever, stop);
  }
  impl_->stop_taking();
  for (const auto& reader : impl_->readers) {
    if (impl_->session.connected()) (void)reader.subscription->save(1s, [this] { impl_->session.nudge(); });
  }
  impl_->flush(impl_->options.linger);
}

std::size_t Bus::poll(std::chrono::milliseconds wait) {
  impl_->make_service_queue();
  impl_->start();
  const auto end = Clock::now() + wait;
  for (;;) {
    const auto seen = impl_->signal.count();
    if (const auto count = impl_->handle({}); count != 0) return count;
    impl_->session.check();
    if (Clock::now() >= end) return 0;
    impl_->signal.wait(seen, end, {});
  }
}

bool Bus::wait_until_ready(std::chrono::milliseconds wait) {
  impl_->make_service_queue();
  const auto end = Clock::now() + wait;
  for (const auto& taker : impl_->takers) taker.consumer->prepare();
  impl_->session.nudge();
  for (;;) {
    const auto seen = impl_->signal.count();
    impl_->session.check();
    bool ready = impl_->session.connected();
    for (const auto& taker : impl_->takers) {
      taker.consumer->check();
      ready = ready && taker.consumer->ready();
    }
    for (const auto& reader : impl_->readers) {
      reader.subscription->check();
      ready = ready && reader.subscription->progress().ready;
    }
    if (ready || Clock::now() >= end) return ready;
    impl_->signal.wait(seen, end, {});
  }
}

bool Bus::connected() const {
  return impl_->session.connected();
}

bool Bus::wait_until_connected(std::chrono::milliseconds wait) {
  return impl_->session.wait_until_connected(wait);
}

void Bus::require_hub(std::chrono::milliseconds wait) {
  if (!impl_->session.wait_until_connected(wait)) throw Error(Errc::unreachable, impl_->session.absence());
}

BusStats Bus::stats() const {
  BusStats stats;
  impl_->window.add_to(stats);
  impl_->session.add_to(stats);
  impl_->fleeting->add_to(stats);
  for (const auto& taker : impl_->takers) taker.consumer->add_to(stats);
  for (const auto& reader : impl_->readers) reader.subscription->add_to(stats);
  stats.unhandled = impl_->unhandled;
  return stats;
}

}  // namespace laban

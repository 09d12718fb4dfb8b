// bus/client/subscriber.cpp - what laban/subscriber.hpp promises: a session that can only listen.
#include "laban/subscriber.hpp"

#include "bus/client/session.hpp"
#include "bus/client/subscription.hpp"
#include "bus/transport/zmq_client.hpp"
#include "laban/error.hpp"

namespace laban {

using namespace std::chrono_literals;
using client::Clock;

namespace {

constexpr std::size_t events_a_turn = 1'024;

SubscriberOptions checked(SubscriberOptions options) {
  options.hub = transport::resolved(options.hub);
  return options;
}

client::SessionOptions session_options(const SubscriberOptions& options) {
  client::SessionOptions session;
  session.source = options.name;
  session.hub = options.hub.endpoint;
  return session;
}

}  // namespace

struct Subscriber::Impl {
  explicit Impl(SubscriberOptions given)
      : options(checked(std::move(given))),
        session(session_options(options), transport::make_zmq_client(options.hub), signal) {}

  client::Subscription& subscribed() {
    if (!subscription) throw Error(Errc::usage, "no subscription: call subscribe() first");
    return *subscription;
  }

  std::size_t handle(std::stop_token stop) {
    const auto count = subscribed().handle(handlers, events_a_turn, stop);
    if (subscription->made_room()) session.nudge();
    return count;
  }

  const SubscriberOptions options;
  client::Signal signal;
  client::Session session;
  std::shared_ptr<client::Subscription> subscription;
  client::FeedHandlers handlers;
};

Subscriber::Subscriber(SubscriberOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}

Subscriber::~Subscriber() = default;

void Subscriber::subscribe(SubscriptionOptions options, EventHandler on_event) {
  if (impl_->subscription) throw Error(Errc::usage, "two subscriptions of one subscriber: make another subscriber");
  impl_->subscription =
      std::make_shared<client::Subscription>(client::first_subscription_number + 1, std::move(options), impl_->signal);
  impl_->handlers.on_event = std::move(on_event);
  impl_->session.add(impl_->subscription);
}

void Subscriber::on_miss(MissHandler handler) {
  impl_->handlers.on_miss = std::move(handler);
}

void Subscriber::on_progress(ProgressHandler handler) {
  impl_->handlers.on_progress = std::move(handler);
}

bool Subscriber::wait_until_ready(std::chrono::milliseconds wait) {
  const auto end = Clock::now() + wait;
  for (;;) {
    const auto seen = impl_->signal.count();
    impl_->session.check();
    impl_->subscribed().check();
    if (progress().ready) return true;
    if (Clock::now() >= end) return false;
    impl_->signal.wait(seen, end, {});
  }
}

void Subscriber::require_hub(std::chrono::milliseconds wait) {
  if (!impl_->session.wait_until_connected(wait)) throw Error(Errc::unreachable, impl_->session.absence());
}

void Subscriber::run(std::stop_token stop) {
  while (!stop.stop_requested()) {
    const auto seen = impl_->signal.count();
    if (impl_->handle(stop) != 0) continue;
    impl_->session.check();
    impl_->signal.wait(seen, Clock::now() + 1h, stop);
  }
  if (impl_->session.connected()) (void)save_cursor(1s);
}

bool Subscriber::save_cursor(std::chrono::milliseconds wait) {
  return impl_->subscribed().save(wait, [this] { impl_->session.nudge(); });
}

std::size_t Subscriber::poll(std::chrono::milliseconds wait) {
  const auto end = Clock::now() + wait;
  for (;;) {
    const auto seen = impl_->signal.count();
    if (const auto count = impl_->handle({}); count != 0) return count;
    impl_->session.check();
    if (Clock::now() >= end) return 0;
    impl_->signal.wait(seen, end, {});
  }
}

Progress Subscriber::progress() const {
  return impl_->subscription ? impl_->subscription->progress() : Progress{};
}

BusStats Subscriber::stats() const {
  BusStats stats;
  impl_->session.add_to(stats);
  if (impl_->subscription) impl_->subscription->add_to(stats);
  return stats;
}

}  // namespace laban

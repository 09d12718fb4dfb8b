// bus/client/consumer.cpp - a queue's consumer over all sessions.
#include "bus/client/consumer.hpp"

#include <kj/exception.h>

#include <algorithm>
#include <limits>

#include "bus/client/log.hpp"
#include "bus/codec/envelope.hpp"

namespace laban::client {

namespace {

constexpr std::size_t reason_bytes_max = 1'024;
constexpr std::chrono::milliseconds exclusive_pause{100};
constexpr std::size_t settlements_a_frame = 4'096;
constexpr std::int64_t delay_millis_max = std::numeric_limits<std::int32_t>::max();

std::string shortened(std::string reason) {
  if (reason.size() > reason_bytes_max) reason.resize(reason_bytes_max);
  return reason;
}

}  // namespace

Consumer::Consumer(std::uint64_t number, Options options, Signal& signal)
    : number_(number), options_(std::move(options)), signal_(signal), request_(first_request_number + (number << 20)) {}

void Consumer::prepare() {
  const std::lock_guard lock{mutex_};
  wants_queue_ = true;
}

void Consumer::start() {
  const std::lock_guard lock{mutex_};
  wants_queue_ = wants_events_ = true;
}

void Consumer::stop() {
  const std::lock_guard lock{mutex_};
  wants_events_ = false;
  for (const auto& item : items_) {
    settled_.push_back({item.session, item.delivery.number, codec::Outcome::give_back, {}, 0});
  }
  items_.clear();
}

void Consumer::check() const {
  const std::lock_guard lock{mutex_};
  if (error_) throw *error_;
}

bool Consumer::handle_one(const Handler& handler, std::vector<Settlement>& said) {
  Item item;
  {
    const std::lock_guard lock{mutex_};
    if (items_.empty()) return false;
    item = std::move(items_.front());
    items_.pop_front();
  }
  const auto& recorded = item.delivery.recorded;
  Settlement settlement{item.session, item.delivery.number, codec::Outcome::acknowledge, {}, 0};
  EventFields fields;
  fields.offset = recorded.offset;
  fields.recordedtime = recorded.recordedtime;
  fields.principal = recorded.principal;
  if (!codec::read_envelope(recorded.envelope, fields)) {
    ++malformed_;
    settlement.outcome = codec::Outcome::reject;
    settlement.reason = "the envelope does not decode";
    said.push_back(std::move(settlement));
    return true;
  }
  try {
    ++handled_;
    working_ = true;
    auto said_of_it = handler(Event{std::move(fields)}, Delivery{item.delivery.attempts, item.delivery.redelivered});
    settlement.reason = shortened(std::move(said_of_it.reason));
    settlement.delay_millis =
        static_cast<std::uint32_t>(std::clamp<std::int64_t>(said_of_it.delay.count(), 0, delay_millis_max));
    switch (said_of_it.verdict) {
      case Verdict::acknowledge:
        break;
      case Verdict::give_back:
        settlement.outcome = codec::Outcome::give_back;
        break;
      case Verdict::fail:
        settlement.outcome = codec::Outcome::fail;
        break;
      case Verdict::reject:
        settlement.outcome = codec::Outcome::reject;
        break;
    }
  } catch (const Error& error) {
    ++failed_;
    // What cannot be understood now will not be understood later.
    settlement.outcome = error.code() == Errc::malformed ? codec::Outcome::reject : codec::Outcome::fail;
    settlement.reason = shortened(error.what());
  } catch (const std::exception& error) {
    ++failed_;
    settlement.outcome = codec::Outcome::fail;
    settlement.reason = shortened(error.what());
  } catch (const kj::Exception& error) {
    ++failed_;
    settlement.outcome = codec::Outcome::fail;
    settlement.reason = shortened(error.getDescription().cStr());
  } catch (...) {
    ++failed_;
    settlement.outcome = codec::Outcome::fail;
    settlement.reason = "the handler threw something that is no std::exception";
  }
  working_ = false;
  said.push_back(std::move(settlement));
  return true;
}

void Consumer::renew() {
  renews_ = true;
}

void Consumer::settle(std::vector<Settlement> settlements) {
  const std::lock_guard lock{mutex_};
  if (settled_.empty()) {
    settled_ = std::move(settlements);
  } else {
    settled_.insert(settled_.end(), std::make_move_iterator(settlements.begin()),
                    std::make_move_iterator(settlements.end()));
  }
}

void Consumer::add_to(BusStats& stats) const {
  stats.handled += handled_;
  stats.failed += failed_;
  stats.malformed += malformed_;
}

void Consumer::welcomed(const codec::Welcome&) {
  step_ = Step::probe;
  bound_ = 0;
  asked_ = false;
  in_session_ = true;
  newest_ = 0;
  leaving_.clear();
  const std::lock_guard lock{mutex_};
  ++session_;
}

void Consumer::gone() {
  // The hub delivers again what was not settled, also what waits here.
  in_session_ = false;
  leaving_.clear();
  const std::lock_guard lock{mutex_};
  items_.clear();
  settled_.clear();
  ++session_;
}

std::optional<codec::ClientMessage> Consumer::next_step() {
  {
    const std::lock_guard lock{mutex_};
    if (!wants_queue_ || error_) return {};
  }
  // Whoever declared the queue otherwise has a reason: it is declared only where it is missing.
  QueueSpec spec;
  spec.name = options_.queue;
  if (step_ == Step::probe) {
    if (std::chrono::steady_clock::now() < probe_at_) return {};
    spec.passive = true;
    return codec::Request{++request_, spec};
  }
  if (options_.exclusive) {
    spec.durable = false;
    spec.exclusive = true;
    spec.keyed = false;
    spec.dead_letter_exchange = "laban.parking";
  }
  if (step_ == Step::declare) return codec::Request{++request_, spec};
  if (step_ == Step::bind) {
    if (bound_ < options_.bindings.size()) return codec::Request{++request_, codec::Bind{options_.bindings[bound_]}};
    step_ = Step::prepared;
    ready_ = true;
    signal_.raise();
  }
  if (step_ == Step::prepared && takes_) return codec::Consume{number_, options_.queue, options_.prefetch};
  if (step_ == Step::consuming && !takes_) return codec::Cancel{number_, "stopped"};
  return {};
}

void Consumer::answered(const codec::Reply& reply) {
  asked_ = false;
  if (step_ == Step::probe && reply.refused && reply.code == codec::Refusal::not_found && options_.declare) {
    step_ = Step::declare;
  } else if (reply.refused && reply.code == codec::Refusal::denied && options_.exclusive) {
    // The hub has not noticed yet that the connection of before is gone, to which the queue belongs.
    step_ = Step::probe;
    probe_at_ = std::chrono::steady_clock::now() + exclusive_pause;
  } else if (reply.refused) {
    end(Error(Errc::refused, std::string{reply.message}));
  } else if (step_ == Step::probe || step_ == Step::declare) {
    step_ = Step::bind;
  } else if (step_ == Step::bind) {
    ++bound_;
  }
}

bool Consumer::received(const codec::HubMessage& message, const SharedFrame& frame, Speaker&) {
  if (const auto* deliveries = std::get_if<codec::Deliveries>(&message)) {
    if (deliveries->consumer != number_) return false;
    take(*deliveries, frame);
    return true;
  }
  if (const auto* reply = std::get_if<codec::Reply>(&message)) {
    if (!asked_ || reply->id != request_) return false;
    answered(*reply);
    return true;
  }
  if (const auto* refused = std::get_if<codec::Refused>(&message)) {
    if (asked_ && refused->about == request_) {
      answered({request_, true, refused->code, refused->message, {}});
      return true;
    }
    if (refused->about != number_) return false;
    end(Error(Errc::refused, std::string{refused->message}));
    return true;
  }
  if (const auto* cancelled = std::get_if<codec::Cancelled>(&message)) {
    if (cancelled->consumer != number_) return false;
    end(Error(Errc::refused, "the hub ended the consumer of queue " + options_.queue + " (" +
                                 std::string{cancelled->reason} + "): start again where that was not meant"));
    return true;
  }
  return false;
}

void Consumer::take(const codec::Deliveries& deliveries, const SharedFrame& frame) {
  if (!deliveries.messages.empty()) newest_ = deliveries.messages.back().number;
  if (options_.renew_every.count() > 0 && renew_at_ == Clock::time_point::max()) {
    renew_at_ = Clock::now() + options_.renew_every;
  }
  {
    const std::lock_guard lock{mutex_};
    for (const auto& delivery : deliveries.messages) {
      if (wants_events_) {
        items_.push_back({frame, delivery, session_});
      } else {
        settled_.push_back({session_, delivery.number, codec::Outcome::give_back, {}, 0});
      }
    }
  }
  signal_.raise();
}

void Consumer::end(const Error& error) {
  {
    const std::lock_guard lock{mutex_};
    if (error_) return;
    error_ = error;
  }
  signal_.raise();
}

void Consumer::failed(const Error& error) {
  end(error);
}

void Consumer::collect() {
  const std::lock_guard lock{mutex_};
  takes_ = wants_events_;
  for (auto& settlement : settled_) {
    if (settlement.session == session_) leaving_.push_back(std::move(settlement));
  }
  settled_.clear();
}

bool Consumer::flush(Speaker& speaker) {
  if (!in_session_) return true;
  if (!flush_settlements(speaker) || !flush_renewal(speaker)) return false;
  while (!asked_) {
    const auto message = next_step();
    if (!message) break;
    if (!speaker.say(*message)) return false;
    if (std::holds_alternative<codec::Consume>(*message)) {
      step_ = Step::consuming;
    } else if (std::holds_alternative<codec::Cancel>(*message)) {
      step_ = Step::prepared;
    } else {
      asked_ = true;
    }
  }
  return true;
}

bool Consumer::flush_settlements(Speaker& speaker) {
  while (!leaving_.empty()) {
    codec::Settle settle;
    settle.consumer = number_;
    settle.outcome = leaving_.front().outcome;
    settle.reason = leaving_.front().reason;
    settle.delay_millis = leaving_.front().delay_millis;
    for (const auto& settlement : leaving_) {
      if (settlement.outcome != settle.outcome || settlement.reason != settle.reason) break;
      if (settlement.delay_millis != settle.delay_millis) break;
      if (settle.numbers.size() == settlements_a_frame) break;
      settle.numbers.push_back(settlement.number);
    }
    const std::size_t count = settle.numbers.size();
    if (!speaker.say(codec::ClientMessage{settle})) return false;
    leaving_.erase(leaving_.begin(), leaving_.begin() + static_cast<std::ptrdiff_t>(count));
  }
  return true;
}

// All that the hub counts as this consumer's, so that what waits behind a long handler is not taken from it either.
bool Consumer::flush_renewal(Speaker& speaker) {
  const auto now = Clock::now();
  if (now >= renew_at_) {
    renew_at_ = now + options_.renew_every;
    if (working_) renews_ = true;
  }
  if (!renews_ || newest_ == 0) return true;
  codec::Settle settle;
  settle.consumer = number_;
  settle.outcome = codec::Outcome::renew;
  settle.up_to = newest_;
  if (!speaker.say(codec::ClientMessage{settle})) return false;
  renews_ = false;
  return true;
}

Clock::time_point Consumer::deadline() const {
  return in_session_ ? renew_at_ : Clock::time_point::max();
}

bool Consumer::has_work() const {
  const std::lock_guard lock{mutex_};
  if (!in_session_) return false;
  if (!settled_.empty() || !leaving_.empty() || (renews_ && newest_ != 0)) return true;
  if (asked_ || error_ || !wants_queue_) return false;
  if (step_ == Step::prepared) return wants_events_;
  if (step_ == Step::consuming) return !wants_events_;
  return true;
}

}  // namespace laban::client

// bus/patterns/request.cpp - requests under way, by id and by deadline.
#include "laban/patterns/request.hpp"

#include <algorithm>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>

#include "laban/error.hpp"
#include "laban/fact.hpp"

namespace laban::patterns {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds turn_max{1'000};

}  // namespace

struct Requester::Impl {
  struct Waiting {
    Handler handler;
    Clock::time_point until;
    std::string queue;
  };

  explicit Impl(RequesterOptions given)
      : options(std::move(given)), replies(options.bus.service + ".replies." + new_id()), bus(options.bus) {
    ConsumeOptions from;
    from.queue = replies;
    from.exclusive = true;
    bus.consume(from, [this](const Event& reply, const Delivery&) { return replied(reply); });
    bus.on_confirm([this](const Confirm& confirm) {
      if (confirm.refused) refused(confirm);
    });
  }

  Verdict replied(const Event& reply) {
    const std::string id{reply.causationid()};
    if (!waiting.contains(id)) {
      ++stats.orphaned;
      return Verdict::reject;
    }
    ++stats.replied;
    Answer answer;
    answer.outcome = Answer::Outcome::replied;
    answer.reply = copy_of(reply);
    end(id, answer);
    return Verdict::acknowledge;
  }

  void refused(const Confirm& confirm) {
    if (!waiting.contains(confirm.id)) return;
    ++stats.refused;
    Answer answer;
    answer.outcome = Answer::Outcome::refused;
    answer.why = confirm.reason;
    end(confirm.id, answer);
  }

  void end(const std::string& id, const Answer& answer) {
    auto found = waiting.extract(id);
    overdue.erase({found.mapped().until, id});
    ++ended;
    found.mapped().handler(answer);
  }

  void give_up(Clock::time_point now) {
    while (!overdue.empty() && overdue.begin()->first <= now) {
      const std::string id = overdue.begin()->second;
      ++stats.timed_out;
      Answer answer;
      answer.why = "queue '" + waiting.at(id).queue + "' gave no answer in time: see that its service runs";
      end(id, answer);
    }
  }

  // One look at the bus that ends when the next request is overdue.
  void turn(Clock::time_point end_at) {
    auto until = std::min(end_at, Clock::now() + turn_max);
    if (!overdue.empty()) until = std::min(until, overdue.begin()->first);
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now());
    bus.poll(std::max(left, std::chrono::milliseconds{0}));
    give_up(Clock::now());
  }

  void ready(std::chrono::milliseconds wait) { is_ready = is_ready || bus.wait_until_ready(wait); }

  RequesterOptions options;
  std::string replies;
  std::unordered_map<std::string, Waiting> waiting;
  std::set<std::pair<Clock::time_point, std::string>> overdue;
  RequesterStats stats;
  std::size_t ended = 0;
  bool is_ready = false;
  Bus bus;  // last: its handlers use the rest
};

Requester::Requester(RequesterOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}

Requester::~Requester() = default;

std::string Requester::request(const std::string& queue, NewEvent question, std::chrono::milliseconds deadline,
                               Handler handler) {
  auto& mine = *impl_;
  if (queue.empty()) throw Error{Errc::usage, "a request goes to a queue: name the service's"};
  const auto until = Clock::now() + deadline;
  if (question.id.empty()) question.id = new_id();
  const std::string id = question.id;
  const auto at_once = [&](std::string why) {
    ++mine.stats.refused;
    handler({Answer::Outcome::refused, {}, std::move(why)});
    return id;
  };
  if (mine.waiting.contains(id)) return at_once("a request with the id '" + id + "' is under way: give it another");
  if (mine.waiting.size() >= mine.options.waiting_max) {
    return at_once("too many requests are under way: wait for answers, or raise waiting_max");
  }
  // The reply queue is there before a reply can be.
  mine.ready(deadline);
  question.exchange = "amq.default";
  question.routingkey = queue;
  question.replyto = mine.replies;
  question.mandatory = true;
  question.expirytime = std::chrono::time_point_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now()) +
                        std::max(deadline, std::chrono::milliseconds{1});
  ++mine.stats.requested;
  mine.waiting[id] = {std::move(handler), until, queue};
  mine.overdue.insert({until, id});
  if (mine.is_ready && !mine.bus.try_publish(std::move(question))) {
    ++mine.stats.refused;
    mine.end(id, {Answer::Outcome::refused, {}, "the publish window is full: wait for confirms"});
  }
  return id;
}

Answer Requester::request(const std::string& queue, NewEvent question, std::chrono::milliseconds deadline) {
  std::optional<Answer> got;
  request(queue, std::move(question), deadline, [&got](const Answer& answer) { got = answer; });
  while (!got) impl_->turn(Clock::now() + turn_max);
  return std::move(*got);
}

std::size_t Requester::poll(std::chrono::milliseconds wait) {
  auto& mine = *impl_;
  const auto end = Clock::now() + wait;
  const auto before = mine.ended;
  do {
    mine.turn(end);
  } while (mine.ended == before && Clock::now() < end);
  return mine.ended - before;
}

const std::string& Requester::reply_queue() const {
  return impl_->replies;
}

RequesterStats Requester::stats() const {
  auto stats = impl_->stats;
  stats.waiting = impl_->waiting.size();
  return stats;
}

NewEvent reply_to(const Event& question, NewEvent answer) {
  answer.exchange = "amq.default";
  answer.routingkey = question.replyto();
  answer.causationid = question.id();
  if (answer.correlationid.empty()) answer.correlationid = question.correlationid();
  if (answer.traceparent.empty()) answer.traceparent = question.traceparent();
  return answer;
}

void serve(Bus& bus, const std::string& queue, std::function<NewEvent(const Event&)> handler) {
  ConsumeOptions from;
  from.queue = queue;
  bus.consume(from, [&bus, handler = std::move(handler)](const Event& question, const Delivery&) {
    NewEvent answer = handler(question);
    if (!question.replyto().empty()) bus.publish(reply_to(question, std::move(answer)));
    return Verdict::acknowledge;
  });
}

}  // namespace laban::patterns

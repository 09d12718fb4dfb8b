// laban/patterns/request.hpp - ask one service and get one answer, over ordinary queues.
//
//   patterns::Requester ask{{.bus = {.service = "web"}}};              // the caller
//   const auto answer = ask.request("pricing", question, 2s);          // waits, at most 2 s
//   if (answer) use(answer.reply); else tell(answer.why);
//
//   patterns::serve(bus, "pricing", [](const Event& question) {        // the service, once before run()
//     return NewEvent{.type = "price.told", .data = price_of(question)};
//   });
//
// Choreography needs no answers: a service announces and others react. This is for the question whose asker waits: a
// price, a check. The request goes to the queue of one service, the reply to a queue that belongs to this connection
// alone (`replyto`), and a reply belongs to the request that its `causationid` names.
//
// Threads:  a Requester belongs to one thread and has a Bus of its own, so request() may also be called in a handler of
//           another Bus.
// Delivery: a request is delivered at least once and is answered at most once: the first reply counts. It expires with
//           its deadline, so that nobody works for a caller that has given up.
// Errors:   a timeout, a service that is not there and a full queue are values. A reply that comes too late, twice or
//           for nobody is rejected into laban.parking; a reply to a caller that is gone lands there too, or on laban.lost
//           where the caller went with the reply in its queue. Nothing is dropped in silence.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "laban/bus.hpp"

namespace laban::patterns {

struct Answer {
  enum class Outcome {
    replied,
    timed_out,
    refused,  // the hub did not take the request: no such queue, a full one
  };
  Outcome outcome = Outcome::timed_out;
  NewEvent reply{};   // of replied
  std::string why{};  // of the others, as "what is wrong: what to do"

  explicit operator bool() const { return outcome == Outcome::replied; }
};

struct RequesterOptions {
  BusOptions bus{};
  std::size_t waiting_max = 10'000;  // requests under way; more are refused
};

struct RequesterStats {
  std::uint64_t requested = 0;
  std::uint64_t replied = 0;
  std::uint64_t timed_out = 0;
  std::uint64_t refused = 0;
  std::uint64_t orphaned = 0;  // replies that came late, twice or for nobody
  std::size_t waiting = 0;     // a gauge
};

class Requester {
 public:
  using Handler = std::function<void(const Answer&)>;

  explicit Requester(RequesterOptions options);
  ~Requester();  // requests under way get no answer any more
  Requester(const Requester&) = delete;
  Requester& operator=(const Requester&) = delete;

  // Asks the service that consumes from `queue` and waits for the answer, at most until the deadline.
  Answer request(const std::string& queue, NewEvent question, std::chrono::milliseconds deadline);

  // The same without waiting: the handler is called once, inside a later poll() or request(). Returns the request's id.
  std::string request(const std::string& queue, NewEvent question, std::chrono::milliseconds deadline, Handler handler);

  // Handles what has come and what is overdue, for at most `wait`; returns how many requests ended.
  std::size_t poll(std::chrono::milliseconds wait);

  const std::string& reply_queue() const;
  RequesterStats stats() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Answers each request that comes to `queue` with what the handler returns; call before bus.run(). An event without
// `replyto` is handled and its answer is not sent. A request that comes again is answered again: the caller takes the
// first. What the handler throws is treated as Bus does: the request comes again, and parks at the delivery limit.
void serve(Bus& bus, const std::string& queue, std::function<NewEvent(const Event& question)> handler);

// The reply to a request as an event, for services that answer later or through an outbox.
NewEvent reply_to(const Event& question, NewEvent answer);

}  // namespace laban::patterns

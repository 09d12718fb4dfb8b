// bus/client/consumer.hpp - takes from one queue: declares and binds it, hands deliveries to the handler, settles them.
#pragma once

#include <atomic>
#include <chrono>
#include <deque>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "bus/client/part.hpp"
#include "bus/client/signal.hpp"
#include "laban/bus.hpp"

namespace laban::client {

class Consumer final : public Part {
 public:
  struct Options {
    std::string queue;
    std::uint32_t prefetch = 256;
    bool declare = true;
    bool exclusive = false;
    std::chrono::milliseconds renew_every{0};
    std::vector<BindingSpec> bindings{};
  };

  // What the handler said; a session's numbers mean nothing in the next one.
  struct Settlement {
    std::uint64_t session = 0;
    std::uint64_t number = 0;
    codec::Outcome outcome = codec::Outcome::acknowledge;
    std::string reason;
    std::uint32_t delay_millis = 0;
  };

  using Handler = std::function<laban::Settlement(const Event&, const Delivery&)>;

  Consumer(std::uint64_t number, Options options, Signal& signal);

  // --- for the application's thread; whoever calls nudges the session afterwards

  void prepare();  // declare and bind
  void start();    // and consume
  void stop();     // gives back what was not handled, and takes no more

  bool ready() const { return ready_; }  // the hub has said that queue and bindings are there
  void check() const;

  // Calls the handler for the next delivery and puts what it said behind `said`; false where none is waiting.
  bool handle_one(const Handler& handler, std::vector<Settlement>& said);
  void settle(std::vector<Settlement> settlements);

  // The time-out of everything that was delivered and not settled starts anew.
  void renew();

  void add_to(BusStats& stats) const;

  // --- Part

  void welcomed(const codec::Welcome& welcome) override;
  void gone() override;
  bool received(const codec::HubMessage& message, const SharedFrame& frame, Speaker& speaker) override;
  void collect() override;
  bool flush(Speaker& speaker) override;
  bool has_work() const override;
  Clock::time_point deadline() const override;
  void failed(const Error& error) override;

 private:
  enum class Step { probe, declare, bind, prepared, consuming };

  struct Item {
    SharedFrame frame;
    codec::Deliveries::Delivery delivery;
    std::uint64_t session = 0;
  };

  std::optional<codec::ClientMessage> next_step();
  void answered(const codec::Reply& reply);
  void take(const codec::Deliveries& deliveries, const SharedFrame& frame);
  bool flush_settlements(Speaker& speaker);
  bool flush_renewal(Speaker& speaker);
  void end(const Error& error);

  const std::uint64_t number_;
  const Options options_;
  Signal& signal_;

  // The I/O thread's own.
  Step step_ = Step::probe;
  std::size_t bound_ = 0;
  std::chrono::steady_clock::time_point probe_at_{};
  bool asked_ = false;
  bool in_session_ = false;
  std::uint64_t request_ = 0;
  std::deque<Settlement> leaving_;
  bool takes_ = false;  // as wants_events_ was at collect(): what was settled before a stop leaves before the cancel
  std::uint64_t newest_ = 0;  // delivery of this session
  Clock::time_point renew_at_ = Clock::time_point::max();

  mutable std::mutex mutex_;
  std::deque<Item> items_;
  std::vector<Settlement> settled_;
  bool wants_queue_ = false;
  bool wants_events_ = false;
  std::uint64_t session_ = 0;
  std::optional<Error> error_;

  std::atomic<bool> ready_{false};
  std::atomic<bool> working_{false};  // a handler runs
  std::atomic<bool> renews_{false};
  std::atomic<std::uint64_t> handled_{0};
  std::atomic<std::uint64_t> failed_{0};
  std::atomic<std::uint64_t> malformed_{0};
};

}  // namespace laban::client

// laban/subscriber.hpp - listen to the bus and never speak: live events, and everything since any point.
//
// Threads:  starts one thread of its own, which owns the sockets. Handlers run one at a time, on the thread inside run()
//           or poll(). stats(), head() and stop requests are safe from any thread; everything else belongs to one.
// Delivery: each matching event once, in offset order, from the wanted start; what PUB/SUB lost is repaired from the log.
//           What the log no longer has is told to on_miss. Survives restarts of the hub.
// Errors:   the constructor and subscribe() throw Error for what can never work (a bad endpoint, a refused pattern). A
//           malformed message is counted and dropped. What a handler throws leaves run() unchanged.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>

#include "laban/event.hpp"
#include "laban/options.hpp"

namespace laban {

// Offsets that matched nobody knows what: the log no longer has them.
struct Miss {
  std::uint64_t from = 0;
  std::uint64_t to = 0;
  std::string reason;
};

// How far a subscription has come.
struct Progress {
  std::uint64_t position = 0;  // every matching event up to here was handled
  std::uint64_t head = 0;      // the newest event that the hub is known to have
  Timestamp hub_time{};        // the hub's clock when it said so
  bool ready = false;          // the hub has accepted the subscription
  bool connected = false;
  std::uint64_t log_id = 0;      // which log the offsets count in; 0 until the hub has said so
  std::uint32_t generation = 0;  // grows when that log was restored from a backup
};

class Subscriber {
 public:
  using EventHandler = std::function<void(const Event&)>;
  using MissHandler = std::function<void(const Miss&)>;
  // Called when position or head moved without an event, heartbeats included.
  using ProgressHandler = std::function<void(const Progress&)>;

  explicit Subscriber(SubscriberOptions options);
  ~Subscriber();
  Subscriber(const Subscriber&) = delete;
  Subscriber& operator=(const Subscriber&) = delete;

  // One subscription a subscriber. Call before run().
  void subscribe(SubscriptionOptions options, EventHandler on_event);
  void on_miss(MissHandler handler);
  void on_progress(ProgressHandler handler);

  // Waits until the hub has accepted the subscription; false if it did not within `wait`.
  bool wait_until_ready(std::chrono::milliseconds wait);

  // Waits for the hub; throws Error(unreachable) that says why if none answered.
  void require_hub(std::chrono::milliseconds wait);

  // Handles events until stop is requested; saves the cursor, where there is one.
  void run(std::stop_token stop);

  // Saves how far the subscription has handled, now; false if the hub did not say so within `wait`. What is handled after the
  // last save comes again to the next one who starts from the cursor.
  bool save_cursor(std::chrono::milliseconds wait);

  // Handles the events that are waiting, for at most `wait`; returns how many. This is how tests drive a Subscriber.
  std::size_t poll(std::chrono::milliseconds wait);

  Progress progress() const;
  BusStats stats() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace laban

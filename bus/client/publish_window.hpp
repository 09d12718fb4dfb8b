// bus/client/publish_window.hpp - what was published and is not confirmed yet, packed into frames, in order.
//
// Threads: append(), wait_until_idle() and the counters are safe from any thread; everything else belongs to the I/O
//          thread. Appending costs one lock, under which the event is encoded into its frame; sending happens outside it.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "bus/client/feed_merge.hpp"
#include "bus/client/frame_memory.hpp"
#include "bus/codec/protocol.hpp"
#include "bus/codec/publish_builder.hpp"
#include "laban/bus.hpp"
#include "laban/error.hpp"

namespace laban::client {

class PublishWindow {
 public:
  struct Limits {
    std::size_t events = 10'000;
    std::size_t bytes = 64u << 20;
    std::size_t batch_events = 1'024;
    std::size_t batch_bytes =
        256u << 10;  // large enough to make the cost of a message small, and it stays in the caches
  };

  // A named producer goes on counting where the hub's log ends, so it counts only after welcome().
  PublishWindow(Limits limits, Level level, bool named) : limits_(limits), level_(level), named_(named) {}

  // What became of one event, or why nobody will know. An exception that crosses threads would be freed by either.
  using Answer = std::variant<Confirm, Error>;
  using Waiter = std::promise<Answer>;

  // Takes an event and encodes it. Its sequence 0: counted here. Waits for room for as long as `wait`; false: there was none.
  // `beyond` lets a handler go on publishing while its own confirms wait for it. Throws the Error of close(), and
  // Error(usage) for a sequence that is underway.
  bool append(const NewEvent& event, std::optional<std::chrono::milliseconds> wait,
              std::shared_ptr<Waiter> waiter = nullptr, bool beyond = false);

  // Takes several at once, which the hub stores all or none: a frame of their own. Their sequences are 0, or follow each other.
  // A set that is larger than the window goes through alone. `waiters` has one for each, or none.
  bool append_atomic(const std::vector<NewEvent>& events, std::optional<std::chrono::milliseconds> wait,
                     std::vector<std::shared_ptr<Waiter>> waiters = {}, bool beyond = false);

  // Every append and wait from now on throws this.
  void close(const Error& error);

  // False: something is still unconfirmed.
  bool wait_until_idle(std::chrono::milliseconds wait);

  // --- for the I/O thread

  // The hub is there, and has stored this producer up to `last_sequence`. What is unconfirmed is sent again, first.
  void welcome(std::uint64_t last_sequence);

  // The next frame to send; sent() moves on.
  SharedFrame next();
  void sent();
  bool has_unsent() const;

  // Settles events, and keeps what was said of them where somebody listens.
  void confirm(const codec::Confirms& confirms);

  // --- confirms for a handler

  // Keeps confirms until they are taken. Call before the first append.
  void keep_confirms() { keeps_confirms_ = true; }
  // Hands out what was kept, one object for one event after the other; returns how many.
  std::size_t take_confirms(const std::function<void(const Confirm&)>& handler);
  bool has_confirms() const;

  void add_to(BusStats& stats) const;

 private:
  struct Waiting {
    std::string id;
    std::shared_ptr<Waiter> waiter;
  };
  // A frame's worth. Open while the application appends to it, then finished once and kept until each event is settled.
  struct Batch {
    Batch(codec::Words memory, std::uint64_t first, Level level)
        : first_sequence(first), builder(std::move(memory), first, level) {}

    std::uint64_t first_sequence = 0;
    codec::PublishBuilder builder;  // the I/O thread's once it is closed
    std::vector<bool> settled;
    std::size_t unsettled = 0;
    std::size_t bytes = 0;
    bool closed = false;
    SharedFrame frame;
    std::map<std::size_t, Waiting> waiting;

    std::uint64_t end_sequence() const { return first_sequence + settled.size(); }
    bool holds(std::uint64_t sequence) const { return sequence >= first_sequence && sequence < end_sequence(); }
  };

  // Neighbours with one fate, kept for a handler. Their frame has their ids.
  struct Kept {
    std::shared_ptr<const Batch> batch;
    std::size_t first = 0;
    std::size_t count = 0;
    Confirm fate;  // of the first
  };

  bool has_room(std::size_t bytes, bool beyond) const { return has_room(1, bytes, beyond); }
  bool has_room(std::size_t events, std::size_t bytes, bool beyond) const;
  bool underway(std::uint64_t sequence) const;
  void add(const NewEvent& event, std::size_t bytes, std::shared_ptr<Waiter> waiter, bool same_frame = false);
  const SharedFrame& frame_of(Batch& batch);
  void settle(const std::shared_ptr<Batch>& batch, std::size_t first, std::size_t last,
              const codec::Confirms::Run& run);
  void settle_alike(const std::shared_ptr<Batch>& batch, std::size_t first, std::size_t last,
                    const codec::Confirms::Run& run);
  void drop_settled();

  const Limits limits_;
  const Level level_;
  const bool named_;
  const std::shared_ptr<FrameMemory> memory_ = std::make_shared<FrameMemory>();
  bool keeps_confirms_ = false;

  mutable std::mutex mutex_;
  std::condition_variable moved_;
  std::deque<std::shared_ptr<Batch>> batches_;
  std::size_t next_ = 0;  // the first batch that was not sent in this session
  std::size_t events_ = 0;
  std::size_t bytes_ = 0;
  std::optional<std::uint64_t> counted_;  // the last sequence that was counted here
  bool growing_ = true;                   // sequences have only grown so far: batches can be searched
  std::vector<Kept> kept_;
  std::size_t kept_events_ = 0;
  std::optional<Error> closed_;
  BusStats stats_;
};

}  // namespace laban::client

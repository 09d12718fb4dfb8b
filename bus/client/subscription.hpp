// bus/client/subscription.hpp - one subscription: the merged stream, the buffer between hub and handler, and what happens
// when the handler is slower.
#pragma once

#include <array>
#include <atomic>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "bus/client/part.hpp"
#include "bus/client/signal.hpp"
#include "laban/subscriber.hpp"

namespace laban::client {

struct FeedHandlers {
  Subscriber::EventHandler on_event;
  Subscriber::MissHandler on_miss;
  Subscriber::ProgressHandler on_progress;
};

class Subscription final : public Part {
 public:
  // Throws Error(usage) for options that make no sense.
  Subscription(std::uint64_t number, SubscriptionOptions options, Signal& signal);

  // --- for the application's thread

  // Calls the handlers for what is waiting, for at most `limit` events; returns how many. Throws where the subscription
  // was ended.
  std::size_t handle(const FeedHandlers& handlers, std::size_t limit, std::stop_token stop);

  // Has the cursor saved as of now; false if the hub did not say so in time, or there is no cursor.
  // `nudge` wakes the I/O thread.
  bool save(std::chrono::milliseconds wait, const std::function<void()>& nudge);

  // True once after handling made room that the I/O thread waits for.
  bool made_room() { return made_room_.exchange(false); }

  Progress progress() const;
  void check() const;  // throws what ended it
  void add_to(BusStats& stats) const;

  // --- Part

  void welcomed(const codec::Welcome& welcome) override;
  void gone() override;
  bool received(const codec::HubMessage& message, const SharedFrame& frame, Speaker& speaker) override;
  void received_feed(codec::Blob id, const SharedFrame& frame) override;
  bool flush(Speaker& speaker) override;
  bool has_work() const override;
  Clock::time_point deadline() const override;
  void failed(const Error& error) override;

 private:
  // What the overflow policy took, for the hub's ledger.
  struct Drops {
    std::uint64_t from = 0;
    std::uint64_t to = 0;
    std::uint64_t count = 0;
    std::vector<std::string> keys;
  };
  void hand_on();
  void hand_on_fleeting(codec::FeedBatch& batch, const SharedFrame& frame);
  void push(FeedChunk chunk);
  void note_drops(const std::vector<codec::Recorded>& events);
  bool say_drops(Speaker& speaker, bool at_once);
  bool say_position(Speaker& speaker);
  bool wants_to_save() const;
  void drop_oldest();
  void end(const Error& error);
  bool is_full() const;
  bool handle_chunk(const FeedHandlers& handlers, std::size_t& left, std::stop_token stop);
  codec::Subscribe wish() const;

  const std::uint64_t number_;
  const SubscriptionOptions options_;
  Signal& signal_;

  // The I/O thread's own.
  FeedMerge merge_;
  std::array<std::byte, codec::feed_id_bytes> feed_{};
  bool has_feed_ = false;
  bool asks_ = false;  // the wish is to be said in this session
  bool unsubscribes_ = false;
  bool held_ = false;
  std::optional<ReplayRequest> request_;
  Clock::time_point asked_at_{};
  Clock::time_point live_at_{};
  Clock::time_point wished_at_{};  // for the feed, on this connection
  std::uint64_t read_in_log_ = 0;  // what the position counts in
  std::uint32_t read_in_generation_ = 0;
  Drops drops_;
  Clock::time_point next_drops_{};
  std::optional<std::uint64_t> next_fleeting_;  // how many the feed has carried, when it was heard last

  // The application thread's own.
  std::optional<FeedChunk> current_;
  std::size_t next_event_ = 0;

  mutable std::mutex mutex_;
  std::deque<FeedChunk> buffer_;
  std::size_t buffered_events_ = 0;
  std::size_t buffered_bytes_ = 0;
  Progress session_;  // the part of it that the session knows
  std::optional<Error> error_;

  std::atomic<std::uint64_t> position_{0};
  std::atomic<std::uint64_t> head_{0};
  std::atomic<std::int64_t> hub_time_{0};
  std::atomic<bool> made_room_{false};
  std::atomic<std::uint64_t> handled_{0};
  std::atomic<std::uint64_t> malformed_{0};
  std::atomic<std::uint64_t> missed_{0};
  std::atomic<std::uint64_t> lost_{0};
  std::atomic<std::uint64_t> dropped_{0};
  std::atomic<std::uint64_t> fleeting_dropped_{0};
  std::atomic<std::uint64_t> fleeting_missed_{0};

  // The cursor: each position is one more than the offset, 0 is none.
  std::uint64_t begin_ = 0;                    // the I/O thread's own: where this subscription began
  std::atomic<std::uint64_t> saved_{0};        // the hub has it
  std::uint64_t saving_ = 0;                   // the I/O thread's own: said, not answered
  std::atomic<std::uint64_t> save_wanted_{0};  // asked for by hand: saved while the application stands there
  Clock::time_point next_save_{};              // the I/O thread's own
};

}  // namespace laban::client

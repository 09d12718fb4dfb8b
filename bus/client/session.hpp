// bus/client/session.hpp - one client's session with the hub, kept alive across everything that can happen to a hub.
//
// Threads:  starts one, the I/O thread, which owns the link and all parts. add(), nudge() and the questions are safe from
//           any thread.
// Delivery: hub not there, gone, silent or new: connects anew, says hello, and lets each part say again what the hub
//           must know. Says so once in the log, not at each try.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "bus/client/part.hpp"
#include "bus/client/signal.hpp"
#include "bus/transport/client_link.hpp"
#include "laban/options.hpp"

namespace laban::client {

struct SessionOptions {
  std::string source;
  std::string producer;  // empty: publishes nothing
  bool named = false;
  std::string hub;  // for people
  std::chrono::milliseconds silence{
      10'000};  // a hub that says nothing for so long, not even pong, is gone: longer than a busy disk's sync
  std::chrono::milliseconds ping{1'000};
};

class Session : private Speaker {
 public:
  Session(SessionOptions options, std::unique_ptr<transport::ClientLink> link, Signal& signal);
  ~Session() override;

  // Parts are flushed in the order in which they were added.
  void add(std::shared_ptr<Part> part);

  // There is something new to say. Cheap where the I/O thread is busy anyway.
  void nudge();

  bool connected() const { return connected_; }
  bool wait_until_connected(std::chrono::milliseconds wait);

  // "no hub answers at ENDPOINT (why): what to do"
  std::string absence() const;

  // Throws what ended the session for good.
  void check() const;
  void fail(const Error& error);

  std::uint64_t last_sequence() const { return last_sequence_; }
  std::uint64_t log_id() const { return log_id_; }
  std::uint32_t generation() const { return generation_; }
  void add_to(BusStats& stats) const;

  // Says the rest, then bye, then ends the thread. Further calls do nothing.
  void stop();

 private:
  enum class State { joining, greeted, open, failed };

  void work();
  void round();
  void keep_alive(Clock::time_point now);
  void join(Clock::time_point now);
  void lose(const std::string& why);
  void flush_parts();
  void receive();
  void receive_feeds();
  void handle(const codec::HubMessage& message, const SharedFrame& frame);
  void handle_welcome(const codec::Welcome& welcome);
  void handle_refused(const codec::Refused& refused, const SharedFrame& frame);
  void report_absence(Clock::time_point now);
  void sleep(Clock::time_point now);
  bool parts_have_work() const;
  void adopt_parts();
  void say_goodbye();

  bool say(SharedFrame frame) override;
  void add_feed(codec::Blob id) override { link_->add_feed(id); }
  void remove_feed(codec::Blob id) override { link_->remove_feed(id); }
  void connect_ingest(const std::string& endpoint) override { link_->connect_ingest(endpoint); }
  bool ingest_ready() override { return link_->ingest_ready(); }
  bool say_ingest(SharedFrame frame) override { return link_->say_ingest(std::move(frame)); }
  void give_up(const Error& error) override { fail(error); }
  using Speaker::say;

  const SessionOptions options_;
  const std::unique_ptr<transport::ClientLink> link_;
  Signal& signal_;

  // The I/O thread's own.
  State state_ = State::joining;
  std::vector<std::shared_ptr<Part>> parts_;
  Clock::time_point heard_{};  // the hub, last
  Clock::time_point spoke_{};  // to the hub, last
  Clock::time_point pinged_{};
  Clock::time_point joining_since_{};
  bool absence_reported_ = false;
  bool was_open_ = false;
  bool full_ = false;  // the socket takes no more for now

  std::atomic<bool> connected_{false};
  std::atomic<bool> has_failed_{false};
  std::atomic<bool> asleep_{false};
  std::atomic<bool> stopping_{false};
  std::atomic<std::uint64_t> last_sequence_{0};
  std::atomic<std::uint64_t> log_id_{0};
  std::atomic<std::uint32_t> generation_{0};
  std::atomic<std::uint64_t> malformed_{0};
  std::atomic<std::uint64_t> reconnects_{0};

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::shared_ptr<Part>> new_parts_;
  std::optional<Error> error_;
  std::string trouble_;

  std::thread thread_;
};

}  // namespace laban::client

// bus/client/signal.hpp - tells the application's thread that something is waiting for it.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <stop_token>

namespace laban::client {

// Threads: safe from any.
class Signal {
 public:
  void raise() {
    {
      const std::lock_guard lock{mutex_};
      ++count_;
    }
    raised_.notify_all();
  }

  std::uint64_t count() const {
    const std::lock_guard lock{mutex_};
    return count_;
  }

  // Returns once it was raised after `seen`, stop was requested, or the time has come; the new count.
  std::uint64_t wait(std::uint64_t seen, std::chrono::steady_clock::time_point until, std::stop_token stop) const {
    std::unique_lock lock{mutex_};
    raised_.wait_until(lock, stop, until, [&] { return count_ != seen; });
    return count_;
  }

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable_any raised_;
  std::uint64_t count_ = 0;
};

}  // namespace laban::client

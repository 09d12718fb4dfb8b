// bus/journal/syncer.hpp - syncs a file beside its owner, who meanwhile gathers the next group.
//
// Threads: everything here belongs to the journal's thread. A helper thread, started by the first start(), does nothing but
//          one sync at a time; what it is given and what it found change hands under one lock.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "bus/journal/file.hpp"

namespace laban::journal {

class Syncer {
 public:
  struct Result {
    int error = 0;  // an errno
    std::chrono::nanoseconds took{};
  };

  explicit Syncer(bool background) : background_(background) {}
  ~Syncer();  // waits for a sync that is underway
  Syncer(const Syncer&) = delete;
  Syncer& operator=(const Syncer&) = delete;

  // Begins a sync of the file. Nobody writes to it until finish(). `done` is called on the helper thread once finish() would
  // not wait; without a helper thread the sync happens here.
  void start(std::shared_ptr<File> file, std::function<void()> done);

  bool underway() const { return underway_; }  // begun and not finished
  bool done() const;                           // finish() will not wait
  Result finish();

 private:
  void run();
  static Result sync(File& file);

  const bool background_;
  bool underway_ = false;

  mutable std::mutex mutex_;
  std::condition_variable moved_;
  std::shared_ptr<File> file_;  // guarded by mutex_, as all below: what is to be synced, until it was
  std::function<void()> done_;
  Result result_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace laban::journal

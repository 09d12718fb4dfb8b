// bus/journal/syncer.cpp - the helper thread and the handing over.
#include "bus/journal/syncer.hpp"

#include <cassert>
#include <utility>

namespace laban::journal {

Syncer::~Syncer() {
  {
    const std::lock_guard hold{mutex_};
    stop_ = true;
  }
  moved_.notify_all();
  if (thread_.joinable()) thread_.join();
}

Syncer::Result Syncer::sync(File& file) {
  const auto before = std::chrono::steady_clock::now();
  const int error = file.sync_data();
  return {error, std::chrono::steady_clock::now() - before};
}

void Syncer::start(std::shared_ptr<File> file, std::function<void()> done) {
  assert(!underway_ && "one sync at a time");
  underway_ = true;
  if (!background_) {
    result_ = sync(*file);
    return done();
  }
  {
    const std::lock_guard hold{mutex_};
    file_ = std::move(file);
    done_ = std::move(done);
  }
  moved_.notify_all();
  if (!thread_.joinable()) thread_ = std::thread{[this] { run(); }};
}

bool Syncer::done() const {
  const std::lock_guard hold{mutex_};
  return underway_ && !file_;
}

Syncer::Result Syncer::finish() {
  assert(underway_ && "finish() follows start()");
  std::unique_lock hold{mutex_};
  moved_.wait(hold, [this] { return !file_; });
  underway_ = false;
  return result_;
}

void Syncer::run() {
  std::unique_lock hold{mutex_};
  for (;;) {
    moved_.wait(hold, [this] { return stop_ || file_; });
    if (!file_) return;
    const auto file = file_;
    hold.unlock();
    const auto result = sync(*file);
    hold.lock();
    result_ = result;
    file_.reset();
    const auto done = std::exchange(done_, {});
    hold.unlock();
    moved_.notify_all();
    done();
    hold.lock();
  }
}

}  // namespace laban::journal

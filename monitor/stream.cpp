// monitor/stream.cpp - ticks and their readers.
#include "monitor/stream.hpp"

namespace laban::monitor {
namespace {

std::string event(const char* name, const std::string& data) {
  return data.empty() ? std::string() : "event: " + std::string(name) + "\ndata: " + data + "\n\n";
}

}  // namespace

class ChangeStream::Source : public EventSource {
 public:
  Source(ChangeStream& stream, const Board& board) : stream_(stream), board_(board) {}

  std::optional<std::string> next(std::chrono::milliseconds wait) override {
    std::unique_lock lock(stream_.mutex_);
    const bool lost_touch = !stream_.ticks_.empty() && seen_ + 1 < stream_.ticks_.front().number;
    if (!begun_ || lost_touch) {
      const Published at = board_.newest();
      if (!at.counts) {
        stream_.ticked_.wait_for(lock, wait);
        return "";
      }
      seen_ = stream_.last_number_;
      begun_ = true;
      lock.unlock();
      return "retry: 1000\n" + event("status", stream_.api_.status_json(at)) +
             event("definitions", stream_.api_.definitions_json(at, nullptr)) +
             event("instances", stream_.api_.instances_json(at, {}, true));
    }
    if (!stream_.ticked_.wait_for(lock, wait, [&] { return stream_.last_number_ > seen_; })) return "";
    std::string out;
    for (const auto& tick : stream_.ticks_) {
      if (tick.number > seen_) out += *tick.text;
    }
    seen_ = stream_.last_number_;
    return out;
  }

 private:
  ChangeStream& stream_;
  const Board& board_;
  std::uint64_t seen_ = 0;
  bool begun_ = false;
};

bool ChangeStream::due() const {
  const std::lock_guard lock(mutex_);
  return std::chrono::steady_clock::now() - last_tick_ >= interval;
}

void ChangeStream::offer(const Published& published, std::vector<InstanceRow> changed, bool more) {
  std::shared_ptr<const Snapshot> before;
  {
    const std::lock_guard lock(mutex_);
    before = last_;
  }
  std::string text = event("status", api_.status_json(published)) +
                     event("definitions", api_.definitions_json(published, before.get()));
  if (!changed.empty() || more) text += event("instances", api_.instances_json(published, changed, more));
  const std::lock_guard lock(mutex_);
  last_ = published.counts;
  last_tick_ = std::chrono::steady_clock::now();
  ticks_.push_back(
      {++last_number_, std::make_shared<const std::string>("id: " + std::to_string(last_number_) + "\n" + text)});
  if (ticks_.size() > ticks_max) ticks_.pop_front();
  ticked_.notify_all();
}

std::unique_ptr<EventSource> ChangeStream::open(const Board& board) {
  return std::make_unique<Source>(*this, board);
}

}  // namespace laban::monitor

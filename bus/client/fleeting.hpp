// bus/client/fleeting.hpp - events at most once, on their way out: a bounded queue, and never a wait.
//
// Threads: append() and the counters are safe from any thread; everything else belongs to the I/O thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>

#include "bus/client/frame_memory.hpp"
#include "bus/client/part.hpp"
#include "bus/codec/publish_builder.hpp"
#include "laban/options.hpp"

namespace laban::client {

class FleetingOut final : public Part {
 public:
  explicit FleetingOut(std::string source) : source_(std::move(source)) {}

  // Encodes an event into the frame that it leaves with; false: dropped and counted.
  bool append(const NewEvent& event);

  void add_to(BusStats& stats) const;

  void welcomed(const codec::Welcome& welcome) override;
  void gone() override;
  bool flush(Speaker& speaker) override;
  bool has_work() const override;
  Clock::time_point deadline() const override;
  void failed(const Error&) override { gone(); }

 private:
  enum class Path {
    none,        // no hub, or one that takes none: all is dropped
    known,       // not asked for yet
    connecting,  // what is said waits, up to the limits
    open,
  };

  void take();
  void gave();

  const std::string source_;
  // The I/O thread's own.
  std::string endpoint_;
  bool blocked_ = false;  // the transport takes no more for now
  Clock::time_point retry_at_{};
  SharedFrame frame_;  // next to leave
  std::size_t frame_events_ = 0;
  std::size_t frame_bytes_ = 0;
  const std::shared_ptr<FrameMemory> memory_ = std::make_shared<FrameMemory>();

  std::atomic<Path> path_{Path::known};

  mutable std::mutex mutex_;
  std::deque<codec::FleetingBuilder> waiting_;  // the newest one is open
  std::size_t waiting_events_ = 0;              // with those of frame_
  std::size_t waiting_bytes_ = 0;

  std::atomic<std::uint64_t> sent_{0};
  std::atomic<std::uint64_t> dropped_{0};
};

}  // namespace laban::client

// bus/client/frame_memory.hpp - gives the memory of frames that are done with to frames that come: fresh pages cost more than
// what is written to them.
#pragma once

#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "bus/codec/frame.hpp"

namespace laban::client {

// Threads: safe from any; the last holder of a frame, often the socket's thread, gives it back.
class FrameMemory : public std::enable_shared_from_this<FrameMemory> {
 public:
  codec::Words take() {
    const std::lock_guard hold{mutex_};
    if (spare_.empty()) return {};
    auto words = std::move(spare_.back());
    spare_.pop_back();
    return words;
  }

  // A frame whose memory comes back when its last holder lets go of it.
  std::shared_ptr<const codec::Frame> share(codec::Frame frame) {
    return {new codec::Frame{std::move(frame)}, [memory = shared_from_this()](codec::Frame* done) {
              memory->give_back(done->take_words());
              delete done;
            }};
  }

 private:
  static constexpr std::size_t spare_max = 32;              // about as many as a full publish window has
  static constexpr std::size_t words_max = (2u << 20) / 8;  // the memory of a larger one is let go

  void give_back(codec::Words words) {
    const std::lock_guard hold{mutex_};
    if (spare_.size() < spare_max && words.capacity() <= words_max) spare_.push_back(std::move(words));
  }

  std::mutex mutex_;
  std::vector<codec::Words> spare_;  // guarded by mutex_
};

}  // namespace laban::client

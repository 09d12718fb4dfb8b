// monitor/edge/bus/feed.hpp - the bus as the monitor hears it: every event, in offset order, as observations. Includes the
// subscriber header alone, which has no publish.
//
// Threads:  one; the listener is called inside poll().
// Delivery: each event once, from the one after `after_offset` on; what is lost for good is told as a gap.
// Errors:   as laban::Subscriber; what the listener throws leaves poll() unchanged.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "laban/options.hpp"
#include "monitor/core/tracker.hpp"

namespace laban {
class Event;
}

namespace laban::monitor {

// What an event says about itself beside what is observed. Views: for the time of the call.
struct EventAttributes {
  std::string_view id;
  std::string_view causation;
  Time time{};  // the publisher's clock; the epoch where it said none
  std::string_view subject;
};

// How far the feed has come.
struct FeedState {
  std::uint64_t log_id = 0;  // 0: the hub has not been heard yet
  std::uint32_t generation = 0;
  std::uint64_t position = 0;
  std::uint64_t head = 0;
  Time hub_time{};
  bool ready = false;
  bool connected = false;
  std::uint64_t malformed = 0;
  std::uint64_t repaired = 0;
};

class FeedListener {
 public:
  virtual ~FeedListener() = default;
  virtual void on_event(const Observation& event, const EventAttributes& attributes) = 0;
  virtual void on_gap(std::uint64_t from, std::uint64_t to) = 0;
  // What these events of a process instance said was erased. Before on_event() of the event that tells it.
  virtual void on_erasure(std::string_view, const std::vector<std::uint64_t>&) {}
};

// One event of the bus, told to the listener. `decoder` as below.
void hand_over(const Event& event,
               const std::function<std::optional<std::string>(std::string_view, std::string_view)>& decoder,
               FeedListener& listener);

class Feed {
 public:
  // `decoder` makes JSON of payloads that are none, for definitions that correlate by a payload field; may be empty.
  using Decoder = std::function<std::optional<std::string>(std::string_view dataschema, std::string_view bytes)>;

  Feed(const HubAddress& hub, std::uint64_t after_offset, FeedListener& listener, Decoder decoder = {});
  ~Feed();
  Feed(const Feed&) = delete;
  Feed& operator=(const Feed&) = delete;

  // Hands over the events that are waiting, for at most `wait`; returns how many.
  std::size_t poll(std::chrono::milliseconds wait);
  FeedState state() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace laban::monitor

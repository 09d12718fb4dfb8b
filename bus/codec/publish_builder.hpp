// bus/codec/publish_builder.hpp - a publish frame that grows event by event, each encoded once, in place.
#pragma once

#include <cstdint>
#include <vector>

#include "bus/codec/envelope.hpp"
#include "bus/codec/frame.hpp"
#include "laban/options.hpp"

namespace laban::codec {

// Threads: belongs to one at a time.
class PublishBuilder {
 public:
  // Writes into `memory`, whatever was in it; sequences count from `first_sequence`.
  PublishBuilder(Words memory, std::uint64_t first_sequence, Level level);

  void make_atomic() { atomic_ = true; }  // the hub stores all or none
  void add(const NewEvent& event);
  std::size_t size() const { return events_.size(); }

  // Ends the builder's use.
  Frame finish();

 private:
  struct Place {
    std::uint32_t word = 0;
    std::uint32_t bytes = 0;
  };
  Words words_;
  std::uint64_t first_sequence_;
  Level level_;
  bool atomic_ = false;
  std::vector<Place> events_;
};

}  // namespace laban::codec

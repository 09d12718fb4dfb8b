// bus/codec/publish_builder.hpp - frames of events on their way to the hub: they grow event by event, each encoded once, in place.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "bus/codec/envelope.hpp"
#include "bus/codec/frame.hpp"
#include "laban/options.hpp"

namespace laban::codec {

// Envelopes behind each other, and at their end the message that points back at them.
class EnvelopeList {
 public:
  // Writes into `memory`, whatever was in it.
  explicit EnvelopeList(Words memory);

  // `bytes` as envelope_bytes() tells.
  void add(const NewEvent& event, std::size_t bytes, std::uint64_t sequence);
  std::size_t size() const { return places_.size(); }
  std::size_t bytes() const { return words_.size() * sizeof(std::uint64_t); }

  // `message` is one that the library wrote; a list of so many empty blobs is its last object. Ends the list's use, but for
  // envelope().
  Frame finish(const Words& message);
  // Where one lies in the frame that finish() gave.
  Blob envelope(const Frame& frame, std::size_t index) const {
    return frame.bytes().subspan(places_[index].word * sizeof(std::uint64_t), places_[index].bytes);
  }

 private:
  struct Place {
    std::uint32_t word = 0;
    std::uint32_t bytes = 0;
  };
  Words words_;
  std::vector<Place> places_;
};

// Threads: belongs to one at a time.
class PublishBuilder {
 public:
  // Sequences count from `first_sequence`.
  PublishBuilder(Words memory, std::uint64_t first_sequence, Level level)
      : envelopes_(std::move(memory)), first_sequence_(first_sequence), level_(level) {}

  void make_atomic() { atomic_ = true; }  // the hub stores all or none
  void add(const NewEvent& event, std::size_t bytes) {
    envelopes_.add(event, bytes, first_sequence_ + envelopes_.size());
  }
  std::size_t size() const { return envelopes_.size(); }

  // Ends the builder's use, but for envelope().
  Frame finish();
  Blob envelope(const Frame& frame, std::size_t index) const { return envelopes_.envelope(frame, index); }

 private:
  EnvelopeList envelopes_;
  std::uint64_t first_sequence_;
  Level level_;
  bool atomic_ = false;
};

// Events at most once. Threads: belongs to one at a time.
class FleetingBuilder {
 public:
  explicit FleetingBuilder(Words memory) : envelopes_(std::move(memory)) {}

  void add(const NewEvent& event, std::size_t bytes) { envelopes_.add(event, bytes, 0); }
  std::size_t size() const { return envelopes_.size(); }
  std::size_t bytes() const { return envelopes_.bytes(); }

  // Ends the builder's use.
  Frame finish(std::string_view source);

 private:
  EnvelopeList envelopes_;
};

}  // namespace laban::codec

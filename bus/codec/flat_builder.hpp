// bus/codec/flat_builder.hpp - builds a Cap'n Proto message as one segment without a segment table.
#pragma once

#include <capnp/message.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "bus/codec/frame.hpp"

namespace laban::codec {

// The size given is a guess that should not be too low: a message that outgrows it is copied once more at the end. What is
// reserved beyond it is for words that are appended to the finished message.
class FlatBuilder : public capnp::MessageBuilder {
 public:
  explicit FlatBuilder(std::size_t words, std::size_t reserved = 0) {
    words_.reserve(words + 1 + reserved);
    words_.resize(words + 1);
    std::fill(words_.begin(), words_.end(), 0);
  }

  kj::ArrayPtr<capnp::word> allocateSegment(unsigned minimum_words) override {
    if (!given_ && words_.size() >= minimum_words) {
      given_ = true;
      return kj::arrayPtr(reinterpret_cast<capnp::word*>(words_.data()), words_.size());
    }
    given_ = true;
    overflow_.emplace_back(std::max<std::size_t>(minimum_words, words_.size()));
    return kj::arrayPtr(reinterpret_cast<capnp::word*>(overflow_.back().data()), overflow_.back().size());
  }

  // Ends the builder's use.
  Frame finish() { return Frame{finish_words()}; }

  Words finish_words() {
    const auto segments = getSegmentsForOutput();
    if (segments.size() == 1 && segments[0].begin() == reinterpret_cast<capnp::word*>(words_.data())) {
      words_.resize(segments[0].size());
      return std::move(words_);
    }
    const auto root = getRoot<capnp::AnyPointer>().asReader();
    FlatBuilder exact{root.targetSize().wordCount + 1};
    exact.setRoot(root);
    return exact.finish_words();
  }

 private:
  Words words_;
  std::vector<std::vector<std::uint64_t>> overflow_;
  bool given_ = false;
};

// What a text or blob of this many bytes takes, in words.
inline std::size_t words_of(std::size_t bytes) {
  return bytes / 8 + 2;
}

}  // namespace laban::codec

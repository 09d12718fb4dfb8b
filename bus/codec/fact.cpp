// bus/codec/fact.cpp - what laban/fact.hpp promises: topics, names and payloads of typed facts.
#include "laban/fact.hpp"

#include <sys/random.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstring>

#include "bus/codec/flat_builder.hpp"
#include "laban/annotations.capnp.h"
#include "laban/error.hpp"

namespace laban {

namespace {

// Random bytes in bulk: a system call an identifier would cost more than all the rest of a publish.
class RandomBytes {
 public:
  void take(std::uint8_t* to, std::size_t count) {
    if (used_ + count > pool_.size()) refill();
    std::memcpy(to, pool_.data() + used_, count);
    used_ += count;
  }

 private:
  void refill() {
    // Up to 256 bytes come whole once the kernel's generator is ready, which it waits for.
    if (getrandom(pool_.data(), pool_.size(), 0) != static_cast<ssize_t>(pool_.size())) {
      throw Error(Errc::storage, "the system gives no random numbers: check that getrandom(2) is allowed");
    }
    used_ = 0;
  }

  std::array<std::uint8_t, 240> pool_{};
  std::size_t used_ = 240;
};

}  // namespace

std::string_view topic_of(capnp::StructSchema schema) {
  constexpr std::uint64_t topic_annotation = 0xd7f2b1a3c6e04f11;
  for (auto annotation : schema.getProto().getAnnotations()) {
    if (annotation.getId() == topic_annotation) {
      const auto text = annotation.getValue().getText();
      return {text.begin(), text.size()};
    }
  }
  throw Error(Errc::usage, std::string{schema.getShortDisplayName().cStr()} +
                               " has no topic: write $Laban.topic(\"what.happened\") beside it in its schema");
}

std::string new_id() {
  // ULID: 48 bits of milliseconds, 80 random bits, in Crockford's base 32.
  static constexpr char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
  thread_local RandomBytes random;
  const auto now =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
          .count();
  std::array<std::uint64_t, 2> halves{};  // 40 bits each
  for (auto& half : halves) random.take(reinterpret_cast<std::uint8_t*>(&half), 5);

  std::array<char, 26> text;
  const auto write = [&](int first, int digits, std::uint64_t bits) {
    for (int digit = first + digits - 1; digit >= first; --digit, bits >>= 5) text[digit] = alphabet[bits & 31];
  };
  write(0, 10, static_cast<std::uint64_t>(now));
  write(10, 8, halves[0]);
  write(18, 8, halves[1]);
  return {text.data(), text.size()};
}

std::vector<std::byte> flat_payload(capnp::MessageBuilder& message) {
  const auto segments = message.getSegmentsForOutput();
  const auto copy = [](kj::ArrayPtr<const kj::byte> bytes) {
    const auto* begin = reinterpret_cast<const std::byte*>(bytes.begin());
    return std::vector<std::byte>{begin, begin + bytes.size()};
  };
  if (segments.size() == 1) return copy(segments[0].asBytes());
  const auto root = message.getRoot<capnp::AnyPointer>().asReader();
  codec::FlatBuilder flat{root.targetSize().wordCount + 1};
  flat.setRoot(root);
  const codec::Frame frame = flat.finish();
  return {frame.bytes().begin(), frame.bytes().end()};
}

void expect_payload(const Event& event, std::uint64_t type_id) {
  if (event.erased()) {
    throw Error(Errc::malformed, "the payload of event " + std::string{event.id()} + " of type " +
                                     std::string{event.type()} + " was erased: ask erased() before reading one");
  }
  const std::string expected = capnp_dataschema(type_id);
  const bool same =
      event.dataschema().empty() ? event.datacontenttype() == capnp_content_type : event.dataschema() == expected;
  if (same && event.data().size() % sizeof(capnp::word) == 0) return;
  throw Error(Errc::malformed,
              "an event of type " + std::string{event.type()} + " carries " +
                  std::string{event.dataschema().empty() ? event.datacontenttype() : event.dataschema()} + " where " +
                  expected + " was expected: publish it with its schema");
}

std::string capnp_dataschema(std::uint64_t type_id) {
  char text[24];
  std::snprintf(text, sizeof text, "capnp:%016llx", static_cast<unsigned long long>(type_id));
  return text;
}

}  // namespace laban

// tests/unit/bus/codec/hostile_test.cpp - bytes from outside can be anything.
#include <capnp/message.h>
#include <doctest/doctest.h>

#include <random>

#include "bus/codec/codec.hpp"
#include "bus/codec/envelope.hpp"
#include "bus/codec/flat_builder.hpp"
#include "laban/envelope.capnp.h"
#include "laban/protocol.capnp.h"
#include "tests/support/bombs.hpp"
#include "tests/support/seed.hpp"

using namespace laban;
using namespace laban::codec;

namespace {

std::vector<Frame> sample_frames() {
  const Frame envelope = test::sample_envelope();
  const Recorded recorded{1, {}, "alice", envelope.bytes()};
  std::vector<Frame> frames;
  frames.push_back(encode(ClientMessage{Publish{1, Level::synced, {envelope.bytes(), envelope.bytes()}, false}}));
  frames.push_back(
      encode(ClientMessage{Subscribe{1, "amq.topic", {"a.#", "b.*"}, Subscribe::From::cursor, 0, {}, "c"}}));
  frames.push_back(encode(ClientMessage{Settle{1, Outcome::fail, {1, 2, 3}, 0, 0, "reason"}}));
  frames.push_back(encode(ClientMessage{Request{1, Bind{{"x", "q", "", "p", {{"x-match", std::string{"any"}}}}}}}));
  frames.push_back(encode(HubMessage{Replayed{1, 0, 1, 1, {recorded}, 0, 0, ""}}));
  frames.push_back(encode(HubMessage{Deliveries{1, {{1, 0, false, recorded}}}}));
  frames.push_back(encode(FeedBatch{1, 1, 0, 1, {recorded, recorded}, {}}));
  frames.push_back(envelope);
  return frames;
}

// Reads bytes in every way that there is; what counts is that each way comes back.
void read_all_ways(const Frame& frame) {
  const auto read_events = [](const std::vector<Recorded>& events) {
    for (const auto& event : events) {
      EventFields fields;
      if (read_envelope(event.envelope, fields)) check_limits(fields);
    }
  };
  const auto client = decode_client_message(frame);
  if (const auto* message = std::get_if<ClientMessage>(&client)) {
    if (const auto* publish = std::get_if<Publish>(message)) {
      for (const auto& event : publish->events) {
        EventFields fields;
        read_envelope(event, fields);
      }
    }
  }
  const auto hub = decode_hub_message(frame);
  if (const auto* message = std::get_if<HubMessage>(&hub)) {
    if (const auto* replayed = std::get_if<Replayed>(message)) read_events(replayed->events);
  }
  const auto batch = decode_feed_batch(frame);
  if (const auto* message = std::get_if<FeedBatch>(&batch)) read_events(message->events);
  EventFields fields;
  read_envelope(frame.bytes(), fields);
}

std::vector<std::byte> bytes_of(const Frame& frame) {
  return {frame.bytes().begin(), frame.bytes().end()};
}

Frame frame_of(std::string_view bytes) {
  return Frame{std::as_bytes(std::span{bytes})};
}

bool malformed(const Frame& frame) {
  return std::holds_alternative<Malformed>(decode_client_message(frame)) &&
         std::holds_alternative<Malformed>(decode_hub_message(frame)) &&
         std::holds_alternative<Malformed>(decode_feed_batch(frame));
}

}  // namespace

TEST_CASE("codec: empty, odd and oversized frames are malformed (G52)") {
  CHECK(malformed(Frame{}));
  CHECK(malformed(Frame{std::vector<std::byte>(13)}));
  CHECK(malformed(Frame{Words(frame_bytes_max / 8 + 1)}));
  EventFields fields;
  CHECK_FALSE(read_envelope({}, fields));
  const Frame large{Words(envelope_bytes_max / 8 + 1)};
  CHECK_FALSE(read_envelope(large.bytes(), fields));
}

TEST_CASE("codec: every truncation of every frame comes back (G52)") {
  for (const Frame& frame : sample_frames()) {
    const auto bytes = bytes_of(frame);
    for (std::size_t size = 0; size <= bytes.size(); ++size) read_all_ways(Frame{Blob{bytes}.first(size)});
  }
}

TEST_CASE("codec: every flipped bit of every frame comes back (G52)") {
  for (const Frame& frame : sample_frames()) {
    auto bytes = bytes_of(frame);
    for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
      bytes[bit / 8] ^= std::byte(1 << (bit % 8));
      read_all_ways(Frame{bytes});
      bytes[bit / 8] ^= std::byte(1 << (bit % 8));
    }
  }
}

TEST_CASE("codec: random bytes and random damage come back (G52)") {
  LABAN_SEED(seed);
  std::mt19937_64 random{seed};
  const auto frames = sample_frames();
  for (int round = 0; round < 20'000; ++round) {
    auto bytes = bytes_of(frames[random() % frames.size()]);
    for (std::uint64_t damage = random() % 8; damage > 0; --damage) {
      bytes[random() % bytes.size()] = std::byte(random() & 0xff);
    }
    read_all_ways(Frame{bytes});
  }
  for (int round = 0; round < 20'000; ++round) {
    Words words(random() % 20);
    for (auto& word : words) word = random();
    if (words.size() != 0 && round % 2 == 0) words[0] = (random() % 8) << 32 | (random() % 8) << 48;
    read_all_ways(Frame{std::move(words)});
  }
}

TEST_CASE(
    "codec: a pointer turned to claim much, lead nowhere or lead to itself is refused before memory is taken (G52)") {
  std::size_t refused = 0;
  for (const auto& sample : test::sample_client_frames()) {
    for (const auto harm : test::all_harms) {
      for (const auto& frame : test::harmed(sample, harm)) {
        read_all_ways(frame_of(frame));
        refused += std::holds_alternative<Malformed>(decode_client_message(frame_of(frame))) ? 1 : 0;
      }
    }
  }
  CHECK(refused > 300);

  // The same where the hub is not to be trusted.
  Confirms confirms;
  confirms.runs.resize(1);
  const auto sample = encode(HubMessage{confirms});
  const std::string honest{reinterpret_cast<const char*>(sample.bytes().data()), sample.size()};
  const auto frames = test::harmed(honest, test::Harm::structs_of_nothing);
  REQUIRE(frames.size() >= 3);
  for (const auto& frame : frames) CHECK(std::holds_alternative<Malformed>(decode_hub_message(frame_of(frame))));
}

TEST_CASE("codec: many pointers to one large blob are refused by the traversal limit (G52)") {
  CHECK(std::holds_alternative<Malformed>(decode_client_message(frame_of(test::overlapping_publish()))));
}

TEST_CASE("codec: a message of a newer peer is Unknown, an unknown enumerant is malformed") {
  auto set_half_word = [](Frame frame, std::uint16_t from, std::uint16_t to) {
    auto bytes = bytes_of(frame);
    for (std::size_t at = 8; at + 2 <= 40; at += 2) {
      std::uint16_t value = 0;
      std::memcpy(&value, bytes.data() + at, 2);
      if (value == from) {
        std::memcpy(bytes.data() + at, &to, 2);
        return Frame{bytes};
      }
    }
    FAIL("the value to change was not found");
    return frame;
  };
  const auto ping = set_half_word(encode(ClientMessage{Ping{}}), schema::ClientMessage::PING, 777);
  const auto decoded = decode_client_message(ping);
  CHECK(std::holds_alternative<Unknown>(std::get<ClientMessage>(decoded)));

  FlatBuilder builder{64};
  builder.initRoot<schema::ClientMessage>().initPublish().setLevel(static_cast<schema::Level>(99));
  const auto level = decode_client_message(builder.finish());
  REQUIRE(std::holds_alternative<Malformed>(level));
  CHECK(std::get<Malformed>(level).what.find("unknown enumerant") != std::string::npos);

  FlatBuilder refused{64};
  refused.initRoot<schema::HubMessage>().initRefused().setCode(static_cast<schema::RefusalCode>(999));
  const auto refusal = decode_hub_message(Frame{refused.finish()});
  CHECK(std::get<Refused>(std::get<HubMessage>(refusal)).code == Refusal::unspecified);
}

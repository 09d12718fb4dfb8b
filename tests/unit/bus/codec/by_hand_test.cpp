// tests/unit/bus/codec/by_hand_test.cpp - what the codec lays out and reads by hand is what the library would have.
#include <capnp/message.h>
#include <doctest/doctest.h>
#include <kj/exception.h>

#include <optional>
#include <random>
#include <tuple>

#include "bus/codec/codec.hpp"
#include "bus/codec/envelope.hpp"
#include "bus/codec/flat_builder.hpp"
#include "bus/codec/headers.hpp"
#include "bus/codec/publish_builder.hpp"
#include "laban/envelope.capnp.h"
#include "laban/protocol.capnp.h"
#include "tests/support/seed.hpp"

using namespace laban;
using namespace laban::codec;

namespace {

std::string random_text(std::mt19937_64& random) {
  std::string text(random() % 3 == 0 ? 0 : random() % 40, ' ');
  for (auto& character : text) character = static_cast<char>(random());
  return text;
}

NewEvent random_event(std::mt19937_64& random, bool headers = false) {
  NewEvent event;
  for (std::string* text : {&event.id, &event.source, &event.type, &event.subject, &event.dataschema,
                            &event.datacontenttype, &event.correlationid, &event.causationid, &event.traceparent,
                            &event.partitionkey, &event.exchange, &event.routingkey, &event.replyto}) {
    *text = random_text(random);
  }
  const auto instant = [&] { return Timestamp{std::chrono::nanoseconds{static_cast<std::int64_t>(random())}}; };
  event.time = instant();
  event.expirytime = instant();
  event.deliverytime = instant();
  event.sequence = random();
  event.priority = static_cast<std::uint8_t>(random());
  event.mandatory = random() % 2 == 0;
  event.data.resize(random() % 70);
  for (auto& byte : event.data) byte = static_cast<std::byte>(random());
  if (headers) event.headers = {{random_text(random), random_text(random)}, {"n", std::int64_t{5}}};
  return event;
}

// The library's view of an envelope, in the words of ours.
std::optional<NewEvent> read_by_library(Blob bytes) {
  const kj::ArrayPtr<const capnp::word> segment{reinterpret_cast<const capnp::word*>(bytes.data()), bytes.size() / 8};
  capnp::ReaderOptions options;
  options.traversalLimitInWords = segment.size() * 2 + 64;
  options.nestingLimit = 8;
  try {
    capnp::SegmentArrayMessageReader message{kj::arrayPtr(&segment, 1), options};
    const auto envelope = message.getRoot<schema::Envelope>();
    const auto text = [](capnp::Text::Reader from) { return std::string{from.begin(), from.size()}; };
    const auto at = [](std::int64_t nanoseconds) { return Timestamp{std::chrono::nanoseconds{nanoseconds}}; };
    NewEvent event;
    event.id = text(envelope.getId());
    event.source = text(envelope.getSource());
    event.type = text(envelope.getType());
    event.subject = text(envelope.getSubject());
    event.time = at(envelope.getTime());
    event.dataschema = text(envelope.getDataschema());
    event.datacontenttype = text(envelope.getDatacontenttype());
    event.correlationid = text(envelope.getCorrelationid());
    event.causationid = text(envelope.getCausationid());
    event.traceparent = text(envelope.getTraceparent());
    event.sequence = envelope.getSequence();
    event.partitionkey = text(envelope.getPartitionkey());
    event.exchange = text(envelope.getExchange());
    event.routingkey = text(envelope.getRoutingkey());
    const auto data = envelope.getData();
    const auto* begin = reinterpret_cast<const std::byte*>(data.begin());
    event.data.assign(begin, begin + data.size());
    event.expirytime = at(envelope.getExpirytime());
    event.deliverytime = at(envelope.getDeliverytime());
    event.priority = envelope.getPriority();
    event.replyto = text(envelope.getReplyto());
    event.mandatory = envelope.getMandatory();
    if (envelope.hasHeaders()) event.headers = read_headers(envelope.getHeaders());
    return event;
  } catch (const kj::Exception&) {
    return {};
  }
}

// Headers apart, which are the library's in both.
bool same(const NewEvent& a, const NewEvent& b) {
  const auto all = [](const NewEvent& e) {
    return std::tie(e.id, e.source, e.type, e.subject, e.time, e.dataschema, e.datacontenttype, e.correlationid,
                    e.causationid, e.traceparent, e.sequence, e.partitionkey, e.exchange, e.routingkey, e.data,
                    e.expirytime, e.deliverytime, e.priority, e.replyto, e.mandatory);
  };
  return all(a) == all(b);
}

// What the library makes of a frame, or nothing where it refuses it; the same limits as in the codec.
template <class Root, class Read>
auto by_library(Blob bytes, Read read) -> std::optional<decltype(read(std::declval<typename Root::Reader>()))> {
  const kj::ArrayPtr<const capnp::word> segment{reinterpret_cast<const capnp::word*>(bytes.data()), bytes.size() / 8};
  capnp::ReaderOptions options;
  options.traversalLimitInWords = segment.size() * 2 + 64;
  options.nestingLimit = 16;
  try {
    capnp::SegmentArrayMessageReader message{kj::arrayPtr(&segment, 1), options};
    return read(message.getRoot<Root>());
  } catch (const kj::Exception&) {
    return {};
  }
}

Blob blob_of(capnp::Data::Reader data) {
  return {reinterpret_cast<const std::byte*>(data.begin()), data.size()};
}

bool same_place(Blob a, Blob b) {
  return a.size() == b.size() && (a.empty() || a.data() == b.data());
}

// Flips bits, most often in the words that `hot` begins, and cuts; returns the frame.
Frame damaged(const Frame& frame, std::size_t hot, std::size_t hot_words, std::mt19937_64& random) {
  Words words(frame.size() / 8);
  std::memcpy(words.data(), frame.bytes().data(), frame.size());
  for (auto flips = random() % 4; flips-- > 0;) {
    const auto at = random() % 3 == 0 ? random() % words.size() : (hot + random() % hot_words) % words.size();
    words[at] ^= std::uint64_t{1} << random() % 64;
  }
  if (random() % 6 == 0) words.resize(1 + random() % words.size());
  return Frame{std::move(words)};
}

void add_random(PublishBuilder& builder, std::mt19937_64& random) {
  const auto event = random_event(random);
  builder.add(event, envelope_bytes(event));
}

std::vector<std::uint64_t> words_of_frame(Blob bytes) {
  std::vector<std::uint64_t> words(bytes.size() / 8);
  std::memcpy(words.data(), bytes.data(), bytes.size());
  return words;
}

template <class Root>
Frame copied_by_library(const Frame& frame) {
  const kj::ArrayPtr<const capnp::word> segment{reinterpret_cast<const capnp::word*>(frame.bytes().data()),
                                                frame.size() / 8};
  capnp::SegmentArrayMessageReader message{kj::arrayPtr(&segment, 1)};
  FlatBuilder copy{frame.size() / 8 + 8};
  copy.setRoot(message.getRoot<Root>());
  return copy.finish();
}

}  // namespace

TEST_CASE("by hand: an envelope is the library's, word for word") {
  LABAN_SEED(seed);
  std::mt19937_64 random{seed};
  for (int i = 0; i < 500; ++i) {
    const NewEvent event = random_event(random);
    const Frame frame = encode_envelope(event);
    CHECK(frame.size() == envelope_bytes(event));
    REQUIRE(words_of_frame(frame.bytes()) == words_of_frame(copied_by_library<schema::Envelope>(frame).bytes()));
    const auto read = read_by_library(frame.bytes());
    REQUIRE(read);
    CHECK(same(*read, event));
  }
}

TEST_CASE("by hand: what an envelope will take is never less than it does, headers too") {
  LABAN_SEED(seed);
  std::mt19937_64 random{seed};
  for (int i = 0; i < 100; ++i) {
    const NewEvent event = random_event(random, true);
    CHECK(encode_envelope(event).size() <= envelope_bytes(event));
  }
}

TEST_CASE("by hand: damaged envelopes are read as the library reads them, or refused as it refuses them (G330)") {
  LABAN_SEED(seed);
  std::mt19937_64 random{seed};
  int refused = 0;
  for (int i = 0; i < 20'000; ++i) {
    const Frame frame = encode_envelope(random_event(random));
    auto words = words_of_frame(frame.bytes());
    // The pointers are in front: that is where damage does most.
    const std::size_t reach = random() % 2 == 0 ? std::min<std::size_t>(words.size(), 21) : words.size();
    for (auto flips = random() % 3; flips-- > 0;) words[random() % reach] ^= std::uint64_t{1} << random() % 64;
    if (random() % 4 == 0) words.resize(1 + random() % words.size());
    const Blob bytes{reinterpret_cast<const std::byte*>(words.data()), words.size() * 8};
    const auto expected = read_by_library(bytes);
    EventFields fields;
    const bool read = read_envelope(bytes, fields);
    REQUIRE(read == expected.has_value());
    if (read) {
      CHECK(same(copy_of(Event{fields}), *expected));
    } else {
      ++refused;
    }
  }
  CHECK(refused > 0);
}

TEST_CASE("by hand: a publish frame reads like the one that the library writes") {
  LABAN_SEED(seed);
  std::mt19937_64 random{seed};
  Words memory;
  for (int i = 0; i < 100; ++i) {
    PublishBuilder builder{std::move(memory), 100, Level::written};
    if (i % 2 == 0) builder.make_atomic();
    std::vector<NewEvent> events(random() % 20);
    for (auto& event : events) {
      event = random_event(random, random() % 5 == 0);
      builder.add(event, envelope_bytes(event));
    }
    CHECK(builder.size() == events.size());
    Frame frame = builder.finish();
    const auto decoded = decode_client_message(frame);
    const auto& publish = std::get<Publish>(std::get<ClientMessage>(decoded));
    CHECK(publish.first_sequence == 100);
    CHECK(publish.level == Level::written);
    CHECK(publish.atomic == (i % 2 == 0));
    REQUIRE(publish.events.size() == events.size());
    for (std::size_t k = 0; k < events.size(); ++k) {
      EventFields fields;
      REQUIRE(read_envelope(publish.events[k], fields));
      CHECK(fields.sequence == 100 + k);
      const NewEvent read = copy_of(Event{fields});
      events[k].sequence = read.sequence;
      CHECK(same(read, events[k]));
      CHECK(read.headers == events[k].headers);
    }
    memory = frame.take_words();  // what was in it must not show
  }
}

TEST_CASE("by hand: a feed batch is the library's, word for word") {
  LABAN_SEED(seed);
  std::mt19937_64 random{seed};
  for (int i = 0; i < 200; ++i) {
    std::vector<Frame> envelopes;
    std::vector<std::string> principals;
    for (auto left = random() % 10; left > 0; --left) {
      envelopes.push_back(encode_envelope(random_event(random, random() % 5 == 0)));
      principals.push_back(random_text(random));
    }
    FeedBatch batch;
    batch.epoch = random();
    batch.sequence = 7;
    batch.after = 1;
    batch.up_to = 100;
    for (std::size_t k = 0; k < envelopes.size(); ++k) {
      batch.events.push_back({k + 2, Timestamp{std::chrono::nanoseconds{k}}, principals[k], envelopes[k].bytes()});
    }
    const Frame frame = encode(batch);
    CHECK(words_of_frame(frame.bytes()) == words_of_frame(copied_by_library<schema::FeedBatch>(frame).bytes()));
    const auto decoded = decode_feed_batch(frame);
    const auto& read = std::get<FeedBatch>(decoded);
    CHECK(read.epoch == batch.epoch);
    CHECK(read.up_to == 100);
    REQUIRE(read.events.size() == batch.events.size());
    for (std::size_t k = 0; k < read.events.size(); ++k) {
      CHECK(read.events[k].offset == k + 2);
      CHECK(read.events[k].principal == principals[k]);
      CHECK(words_of_frame(read.events[k].envelope) == words_of_frame(envelopes[k].bytes()));
    }
  }
}

TEST_CASE("by hand: damaged publish frames are read as the library reads them, or refused as it refuses them (G330)") {
  LABAN_SEED(seed);
  std::mt19937_64 random{seed};
  int refused = 0;
  for (int i = 0; i < 20'000; ++i) {
    PublishBuilder builder{Words{}, random(), static_cast<Level>(random() % 3)};
    if (random() % 2 == 0) builder.make_atomic();
    const auto count = random() % 5;
    for (std::size_t k = 0; k < count; ++k) add_random(builder, random);
    const Frame whole = builder.finish();
    // Message, publish and the list's pointers are the last words; the pointer to them is the first.
    const std::size_t hot =
        random() % 4 == 0 ? 0 : whole.size() / 8 - std::min<std::size_t>(7 + count, whole.size() / 8);
    const Frame frame = damaged(whole, hot, hot == 0 ? 1 : 7 + count, random);
    const auto expected = by_library<schema::ClientMessage>(frame.bytes(), [](schema::ClientMessage::Reader from) {
      Publish publish;
      KJ_REQUIRE(from.isPublish());
      publish.first_sequence = from.getPublish().getFirstSequence();
      KJ_REQUIRE(from.getPublish().getLevel() <= schema::Level::SYNCED);
      publish.level = static_cast<Level>(from.getPublish().getLevel());
      publish.atomic = from.getPublish().getAtomic();
      const auto events = from.getPublish().getEvents();
      KJ_REQUIRE(events.size() <= frame_events_max);
      for (auto event : events) publish.events.push_back(blob_of(event));
      return publish;
    });
    const auto decoded = decode_client_message(frame);
    const auto* message = std::get_if<ClientMessage>(&decoded);
    const auto* publish = message == nullptr ? nullptr : std::get_if<Publish>(message);
    REQUIRE((publish != nullptr) == expected.has_value());
    if (publish == nullptr) {
      ++refused;
      continue;
    }
    CHECK(publish->first_sequence == expected->first_sequence);
    CHECK(publish->level == expected->level);
    CHECK(publish->atomic == expected->atomic);
    CHECK(std::equal(publish->events.begin(), publish->events.end(), expected->events.begin(), expected->events.end(),
                     same_place));
  }
  CHECK(refused > 0);
}

TEST_CASE("by hand: damaged feed batches are read as the library reads them, or refused as it refuses them (G330)") {
  LABAN_SEED(seed);
  std::mt19937_64 random{seed};
  int refused = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::vector<Frame> envelopes;
    FeedBatch batch;
    batch.epoch = random();
    const auto principal = random_text(random);
    for (auto left = random() % 4; left > 0; --left) envelopes.push_back(encode_envelope(random_event(random)));
    for (const auto& envelope : envelopes) {
      auto& events = random() % 3 == 0 ? batch.fleeting : batch.events;
      events.push_back({random(), Timestamp{std::chrono::nanoseconds{5}}, principal, envelope.bytes()});
    }
    const Frame frame = damaged(encode(batch), 0, 12 + 4 * envelopes.size(), random);
    const auto expected = by_library<schema::FeedBatch>(frame.bytes(), [](schema::FeedBatch::Reader from) {
      FeedBatch read;
      read.epoch = from.getEpoch();
      read.fleeting_before = from.getFleetingBefore();
      const auto events = [](capnp::List<schema::Recorded>::Reader list, std::vector<Recorded>& into) {
        KJ_REQUIRE(list.size() <= frame_events_max);
        for (auto event : list) {
          const auto text = event.getPrincipal();
          into.push_back({event.getOffset(),
                          Timestamp{std::chrono::nanoseconds{event.getRecordedtime()}},
                          {text.begin(), text.size()},
                          blob_of(event.getEnvelope())});
        }
      };
      events(from.getEvents(), read.events);
      events(from.getFleeting(), read.fleeting);
      return read;
    });
    const auto decoded = decode_feed_batch(frame);
    const auto* read = std::get_if<FeedBatch>(&decoded);
    REQUIRE((read != nullptr) == expected.has_value());
    if (read == nullptr) {
      ++refused;
      continue;
    }
    CHECK(read->epoch == expected->epoch);
    CHECK(read->fleeting_before == expected->fleeting_before);
    const auto alike = [](const Recorded& a, const Recorded& b) {
      return a.offset == b.offset && a.recordedtime == b.recordedtime && a.principal == b.principal &&
             same_place(a.envelope, b.envelope);
    };
    CHECK(
        std::equal(read->events.begin(), read->events.end(), expected->events.begin(), expected->events.end(), alike));
    CHECK(std::equal(read->fleeting.begin(), read->fleeting.end(), expected->fleeting.begin(), expected->fleeting.end(),
                     alike));
  }
  CHECK(refused > 0);
}

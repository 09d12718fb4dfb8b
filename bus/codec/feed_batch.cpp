// bus/codec/feed_batch.cpp - what XPUB carries.
#include <cassert>

#include "bus/codec/guarded.hpp"
#include "bus/codec/plain_reader.hpp"
#include "laban/protocol.capnp.h"

namespace laban::codec {

namespace {

// A recorded event as the schema lays it out: offset, recordedtime, principal, envelope.
constexpr std::size_t element_words = 4;
constexpr auto element_size = capnp::_::structSize<schema::Recorded>();
static_assert(element_size.data == 2 && element_size.pointers == 2);
constexpr auto batch_size = capnp::_::structSize<schema::FeedBatch>();
static_assert(batch_size.data == 6 && batch_size.pointers == 2);

bool read_plain(PlainReader& from, const PlainReader::Object& batch, std::size_t pointer,
                std::vector<Recorded>& events) {
  const auto list = from.objects(batch, pointer, element_size.data, element_size.pointers);
  if (!from.plain() || list.count > frame_events_max) return false;
  events.reserve(list.count);
  for (std::size_t i = 0; i < list.count; ++i) {
    const auto event = PlainReader::object(list, i, element_size.data, element_size.pointers);
    const auto envelope = from.blob(event, 1);
    if (envelope.size() > envelope_bytes_max) return false;
    events.push_back(
        {from.word(event, 0), at(static_cast<std::int64_t>(from.word(event, 1))), from.text(event, 0), envelope});
  }
  return from.plain();
}

// False: not laid out as the hub does it.
bool read_plain(std::span<const Word> words, FeedBatch& batch) {
  PlainReader from{words};
  const auto root = from.root();
  batch.epoch = from.word(root, 0);
  batch.sequence = from.word(root, 1);
  batch.after = from.word(root, 2);
  batch.up_to = from.word(root, 3);
  batch.recordedtime = at(static_cast<std::int64_t>(from.word(root, 4)));
  batch.fleeting_before = from.word(root, 5);
  return from.plain() && read_plain(from, root, 0, batch.events) && read_plain(from, root, 1, batch.fleeting);
}

std::size_t whole_words(std::size_t bytes) {
  return (bytes + 7) / 8;
}

// What the events take behind the list of them.
std::size_t words_behind(const std::vector<Recorded>& events) {
  std::size_t words = 0;
  for (const auto& event : events) {
    words += whole_words(event.envelope.size());
    if (!event.principal.empty()) words += whole_words(event.principal.size() + 1);
  }
  return words;
}

// Fills the list that is the message's last object, and puts what it points at behind it.
void append_recorded(const std::vector<Recorded>& events, Words& message) {
  const std::size_t list = message.size() - events.size() * element_words;
  std::size_t next = message.size();
  message.resize(next + words_behind(events));
  const auto put = [&](std::size_t pointer, const void* bytes, std::size_t size, std::size_t count) {
    if (count == 0) return;
    const std::size_t words = whole_words(count);
    message[pointer] = list_pointer(static_cast<std::int64_t>(next) - static_cast<std::int64_t>(pointer + 1),
                                    ElementSize::byte, static_cast<std::uint32_t>(count));
    message[next + words - 1] = 0;  // padding
    std::memcpy(message.data() + next, bytes, size);
    next += words;
  };
  std::size_t element = list;
  for (const auto& event : events) {
    message[element] = event.offset;
    message[element + 1] = static_cast<Word>(nanoseconds(event.recordedtime));
    const auto principal = event.principal;
    put(element + 2, principal.data(), principal.size(), principal.empty() ? 0 : principal.size() + 1);
    put(element + 3, event.envelope.data(), event.envelope.size(), event.envelope.size());
    element += element_words;
  }
  assert(next == message.size());
}

}  // namespace

Frame encode(const FeedBatch& batch) {
  // The library makes the lists and fills the shorter; every event passes through the longer one, which is the last thing
  // that it makes and is filled by hand. A batch of the hub has one of the two.
  const bool stored = batch.events.size() >= batch.fleeting.size();
  const auto& many = stored ? batch.events : batch.fleeting;
  const auto& few = stored ? batch.fleeting : batch.events;
  std::size_t words = 24 + many.size() * element_words;
  for (const auto& event : few) words += recorded_words(event);
  FlatBuilder message{words, words_behind(many)};
  auto to = message.initRoot<schema::FeedBatch>();
  to.setEpoch(batch.epoch);
  to.setSequence(batch.sequence);
  to.setAfter(batch.after);
  to.setUpTo(batch.up_to);
  to.setRecordedtime(nanoseconds(batch.recordedtime));
  to.setFleetingBefore(batch.fleeting_before);
  const auto list = [&](bool of_stored, std::size_t size) {
    const auto count = static_cast<unsigned>(size);
    return of_stored ? to.initEvents(count) : to.initFleeting(count);
  };
  if (!few.empty()) {
    auto events = list(!stored, few.size());
    unsigned index = 0;
    for (const auto& event : few) write_recorded(event, events[index++]);
  }
  if (!many.empty()) (void)list(stored, many.size());
  Words frame = message.finish_words();
  if (!many.empty()) append_recorded(many, frame);
  return Frame{std::move(frame)};
}

Decoded<FeedBatch> decode_feed_batch(const Frame& frame) {
  if (FeedBatch batch; has_words(frame) && read_plain(words_of(frame), batch)) return batch;
  return guarded<FeedBatch, schema::FeedBatch>(frame, [](schema::FeedBatch::Reader from) {
    FeedBatch batch;
    batch.epoch = from.getEpoch();
    batch.sequence = from.getSequence();
    batch.after = from.getAfter();
    batch.up_to = from.getUpTo();
    batch.events = read_recorded(from.getEvents());
    batch.recordedtime = at(from.getRecordedtime());
    batch.fleeting = read_recorded(from.getFleeting());
    batch.fleeting_before = from.getFleetingBefore();
    return batch;
  });
}

}  // namespace laban::codec

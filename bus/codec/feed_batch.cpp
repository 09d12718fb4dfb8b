// bus/codec/feed_batch.cpp - what XPUB carries.
#include "bus/codec/guarded.hpp"
#include "laban/protocol.capnp.h"

namespace laban::codec {

Decoded<FeedBatch> decode_feed_batch(const Frame& frame) {
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

Frame encode(const FeedBatch& batch) {
  std::size_t words = 24;
  for (const auto& event : batch.events) words += recorded_words(event);
  for (const auto& event : batch.fleeting) words += recorded_words(event);
  FlatBuilder message{words};
  auto to = message.initRoot<schema::FeedBatch>();
  to.setEpoch(batch.epoch);
  to.setSequence(batch.sequence);
  to.setAfter(batch.after);
  to.setUpTo(batch.up_to);
  to.setRecordedtime(nanoseconds(batch.recordedtime));
  if (!batch.events.empty()) {
    auto events = to.initEvents(static_cast<unsigned>(batch.events.size()));
    unsigned index = 0;
    for (const auto& event : batch.events) write_recorded(event, events[index++]);
  }
  to.setFleetingBefore(batch.fleeting_before);
  if (!batch.fleeting.empty()) {
    auto fleeting = to.initFleeting(static_cast<unsigned>(batch.fleeting.size()));
    unsigned index = 0;
    for (const auto& event : batch.fleeting) write_recorded(event, fleeting[index++]);
  }
  return message.finish();
}

}  // namespace laban::codec

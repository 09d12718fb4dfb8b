// bus/codec/hub_message.cpp - what the hub says.
#include "bus/codec/guarded.hpp"
#include "laban/protocol.capnp.h"

namespace laban::codec {

// The plain enumerants are the wire's.
static_assert(static_cast<int>(Refusal::queue_full) == static_cast<int>(schema::RefusalCode::QUEUE_FULL));
static_assert(static_cast<int>(Refusal::unknown_producer) == static_cast<int>(schema::RefusalCode::UNKNOWN_PRODUCER));
static_assert(static_cast<int>(Refusal::stopping) == static_cast<int>(schema::RefusalCode::STOPPING));
static_assert(static_cast<int>(Outcome::renew) == static_cast<int>(schema::Outcome::RENEW));
static_assert(static_cast<int>(Outcome::fail) == static_cast<int>(schema::Outcome::FAIL));
static_assert(static_cast<int>(Level::synced) == static_cast<int>(schema::Level::SYNCED));

namespace {

// A refusal of a newer hub still refuses.
Refusal refusal(schema::RefusalCode code) {
  return code <= schema::RefusalCode::QUEUE_FULL ? static_cast<Refusal>(code) : Refusal::unspecified;
}

Welcome read(schema::Welcome::Reader from) {
  Welcome welcome;
  welcome.wire_version = from.getWireVersion();
  welcome.log_id = from.getLogId();
  welcome.generation = from.getGeneration();
  welcome.first_offset = from.getFirstOffset();
  welcome.head = from.getHead();
  welcome.feeds = view(from.getFeeds());
  welcome.last_sequence = from.getLastSequence();
  welcome.lease_millis = from.getLeaseMillis();
  welcome.version = view(from.getVersion());
  welcome.ingest = view(from.getIngest());
  welcome.generation_start = from.getGenerationStart();
  return welcome;
}

Confirms read(schema::Confirms::Reader from) {
  Confirms confirms;
  const auto runs = bounded(from.getRuns(), frame_events_max);
  confirms.runs.reserve(runs.size());
  for (auto run : runs) {
    confirms.runs.push_back({run.getFirstSequence(), run.getCount(), run.getFirstOffset(),
                             known(run.getLevel(), Level::synced), run.getQueues(), run.getUnroutable(),
                             run.getDuplicate(), run.getRefused(), refusal(run.getCode()), view(run.getMessage())});
  }
  return confirms;
}

Subscribed read(schema::Subscribed::Reader from) {
  Subscribed subscribed{from.getSubscription(), view(from.getFeed()), from.getEpoch(),
                        from.getSequence(),     from.getHead(),       from.getStart()};
  KJ_REQUIRE(subscribed.feed.empty() || subscribed.feed.size() == feed_id_bytes, "a feed id of a wrong length");
  return subscribed;
}

Replayed read(schema::Replayed::Reader from) {
  Replayed replayed;
  replayed.subscription = from.getSubscription();
  replayed.after = from.getAfter();
  replayed.up_to = from.getUpTo();
  replayed.head = from.getHead();
  replayed.events = read_recorded(from.getEvents());
  replayed.lost_from = from.getLostFrom();
  replayed.lost_to = from.getLostTo();
  replayed.lost_reason = view(from.getLostReason());
  return replayed;
}

Deliveries read(schema::Deliveries::Reader from) {
  Deliveries deliveries;
  deliveries.consumer = from.getConsumer();
  const auto messages = bounded(from.getMessages(), frame_events_max);
  deliveries.messages.reserve(messages.size());
  for (auto message : messages) {
    deliveries.messages.push_back(
        {message.getNumber(), message.getAttempts(), message.getRedelivered(), read_recorded(message.getRecorded())});
  }
  return deliveries;
}

HubMessage read(schema::HubMessage::Reader from) {
  switch (from.which()) {
    case schema::HubMessage::WELCOME:
      return read(from.getWelcome());
    case schema::HubMessage::CONFIRMS:
      return read(from.getConfirms());
    case schema::HubMessage::SUBSCRIBED:
      return read(from.getSubscribed());
    case schema::HubMessage::REPLAYED:
      return read(from.getReplayed());
    case schema::HubMessage::DELIVERIES:
      return read(from.getDeliveries());
    case schema::HubMessage::REPLY: {
      const auto reply = from.getReply();
      return Reply{reply.getId(),         reply.getRefused(),   refusal(reply.getCode()), view(reply.getMessage()),
                   view(reply.getJson()), view(reply.getData())};
    }
    case schema::HubMessage::REFUSED: {
      const auto refused = from.getRefused();
      return Refused{refusal(refused.getCode()), view(refused.getMessage()), refused.getAbout()};
    }
    case schema::HubMessage::PONG:
      return Pong{from.getPong().getHead(), at(from.getPong().getRecordedtime())};
    case schema::HubMessage::ADVANCED:
      return Advanced{from.getAdvanced().getSubscription(), from.getAdvanced().getHead()};
    case schema::HubMessage::CANCELLED:
      return Cancelled{from.getCancelled().getConsumer(), view(from.getCancelled().getReason())};
    default:
      return Unknown{};
  }
}

std::size_t words_needed(const HubMessage& message) {
  std::size_t words = 64;
  if (const auto* confirms = std::get_if<Confirms>(&message)) {
    for (const auto& run : confirms->runs) words += 6 + words_of(run.message.size());
  } else if (const auto* replayed = std::get_if<Replayed>(&message)) {
    for (const auto& event : replayed->events) words += recorded_words(event);
  } else if (const auto* deliveries = std::get_if<Deliveries>(&message)) {
    for (const auto& delivery : deliveries->messages) words += 3 + recorded_words(delivery.recorded);
  } else if (const auto* reply = std::get_if<Reply>(&message)) {
    words += words_of(reply->json.size()) + words_of(reply->message.size()) + words_of(reply->data.size());
  }
  return words;
}

struct WriteHubMessage {
  schema::HubMessage::Builder to;

  void operator()(const Unknown&) {}
  void operator()(const Welcome& welcome) {
    auto target = to.initWelcome();
    target.setWireVersion(welcome.wire_version);
    target.setLogId(welcome.log_id);
    target.setGeneration(welcome.generation);
    target.setFirstOffset(welcome.first_offset);
    target.setHead(welcome.head);
    LABAN_SET_TEXT(target, Feeds, welcome.feeds);
    target.setLastSequence(welcome.last_sequence);
    target.setLeaseMillis(welcome.lease_millis);
    LABAN_SET_TEXT(target, Version, welcome.version);
    LABAN_SET_TEXT(target, Ingest, welcome.ingest);
    target.setGenerationStart(welcome.generation_start);
  }
  void operator()(const Confirms& confirms) {
    auto runs = to.initConfirms().initRuns(static_cast<unsigned>(confirms.runs.size()));
    unsigned index = 0;
    for (const auto& run : confirms.runs) {
      auto target = runs[index++];
      target.setFirstSequence(run.first_sequence);
      target.setCount(run.count);
      target.setFirstOffset(run.first_offset);
      target.setLevel(static_cast<schema::Level>(run.level));
      target.setQueues(run.queues);
      target.setUnroutable(run.unroutable);
      target.setDuplicate(run.duplicate);
      target.setRefused(run.refused);
      target.setCode(static_cast<schema::RefusalCode>(run.code));
      LABAN_SET_TEXT(target, Message, run.message);
    }
  }
  void operator()(const Subscribed& subscribed) {
    auto target = to.initSubscribed();
    target.setSubscription(subscribed.subscription);
    if (!subscribed.feed.empty()) target.setFeed(data_of(subscribed.feed));
    target.setEpoch(subscribed.epoch);
    target.setSequence(subscribed.sequence);
    target.setHead(subscribed.head);
    target.setStart(subscribed.start);
  }
  void operator()(const Replayed& replayed) {
    auto target = to.initReplayed();
    target.setSubscription(replayed.subscription);
    target.setAfter(replayed.after);
    target.setUpTo(replayed.up_to);
    target.setHead(replayed.head);
    auto events = target.initEvents(static_cast<unsigned>(replayed.events.size()));
    unsigned index = 0;
    for (const auto& event : replayed.events) write_recorded(event, events[index++]);
    target.setLostFrom(replayed.lost_from);
    target.setLostTo(replayed.lost_to);
    LABAN_SET_TEXT(target, LostReason, replayed.lost_reason);
  }
  void operator()(const Deliveries& deliveries) {
    auto target = to.initDeliveries();
    target.setConsumer(deliveries.consumer);
    auto messages = target.initMessages(static_cast<unsigned>(deliveries.messages.size()));
    unsigned index = 0;
    for (const auto& delivery : deliveries.messages) {
      auto message = messages[index++];
      message.setNumber(delivery.number);
      message.setAttempts(delivery.attempts);
      message.setRedelivered(delivery.redelivered);
      write_recorded(delivery.recorded, message.initRecorded());
    }
  }
  void operator()(const Reply& reply) {
    auto target = to.initReply();
    target.setId(reply.id);
    target.setRefused(reply.refused);
    target.setCode(static_cast<schema::RefusalCode>(reply.code));
    LABAN_SET_TEXT(target, Message, reply.message);
    LABAN_SET_TEXT(target, Json, reply.json);
    if (!reply.data.empty()) target.setData(data_of(reply.data));
  }
  void operator()(const Refused& refused) {
    auto target = to.initRefused();
    target.setCode(static_cast<schema::RefusalCode>(refused.code));
    LABAN_SET_TEXT(target, Message, refused.message);
    target.setAbout(refused.about);
  }
  void operator()(const Pong& pong) {
    auto target = to.initPong();
    target.setHead(pong.head);
    target.setRecordedtime(nanoseconds(pong.recordedtime));
  }
  void operator()(const Advanced& advanced) {
    auto target = to.initAdvanced();
    target.setSubscription(advanced.subscription);
    target.setHead(advanced.head);
  }
  void operator()(const Cancelled& cancelled) {
    auto target = to.initCancelled();
    target.setConsumer(cancelled.consumer);
    LABAN_SET_TEXT(target, Reason, cancelled.reason);
  }
};

}  // namespace

Decoded<HubMessage> decode_hub_message(const Frame& frame) {
  return guarded<HubMessage, schema::HubMessage>(frame, [](auto from) { return read(from); });
}

Frame encode(const HubMessage& message) {
  FlatBuilder builder{words_needed(message)};
  std::visit(WriteHubMessage{builder.initRoot<schema::HubMessage>()}, message);
  return builder.finish();
}

Decoded<BackupPlan> decode_backup_plan(const Frame& frame) {
  return guarded<BackupPlan, schema::BackupPlan>(frame, [](schema::BackupPlan::Reader from) {
    BackupPlan plan{from.getBackup(), from.getHead(), from.getLogId(), from.getGeneration(), {}};
    for (auto file : bounded(from.getFiles(), backup_files_max)) {
      plan.files.push_back({view(file.getName()), file.getBytes()});
    }
    return plan;
  });
}

Frame encode(const BackupPlan& plan) {
  FlatBuilder builder{64 + plan.files.size() * 8};
  auto to = builder.initRoot<schema::BackupPlan>();
  to.setBackup(plan.backup);
  to.setHead(plan.head);
  to.setLogId(plan.log_id);
  to.setGeneration(plan.generation);
  auto files = to.initFiles(static_cast<unsigned>(plan.files.size()));
  unsigned index = 0;
  for (const auto& file : plan.files) {
    LABAN_SET_TEXT(files[index], Name, file.name);
    files[index++].setBytes(file.bytes);
  }
  return builder.finish();
}

}  // namespace laban::codec

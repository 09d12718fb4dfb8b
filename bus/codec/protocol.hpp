// bus/codec/protocol.hpp - what client and hub say to each other, as plain values.
//
// schemas/laban/protocol.capnp says what each field means. Views and blobs of a decoded message point into
// its Frame; those of a message to be encoded need to live until encode() returns.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "bus/codec/frame.hpp"
#include "laban/event.hpp"
#include "laban/model.hpp"
#include "laban/options.hpp"

namespace laban::codec {

inline constexpr std::uint16_t wire_version_now = 1;

enum class Refusal : std::uint16_t {
  unspecified,
  wire_version,
  malformed,
  unknown_message,
  no_session,
  too_large,
  not_found,
  different,
  fenced,
  storage,
  stopping,
  unroutable,
  invalid_address,
  denied,
  limit,
  unknown_producer,
  incompatible,
  queue_full,
};

enum class Outcome : std::uint16_t { acknowledge, give_back, fail, reject, renew };

// An envelope as the hub stored it.
struct Recorded {
  std::uint64_t offset = 0;
  Timestamp recordedtime{};
  std::string_view principal;
  Blob envelope;
};

// --- what a client says

struct Hello {
  std::uint16_t wire_version = wire_version_now;
  std::string_view source;
  std::string_view producer;
  bool named = false;
  std::uint64_t session = 0;
  std::uint64_t log_id = 0;
  std::string_view version;
};

struct Publish {
  std::uint64_t first_sequence = 0;
  Level level = Level::synced;
  std::vector<Blob> events;
  bool atomic = false;
};

struct Subscribe {
  enum class From { now, offset, time, first, cursor };
  std::uint64_t subscription = 0;
  std::string_view exchange;
  std::vector<std::string_view> patterns;
  From from = From::now;
  std::uint64_t offset = 0;
  Timestamp time{};
  std::string_view cursor;
  std::uint64_t log_id = 0;
  std::uint32_t generation = 0;
};

struct Replay {
  std::uint64_t subscription = 0;
  std::uint64_t after = 0;
  std::uint64_t up_to = 0;
  std::uint32_t bytes_max = 0;
};

struct Unsubscribe {
  std::uint64_t subscription = 0;
};

struct Consume {
  std::uint64_t consumer = 0;
  std::string_view queue;
  std::uint32_t prefetch = 0;
};

struct Cancel {
  std::uint64_t consumer = 0;
  std::string_view reason;
};

struct Settle {
  std::uint64_t consumer = 0;
  Outcome outcome = Outcome::acknowledge;
  std::vector<std::uint64_t> numbers;
  std::uint64_t up_to = 0;
  std::uint32_t delay_millis = 0;
  std::string_view reason;
};

struct DeleteExchange {
  std::string_view name;
};
struct DeleteQueue {
  std::string_view name;
};
struct Bind {
  BindingSpec binding;
};
struct Unbind {
  BindingSpec binding;
};
struct Inspect {
  std::string_view what;
  std::string_view argument;
};
struct SaveCursor {
  std::string_view name;
  std::uint64_t offset = 0;
  bool observer = false;
};
struct DeleteCursor {
  std::string_view name;
};
struct Backup {};
struct BackupPlan {
  struct File {
    std::string_view name;
    std::uint64_t bytes = 0;
  };
  std::uint64_t backup = 0;
  std::uint64_t head = 0;
  std::uint64_t log_id = 0;
  std::uint32_t generation = 0;
  std::vector<File> files{};
};
struct ReadBackup {
  std::uint64_t backup = 0;
  std::uint32_t file = 0;
  std::uint64_t at = 0;
  std::uint32_t bytes_max = 0;
};
struct EndBackup {
  std::uint64_t backup = 0;
};
struct Erase {
  std::string_view instance;
};
struct Redrive {
  std::string_view queue;
  bool dry_run = false;
  std::uint32_t limit = 0;
};
struct Schemas {
  std::vector<Blob> nodes;
};
struct Unknown {};  // a union member of a newer peer

struct Request {
  std::uint64_t id = 0;
  std::variant<Unknown, ExchangeSpec, DeleteExchange, QueueSpec, DeleteQueue, Bind, Unbind, Inspect, SaveCursor,
               Redrive, Schemas, DeleteCursor, Backup, ReadBackup, EndBackup, Erase>
      what;
};

struct Ping {};
struct Bye {};

struct Dropped {
  std::uint64_t subscription = 0;
  std::uint64_t from = 0;
  std::uint64_t to = 0;
  std::uint64_t count = 0;
  std::string_view reason;
  std::vector<std::string_view> keys;
};

using ClientMessage = std::variant<Unknown, Hello, Publish, Subscribe, Replay, Unsubscribe, Consume, Cancel, Settle,
                                   Request, Ping, Bye, Dropped>;

// Beside the conversation, to the ingest socket: events at most once.
struct Fleeting {
  std::string_view source;
  std::vector<Blob> events;
};

// --- what the hub says

struct Welcome {
  std::uint16_t wire_version = wire_version_now;
  std::uint64_t log_id = 0;
  std::uint32_t generation = 0;
  std::uint64_t first_offset = 0;
  std::uint64_t head = 0;
  std::string_view feeds;
  std::uint64_t last_sequence = 0;
  std::uint32_t lease_millis = 0;
  std::string_view version;
  std::string_view ingest;
  std::uint64_t generation_start = 0;
};

struct Confirms {
  struct Run {
    std::uint64_t first_sequence = 0;
    std::uint32_t count = 0;
    std::uint64_t first_offset = 0;
    Level level = Level::accepted;
    std::uint32_t queues = 0;
    bool unroutable = false;
    bool duplicate = false;
    bool refused = false;
    Refusal code = Refusal::unspecified;
    std::string_view message;
  };
  std::vector<Run> runs;
};

struct Subscribed {
  std::uint64_t subscription = 0;
  Blob feed;  // 16 bytes, or empty
  std::uint64_t epoch = 0;
  std::uint64_t sequence = 0;
  std::uint64_t head = 0;
  std::uint64_t start = 0;
};

struct Replayed {
  std::uint64_t subscription = 0;
  std::uint64_t after = 0;
  std::uint64_t up_to = 0;
  std::uint64_t head = 0;
  std::vector<Recorded> events;
  std::uint64_t lost_from = 0;
  std::uint64_t lost_to = 0;
  std::string_view lost_reason;
};

struct Deliveries {
  struct Delivery {
    std::uint64_t number = 0;
    std::uint32_t attempts = 0;
    bool redelivered = false;
    Recorded recorded;
  };
  std::uint64_t consumer = 0;
  std::vector<Delivery> messages;
};

struct Reply {
  std::uint64_t id = 0;
  bool refused = false;
  Refusal code = Refusal::unspecified;
  std::string_view message;
  std::string_view json;
  Blob data{};
};

struct Refused {
  Refusal code = Refusal::unspecified;
  std::string_view message;
  std::uint64_t about = 0;
};

struct Pong {
  std::uint64_t head = 0;
  Timestamp recordedtime{};
};

struct Advanced {
  std::uint64_t subscription = 0;
  std::uint64_t head = 0;
};

struct Cancelled {
  std::uint64_t consumer = 0;
  std::string_view reason;
};

using HubMessage = std::variant<Unknown, Welcome, Confirms, Subscribed, Replayed, Deliveries, Reply, Refused, Pong,
                                Advanced, Cancelled>;

// --- what a feed carries

struct FeedBatch {
  std::uint64_t epoch = 0;
  std::uint64_t sequence = 0;
  std::uint64_t after = 0;
  std::uint64_t up_to = 0;
  std::vector<Recorded> events;
  Timestamp recordedtime{};
  std::vector<Recorded> fleeting{};
  std::uint64_t fleeting_before = 0;
};

}  // namespace laban::codec

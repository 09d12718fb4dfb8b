// tests/fault/fuzz/codec_target.cpp - the first byte chooses the reader, the rest is its frame.
#include <algorithm>
#include <variant>

#include "bus/codec/codec.hpp"
#include "bus/codec/envelope.hpp"
#include "bus/codec/log_record.hpp"
#include "laban/error.hpp"
#include "tests/fault/fuzz/targets.hpp"
#include "tests/support/bombs.hpp"

namespace laban::fuzz {

namespace {

using codec::Frame;

enum Reader : char { client, hub, feed, fleeting, backup, envelope, event, note, state, readers };

// What a newer peer may say, and nobody of this version.
template <class Message>
bool is_unknown(const Message&) {
  return false;
}
bool is_unknown(const codec::HubMessage& message) {
  return std::holds_alternative<codec::Unknown>(message);
}
bool is_unknown(const codec::ClientMessage& message) {
  const auto* request = std::get_if<codec::Request>(&message);
  return std::holds_alternative<codec::Unknown>(message) ||
         (request != nullptr && std::holds_alternative<codec::Unknown>(request->what));
}

// What was understood can be said again, and means the same.
template <class Message>
std::string said_again(const Frame& frame, codec::Decoded<Message> (*decode)(const Frame&)) {
  const auto first = decode(frame);
  if (const auto* malformed = std::get_if<codec::Malformed>(&first))
    return malformed->what.empty() ? "malformed, and nobody says why" : "";
  if (is_unknown(std::get<Message>(first))) return "";
  const Frame said = codec::encode(std::get<Message>(first));
  const auto second = decode(said);
  if (const auto* malformed = std::get_if<codec::Malformed>(&second)) return "said again it is " + malformed->what;
  const Frame once_more = codec::encode(std::get<Message>(second));
  return std::ranges::equal(said.bytes(), once_more.bytes()) ? "" : "said again it is something else";
}

// Of the log: refused with an Error, or read.
template <class Read>
std::string refused_or(Read read) {
  try {
    read();
  } catch (const Error& error) {
    return error.code() == Errc::malformed ? "" : std::string{"another error: "} + error.what();
  }
  return "";
}

std::string read_envelope(codec::Blob bytes) {
  EventFields fields;
  if (!codec::read_envelope(bytes, fields)) return "";
  (void)codec::check_limits(fields);
  std::size_t texts = 0;
  for (const auto text : {fields.id, fields.source, fields.type, fields.subject, fields.exchange, fields.routingkey,
                          fields.correlationid, fields.causationid, fields.partitionkey})
    texts += text.size();
  return texts + fields.data.size() > bytes.size() ? "more than there is" : "";
}

std::string run(std::string_view input) {
  if (input.empty()) return "";
  const Frame frame{std::as_bytes(std::span{input.substr(1)})};
  switch (static_cast<unsigned char>(input[0]) % readers) {
    case client:
      return said_again(frame, codec::decode_client_message);
    case hub:
      return said_again(frame, codec::decode_hub_message);
    case feed:
      return said_again(frame, codec::decode_feed_batch);
    case fleeting:
      return said_again(frame, codec::decode_fleeting);
    case backup:
      return said_again(frame, codec::decode_backup_plan);
    case envelope:
      return read_envelope(frame.bytes());
    case event:
      return refused_or([&] { (void)read_envelope(codec::decode_event(frame.bytes()).envelope); });
    case note:
      return refused_or([&] { (void)codec::encode(codec::decode_note(frame.bytes())); });
    default:
      return refused_or([&] { (void)codec::encode(codec::decode_hub_state(frame.bytes())); });
  }
}

std::string input_of(Reader reader, const Frame& frame) {
  return char{reader} + std::string{reinterpret_cast<const char*>(frame.bytes().data()), frame.size()};
}

std::vector<std::string> seeds() {
  std::vector<std::string> all;
  for (const auto& frame : test::sample_client_frames()) all.push_back(char{client} + frame);
  all.push_back(char{client} + test::overlapping_publish());
  const Frame body = test::sample_envelope();
  const codec::Recorded recorded{1, {}, "alice", body.bytes()};
  using codec::HubMessage;
  for (const HubMessage& message : std::initializer_list<HubMessage>{
           codec::Welcome{1, 2, 3, 4, 5, "tcp://*:1", 6, 7, "1", "tcp://*:2", 8},
           codec::Confirms{{{1, 2, 3, Level::synced, 1, false, false, true, codec::Refusal::limit, "why"}}},
           codec::Subscribed{1, body.bytes().first(16), 2, 3, 4, 5}, codec::Replayed{1, 0, 1, 1, {recorded}, 0, 0, "x"},
           codec::Deliveries{1, {{1, 0, true, recorded}}}, codec::Reply{1, true, codec::Refusal::denied, "m", "{}", {}},
           codec::Refused{codec::Refusal::malformed, "m", 1}, codec::Pong{1, {}}, codec::Cancelled{1, "gone"}})
    all.push_back(input_of(hub, codec::encode(message)));
  all.push_back(input_of(feed, codec::encode(codec::FeedBatch{1, 1, 0, 1, {recorded, recorded}, {}, {recorded}, 2})));
  all.push_back(input_of(fleeting, codec::encode(codec::Fleeting{"s", {body.bytes()}})));
  all.push_back(input_of(backup, codec::encode(codec::BackupPlan{1, 2, 3, 4, {{"a.log", 5}}})));
  all.push_back(input_of(envelope, body));
  std::vector<std::byte> header;
  const std::uint32_t queues[] = {1, 2};
  codec::encode_event_header({1, 0, 7, "alice", queues}, header);
  header.insert(header.end(), body.bytes().begin(), body.bytes().end());
  all.push_back(input_of(event, Frame{codec::Blob{header}}));
  QueueSpec queue;
  queue.name = "q";
  ExchangeSpec exchange;
  exchange.name = "x";
  for (const codec::Note& one : std::initializer_list<codec::Note>{
           codec::Started{1}, queue, exchange, codec::Bound{{"x", "q", {}, "p", {{"a", std::string{"b"}}}}},
           codec::ProducerState{1, "p", true, 2, {}, {{1, 2, 3, codec::Refusal::limit}}},
           codec::CursorSaved{"c", 1, false}, codec::SchemasKept{{header}}})
    all.push_back(input_of(note, codec::encode(one)));
  codec::HubState whole;
  whole.exchanges.push_back(exchange);
  whole.queues.push_back({1, queue, 10});
  whole.producers.push_back({1, "p", true, 2, {}, {}});
  whole.cursors.push_back({"c", 1, true});
  whole.totals.push_back({"published", {"x"}, 3});
  all.push_back(input_of(state, codec::encode(whole)));
  return all;
}

}  // namespace

Target codec_target() {
  return {"codec", run, seeds, mutated_bytes};
}

}  // namespace laban::fuzz

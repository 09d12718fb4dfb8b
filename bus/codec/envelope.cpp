// bus/codec/envelope.cpp - reads and writes envelopes.
#include "bus/codec/envelope.hpp"

#include <capnp/message.h>
#include <kj/exception.h>

#include <algorithm>
#include <cassert>
#include <cstring>
#include <initializer_list>

#include "bus/codec/capnp_text.hpp"
#include "bus/codec/flat_builder.hpp"
#include "bus/codec/guarded.hpp"
#include "bus/codec/headers.hpp"
#include "bus/codec/plain_reader.hpp"
#include "laban/envelope.capnp.h"

namespace laban::codec {

namespace {

// Where the schema puts what. Fields are only ever added behind these, and the assertions below make whoever adds one come
// here.
enum DataWord : std::size_t { time_word, sequence_word, expirytime_word, deliverytime_word, small_word, data_words };
enum Pointer : std::size_t {
  id_pointer,
  source_pointer,
  type_pointer,
  subject_pointer,
  dataschema_pointer,
  datacontenttype_pointer,
  correlationid_pointer,
  causationid_pointer,
  traceparent_pointer,
  partitionkey_pointer,
  exchange_pointer,
  routingkey_pointer,
  headers_pointer,
  data_pointer,
  replyto_pointer,
  pointers
};
constexpr Word mandatory_bit = 1u << 8;  // of small_word; the priority is its lowest byte
constexpr Word erased_bit = 1u << 9;
constexpr auto schema_size = capnp::_::structSize<schema::Envelope>();
static_assert(schema_size.data == data_words && schema_size.pointers == pointers);
constexpr std::size_t root_words = 1 + data_words + pointers;  // with the pointer to it

// False: not plain, which is not to say malformed.
bool read_plain(std::span<const Word> words, EventFields& fields) {
  PlainReader from{words};
  const auto envelope = from.root();
  // Of an older release it would be shorter, of a newer one longer.
  if (envelope.data_words < data_words || envelope.pointers < pointers) return false;
  const Word* data = words.data() + envelope.first;
  const std::size_t first_pointer = envelope.first + envelope.data_words;
  if (words[first_pointer + headers_pointer] != 0) return false;
  const auto text = [&](Pointer pointer) { return from.text_at(first_pointer + pointer); };
  fields.id = text(id_pointer);
  fields.source = text(source_pointer);
  fields.type = text(type_pointer);
  fields.subject = text(subject_pointer);
  fields.time = at(static_cast<std::int64_t>(data[time_word]));
  fields.dataschema = text(dataschema_pointer);
  fields.datacontenttype = text(datacontenttype_pointer);
  fields.correlationid = text(correlationid_pointer);
  fields.causationid = text(causationid_pointer);
  fields.traceparent = text(traceparent_pointer);
  fields.sequence = data[sequence_word];
  fields.partitionkey = text(partitionkey_pointer);
  fields.exchange = text(exchange_pointer);
  fields.routingkey = text(routingkey_pointer);
  fields.headers.clear();
  fields.data = from.blob_at(first_pointer + data_pointer);
  fields.expirytime = at(static_cast<std::int64_t>(data[expirytime_word]));
  fields.deliverytime = at(static_cast<std::int64_t>(data[deliverytime_word]));
  fields.priority = static_cast<std::uint8_t>(data[small_word]);
  fields.replyto = text(replyto_pointer);
  fields.mandatory = (data[small_word] & mandatory_bit) != 0;
  fields.erased = (data[small_word] & erased_bit) != 0;
  return from.plain();
}

void read_fields(schema::Envelope::Reader envelope, EventFields& fields) {
  fields.id = view(envelope.getId());
  fields.source = view(envelope.getSource());
  fields.type = view(envelope.getType());
  fields.subject = view(envelope.getSubject());
  fields.time = at(envelope.getTime());
  fields.dataschema = view(envelope.getDataschema());
  fields.datacontenttype = view(envelope.getDatacontenttype());
  fields.correlationid = view(envelope.getCorrelationid());
  fields.causationid = view(envelope.getCausationid());
  fields.traceparent = view(envelope.getTraceparent());
  fields.sequence = envelope.getSequence();
  fields.partitionkey = view(envelope.getPartitionkey());
  fields.exchange = view(envelope.getExchange());
  fields.routingkey = view(envelope.getRoutingkey());
  fields.headers.clear();
  if (envelope.hasHeaders()) fields.headers = read_headers(envelope.getHeaders());
  fields.data = view(envelope.getData());
  fields.expirytime = at(envelope.getExpirytime());
  fields.deliverytime = at(envelope.getDeliverytime());
  fields.priority = envelope.getPriority();
  fields.replyto = view(envelope.getReplyto());
  fields.mandatory = envelope.getMandatory();
  fields.erased = envelope.getErased();
}

template <class Fields>
std::string find_excess(const Fields& f) {
  // Almost every event is far from every limit: no text is longer than all lengths or'ed together.
  const auto longest = f.exchange.size() | f.routingkey.size() | f.id.size() | f.source.size() | f.type.size() |
                       f.subject.size() | f.dataschema.size() | f.datacontenttype.size() | f.correlationid.size() |
                       f.causationid.size() | f.traceparent.size() | f.partitionkey.size() | f.replyto.size();
  if (longest <= std::min(address_bytes_max, attribute_bytes_max) && f.headers.size() <= headers_max) return {};
  struct Attribute {
    const char* name;
    std::string_view value;
    std::size_t bytes_max;
  };
  const Attribute attributes[] = {
      {"exchange", f.exchange, address_bytes_max},
      {"routingkey", f.routingkey, address_bytes_max},
      {"id", f.id, attribute_bytes_max},
      {"source", f.source, attribute_bytes_max},
      {"type", f.type, attribute_bytes_max},
      {"subject", f.subject, attribute_bytes_max},
      {"dataschema", f.dataschema, attribute_bytes_max},
      {"datacontenttype", f.datacontenttype, attribute_bytes_max},
      {"correlationid", f.correlationid, attribute_bytes_max},
      {"causationid", f.causationid, attribute_bytes_max},
      {"traceparent", f.traceparent, attribute_bytes_max},
      {"partitionkey", f.partitionkey, attribute_bytes_max},
      {"replyto", f.replyto, attribute_bytes_max},
  };
  for (const auto& attribute : attributes) {
    if (attribute.value.size() > attribute.bytes_max) {
      return std::string{attribute.name} + " has " + std::to_string(attribute.value.size()) + " bytes: use at most " +
             std::to_string(attribute.bytes_max);
    }
  }
  if (f.headers.size() > headers_max) {
    return "an event has " + std::to_string(f.headers.size()) + " headers: use at most " + std::to_string(headers_max);
  }
  return {};
}

}  // namespace

bool read_envelope(Blob envelope, EventFields& fields) {
  if (envelope.empty() || envelope.size() % sizeof(capnp::word) != 0 || envelope.size() > envelope_bytes_max) {
    return false;
  }
  assert(reinterpret_cast<std::uintptr_t>(envelope.data()) % sizeof(capnp::word) == 0);
  const std::span words{reinterpret_cast<const Word*>(envelope.data()), envelope.size() / sizeof(Word)};
  if (read_plain(words, fields)) return true;
  const kj::ArrayPtr<const capnp::word> segment{reinterpret_cast<const capnp::word*>(envelope.data()), words.size()};
  capnp::ReaderOptions options;
  options.traversalLimitInWords = segment.size() * 2 + 64;  // each word once is what an honest one needs
  options.nestingLimit = 8;
  try {
    capnp::SegmentArrayMessageReader message{kj::arrayPtr(&segment, 1), options};
    read_fields(message.getRoot<schema::Envelope>(), fields);
    return true;
  } catch (const kj::Exception&) {
    return false;
  }
}

std::string_view envelope_id(Blob envelope) {
  PlainReader from{{reinterpret_cast<const Word*>(envelope.data()), envelope.size() / sizeof(Word)}};
  const auto root = from.root();
  return from.text(root, id_pointer);
}

std::string check_limits(const EventFields& fields) {
  return find_excess(fields);
}

std::string check_limits(const NewEvent& event) {
  if (auto excess = find_excess(event); !excess.empty()) return excess;
  std::size_t bytes = event.data.size();
  for (const auto& [name, value] : event.headers) bytes += name.size() + header_value_bytes(value) + 48;
  constexpr std::size_t attributes_reserve = 64 << 10;  // the most that all attributes together can take
  if (bytes > envelope_bytes_max - attributes_reserve) {
    return "an event carries " + std::to_string(bytes) + " bytes: send at most " +
           std::to_string(envelope_bytes_max - attributes_reserve) + ", or a reference to where the data is kept";
  }
  return {};
}

// The library's way, for events with headers.
static Words built_envelope(const NewEvent& event, std::uint64_t sequence) {
  FlatBuilder message{envelope_bytes(event) / sizeof(Word)};
  auto envelope = message.initRoot<schema::Envelope>();
  LABAN_SET_TEXT(envelope, Id, event.id);
  LABAN_SET_TEXT(envelope, Source, event.source);
  LABAN_SET_TEXT(envelope, Type, event.type);
  LABAN_SET_TEXT(envelope, Subject, event.subject);
  envelope.setTime(nanoseconds(event.time));
  LABAN_SET_TEXT(envelope, Dataschema, event.dataschema);
  LABAN_SET_TEXT(envelope, Datacontenttype, event.datacontenttype);
  LABAN_SET_TEXT(envelope, Correlationid, event.correlationid);
  LABAN_SET_TEXT(envelope, Causationid, event.causationid);
  LABAN_SET_TEXT(envelope, Traceparent, event.traceparent);
  envelope.setSequence(sequence);
  LABAN_SET_TEXT(envelope, Partitionkey, event.partitionkey);
  LABAN_SET_TEXT(envelope, Exchange, event.exchange);
  LABAN_SET_TEXT(envelope, Routingkey, event.routingkey);
  if (!event.headers.empty()) {
    write_headers(event.headers, envelope.initHeaders(static_cast<unsigned>(event.headers.size())));
  }
  if (!event.data.empty()) envelope.setData(data_of(event.data));
  envelope.setExpirytime(nanoseconds(event.expirytime));
  envelope.setDeliverytime(nanoseconds(event.deliverytime));
  envelope.setPriority(event.priority);
  LABAN_SET_TEXT(envelope, Replyto, event.replyto);
  envelope.setMandatory(event.mandatory);
  return message.finish_words();
}

namespace {

// Writes a root and what it points at, one behind the other.
class PlainWriter {
 public:
  explicit PlainWriter(Word* root) : pointers_(root + 1 + data_words), next_(root + root_words) {
    *root = struct_pointer(0, data_words, pointers);
    std::fill(root + 1, next_, 0);
  }

  void text(std::size_t index, std::string_view text) {
    if (!text.empty()) put(index, text.data(), text.size(), text.size() + 1);
  }
  void blob(std::size_t index, Blob blob) {
    if (!blob.empty()) put(index, blob.data(), blob.size(), blob.size());
  }
  const Word* end() const { return next_; }

 private:
  void put(std::size_t index, const void* bytes, std::size_t size, std::size_t count) {
    Word* pointer = pointers_ + index;
    *pointer = list_pointer(next_ - (pointer + 1), ElementSize::byte, static_cast<std::uint32_t>(count));
    const std::size_t words = (count + 7) / 8;
    next_[words - 1] = 0;  // padding
    std::memcpy(next_, bytes, size);
    next_ += words;
  }

  Word* pointers_;
  Word* next_;
};

std::size_t text_words(std::string_view text) {
  return text.empty() ? 0 : text.size() / 8 + 1;  // with the zero at its end
}

}  // namespace

std::size_t envelope_bytes(const NewEvent& event) {
  std::size_t words = root_words + (event.data.size() + 7) / 8;
  for (const std::string* text : {&event.id, &event.source, &event.type, &event.subject, &event.dataschema,
                                  &event.datacontenttype, &event.correlationid, &event.causationid, &event.traceparent,
                                  &event.partitionkey, &event.exchange, &event.routingkey, &event.replyto}) {
    words += text_words(*text);
  }
  if (!event.headers.empty()) words += 1;
  for (const auto& [name, value] : event.headers) {
    words += 5 + words_of(name.size()) + words_of(header_value_bytes(value));
  }
  return words * sizeof(Word);
}

std::size_t append_envelope(const NewEvent& event, std::size_t bytes, std::uint64_t sequence, Words& to) {
  const std::size_t before = to.size();
  if (!event.headers.empty()) {
    const Words built = built_envelope(event, sequence);
    to.append(built.data(), built.size());
    return built.size() * sizeof(Word);
  }
  to.resize(before + bytes / sizeof(Word));
  Word* root = to.data() + before;
  PlainWriter envelope{root};
  Word* data = root + 1;
  data[time_word] = static_cast<Word>(nanoseconds(event.time));
  data[sequence_word] = sequence;
  data[expirytime_word] = static_cast<Word>(nanoseconds(event.expirytime));
  data[deliverytime_word] = static_cast<Word>(nanoseconds(event.deliverytime));
  data[small_word] = event.priority | (event.mandatory ? mandatory_bit : 0);
  // In the order in which the library is told above, which is the order in which they lie.
  envelope.text(id_pointer, event.id);
  envelope.text(source_pointer, event.source);
  envelope.text(type_pointer, event.type);
  envelope.text(subject_pointer, event.subject);
  envelope.text(dataschema_pointer, event.dataschema);
  envelope.text(datacontenttype_pointer, event.datacontenttype);
  envelope.text(correlationid_pointer, event.correlationid);
  envelope.text(causationid_pointer, event.causationid);
  envelope.text(traceparent_pointer, event.traceparent);
  envelope.text(partitionkey_pointer, event.partitionkey);
  envelope.text(exchange_pointer, event.exchange);
  envelope.text(routingkey_pointer, event.routingkey);
  envelope.blob(data_pointer, event.data);
  envelope.text(replyto_pointer, event.replyto);
  assert(envelope.end() == to.data() + to.size());
  return bytes;
}

std::optional<std::vector<std::byte>> erased_envelope(Blob envelope) {
  EventFields fields;
  if (!read_envelope(envelope, fields) || fields.erased || (fields.data.empty() && fields.subject.empty())) return {};
  fields.data = {};
  fields.subject = {};
  Words words;
  const NewEvent left = copy_of(Event{fields});
  (void)append_envelope(left, envelope_bytes(left), fields.sequence, words);
  words[1 + small_word] |= erased_bit;  // the root lies behind the pointer to it
  std::vector<std::byte> bytes(envelope.size());
  if (words.size() * sizeof(Word) < bytes.size()) std::memcpy(bytes.data(), words.data(), words.size() * sizeof(Word));
  return bytes;
}

bool is_erased(Blob envelope) {
  const std::span words{reinterpret_cast<const Word*>(envelope.data()), envelope.size() / sizeof(Word)};
  if (words.empty() || words[0] == 0) return !words.empty();
  PlainReader from{words};
  const auto root = from.root();
  return from.plain() && (from.word(root, small_word) & erased_bit) != 0;
}

Frame encode_envelope(const NewEvent& event) {
  Words words;
  (void)append_envelope(event, envelope_bytes(event), event.sequence, words);
  return Frame{std::move(words)};
}

}  // namespace laban::codec

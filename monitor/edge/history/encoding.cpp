// monitor/edge/history/encoding.cpp - keys and values of the store.
#include "monitor/edge/history/encoding.hpp"

#include <algorithm>
#include <cassert>

namespace laban::monitor::store {
namespace {

// The first byte of every value that has a layout: what a later release reads, it knows by this.
constexpr std::uint64_t layout = 3;

std::uint64_t nanoseconds(Time time) {
  return static_cast<std::uint64_t>(time.time_since_epoch().count());
}

}  // namespace

void put_big(std::string& out, std::uint64_t value, int bytes) {
  for (int i = bytes - 1; i >= 0; --i) out += static_cast<char>(value >> (8 * i));
}

std::uint64_t get_big(std::string_view in, int bytes) {
  assert(in.size() >= static_cast<std::size_t>(bytes));
  std::uint64_t out = 0;
  for (int i = 0; i < bytes; ++i) out = out << 8 | static_cast<std::uint8_t>(in[static_cast<std::size_t>(i)]);
  return out;
}

void Writer::number(std::uint64_t value) {
  while (value >= 0x80) {
    out_ += static_cast<char>(value | 0x80);
    value >>= 7;
  }
  out_ += static_cast<char>(value);
}

void Writer::text(std::string_view value) {
  number(value.size());
  out_ += value;
}

std::uint64_t Reader::number() {
  std::uint64_t value = 0;
  for (int shift = 0; shift < 64 && !in_.empty(); shift += 7) {
    const auto byte = static_cast<std::uint8_t>(in_.front());
    in_.remove_prefix(1);
    value |= std::uint64_t{byte & 0x7Fu} << shift;
    if (byte < 0x80) return value;
  }
  good_ = false;
  in_ = {};
  return 0;
}

std::string_view Reader::text() {
  const std::uint64_t size = number();
  if (!good_ || size > in_.size()) {
    good_ = false;
    in_ = {};
    return {};
  }
  const auto out = in_.substr(0, size);
  in_.remove_prefix(size);
  return out;
}

std::string name_key(const InstanceName& name) {
  std::string out;
  out.reserve(name.key.size() + 10);
  put_big(out, name.definition, 2);
  put_big(out, name.key.size(), 4);
  out += name.key;
  put_big(out, name.run, 4);
  return out;
}

std::optional<InstanceName> parse_name(std::string_view key) {
  if (key.size() < 10) return std::nullopt;
  InstanceName out;
  out.definition = static_cast<DefinitionIndex>(get_big(key, 2));
  const std::uint64_t size = get_big(key.substr(2), 4);
  if (key.size() != size + 10) return std::nullopt;
  out.key = key.substr(6, size);
  out.run = static_cast<std::uint32_t>(get_big(key.substr(6 + size), 4));
  return out;
}

std::string encode(const InstanceRow& row, std::string_view bytes) {
  Writer out;
  out.number(layout);
  out.number(index_of(row.bucket));
  out.number(row.first_offset);
  out.number(row.last_offset);
  out.time(row.started_at);
  out.time(row.last_event_at);
  out.time(row.step_since);
  out.time(row.ended_at);
  out.number(row.events);
  out.number(row.steps.size());
  for (const auto step : row.steps) out.number(step);
  out.number(row.since);
  return out.take().append(bytes);
}

bool decode(const InstanceName& name, std::string_view value, InstanceRow& row, std::string_view& bytes) {
  Reader in(value);
  if (in.number() != layout) return false;
  row.name = name;
  const std::uint64_t bucket = in.number();
  if (bucket >= buckets) return false;
  row.bucket = bucket_at(bucket);
  row.first_offset = in.number();
  row.last_offset = in.number();
  row.started_at = in.time();
  row.last_event_at = in.time();
  row.step_since = in.time();
  row.ended_at = in.time();
  row.events = static_cast<std::uint32_t>(in.number());
  row.steps.clear();
  for (std::uint64_t n = in.number(); n > 0 && in.good(); --n)
    row.steps.push_back(static_cast<std::uint16_t>(in.number()));
  row.since = in.number();
  bytes = in.rest();
  return in.good();
}

std::string history_key(const InstanceName& name, std::uint64_t offset) {
  std::string out = name_key(name);
  put_big(out, offset, 8);
  return out;
}

std::string encode(const EventSummary& event) {
  Writer out;
  out.number(layout);
  out.text(event.id);
  out.text(event.type);
  out.text(event.source);
  out.text(event.causation);
  out.time(event.time);
  out.time(event.recorded);
  out.number(event.step);
  out.text(event.subject);
  return out.take();
}

bool decode(std::uint64_t offset, std::string_view value, EventSummary& event) {
  Reader in(value);
  if (in.number() != layout) return false;
  event.offset = offset;
  event.id = in.text();
  event.type = in.text();
  event.source = in.text();
  event.causation = in.text();
  event.time = in.time();
  event.recorded = in.time();
  event.step = static_cast<StepIndex>(in.number());
  event.subject = in.text();
  return in.good();
}

std::string names_prefix(std::string_view key) {
  std::string out(key);
  out += '\0';
  return out;
}

std::string names_key(std::string_view key, DefinitionIndex definition) {
  std::string out = names_prefix(key);
  put_big(out, definition, 2);
  return out;
}

std::string encode(const StoredDefinition& definition) {
  Writer out;
  out.number(layout);
  out.text(definition.id);
  out.text(definition.version);
  out.text(definition.file);
  out.text(definition.text);
  out.number(definition.after_offset);
  out.number(definition.retired ? 1 : 0);
  out.number(definition.retired_after);
  return out.take();
}

bool decode(std::string_view value, StoredDefinition& definition) {
  Reader in(value);
  if (in.number() != layout) return false;
  definition.id = in.text();
  definition.version = in.text();
  definition.file = in.text();
  definition.text = in.text();
  definition.after_offset = in.number();
  definition.retired = in.number() != 0;
  definition.retired_after = in.number();
  return in.good();
}

std::string encode(const StoreHead& head) {
  Writer out;
  out.number(layout);
  out.number(head.log_id);
  out.number(head.generation);
  out.number(head.offset);
  out.time(head.last_event_at);
  out.number(head.gaps);
  out.number(head.log_entries);
  out.number(head.changes);
  out.number(head.forgotten);
  out.time(head.clock);
  return out.take();
}

bool decode(std::string_view value, StoreHead& head) {
  Reader in(value);
  if (in.number() != layout) return false;
  head.log_id = in.number();
  head.generation = static_cast<std::uint32_t>(in.number());
  head.offset = in.number();
  head.last_event_at = in.time();
  head.gaps = in.number();
  head.log_entries = in.number();
  head.changes = in.number();
  head.forgotten = in.number();
  head.clock = in.time();
  return in.good();
}

std::string encode(const LogEntry& entry) {
  Writer out;
  out.number(layout);
  out.number(static_cast<std::uint64_t>(entry.kind));
  out.number(entry.after_offset);
  out.time(entry.time);
  out.number(entry.definition);
  out.number(entry.from);
  out.number(entry.to);
  return out.take();
}

bool decode(std::string_view value, LogEntry& entry) {
  Reader in(value);
  if (in.number() != layout) return false;
  entry.kind = static_cast<LogEntry::Kind>(in.number());
  entry.after_offset = in.number();
  entry.time = in.time();
  entry.definition = static_cast<DefinitionIndex>(in.number());
  entry.from = in.number();
  entry.to = in.number();
  return in.good();
}

std::string cell_prefix(Order order, DefinitionIndex definition, const Bucket& bucket, std::uint16_t step) {
  std::string out;
  out.reserve(72);
  out += static_cast<char>(order);
  put_big(out, definition, 2);
  out += static_cast<char>(bucket.state);
  out += static_cast<char>(bucket.verdict);
  out += static_cast<char>(bucket.flags);
  put_big(out, order == Order::started && is_live(bucket.state) ? no_cell_step : step, 2);
  return out;
}

std::uint64_t sort_value(Order order, const InstanceRow& row) {
  switch (order) {
    case Order::last_event:
      return nanoseconds(row.last_event_at);
    case Order::started:
      return nanoseconds(row.started_at);
    case Order::ended:
      return nanoseconds(row.ended_at);
    case Order::duration:
      return static_cast<std::uint64_t>((row.ended_at - row.started_at).count());
  }
  return 0;
}

std::string index_key(Order order, const InstanceRow& row) {
  std::string out = cell_prefix(order, row.name.definition, row.bucket, cell_step(row.steps));
  put_big(out, sort_value(order, row), 8);
  out += name_key(row.name);
  return out;
}

bool belongs(Order order, const InstanceRow& row) {
  switch (order) {
    case Order::last_event:
      return is_live(row.bucket.state);
    case Order::started:
      return true;
    case Order::ended:
    case Order::duration:
      return !is_live(row.bucket.state);
  }
  return false;
}

std::string encode_entry(const InstanceRow& row) {
  Writer out;
  out.time(row.started_at);
  if (is_live(row.bucket.state)) return out.take();
  out.number(row.since);
  out.time(row.ended_at);
  return out.take();
}

bool decode(std::string_view value, IndexEntry& entry) {
  Reader in(value);
  entry = {};
  entry.started = in.time();
  if (!in.good() || in.rest().empty()) return in.good();
  entry.since = in.number();
  entry.ended = in.time();
  return in.good();
}

std::string encode(const InstanceRow& row) {
  return encode(row, {});
}

namespace {

constexpr std::size_t uuid_size = 36;

// How many characters from the start could be an UUID's.
std::size_t uuid_at(std::string_view text) {
  std::size_t at = 0;
  for (; at < std::min(text.size(), uuid_size); ++at) {
    const bool dash = at == 8 || at == 13 || at == 18 || at == 23;
    const char c = text[at];
    if (dash ? c != '-' : !((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) break;
  }
  return at;
}

// With a dash in it; and with a letter before that dash, or two of them, since 20261121-17 is none.
bool begins_uuid(std::string_view text) {
  const auto letter = [](char c) { return c >= 'a' && c <= 'f'; };
  return text.size() > 13 || (text.size() > 8 && std::any_of(text.begin(), text.begin() + 8, letter));
}

}  // namespace

std::vector<std::string> words_of(std::string_view text, bool to_be_found) {
  constexpr std::size_t words_max = 16, word_max = 64;
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (static_cast<unsigned char>(c) & 0x80) != 0; };
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  std::vector<std::string> out;
  const auto add = [&](std::string_view word) {
    if (word.empty() || out.size() == words_max) return;
    std::string kept(word.substr(0, word_max));
    if (std::find(out.begin(), out.end(), kept) == out.end()) out.push_back(std::move(kept));
  };
  std::string lower(text);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  for (std::size_t from = 0; from < lower.size();) {
    const std::size_t uuid = uuid_at(std::string_view(lower).substr(from));
    if (uuid == uuid_size ||
        (!to_be_found && from + uuid == lower.size() && begins_uuid(std::string_view(lower).substr(from)))) {
      add(std::string_view(lower).substr(from, uuid));
      from += uuid;
      continue;
    }
    std::size_t to = from;
    while (to < lower.size() && (is_letter(lower[to]) || is_digit(lower[to]))) ++to;
    const std::string_view word = std::string_view(lower).substr(from, to - from);
    add(word);
    // What begins with a number inside a word, as the 17 of order17 and of 0017.
    const bool all_digits = std::all_of(word.begin(), word.end(), is_digit);
    const auto digit = std::find_if(word.begin(), word.end(), is_digit);
    const bool tail = std::all_of(digit, word.end(), is_digit);  // letters, then digits
    if (to_be_found && tail && digit != word.end()) {
      std::string_view number = word.substr(static_cast<std::size_t>(digit - word.begin()));
      if (!all_digits) add(number);
      number.remove_prefix(std::min(number.find_first_not_of('0'), number.size() - 1));
      add(number);
    }
    from = to + (to == from ? 1 : 0);
  }
  return out;
}

std::string word_key(std::string_view word, const InstanceName& name) {
  std::string out = "w";
  out += word;
  out += '\0';
  return out + name_key(name);
}

std::string name_word_key(std::string_view name, std::string_view word) {
  std::string out = "n";
  out += name;
  return out.append(word);
}

std::string change_key(std::uint64_t first_offset, std::uint64_t first_number) {
  std::string out = "J";
  put_big(out, first_offset, 8);
  put_big(out, first_number, 8);
  return out;
}

std::string clock_key(Time clock, std::uint64_t first_number) {
  std::string out = "T";
  put_big(out, nanoseconds(clock), 8);
  put_big(out, first_number, 8);
  return out;
}

std::string replaced_key(std::uint64_t until, const InstanceName* name) {
  std::string out = "X";
  put_big(out, until, 8);
  return name == nullptr ? out : out + name_key(*name);
}

std::string checkpoint_key(char kind, std::uint64_t change, std::optional<std::uint64_t> part) {
  std::string out(1, kind);
  put_big(out, change, 8);
  if (part) put_big(out, *part, 4);
  return out;
}

}  // namespace laban::monitor::store

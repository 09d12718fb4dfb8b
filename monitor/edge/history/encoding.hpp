// monitor/edge/history/encoding.hpp - keys that sort as they should and values that read back.
//
// Keys, by column family:
//   state      "head" · "totals" · "definition"+number · "statistics"+number · "log"+number · "held"+NAME ·
//              "erased"+NAME · "part:"+name
//   live       NAME                                  -> row and tracker bytes
//   ended      NAME                                  -> the same
//   history    NAME offset                           -> event summary
//   names      key \0 definition                     -> length of the key, last run
//   index      order definition state verdict flags step sort NAME -> since, start, end
//   words      'w' word \0 NAME                      -> nothing; words of keys and subjects
//              'n' NAME word                         -> nothing; words of subjects
//   past       'J' first offset, first number        -> changes
//              'T' clock, first number               -> first offset
//              'X' number of the end, NAME           -> the row of an ended instance until that change
//              'C' number                            -> counts at that change
//              'O' number, part                      -> the live rows at that change
// where NAME is definition, length of the key, key, run. Numbers in keys are big-endian.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "monitor/edge/history/records.hpp"

namespace laban::monitor::store {

void put_big(std::string& out, std::uint64_t value, int bytes);
std::uint64_t get_big(std::string_view in, int bytes);

class Writer {
 public:
  void number(std::uint64_t value);
  void text(std::string_view value);
  void time(Time value) { number(static_cast<std::uint64_t>(value.time_since_epoch().count())); }
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

// Reads what a Writer wrote; after anything that does not fit, good() is false and every value is empty.
class Reader {
 public:
  explicit Reader(std::string_view in) : in_(in) {}
  std::uint64_t number();
  std::string_view text();
  Time time() { return Time{std::chrono::nanoseconds{static_cast<std::int64_t>(number())}}; }
  std::string_view rest() const { return in_; }
  bool good() const { return good_; }

 private:
  std::string_view in_;
  bool good_ = true;
};

std::string name_key(const InstanceName& name);
std::optional<InstanceName> parse_name(std::string_view key);

std::string encode(const InstanceRow& row, std::string_view bytes);
bool decode(const InstanceName& name, std::string_view value, InstanceRow& row, std::string_view& bytes);

std::string history_key(const InstanceName& name, std::uint64_t offset);
std::string encode(const EventSummary& event);
bool decode(std::uint64_t offset, std::string_view value, EventSummary& event);

std::string names_prefix(std::string_view key);  // of all definitions that have the key
std::string names_key(std::string_view key, DefinitionIndex definition);

std::string encode(const StoredDefinition& definition);
bool decode(std::string_view value, StoredDefinition& definition);
std::string encode(const StoreHead& head);
bool decode(std::string_view value, StoreHead& head);
std::string encode(const LogEntry& entry);
bool decode(std::string_view value, LogEntry& entry);

// The orders that a list can have; which rows an index holds.
enum class Order : char {
  last_event = 'L',  // live ones
  started = 'S',     // all
  ended = 'E',       // ended ones
  duration = 'D',    // ended ones
};

// Live rows stand under no step where they are sorted by their start: so a step that goes on moves one entry, not two.
inline constexpr std::size_t cell_prefix_size = 8;
std::string cell_prefix(Order order, DefinitionIndex definition, const Bucket& bucket, std::uint16_t step);
std::uint64_t sort_value(Order order, const InstanceRow& row);
std::string index_key(Order order, const InstanceRow& row);
bool belongs(Order order, const InstanceRow& row);

// What an index entry says beside its key; of a live row the start alone.
struct IndexEntry {
  std::uint64_t since = 0;
  Time started{};
  Time ended{};
};
std::string encode_entry(const InstanceRow& row);
bool decode(std::string_view value, IndexEntry& entry);

std::string encode(const InstanceRow& row);
// The words of a text in lower case, an UUID being one; to be found by, also the number at a word's end and numbers without
// their leading zeros. The beginning of an UUID is one word too where it is looked for.
std::vector<std::string> words_of(std::string_view text, bool to_be_found = true);
std::string word_key(std::string_view word, const InstanceName& name);
std::string name_word_key(std::string_view name, std::string_view word);

std::string change_key(std::uint64_t first_offset, std::uint64_t first_number);
std::string clock_key(Time clock, std::uint64_t first_number);
std::string replaced_key(std::uint64_t until, const InstanceName* name = nullptr);
std::string checkpoint_key(char kind, std::uint64_t change, std::optional<std::uint64_t> part = std::nullopt);

inline constexpr Order orders[] = {Order::last_event, Order::started, Order::ended, Order::duration};

}  // namespace laban::monitor::store

// monitor/edge/history/listing.cpp - one page of a list: where its rows are looked for, and the best of what is found.
//
// Rows lie in ranges of the index, one for each set of equal instances at one step, each in the order of the list. A page
// takes the best of the fronts of its ranges and reads no further into a range than to the first row that is too late. What
// ranges cannot answer (words, times of another order) is tested on the way, or is itself the range that is read, whole.
#include <algorithm>
#include <cassert>
#include <set>

#include "laban/error.hpp"
#include "monitor/edge/history/encoding.hpp"
#include "monitor/edge/history/store_files.hpp"

namespace laban::monitor::store {
namespace {

constexpr std::size_t postings_max = 10'000;  // instances of a word that are looked at one by one
constexpr std::size_t counted_max = 50'000;   // rows that are read for a total alone
constexpr std::size_t worded_max = 1'000;     // ... where the words of each are looked up
constexpr std::size_t visited_max = 2'000'000;

// A list is one group of rows after another.
struct Group {
  Order live_order, ended_order;
  bool descending, live, ended;
};

std::vector<Group> groups_of(Sort sort) {
  switch (sort) {
    case Sort::stalest:
      return {{Order::last_event, Order::ended, false, true, false},
              {Order::last_event, Order::ended, true, false, true}};
    case Sort::longest:
      return {{Order::started, Order::duration, false, true, false},
              {Order::started, Order::duration, true, false, true}};
    case Sort::newest:
      return {{Order::started, Order::started, true, true, true}};
  }
  return {};
}

// Where a row stands in a list. Also what a page's `next` is made of.
struct Place {
  std::size_t group = 0;
  std::uint64_t sort = 0;
  std::string name;
};

std::string write_place(Sort sort, const Place& place) {
  std::string out(1, static_cast<char>(sort));
  out += static_cast<char>(place.group);
  put_big(out, place.sort, 8);
  return out + place.name;
}

std::optional<Place> read_place(Sort sort, std::string_view text) {
  if (text.empty()) return std::nullopt;
  const auto bad = [] { return Error(Errc::usage, "the cursor is of another list: start again without one"); };
  if (text.size() < 20 || text[0] != static_cast<char>(sort)) throw bad();
  Place out{static_cast<std::size_t>(text[1]), get_big(text.substr(2), 8), std::string(text.substr(10))};
  if (out.group >= groups_of(sort).size() || !parse_name(out.name)) throw bad();
  return out;
}

std::uint64_t number_of(Time time) {
  return static_cast<std::uint64_t>(time.time_since_epoch().count());
}

class Lister {
 public:
  Lister(const Files& files, const rocksdb::ReadOptions& options, const ListQuery& query)
      : files_(files),
        options_(options),
        query_(query),
        groups_(groups_of(query.sort)),
        terms_(words_of(query.text, false)),
        after_(read_place(query.sort, query.after)),
        index_(files.db->NewIterator(options, files.index)) {
    assert(query.limit > 0);
    for (const auto& part : query.parts) cells_.insert({part.definition, index_of(part.bucket), part.step});
    tested_ = !query.text.empty() || query.started.any() || query.ended.any();
  }

  ListPage page();

 private:
  using Cell = std::tuple<DefinitionIndex, std::size_t, std::uint16_t>;

  struct Found {
    Place place;
    const InstanceRow* row = nullptr;  // where it is of the past
  };
  // A part of one range: sort values [from, to).
  struct Range {
    std::string prefix;
    std::uint64_t from = 0;
    std::uint64_t to = ~std::uint64_t{0};
  };

  bool holds_part(DefinitionIndex definition, const Bucket& bucket, std::uint16_t step) const {
    return cells_.contains({definition, index_of(bucket), step});
  }
  bool before(const Place& a, const Place& b) const;
  bool full() const { return best_.size() > query_.limit; }
  bool too_late(const Place& place) const { return full() && !before(place, best_.front().place); }
  void offer(Found&& found);
  std::size_t group_of(bool live) const;

  bool words_fit(std::string_view name, std::size_t without);
  bool fits(bool live, Time started, Time ended, std::uint64_t since) const;
  void read_past();
  bool read_postings();
  void read_half(bool live);
  void read_range(const Range& range, Order order, std::size_t group, bool live, bool in_order);

  const Files& files_;
  const rocksdb::ReadOptions& options_;
  const ListQuery& query_;
  std::vector<Group> groups_;
  std::vector<std::string> terms_;
  std::optional<Place> after_;
  std::unique_ptr<rocksdb::Iterator> index_;
  std::unique_ptr<rocksdb::Iterator> words_;
  std::string unread_;  // of a word, which has no value
  std::set<Cell> cells_;
  bool tested_ = false;
  std::vector<Found> best_;  // a heap, the last of the list on top
  std::uint64_t total_ = 0;
  bool exact_ = true;
  std::size_t counted_ = 0;
};

bool Lister::before(const Place& a, const Place& b) const {
  if (a.group != b.group) return a.group < b.group;
  const bool descending = groups_[a.group].descending;
  if (a.sort != b.sort) return (a.sort < b.sort) != descending;
  return a.name != b.name && (a.name < b.name) != descending;
}

std::size_t Lister::group_of(bool live) const {
  std::size_t group = 0;
  while (!(live ? groups_[group].live : groups_[group].ended)) ++group;
  return group;
}

void Lister::offer(Found&& found) {
  if (after_ && !before(*after_, found.place)) return;
  if (too_late(found.place)) return;
  const auto order = [this](const Found& a, const Found& b) { return before(a.place, b.place); };
  if (full()) {
    std::pop_heap(best_.begin(), best_.end(), order);
    best_.pop_back();
  }
  best_.push_back(std::move(found));
  std::push_heap(best_.begin(), best_.end(), order);
}

bool Lister::fits(bool live, Time started, Time ended, std::uint64_t since) const {
  if (!live && query_.past && since > query_.past->change) return false;
  if (query_.started.any() && !query_.started.holds(started)) return false;
  return !query_.ended.any() || (!live && query_.ended.holds(ended));
}

// Whether each term, but that one, begins a word of the key or of a subject.
bool Lister::words_fit(std::string_view name, std::size_t without) {
  if (terms_.empty()) return query_.text.empty();
  const auto own = words_of(name.substr(6, name.size() - 10));
  for (std::size_t i = 0; i < terms_.size(); ++i) {
    if (i == without) continue;
    const std::string& term = terms_[i];
    if (std::any_of(own.begin(), own.end(), [&](const auto& word) { return word.starts_with(term); })) continue;
    // A whole word, as most are, is found for a tenth of what a walk costs.
    const std::string wanted = name_word_key(name, term);
    const auto whole = files_.db->Get(options_, files_.words, wanted, &unread_);
    if (whole.ok()) continue;
    if (!whole.IsNotFound()) files_.check(whole, "read");
    if (!words_) words_.reset(files_.db->NewIterator(options_, files_.words));
    words_->Seek(wanted);
    if (!words_->Valid() || !words_->key().starts_with(wanted)) {
      files_.check(words_->status(), "read");
      return false;
    }
  }
  return true;
}

// What an instant of the past has in memory: few enough to look at all.
void Lister::read_past() {
  for (const auto& row : *query_.past->rows) {
    const bool live = is_live(row.bucket.state);
    if (!holds_part(row.name.definition, row.bucket, cell_step(row.steps))) continue;
    if (!fits(live, row.started_at, row.ended_at, 0)) continue;
    std::string name = name_key(row.name);
    if (!query_.text.empty() && !words_fit(name, terms_.size())) continue;
    ++total_;
    const std::size_t group = group_of(live);
    const Order order = live ? groups_[group].live_order : groups_[group].ended_order;
    offer({{group, sort_value(order, row), std::move(name)}, &row});
  }
}

// The instances of the rarest term, one by one; false where there are too many of every term.
bool Lister::read_postings() {
  if (!words_) words_.reset(files_.db->NewIterator(options_, files_.words));
  std::size_t rarest = terms_.size();
  // A rare one is found before a frequent one is counted.
  for (const std::size_t most : {postings_max / 10, postings_max}) {
    std::size_t least = most;
    for (std::size_t i = 0; i < terms_.size(); ++i) {
      const std::string prefix = "w" + terms_[i];
      std::size_t count = 0;
      for (words_->Seek(prefix); count < least && words_->Valid() && words_->key().starts_with(prefix); words_->Next())
        ++count;
      files_.check(words_->status(), "read");
      if (count >= least) continue;
      least = count;
      rarest = i;
    }
    if (rarest != terms_.size()) break;
  }
  if (rarest == terms_.size()) return false;
  std::vector<std::string> found;
  const std::string prefix = "w" + terms_[rarest];
  for (words_->Seek(prefix); words_->Valid() && words_->key().starts_with(prefix); words_->Next()) {
    const auto key = words_->key().ToStringView();
    const auto zero = key.find('\0');
    if (zero == std::string_view::npos) files_.damaged("a word cannot be read");
    found.emplace_back(key.substr(zero + 1));
  }
  files_.check(words_->status(), "read");
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  for (auto& name : found) {
    const auto parsed = parse_name(name);
    if (!parsed) files_.damaged("a word cannot be read");
    const auto stored = read_instance(files_, options_, *parsed);
    if (!stored) files_.damaged("instance " + parsed->key + " is among the words and not in the store");
    const InstanceRow& row = stored->row;
    const bool live = is_live(row.bucket.state);
    if (live && query_.past) continue;
    if (!holds_part(parsed->definition, row.bucket, cell_step(row.steps))) continue;
    if (!fits(live, row.started_at, row.ended_at, row.since) || !words_fit(name, rarest)) continue;
    ++total_;
    const std::size_t group = group_of(live);
    offer({{group, sort_value(live ? groups_[group].live_order : groups_[group].ended_order, row), std::move(name)}});
  }
  return true;
}

// The live ones or the ended ones, from the index.
void Lister::read_half(bool live) {
  if (live && (query_.past || query_.ended.any())) return;
  const std::size_t group = group_of(live);
  Order order = live ? groups_[group].live_order : groups_[group].ended_order;
  bool in_order = true;
  std::optional<ListQuery::Span> span;
  if (live) {
    if (query_.by_step && order == Order::started) {  // sorted by their start they stand under no step
      order = Order::last_event;
      in_order = false;
    } else if (order == Order::started) {
      span = query_.started;
    }
  } else {
    const bool by_end = query_.ended.any() && (order == Order::ended || !query_.started.any());
    const Order wanted = by_end ? Order::ended : query_.started.any() ? Order::started : order;
    in_order = wanted == order;
    order = wanted;
    if (order == Order::ended) span = query_.ended;
    if (order == Order::started) span = query_.started;
  }
  std::set<std::string> prefixes;
  for (const auto& part : query_.parts) {
    if (part.count > 0 && is_live(part.bucket.state) == live)
      prefixes.insert(cell_prefix(order, part.definition, part.bucket, part.step));
  }
  for (const auto& prefix : prefixes) {
    Range range{prefix};
    if (span && span->from) range.from = number_of(*span->from);
    if (span && span->to) range.to = number_of(*span->to);
    if (query_.past && order != Order::duration)
      range.to = std::min(range.to, number_of(query_.past->clock) + 1);  // what came later is not looked at
    read_range(range, order, group, live, in_order);
  }
}

void Lister::read_range(const Range& range, Order order, std::size_t group, bool live, bool in_order) {
  const bool down = in_order && groups_[group].descending;
  const Order wanted = live ? groups_[group].live_order : groups_[group].ended_order;
  std::string from = range.prefix;
  // A page after another one has no need of what was before, unless it counts.
  const bool skip = in_order && after_ && after_->group == group && !tested_;
  if (in_order && after_ && after_->group > group && !tested_) return;
  if (skip) {
    put_big(from, after_->sort, 8);
    from += after_->name;
  } else {
    put_big(from, down ? range.to : range.from, 8);
  }
  down ? index_->SeekForPrev(from) : index_->Seek(from);
  IndexEntry entry;
  for (; index_->Valid() && index_->key().starts_with(range.prefix); down ? index_->Prev() : index_->Next()) {
    const auto key = index_->key().ToStringView().substr(range.prefix.size());
    const std::uint64_t sort = get_big(key, 8);
    if (down ? sort < range.from : sort >= range.to) break;
    Place place{group, sort, std::string(key.substr(8))};
    const bool late = in_order && too_late(place);
    if (late && !tested_) break;
    if (late && counted_ >= (query_.text.empty() ? counted_max : worded_max)) {
      exact_ = false;
      break;
    }
    const bool needs_value = tested_ || query_.past || wanted != order;
    if (needs_value) {
      if (!decode(index_->value().ToStringView(), entry)) files_.damaged("an index entry cannot be read");
      if (wanted != order) {
        InstanceRow row;
        row.started_at = entry.started;
        row.ended_at = entry.ended;
        place.sort = sort_value(wanted, row);
      }
      if (tested_ && ++counted_ > visited_max)
        throw Error(Errc::usage, "more than 2,000,000 instances would have to be looked at: narrow the question down");
      if (!fits(live, entry.started, entry.ended, entry.since)) continue;
      if (!query_.text.empty() && !words_fit(place.name, terms_.size())) continue;
    }
    if (tested_) ++total_;
    if (!late) offer({std::move(place)});
  }
  files_.check(index_->status(), "read");
}

ListPage Lister::page() {
  ListPage out;
  if (query_.past) read_past();
  const bool by_words = !query_.text.empty() && !terms_.empty() && read_postings();
  if (!by_words && (query_.text.empty() || !terms_.empty())) {
    read_half(true);
    read_half(false);
  }
  if (!tested_) {
    total_ = 0;
    for (const auto& part : query_.parts) total_ += part.count;
  }
  out.total = total_;
  out.total_exact = exact_;
  std::sort_heap(best_.begin(), best_.end(),
                 [this](const Found& a, const Found& b) { return before(a.place, b.place); });
  const bool more = best_.size() > query_.limit;
  if (more) best_.pop_back();
  if (more) out.next = write_place(query_.sort, best_.back().place);
  for (auto& found : best_) {
    if (found.row != nullptr) {
      out.rows.push_back(*found.row);
      continue;
    }
    const auto parsed = parse_name(found.place.name);
    if (!parsed) files_.damaged("an index entry cannot be read");
    auto stored = read_instance(files_, options_, *parsed);
    if (!stored) files_.damaged("instance " + parsed->key + " is in the index and not in the store");
    out.rows.push_back(std::move(stored->row));
  }
  return out;
}

}  // namespace

ListPage list(const Files& files, const rocksdb::ReadOptions& options, const ListQuery& query) {
  return Lister(files, options, query).page();
}

}  // namespace laban::monitor::store

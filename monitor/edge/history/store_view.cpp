// monitor/edge/history/store_view.cpp - lists, instances and histories as of one commit.
#include <rocksdb/snapshot.h>

#include <algorithm>
#include <cassert>
#include <queue>

#include "laban/error.hpp"
#include "monitor/edge/history/encoding.hpp"
#include "monitor/edge/history/store_files.hpp"

namespace laban::monitor::store {
namespace {

constexpr std::size_t gathered_max = 200'000;  // rows that a search may have to sort at once

rocksdb::Slice slice(std::string_view text) {
  return {text.data(), text.size()};
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool contains(std::string_view text, std::string_view wanted_lower) {
  return std::search(text.begin(), text.end(), wanted_lower.begin(), wanted_lower.end(),
                     [](char a, char b) { return lower(a) == b; }) != text.end();
}

// A list is one group of rows after another, each in the order of one index.
struct Group {
  Order order;
  bool descending;
  bool live;
  bool ended;
};

std::vector<Group> groups_of(Sort sort) {
  switch (sort) {
    case Sort::stalest:
      return {{Order::last_event, false, true, false}, {Order::ended, true, false, true}};
    case Sort::longest:
      return {{Order::started, false, true, false}, {Order::duration, true, false, true}};
    case Sort::newest:
      return {{Order::started, true, true, true}};
  }
  return {};
}

// Where a row stands in a list: its group, its sort value, its name. Also what a page's `next` is made of.
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

bool before(const Group& group, const Place& a, const Place& b) {
  if (a.sort != b.sort) return (a.sort < b.sort) != group.descending;
  return (a.name < b.name) != group.descending && a.name != b.name;
}

class View : public StoreView {
 public:
  View(std::shared_ptr<const Files> files, std::uint64_t offset) : files_(std::move(files)), offset_(offset) {
    options_.snapshot = files_->db->GetSnapshot();
  }
  ~View() override { files_->db->ReleaseSnapshot(options_.snapshot); }

  std::uint64_t offset() const override { return offset_; }
  ListPage list(const ListQuery& query) const override;
  std::optional<StoredInstance> instance(const InstanceName& name) const override {
    return read_instance(*files_, options_, name);
  }
  std::vector<InstanceName> named(std::string_view key) const override;
  std::vector<EventSummary> events(const InstanceName& name, std::uint64_t after_offset,
                                   std::size_t limit) const override;
  std::vector<LogEntry> log() const override;

 private:
  using Iterator = std::unique_ptr<rocksdb::Iterator>;

  Iterator iterator(rocksdb::ColumnFamilyHandle* family) const {
    return Iterator(files_->db->NewIterator(options_, family));
  }
  InstanceRow row(std::string_view name) const;
  void merge(const ListQuery& query, ListPage& page) const;
  void merge_group(const ListQuery& query, std::size_t number, const std::optional<Place>& after, ListPage& page) const;
  void search(const ListQuery& query, ListPage& page) const;

  std::shared_ptr<const Files> files_;
  rocksdb::ReadOptions options_;
  std::uint64_t offset_;
};

ListPage View::list(const ListQuery& query) const {
  assert(query.limit > 0);
  ListPage page;
  const bool filtered = !query.text.empty() || std::any_of(query.parts.begin(), query.parts.end(),
                                                           [](const auto& part) { return !part.steps.empty(); });
  if (filtered) {
    search(query, page);
  } else {
    merge(query, page);
  }
  return page;
}

InstanceRow View::row(std::string_view name) const {
  const auto parsed = parse_name(name);
  if (!parsed) files_->damaged("an index entry cannot be read");
  auto found = instance(*parsed);
  if (!found) files_->damaged("instance " + parsed->key + " is in the index and not in the store");
  return std::move(found->row);
}

// Without a search the wanted rows are whole index ranges: a page is a merge of them, and the total is known.
void View::merge(const ListQuery& query, ListPage& page) const {
  for (const auto& part : query.parts) page.total += part.count;
  const auto after = read_place(query.sort, query.after);
  for (std::size_t number = after ? after->group : 0; number < groups_of(query.sort).size(); ++number) {
    merge_group(query, number, after && after->group == number ? after : std::nullopt, page);
    if (!page.next.empty()) return;
  }
}

void View::merge_group(const ListQuery& query, std::size_t number, const std::optional<Place>& after,
                       ListPage& page) const {
  const Group group = groups_of(query.sort)[number];
  struct Source {
    std::string prefix;
    Iterator at;
    Place place;
  };
  const auto settle = [&](Source& source) {  // false at the end of the range
    if (!source.at->Valid() || !source.at->key().starts_with(source.prefix)) {
      files_->check(source.at->status(), "read");
      return false;
    }
    const auto key = source.at->key().ToStringView().substr(source.prefix.size());
    source.place = {number, get_big(key, 8), std::string(key.substr(8))};
    return true;
  };
  std::vector<Source> sources;
  for (const auto& part : query.parts) {
    if (part.count == 0 || !(is_live(part.bucket.state) ? group.live : group.ended)) continue;
    Source source{bucket_prefix(group.order, part.definition, part.bucket), iterator(files_->index), {}};
    std::string from = source.prefix;
    if (after) {
      put_big(from, after->sort, 8);
      from += after->name;
    } else if (group.descending) {
      from.append(9, '\xff');
    }
    if (group.descending) {
      source.at->SeekForPrev(from);
    } else {
      source.at->Seek(from);
    }
    if (after && source.at->Valid() && source.at->key() == slice(from))
      group.descending ? source.at->Prev() : source.at->Next();
    if (settle(source)) sources.push_back(std::move(source));
  }
  const auto later = [&](std::size_t a, std::size_t b) { return before(group, sources[b].place, sources[a].place); };
  std::priority_queue<std::size_t, std::vector<std::size_t>, decltype(later)> queue(later);
  for (std::size_t i = 0; i < sources.size(); ++i) queue.push(i);
  Place last;
  while (!queue.empty()) {
    if (page.rows.size() == query.limit) {  // there is at least one more
      page.next = write_place(query.sort, last);
      return;
    }
    const std::size_t first = queue.top();
    queue.pop();
    Source& source = sources[first];
    last = source.place;
    page.rows.push_back(row(last.name));
    group.descending ? source.at->Prev() : source.at->Next();
    if (settle(source)) queue.push(first);
  }
  // A page that ends exactly with its group goes on in the next one, where that has anything.
  const auto groups = groups_of(query.sort);
  if (page.rows.size() < query.limit || number + 1 == groups.size()) return;
  const bool more = std::any_of(query.parts.begin(), query.parts.end(), [&](const auto& part) {
    return part.count > 0 && (is_live(part.bucket.state) ? groups[number + 1].live : groups[number + 1].ended);
  });
  if (more) page.next = write_place(query.sort, last);
}

// With a search every entry of the wanted ranges is looked at; the matches are sorted here.
void View::search(const ListQuery& query, ListPage& page) const {
  std::string wanted = query.text;
  std::transform(wanted.begin(), wanted.end(), wanted.begin(), lower);
  const auto groups = groups_of(query.sort);
  std::vector<std::pair<Place, InstanceRow>> matches;
  auto at = iterator(files_->index);
  for (const auto& part : query.parts) {
    if (part.count == 0) continue;
    const bool live = is_live(part.bucket.state);
    const std::string prefix = bucket_prefix(live ? Order::last_event : Order::ended, part.definition, part.bucket);
    std::size_t group = 0;
    while (!(live ? groups[group].live : groups[group].ended)) ++group;
    for (at->Seek(prefix); at->Valid() && at->key().starts_with(prefix); at->Next()) {
      if (!part.steps.empty() && !has_one_of(at->value().ToStringView(), part.steps)) continue;
      const auto name = at->key().ToStringView().substr(bucket_prefix_size + 8);
      const auto key = name.substr(6, name.size() - 10);
      if (!wanted.empty() && !contains(key, wanted)) continue;
      ++page.total;
      if (matches.size() == gathered_max) continue;
      InstanceRow found = row(name);
      Place place{group, sort_value(groups[group].order, found), std::string(name)};
      matches.emplace_back(std::move(place), std::move(found));
    }
    files_->check(at->status(), "read");
  }
  const auto order = [&](const Place& a, const Place& b) {
    return a.group != b.group ? a.group < b.group : before(groups[a.group], a, b);
  };
  std::sort(matches.begin(), matches.end(), [&](const auto& a, const auto& b) { return order(a.first, b.first); });
  const auto after = read_place(query.sort, query.after);
  auto from = matches.begin();
  if (after)
    from = std::upper_bound(matches.begin(), matches.end(), *after,
                            [&](const Place& a, const auto& b) { return order(a, b.first); });
  for (; from != matches.end(); ++from) {
    if (page.rows.size() == query.limit) {
      page.next = write_place(query.sort, std::prev(from)->first);
      return;
    }
    page.rows.push_back(std::move(from->second));
  }
}

std::vector<InstanceName> View::named(std::string_view key) const {
  std::vector<InstanceName> out;
  const std::string prefix = names_prefix(key);
  auto at = iterator(files_->names);
  for (at->Seek(prefix); at->Valid() && at->key().starts_with(prefix); at->Next()) {
    const auto found = at->key().ToStringView();
    Reader value(at->value().ToStringView());
    if (value.number() != key.size() || found.size() != prefix.size() + 2)
      continue;  // of a longer key with a zero in it
    out.push_back({static_cast<DefinitionIndex>(get_big(found.substr(prefix.size()), 2)), std::string(key),
                   static_cast<std::uint32_t>(value.number())});
  }
  files_->check(at->status(), "read");
  return out;
}

std::vector<EventSummary> View::events(const InstanceName& name, std::uint64_t after_offset, std::size_t limit) const {
  std::vector<EventSummary> out;
  const std::string prefix = name_key(name);
  auto at = iterator(files_->history);
  for (at->Seek(history_key(name, after_offset + 1));
       at->Valid() && at->key().starts_with(prefix) && out.size() < limit; at->Next()) {
    const std::uint64_t offset = get_big(at->key().ToStringView().substr(prefix.size()), 8);
    if (!decode(offset, at->value().ToStringView(), out.emplace_back()))
      files_->damaged("event " + std::to_string(offset) + " cannot be read");
  }
  files_->check(at->status(), "read");
  return out;
}

std::vector<LogEntry> View::log() const {
  std::vector<LogEntry> out;
  const std::string_view prefix = "log";
  auto at = iterator(files_->state);
  for (at->Seek(slice(prefix)); at->Valid() && at->key().starts_with(slice(prefix)); at->Next()) {
    if (!decode(at->value().ToStringView(), out.emplace_back()))
      files_->damaged("an entry of the monitor's log cannot be read");
  }
  files_->check(at->status(), "read");
  return out;
}

}  // namespace

std::shared_ptr<const StoreView> make_view(std::shared_ptr<const Files> files, std::uint64_t offset) {
  return std::make_shared<View>(std::move(files), offset);
}

std::optional<StoredInstance> read_instance(const Files& files, const rocksdb::ReadOptions& options,
                                            const InstanceName& name) {
  std::string value;
  const auto status = files.db->Get(options, files.instances, name_key(name), &value);
  if (status.IsNotFound()) return std::nullopt;
  files.check(status, "read");
  StoredInstance out;
  std::string_view bytes;
  if (!decode(name, value, out.row, bytes)) files.damaged("instance " + name.key + " cannot be read");
  out.bytes = bytes;
  return out;
}

}  // namespace laban::monitor::store

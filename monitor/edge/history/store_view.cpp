// monitor/edge/history/store_view.cpp - lists, instances and histories as of one commit.
#include <rocksdb/snapshot.h>

#include <algorithm>

#include "laban/error.hpp"
#include "monitor/edge/history/changes.hpp"
#include "monitor/edge/history/encoding.hpp"
#include "monitor/edge/history/store_files.hpp"

namespace laban::monitor::store {
namespace {

class View : public StoreView {
 public:
  View(std::shared_ptr<const Files> files, const StoreHead& head) : files_(std::move(files)), head_(head) {
    options_.snapshot = files_->db->GetSnapshot();
  }
  ~View() override { files_->db->ReleaseSnapshot(options_.snapshot); }

  std::uint64_t offset() const override { return head_.offset; }
  const StoreHead& head() const override { return head_; }
  ListPage list(const ListQuery& query) const override { return store::list(*files_, options_, query); }
  std::optional<StoredInstance> instance(const InstanceName& name) const override {
    return read_instance(*files_, options_, name);
  }
  std::vector<InstanceName> named(std::string_view key) const override;
  std::vector<EventSummary> events(const InstanceName& name, std::uint64_t after_offset,
                                   std::size_t limit) const override;
  void each_event(const std::function<void(const InstanceName&, const EventSummary&)>& visit) const override;
  std::vector<LogEntry> log() const override;
  std::uint64_t change_at(std::uint64_t offset) const override;
  std::uint64_t change_at(Time time) const override;
  std::optional<Checkpoint> checkpoint(std::uint64_t change) const override;
  void each_checkpoint_row(std::uint64_t change, const std::function<void(InstanceRow&&)>& visit) const override;
  void each_change(const Checkpoint& from, std::uint64_t last,
                   const std::function<void(const ChangeRecord&)>& visit) const override;
  void each_replaced(std::uint64_t change, const std::function<void(InstanceRow&&)>& visit) const override;
  void each_live(const std::function<void(InstanceRow&&)>& visit) const override;
  std::vector<InstanceRow> ended_before(DefinitionIndex definition, Time time, std::uint64_t change,
                                        std::size_t limit) const override;
  std::optional<InstanceRow> replaced(std::uint64_t change, const InstanceName& name) const override;
  std::vector<GapRecord> gaps(std::uint64_t offset) const override;

 private:
  using Iterator = std::unique_ptr<rocksdb::Iterator>;

  Iterator iterator(rocksdb::ColumnFamilyHandle* family) const {
    return Iterator(files_->db->NewIterator(options_, family));
  }
  ChangeBlock block(std::string_view key, std::string_view value) const;
  InstanceRow row(std::string_view name, std::string_view value) const;

  std::shared_ptr<const Files> files_;
  rocksdb::ReadOptions options_;
  StoreHead head_;
};

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

void View::each_event(const std::function<void(const InstanceName&, const EventSummary&)>& visit) const {
  auto at = iterator(files_->history);
  InstanceName name;
  std::string named;
  EventSummary event;
  for (at->SeekToFirst(); at->Valid(); at->Next()) {
    const auto key = at->key().ToStringView();
    const auto of = key.substr(0, key.size() - std::min<std::size_t>(key.size(), 8));
    if (of != named) {
      const auto parsed = parse_name(of);
      if (!parsed) files_->damaged("an event's key cannot be read");
      name = *parsed;
      named = of;
    }
    const std::uint64_t offset = get_big(key.substr(of.size()), 8);
    if (!decode(offset, at->value().ToStringView(), event))
      files_->damaged("event " + std::to_string(offset) + " cannot be read");
    visit(name, event);
  }
  files_->check(at->status(), "read");
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

// --- the past

ChangeBlock View::block(std::string_view key, std::string_view value) const {
  ChangeBlock out;
  Reader in(value);
  out.clock = in.time();
  if (key.size() != 17 || !in.good()) files_->damaged("a block of changes cannot be read");
  out.first_offset = get_big(key.substr(1), 8);
  out.first_number = get_big(key.substr(9), 8);
  out.bytes = in.rest();
  return out;
}

InstanceRow View::row(std::string_view name, std::string_view value) const {
  const auto parsed = parse_name(name);
  InstanceRow out;
  std::string_view bytes;
  if (!parsed || !decode(*parsed, value, out, bytes)) files_->damaged("a row of the past cannot be read");
  return out;
}

std::uint64_t View::change_at(std::uint64_t offset) const {
  auto at = iterator(files_->past);
  at->SeekForPrev(change_key(offset, ~std::uint64_t{0}));
  files_->check(at->status(), "read");
  if (!at->Valid() || at->key()[0] != 'J') return head_.forgotten;
  std::uint64_t last = head_.forgotten;
  const bool good = read_changes(block(at->key().ToStringView(), at->value().ToStringView()), [&](const auto& change) {
    if (change.offset <= offset) last = change.number;
    return change.offset <= offset;
  });
  if (!good) files_->damaged("a block of changes cannot be read");
  return last;
}

std::uint64_t View::change_at(Time time) const {
  auto at = iterator(files_->past);
  at->SeekForPrev(clock_key(time, ~std::uint64_t{0}));
  files_->check(at->status(), "read");
  if (!at->Valid() || at->key()[0] != 'T') return head_.forgotten;
  const std::uint64_t number = get_big(at->key().ToStringView().substr(9), 8);
  const std::string key = change_key(get_big(at->value().ToStringView(), 8), number);
  at = iterator(files_->past);
  at->Seek(key);
  if (!at->Valid() || at->key() != slice(key)) files_->damaged("a block of changes is missing");
  std::uint64_t last = head_.forgotten;
  const ChangeBlock here = block(at->key().ToStringView(), at->value().ToStringView());
  Time clock = here.clock;
  const bool good = read_changes(here, [&](const auto& change) {
    clock = std::max(clock, change.time);
    if (clock <= time) last = change.number;
    return clock <= time;
  });
  if (!good) files_->damaged("a block of changes cannot be read");
  return last;
}

std::optional<InstanceRow> View::replaced(std::uint64_t change, const InstanceName& name) const {
  std::string value;
  const auto status = files_->db->Get(options_, files_->past, replaced_key(change, &name), &value);
  if (status.IsNotFound()) return std::nullopt;
  files_->check(status, "read");
  return row(name_key(name), value);
}

std::vector<GapRecord> View::gaps(std::uint64_t offset) const {
  std::vector<GapRecord> out;
  auto at = iterator(files_->past);
  for (at->Seek("G"); at->Valid() && at->key()[0] == 'G'; at->Next()) {
    Reader in(at->value().ToStringView());
    GapRecord here{get_big(at->key().ToStringView().substr(1), 8), in.number()};
    if (here.after_offset > offset) break;
    out.push_back(here);
  }
  files_->check(at->status(), "read");
  return out;
}

std::optional<Checkpoint> View::checkpoint(std::uint64_t change) const {
  auto at = iterator(files_->past);
  at->SeekForPrev(checkpoint_key('C', change));
  files_->check(at->status(), "read");
  if (!at->Valid() || at->key()[0] != 'C') return std::nullopt;
  Checkpoint out;
  out.change = get_big(at->key().ToStringView().substr(1), 8);
  Reader in(at->value().ToStringView());
  out.offset = in.number();
  out.clock = in.time();
  out.counts = in.text();
  if (!in.good()) files_->damaged("a checkpoint cannot be read");
  return out;
}

void View::each_checkpoint_row(std::uint64_t change, const std::function<void(InstanceRow&&)>& visit) const {
  const std::string prefix = checkpoint_key('O', change);
  auto at = iterator(files_->past);
  for (at->Seek(prefix); at->Valid() && at->key().starts_with(prefix); at->Next()) {
    Reader in(at->value().ToStringView());
    while (in.good() && !in.rest().empty()) {
      const auto name = in.text();
      visit(row(name, in.text()));
    }
    if (!in.good()) files_->damaged("a checkpoint cannot be read");
  }
  files_->check(at->status(), "read");
}

void View::each_change(const Checkpoint& from, std::uint64_t last,
                       const std::function<void(const ChangeRecord&)>& visit) const {
  auto at = iterator(files_->past);
  std::uint64_t expected = from.change + 1;
  for (at->Seek(change_key(from.offset, from.change + 1)); expected <= last; at->Next()) {
    if (!at->Valid() || at->key()[0] != 'J') {
      files_->check(at->status(), "read");
      files_->damaged("changes after " + std::to_string(expected - 1) + " are missing");
    }
    const ChangeBlock here = block(at->key().ToStringView(), at->value().ToStringView());
    const bool good = here.first_number == expected && read_changes(here, [&](const ChangeRecord& change) {
                        if (change.number > last) return false;
                        visit(change);
                        ++expected;
                        return true;
                      });
    if (!good) files_->damaged("changes after " + std::to_string(expected - 1) + " cannot be read");
  }
}

void View::each_replaced(std::uint64_t change, const std::function<void(InstanceRow&&)>& visit) const {
  auto at = iterator(files_->past);
  for (at->Seek(replaced_key(change + 1)); at->Valid() && at->key()[0] == 'X'; at->Next()) {
    InstanceRow found = row(at->key().ToStringView().substr(9), at->value().ToStringView());
    if (found.since <= change) visit(std::move(found));
  }
  files_->check(at->status(), "read");
}

std::vector<InstanceRow> View::ended_before(DefinitionIndex definition, Time time, std::uint64_t change,
                                            std::size_t limit) const {
  std::vector<InstanceRow> out;
  std::string prefix(1, static_cast<char>(Order::ended));
  put_big(prefix, definition, 2);
  const auto end = static_cast<std::uint64_t>(time.time_since_epoch().count());
  auto at = iterator(files_->index);
  at->Seek(prefix);
  while (out.size() < limit && at->Valid() && at->key().starts_with(prefix)) {
    const auto key = at->key().ToStringView();
    if (get_big(key.substr(cell_prefix_size), 8) >= end) {  // on to the next cell
      std::string next(key.substr(0, cell_prefix_size));
      next.append(9, '\xff');
      at->Seek(next);
      continue;
    }
    IndexEntry entry;
    const auto name = parse_name(key.substr(cell_prefix_size + 8));
    if (!name || !decode(at->value().ToStringView(), entry)) files_->damaged("an index entry cannot be read");
    if (entry.since <= change) {
      auto found = instance(*name);
      if (!found) files_->damaged("instance " + name->key + " is in the index and not in the store");
      out.push_back(std::move(found->row));
    }
    at->Next();
  }
  files_->check(at->status(), "read");
  return out;
}

void View::each_live(const std::function<void(InstanceRow&&)>& visit) const {
  store::each_live(*files_, options_, [&](StoredInstance& found) { visit(std::move(found.row)); });
}

}  // namespace

std::shared_ptr<const StoreView> make_view(std::shared_ptr<const Files> files, const StoreHead& head) {
  return std::make_shared<View>(std::move(files), head);
}

std::optional<StoredInstance> read_instance(const Files& files, const rocksdb::ReadOptions& options,
                                            const InstanceName& name) {
  const std::string key = name_key(name);
  std::string value;
  auto status = files.db->Get(options, files.ended, key, &value);
  if (status.IsNotFound()) status = files.db->Get(options, files.live, key, &value);
  if (status.IsNotFound()) return std::nullopt;
  files.check(status, "read");
  StoredInstance out;
  std::string_view bytes;
  if (!decode(name, value, out.row, bytes)) files.damaged("instance " + name.key + " cannot be read");
  out.bytes = bytes;
  return out;
}

void each_live(const Files& files, rocksdb::ReadOptions options, const std::function<void(StoredInstance&)>& visit) {
  options.readahead_size = 2 << 20;
  options.fill_cache = false;
  std::unique_ptr<rocksdb::Iterator> at(files.db->NewIterator(options, files.live));
  StoredInstance found;
  for (at->SeekToFirst(); at->Valid(); at->Next()) {
    const auto name = parse_name(at->key().ToStringView());
    std::string_view bytes;
    if (!name || !decode(*name, at->value().ToStringView(), found.row, bytes))
      files.damaged("a live instance cannot be read");
    found.bytes = bytes;
    visit(found);
  }
  files.check(at->status(), "read");
}

}  // namespace laban::monitor::store

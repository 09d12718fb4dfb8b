// monitor/edge/history/store.cpp - reading at the start, committing, and purging.
#include "monitor/edge/history/store.hpp"

#include <rocksdb/perf_level.h>

#include <algorithm>
#include <cassert>
#include <mutex>
#include <utility>

#include "monitor/edge/history/encoding.hpp"
#include "monitor/edge/history/sorted_batch.hpp"
#include "monitor/edge/history/store_files.hpp"

namespace laban::monitor {
namespace store {
namespace {

const std::string held_prefix = "held";
const std::string part_prefix = "part:";
const std::string erased_prefix = "erased";  // and NAME: its text is still in the files

std::string numbered(std::string_view word, std::uint64_t number, int bytes) {
  std::string out(word);
  put_big(out, number, bytes);
  return out;
}

class Batch : public StoreBatch {
 public:
  explicit Batch(std::shared_ptr<const Files> files) : files_(std::move(files)) {}

  void put(const InstanceRow& row, std::string_view bytes, const InstanceRow* before) override {
    const bool ended = !is_live(row.bucket.state);
    const std::string name = name_key(row.name);
    writes_.Put(ended ? files_->ended : files_->live, name, encode(row, bytes));
    if (before != nullptr && is_live(before->bucket.state) == ended)
      writes_.Delete(ended ? files_->live : files_->ended, name);
    const std::string entry = encode_entry(row);
    for (const Order order : orders) {
      const bool was = before != nullptr && belongs(order, *before);
      const bool is = belongs(order, row);
      const std::string old_key = was ? index_key(order, *before) : std::string();
      const std::string key = is ? index_key(order, row) : std::string();
      if (was && old_key != key) erase_entry(order, old_key);
      if (is && (old_key != key || ended)) writes_.Put(files_->index, key, entry);
    }
    if (before == nullptr) {
      Writer value;
      value.number(row.name.key.size());
      value.number(row.name.run);
      writes_.Put(files_->names, names_key(row.name.key, row.name.definition), value.take());
      for (const auto& word : words_of(row.name.key)) writes_.Put(files_->words, word_key(word, row.name), "");
    }
  }

  void hold(const InstanceName& name, bool held) override {
    const std::string key = held_prefix + name_key(name);
    if (held) {
      writes_.Put(files_->state, key, "");
    } else {
      writes_.Delete(files_->state, key);
    }
  }
  void add_event(const InstanceName& name, const EventSummary& event, bool new_subject) override {
    writes_.Put(files_->history, history_key(name, event.offset), encode(event));
    if (!new_subject || event.subject.empty() || event.subject == name.key) return;
    const std::string of = name_key(name);
    for (const auto& word : words_of(event.subject)) {
      writes_.Put(files_->words, name_word_key(of, word), "");
      writes_.Put(files_->words, word_key(word, name), "");
    }
  }
  void add_changes(const ChangeBlock& block) override {
    Writer where;
    where.time(block.clock);
    std::string value = where.take() + block.bytes;
    writes_.Put(files_->past, change_key(block.first_offset, block.first_number), value);
    std::string offset;
    put_big(offset, block.first_offset, 8);
    writes_.Put(files_->past, clock_key(block.clock, block.first_number), offset);
  }
  void add_gap(const GapRecord& gap) override {
    std::string key = "G";
    put_big(key, gap.after_offset, 8);
    Writer value;
    value.number(gap.lost);
    writes_.Put(files_->past, key, value.take());
  }
  void put_replaced(const InstanceRow& row, std::uint64_t until) override {
    writes_.Put(files_->past, replaced_key(until, &row.name), encode(row));
  }
  void remove(const InstanceRow& row) override {
    const std::string name = name_key(row.name);
    writes_.Delete(files_->ended, name);
    for (const Order order : orders)
      if (belongs(order, row)) writes_.Delete(files_->index, index_key(order, row));
    const auto each = [&](rocksdb::ColumnFamilyHandle* family, const std::string& prefix, const auto& visit) {
      std::unique_ptr<rocksdb::Iterator> at(files_->db->NewIterator({}, family));
      for (at->Seek(prefix); at->Valid() && at->key().starts_with(prefix); at->Next()) visit(at->key());
      files_->check(at->status(), "read");
    };
    each(files_->history, name, [&](const rocksdb::Slice& key) {
      if (key.size() == name.size() + 8) writes_.Delete(files_->history, key);
    });
    for (const auto& word : words_of(row.name.key)) writes_.Delete(files_->words, word_key(word, row.name));
    const std::string words = name_word_key(name, {});
    each(files_->words, words, [&](const rocksdb::Slice& key) {
      writes_.Delete(files_->words, word_key(key.ToStringView().substr(words.size()), row.name));
      writes_.Delete(files_->words, key);
    });
    const std::string names = names_key(row.name.key, row.name.definition);
    std::string last;
    const auto found = files_->db->Get({}, files_->names, names, &last);
    if (found.IsNotFound()) return;
    files_->check(found, "read");
    Reader in(last);
    in.number();
    if (in.number() == row.name.run) writes_.Delete(files_->names, names);
  }
  void erase_text(const InstanceName& name, const std::vector<std::uint64_t>* only) override {
    const std::string of = name_key(name);
    std::vector<std::string> stay = words_of(name.key);
    std::unique_ptr<rocksdb::Iterator> at(files_->db->NewIterator({}, files_->history));
    for (at->Seek(of); at->Valid() && at->key().starts_with(of); at->Next()) {
      if (at->key().size() != of.size() + 8) continue;
      const std::uint64_t offset = get_big(at->key().ToStringView().substr(of.size()), 8);
      EventSummary event;
      if (!decode(offset, at->value().ToStringView(), event))
        files_->damaged("event " + std::to_string(offset) + " cannot be read");
      if (event.subject.empty()) continue;
      if (only != nullptr && !std::binary_search(only->begin(), only->end(), offset)) {
        for (auto& word : words_of(event.subject)) stay.push_back(std::move(word));
        continue;
      }
      event.subject.clear();
      writes_.Put(files_->history, at->key(), encode(event));
    }
    files_->check(at->status(), "read");
    const std::string words = name_word_key(of, {});
    at.reset(files_->db->NewIterator({}, files_->words));
    for (at->Seek(words); at->Valid() && at->key().starts_with(words); at->Next()) {
      const auto word = at->key().ToStringView().substr(words.size());
      if (std::find(stay.begin(), stay.end(), word) != stay.end()) continue;
      writes_.Delete(files_->words, at->key());
      writes_.Delete(files_->words, word_key(word, name));
    }
    files_->check(at->status(), "read");
    writes_.Put(files_->state, erased_prefix + of, "");
    erases_ = true;
  }
  bool erases() const { return erases_; }
  void forget_past(const Checkpoint& until) override {
    const auto drop = [&](const std::string& from, const std::string& to) {
      writes_.DeleteRange(files_->past, from, to);
    };
    drop("J", change_key(until.offset, until.change + 1));
    drop("T", clock_key(until.clock, until.change + 1));
    drop("X", replaced_key(until.change + 1));
    drop("C", checkpoint_key('C', until.change));
    drop("O", checkpoint_key('O', until.change));
  }
  void put_definition(DefinitionIndex index, const StoredDefinition& definition) override {
    writes_.Put(files_->state, numbered("definition", index, 2), encode(definition));
  }
  void put_statistics(DefinitionIndex index, std::string_view bytes) override {
    writes_.Put(files_->state, numbered("statistics", index, 2), slice(bytes));
  }
  void put_totals(std::string_view bytes) override { writes_.Put(files_->state, "totals", slice(bytes)); }
  void add_log(const LogEntry& entry) override { log_.push_back(entry); }

  void put_part(std::string_view name, std::string_view bytes) override {
    writes_.Put(files_->state, part_prefix + std::string(name), slice(bytes));
  }
  void erase_part(std::string_view name) override { writes_.Delete(files_->state, part_prefix + std::string(name)); }

  rocksdb::WriteBatch finish(StoreHead& head) {
    for (const auto& entry : log_) writes_.Put(files_->state, numbered("log", head.log_entries++, 8), encode(entry));
    writes_.Put(files_->state, "head", encode(head));
    return writes_.finish();
  }

 private:
  // A live entry is put once and moves on, and the two vanish where files are merged; ended ones are put again in place.
  void erase_entry(Order order, const std::string& key) {
    if (order == Order::last_event) {
      writes_.SingleDelete(files_->index, key);
    } else {
      writes_.Delete(files_->index, key);
    }
  }

  std::shared_ptr<const Files> files_;
  SortedBatch writes_;
  std::vector<LogEntry> log_;
  bool erases_ = false;
};

}  // namespace

}  // namespace store

using store::Files;

struct Store::Impl {
  std::shared_ptr<Files> files = std::make_shared<Files>();
  StoreHead head;
  bool merges = false;
  std::mutex purging;
  std::uint64_t erased_by = 0;  // guarded by purging; views from before that write still see what was erased
};

Store::Store(const std::filesystem::path& directory) : impl_(std::make_shared<Impl>()) {
  Files& files = *impl_->files;
  store::open(files, directory);
  std::string value;
  const auto found = files.db->Get({}, files.state, "head", &value);
  if (found.IsNotFound()) return;
  files.check(found, "read");
  if (!store::decode(value, impl_->head)) files.of_another_release();
}

Store::~Store() = default;

const StoreHead& Store::head() const {
  return impl_->head;
}

std::vector<StoredDefinition> Store::definitions() const {
  const Files& files = *impl_->files;
  std::vector<StoredDefinition> out;
  for (;;) {
    std::string value;
    const auto status = files.db->Get({}, files.state, store::numbered("definition", out.size(), 2), &value);
    if (status.IsNotFound()) return out;
    files.check(status, "read");
    if (!store::decode(value, out.emplace_back()))
      files.damaged("definition " + std::to_string(out.size() - 1) + " cannot be read");
  }
}

std::optional<std::string> Store::statistics(DefinitionIndex index) const {
  std::string value;
  const auto status = impl_->files->db->Get({}, impl_->files->state, store::numbered("statistics", index, 2), &value);
  if (status.IsNotFound()) return std::nullopt;
  impl_->files->check(status, "read");
  return value;
}

std::string Store::totals() const {
  std::string value;
  const auto status = impl_->files->db->Get({}, impl_->files->state, "totals", &value);
  if (!status.IsNotFound()) impl_->files->check(status, "read");
  return value;
}

void Store::each_open(const std::function<void(const StoredInstance&)>& visit) const {
  const Files& files = *impl_->files;
  store::each_live(files, {}, visit);
  std::unique_ptr<rocksdb::Iterator> at(files.db->NewIterator({}, files.state));
  for (at->Seek(store::held_prefix); at->Valid() && at->key().starts_with(store::held_prefix); at->Next()) {
    const auto name = store::parse_name(at->key().ToStringView().substr(store::held_prefix.size()));
    const auto found = name ? store::read_instance(files, {}, *name) : std::nullopt;
    if (!found) files.damaged("an instance that is held is not in the store");
    visit(*found);
  }
  files.check(at->status(), "read");
}

void Store::each_part(std::string_view prefix,
                      const std::function<void(std::string_view name, std::string_view bytes)>& visit) const {
  const Files& files = *impl_->files;
  const std::string from = store::part_prefix + std::string(prefix);
  std::unique_ptr<rocksdb::Iterator> at(files.db->NewIterator({}, files.state));
  for (at->Seek(from); at->Valid() && at->key().starts_with(from); at->Next())
    visit(at->key().ToStringView().substr(store::part_prefix.size()), at->value().ToStringView());
  files.check(at->status(), "read");
}

std::unique_ptr<StoreBatch> Store::begin() {
  return std::make_unique<store::Batch>(impl_->files);
}

void Store::commit(std::unique_ptr<StoreBatch> batch, StoreHead head) {
  assert(head.offset >= impl_->head.offset);
  auto writes = static_cast<store::Batch&>(*batch).finish(head);
  const bool erases = static_cast<store::Batch&>(*batch).erases();
  rocksdb::SetPerfLevel(rocksdb::PerfLevel::kDisable);  // of this thread: nobody reads its counters
  const auto status = impl_->files->db->Write({}, &writes);
  if (!status.ok()) impl_->files->write_failed = true;
  impl_->files->check(status, "written");
  impl_->head = head;
  // A store that is opened is read first, and what there is to merge would only take turns with that.
  if (!std::exchange(impl_->merges, true))
    impl_->files->check(impl_->files->db->EnableAutoCompaction(impl_->files->handles), "written");
  if (!erases) return;
  const std::lock_guard lock(impl_->purging);
  impl_->erased_by = impl_->files->db->GetLatestSequenceNumber();
}

std::shared_ptr<const StoreView> Store::view() const {
  return store::make_view(impl_->files, impl_->head);
}

std::optional<StoredInstance> Store::latest(DefinitionIndex definition, std::string_view key) const {
  const Files& files = *impl_->files;
  std::string value;
  const auto status = files.db->Get({}, files.names, store::names_key(key, definition), &value);
  if (status.IsNotFound()) return std::nullopt;
  files.check(status, "read");
  store::Reader in(value);
  in.number();
  return store::read_instance(files, {}, {definition, std::string(key), static_cast<std::uint32_t>(in.number())});
}

std::optional<StoredInstance> Store::instance(const InstanceName& name) const {
  return store::read_instance(*impl_->files, {}, name);
}

// A deletion hides what it deletes; only merging the files down to the last level takes it out of them. What is in the log of
// recent writes goes with a flush.
void Store::purge() {
  const std::lock_guard lock(impl_->purging);
  const Files& files = *impl_->files;
  std::vector<std::string> names;
  {
    std::unique_ptr<rocksdb::Iterator> at(files.db->NewIterator({}, files.state));
    for (at->Seek(store::erased_prefix); at->Valid() && at->key().starts_with(store::erased_prefix); at->Next())
      names.push_back(at->key().ToString());
    files.check(at->status(), "read");
  }
  if (names.empty()) return;
  std::uint64_t oldest = 0;  // 0: no view is held
  files.db->GetIntProperty("rocksdb.oldest-snapshot-sequence", &oldest);
  if (oldest != 0 && oldest < impl_->erased_by) return;
  files.check(files.db->Flush({}, files.handles), "written");
  rocksdb::CompactRangeOptions all;
  all.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForce;
  for (const auto& name : names) {
    const std::string from = name.substr(store::erased_prefix.size()), to = from + std::string(9, '\xff');
    const rocksdb::Slice first(from), last(to);
    files.check(files.db->CompactRange(all, files.history, &first, &last), "written");
  }
  files.check(files.db->CompactRange(all, files.words, nullptr, nullptr), "written");
  for (const auto& name : names) files.check(files.db->Delete({}, files.state, name), "written");
}

std::uint64_t Store::bytes() const {
  std::uint64_t out = 0;
  for (auto* family : impl_->files->handles) {
    std::uint64_t here = 0;
    if (impl_->files->db->GetIntProperty(family, rocksdb::DB::Properties::kEstimateLiveDataSize, &here)) out += here;
    if (impl_->files->db->GetIntProperty(family, rocksdb::DB::Properties::kCurSizeAllMemTables, &here)) out += here;
  }
  return out;
}

// The record of a checkpoint is written after its rows, so that one without all of them is none.
void Store::put_checkpoint(const StoreView& view, std::string_view counts) {
  constexpr std::size_t rows_a_part = 1024;
  const Files& files = *impl_->files;
  const StoreHead& head = view.head();
  store::Writer part;
  std::size_t rows = 0;
  std::uint64_t parts = 0;
  const auto flush = [&] {
    if (rows == 0) return;
    files.check(files.db->Put({}, files.past, store::checkpoint_key('O', head.changes, parts++), part.take()),
                "written");
    part = {};
    rows = 0;
  };
  view.each_live([&](InstanceRow&& row) {
    part.text(store::name_key(row.name));
    part.text(store::encode(row));
    if (++rows == rows_a_part) flush();
  });
  flush();
  store::Writer record;
  record.number(head.offset);
  record.time(head.clock);
  record.text(counts);
  files.check(files.db->Put({}, files.past, store::checkpoint_key('C', head.changes), record.take()), "written");
}

}  // namespace laban::monitor

// tests/unit/monitor/history/store_test.cpp - the store against a model that is a vector.
#include "monitor/edge/history/store.hpp"

#include <doctest/doctest.h>
#include <rocksdb/db.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <set>

#include "laban/error.hpp"
#include "tests/support/seed.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace laban;
using namespace laban::monitor;
using namespace std::chrono_literals;

namespace {

Time at(std::uint64_t milliseconds) {
  return Time{std::chrono::milliseconds{milliseconds}};
}

// The naive model: every instance in a map, lists by sorting all of it.
struct Model {
  std::map<std::string, InstanceRow> rows;  // by key
  std::map<std::string, std::set<std::string>> subjects;
  std::uint64_t offset = 0;

  std::vector<std::string> list(Sort sort, const std::function<bool(const InstanceRow&)>& wanted) const {
    std::vector<InstanceRow> found;
    for (const auto& [key, row] : rows) {
      if (wanted(row)) found.push_back(row);
    }
    // Equal ones in the order of their names, turned round where the list is.
    const auto ascending = [](const InstanceRow& a, const InstanceRow& b, auto value) {
      const auto name = [](const InstanceRow& row) { return std::pair(row.name.key.size(), row.name.key); };
      return std::pair(value(a), name(a)) < std::pair(value(b), name(b));
    };
    std::sort(found.begin(), found.end(), [&](const InstanceRow& a, const InstanceRow& b) {
      const auto started = [](const InstanceRow& row) { return row.started_at; };
      if (sort == Sort::newest) return ascending(b, a, started);
      const bool a_live = is_live(a.bucket.state);
      if (a_live != is_live(b.bucket.state)) return a_live;
      if (sort == Sort::stalest) {
        if (!a_live) return ascending(b, a, [](const InstanceRow& row) { return row.ended_at; });
        return ascending(a, b, [](const InstanceRow& row) { return row.last_event_at; });
      }
      if (!a_live) return ascending(b, a, [](const InstanceRow& row) { return row.ended_at - row.started_at; });
      return ascending(a, b, started);
    });
    std::vector<std::string> out;
    for (const auto& row : found) out.push_back(row.name.key);
    return out;
  }
};

// The sets that hold anything, of those that are wanted.
std::vector<ListQuery::Part> parts_of(const Model& model, const std::function<bool(const Bucket&)>& wanted,
                                      std::optional<std::uint16_t> step = std::nullopt) {
  std::map<std::pair<std::size_t, std::uint16_t>, std::uint64_t> counts;
  for (const auto& [key, row] : model.rows) ++counts[{index_of(row.bucket), cell_step(row.steps)}];
  std::vector<ListQuery::Part> out;
  for (const auto& [cell, count] : counts) {
    if (wanted(bucket_at(cell.first)) && (!step || cell.second == *step))
      out.push_back({0, bucket_at(cell.first), cell.second, count});
  }
  return out;
}

// All pages of a query, one after another.
std::vector<std::string> pages(const StoreView& view, ListQuery query) {
  std::vector<std::string> out;
  std::uint64_t total = 0;
  for (int page_number = 0; page_number < 10'000; ++page_number) {
    const auto page = view.list(query);
    if (page_number > 0) CHECK(page.total == total);
    total = page.total;
    CHECK(page.rows.size() <= query.limit);
    for (const auto& row : page.rows) out.push_back(row.name.key);
    if (page.next.empty()) break;
    CHECK(page.rows.size() == query.limit);
    query.after = page.next;
  }
  CHECK(out.size() == total);
  return out;
}

// One random commit: new instances, moved ones, ended ones. Distinct times, so that every order is one order.
void change(Store& store, Model& model, std::mt19937_64& random) {
  auto batch = store.begin();
  const std::size_t changes = random() % 20;
  for (std::size_t i = 0; i < changes; ++i) {
    ++model.offset;
    const bool fresh = model.rows.empty() || random() % 3 == 0;
    InstanceRow before;
    InstanceRow row;
    if (fresh) {
      row.name = {0, "Order-" + std::to_string(model.offset * 7919 % 100'003), 1};
      row.first_offset = model.offset;
      row.started_at = at(model.offset * 10);
    } else {
      before = row = std::next(model.rows.begin(), static_cast<std::ptrdiff_t>(random() % model.rows.size()))->second;
    }
    row.bucket = bucket_at(random() % buckets);
    row.last_offset = model.offset;
    row.last_event_at = row.step_since = at(model.offset * 10);
    row.ended_at = is_live(row.bucket.state) ? Time{} : at(model.offset * 10 + 1);
    ++row.events;
    row.steps.clear();
    if (random() % 8 != 0) row.steps = {static_cast<std::uint16_t>(random() % 4)};
    row.since = model.offset;
    const bool known = model.rows.count(row.name.key) > 0;
    if (fresh && known) continue;
    const std::string subject = "Customer " + std::to_string(model.offset % 17);
    model.subjects[row.name.key].insert(subject);
    batch->add_event(
        row.name, {model.offset, "id" + std::to_string(model.offset), "type", "source", "", at(1), at(2), 3, subject});
    batch->put(row, "bytes of " + row.name.key + " " + std::to_string(row.events), known ? &before : nullptr);
    model.rows[row.name.key] = row;
  }
  StoreHead head = store.head();
  head.log_id = 42;
  head.offset = model.offset;
  store.commit(std::move(batch), head);
}

void compare(const StoreView& view, const Model& model, std::mt19937_64& random) {
  CHECK(view.offset() == model.offset);
  const auto any_bucket = [](const Bucket&) { return true; };
  for (const Sort sort : {Sort::stalest, Sort::longest, Sort::newest}) {
    ListQuery query;
    query.sort = sort;
    query.limit = 1 + random() % 7;
    query.parts = parts_of(model, any_bucket);
    CHECK(pages(view, query) == model.list(sort, [](const auto&) { return true; }));
    const auto state = static_cast<InstanceState>(random() % instance_states);
    query.parts = parts_of(model, [&](const Bucket& bucket) { return bucket.state == state; });
    CHECK(pages(view, query) == model.list(sort, [&](const auto& row) { return row.bucket.state == state; }));
    const auto step = static_cast<std::uint16_t>(random() % 4);
    const auto at_step = [&](const auto& row) { return cell_step(row.steps) == step; };
    query.parts = parts_of(model, any_bucket, step);
    query.by_step = true;
    CHECK(pages(view, query) == model.list(sort, at_step));
    query.by_step = false;
    query.parts = parts_of(model, any_bucket);
    // Keys are Order-17: a word of the query begins a word of the key or of a subject.
    const std::string number = std::to_string(random() % 100);
    query.text = "ORDER " + number;
    const auto in_key = [&](const auto& row) { return row.name.key.substr(6).starts_with(number); };
    const auto in_subject = [&](const auto& row) {
      const auto& all = model.subjects.at(row.name.key);
      return std::any_of(all.begin(), all.end(), [&](const auto& text) { return text.substr(9).starts_with(number); });
    };
    CHECK(pages(view, query) == model.list(sort, [&](const auto& row) { return in_key(row) || in_subject(row); }));
    query.text = "customer " + number;
    CHECK(pages(view, query) == model.list(sort, [&](const auto& row) { return in_key(row) || in_subject(row); }));
    query.text = "...";
    CHECK(pages(view, query).empty());
    query.text.clear();
    const Time from = at(random() % (model.offset * 10 + 1)), to = at(random() % (model.offset * 10 + 1));
    query.started = {from, to};
    const auto started = [&](const auto& row) { return row.started_at >= from && row.started_at < to; };
    CHECK(pages(view, query) == model.list(sort, started));
    query.ended.from = from;
    const auto ended = [&](const auto& row) { return !is_live(row.bucket.state) && row.ended_at >= from; };
    CHECK(pages(view, query) == model.list(sort, [&](const auto& row) { return started(row) && ended(row); }));
    query.started = {};
    CHECK(pages(view, query) == model.list(sort, ended));
    query.ended = {};
    query.started.to = to;
    query.by_step = true;
    query.parts = parts_of(model, any_bucket, step);
    CHECK(pages(view, query) == model.list(sort, [&](const auto& row) { return at_step(row) && row.started_at < to; }));
  }
  for (const auto& [key, row] : model.rows) {
    const auto found = view.instance(row.name);
    REQUIRE(found);
    CHECK(found->bytes == "bytes of " + key + " " + std::to_string(row.events));
    CHECK(found->row.last_offset == row.last_offset);
    CHECK(found->row.steps == row.steps);
    const auto events = view.events(row.name, 0, 1000);
    CHECK(events.size() == row.events);
    CHECK(events.back().offset == row.last_offset);
    CHECK(found->row.since == row.since);
    CHECK(view.named(key) == std::vector<InstanceName>{row.name});
  }
}

}  // namespace

TEST_CASE("store: every list, page and total equals a sorted vector's, at every commit and after reopening (G123)") {
  LABAN_SEED(seed);
  std::mt19937_64 random(seed);
  const test::TemporaryDirectory directory;
  Model model;
  for (int round = 0; round < 3; ++round) {
    Store store(directory.path());
    CHECK(store.head().offset == model.offset);
    for (int commit = 0; commit < 8; ++commit) {
      change(store, model, random);
      compare(*store.view(), model, random);
    }
    std::set<std::string> live;
    store.each_open([&](const StoredInstance& instance) { live.insert(instance.row.name.key); });
    std::set<std::string> expected;
    for (const auto& [key, row] : model.rows) {
      if (is_live(row.bucket.state)) expected.insert(key);
    }
    CHECK(live == expected);
  }
}

TEST_CASE("store: keys are found by their words, numbers without leading zeros, and UUIDs by their beginning") {
  const test::TemporaryDirectory directory;
  Store store(directory.path());
  const std::vector<std::string> keys{"order-0017", "20261121-17", "Order17/b", "4f6a12bc-1d2e-4b5c-8d9e-0123456789ab"};
  auto batch = store.begin();
  for (const auto& key : keys) {
    InstanceRow row;
    row.name = {0, key, 1};
    batch->put(row, key, nullptr);
  }
  store.commit(std::move(batch), StoreHead{1, 0, 1, {}, 0, 0, 0, 0, {}});
  const auto found = [&](const std::string& text) {
    ListQuery query;
    query.parts = {{0, Bucket{}, no_cell_step, keys.size()}};
    query.text = text;
    std::set<std::string> out;
    for (const auto& row : store.view()->list(query).rows) out.insert(row.name.key);
    return out;
  };
  using Keys = std::set<std::string>;
  CHECK(found("17") == Keys{keys[0], keys[1], keys[2]});
  CHECK(found("001") == Keys{keys[0]});
  CHECK(found("ORDER") == Keys{keys[0], keys[2]});
  CHECK(found("order17") == Keys{keys[2]});
  CHECK(found("20261121-17") == Keys{keys[1]});
  for (const char* beginning :
       {"4f6a", "4f6a12bc", "4F6A12BC-1d", "4f6a12bc-1d2e-4b", "4f6a12bc-1d2e-4b5c-8d9e-0123456789ab"})
    CHECK(found(beginning) == Keys{keys[3]});
  CHECK(found("4f6a12bc-1d2f").empty());
  CHECK(found("rder").empty());
}

TEST_CASE("store: a view stays at its commit while others follow (G124)") {
  LABAN_SEED(seed);
  std::mt19937_64 random(seed);
  const test::TemporaryDirectory directory;
  Store store(directory.path());
  Model model;
  for (int i = 0; i < 5; ++i) change(store, model, random);
  const Model then = model;
  const auto view = store.view();
  for (int i = 0; i < 5; ++i) change(store, model, random);
  compare(*view, then, random);
  compare(*store.view(), model, random);
}

TEST_CASE("store: keeps definitions, totals, statistics and its own log with the offset") {
  const test::TemporaryDirectory directory;
  {
    Store store(directory.path());
    auto batch = store.begin();
    batch->put_definition(0, {"order", "1", "order.yaml", "text: 1", 0, false, 0});
    batch->put_definition(1, {"order", "2", "order.yaml", "text: 2", 17, false, 0});
    batch->put_statistics(1, "numbers");
    batch->put_totals("totals");
    batch->add_log({LogEntry::Kind::activate, 17, {}, 1, 0, 0});
    batch->add_log({LogEntry::Kind::advance, 18, at(99), 0, 0, 0});
    store.commit(std::move(batch), StoreHead{77, 2, 18, at(98), 3, 0, 0, 0, {}});
  }
  Store store(directory.path());
  CHECK(store.head().log_id == 77);
  CHECK(store.head().generation == 2);
  CHECK(store.head().offset == 18);
  CHECK(store.head().gaps == 3);
  CHECK(store.head().log_entries == 2);
  const auto definitions = store.definitions();
  REQUIRE(definitions.size() == 2);
  CHECK(definitions[1].text == "text: 2");
  CHECK(definitions[1].after_offset == 17);
  CHECK(store.totals() == "totals");
  CHECK(store.statistics(1) == "numbers");
  CHECK_FALSE(store.statistics(0).has_value());
  const auto log = store.view()->log();
  REQUIRE(log.size() == 2);
  CHECK(log[1].kind == LogEntry::Kind::advance);
  CHECK(log[1].time == at(99));
}

TEST_CASE("store: keys that hold zeros or begin with one another stay apart") {
  const test::TemporaryDirectory directory;
  Store store(directory.path());
  auto batch = store.begin();
  const std::vector<std::string> keys{"a", std::string("a\0", 2), std::string("a\0\0\0", 4), "ab", ""};
  for (DefinitionIndex definition = 0; definition < 2; ++definition) {
    for (const auto& key : keys) {
      InstanceRow row;
      row.name = {definition, key, 1};
      batch->put(row, key, nullptr);
      batch->add_event(row.name, {1, "e" + key, "t", "s", "", {}, {}, 0});
    }
  }
  store.commit(std::move(batch), StoreHead{1, 0, 1, {}, 0, 0, 0, 0, {}});
  for (const auto& key : keys) {
    CHECK(store.view()->named(key).size() == 2);
    const auto events = store.view()->events({1, key, 1}, 0, 10);
    REQUIRE(events.size() == 1);
    CHECK(events[0].id == "e" + key);
    CHECK(store.latest(1, key)->bytes == key);
  }
  CHECK_FALSE(store.latest(2, "a").has_value());
}

TEST_CASE("store: a cursor of another list is refused") {
  const test::TemporaryDirectory directory;
  Store store(directory.path());
  ListQuery query;
  query.after = "nonsense that is long enough to be one";
  CHECK_THROWS_AS(store.view()->list(query), Error);
}

TEST_CASE("store: refuses a second opening, a damaged file and a place where it cannot write, by name (G125)") {
  const test::TemporaryDirectory directory;
  {
    Store store(directory.path() / "one");
    try {
      Store second(directory.path() / "one");
      FAIL("opened twice");
    } catch (const Error& error) {
      CHECK(error.code() == Errc::in_use);
    }
    store.commit(store.begin(), StoreHead{1, 0, 5, {}, 0, 0, 0, 0, {}});
  }
  for (const auto& entry : std::filesystem::directory_iterator(directory.path() / "one")) {
    if (entry.path().filename().string().starts_with("MANIFEST"))
      std::ofstream(entry.path(), std::ios::trunc) << "not a manifest at all";
  }
  try {
    Store damaged(directory.path() / "one");
    FAIL("opened although damaged");
  } catch (const Error& error) {
    CHECK(error.code() == Errc::storage);
    CHECK(std::string(error.what()).find((directory.path() / "one").string()) != std::string::npos);
  }
  std::ofstream(directory.path() / "file") << "x";
  try {
    Store nowhere(directory.path() / "file" / "store");
    FAIL("made a directory inside a file");
  } catch (const Error& error) {
    CHECK(error.code() == Errc::storage);
  }
}

TEST_CASE("store: one that another release wrote is refused as such, and left as it is (G125)") {
  const test::TemporaryDirectory directory;
  const std::string path = (directory.path() / "store").string();
  const auto with_families = [&](const std::vector<std::string>& names) {
    rocksdb::Options options;
    options.create_if_missing = options.create_missing_column_families = true;
    std::vector<rocksdb::ColumnFamilyDescriptor> families;
    for (const auto& name : names) families.emplace_back(name, rocksdb::ColumnFamilyOptions{});
    std::vector<rocksdb::ColumnFamilyHandle*> handles;
    rocksdb::DB* db = nullptr;
    const auto status = rocksdb::DB::Open(options, path, families, &handles, &db);
    for (auto* handle : handles) db->DestroyColumnFamilyHandle(handle);
    delete db;
    return status.ok();
  };
  REQUIRE(with_families({"default", "state", "instances"}));
  try {
    Store other(path);
    FAIL("opened what it cannot read");
  } catch (const Error& error) {
    CHECK(error.code() == Errc::storage);
    CHECK(std::string(error.what()).find(path + " is of another release") != std::string::npos);
  }
  CHECK(with_families({"default", "state", "instances"}));
}

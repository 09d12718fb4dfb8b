// tests/unit/monitor/witness/damage_test.cpp - a store whose files were damaged, cut or could not be written: refused by name,
// or taken up at an earlier commit, from which the log gives the rest. Never other answers.
#include <doctest/doctest.h>
#include <rocksdb/db.h>

#include <algorithm>
#include <fstream>
#include <memory>

#include "laban/error.hpp"
#include "tests/support/seed.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tests/unit/monitor/witness/followed.hpp"

using namespace laban;
using namespace laban::test;
namespace fs = std::filesystem;

namespace {

std::string answers(Bench& bench) {
  std::string out = bench.ask(&Api::definitions).dump() + "\n";
  std::uint64_t total = 0;
  for (const auto& row : bench.list({{"limit", "1000"}, {"sort", "newest"}}, total))
    out += row.dump() + "\n" + bench.ask(&Api::instance, {}, {row["id"]}).dump() + "\n";
  return out;
}

// The rest of the events, as the bus's log gives them again.
void catch_up(Bench& bench, const std::vector<TestEvent>& events) {
  for (std::size_t at = bench.witness.offset(); at < events.size(); ++at) bench.see(events[at]);
  bench.commit();
}

}  // namespace

TEST_CASE("store: with a damaged or cut file it is refused by name or gives the same answers once caught up (G146)") {
  LABAN_SEED(seed);
  std::mt19937_64 random(seed);
  const auto events = random_events(random, 60);
  const test::TemporaryDirectory whole, copies;
  std::string expected;
  for (int run = 0; run < 3; ++run) {  // several runs leave tables as well as a write-ahead log
    Bench bench(whole.path());
    const std::size_t to = events.size() * static_cast<std::size_t>(run + 1) / 3;
    for (std::size_t at = bench.witness.offset(); at < to; ++at) {
      bench.see(events[at]);
      if (random() % 5 == 0) bench.commit();
    }
    bench.commit();
    expected = answers(bench);
  }
  int refused = 0, same = 0;
  for (int round = 0; round < 40; ++round) {
    const fs::path copy = copies.path() / std::to_string(round);
    fs::copy(whole.path(), copy, fs::copy_options::recursive);
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(copy))
      if (entry.is_regular_file() && entry.file_size() > 0) files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    const fs::path file = files[random() % files.size()];
    const auto size = fs::file_size(file);
    const auto place = random() % size;
    CAPTURE(file.filename().string());
    CAPTURE(place);
    if (random() % 3 == 0) {
      fs::resize_file(file, place);
    } else {
      std::fstream bytes(file, std::ios::in | std::ios::out | std::ios::binary);
      bytes.seekg(static_cast<std::streamoff>(place));
      const char was = static_cast<char>(bytes.get());
      bytes.seekp(static_cast<std::streamoff>(place));
      bytes.put(static_cast<char>(was ^ static_cast<char>(1 + random() % 255)));
    }
    try {
      Bench bench(copy);
      catch_up(bench, events);
      const std::string told = answers(bench);
      CHECK(told == expected);
      ++same;
    } catch (const Error& error) {
      CHECK(error.code() == Errc::storage);
      CAPTURE(error.what());
      CHECK(std::string(error.what()).find("damaged") != std::string::npos);
      ++refused;
    }
    fs::remove_all(copy);
  }
  CAPTURE(refused);
  CHECK(same + refused == 40);
}

TEST_CASE("store: one that has fewer live instances than it counts is refused as damaged (G146)") {
  LABAN_SEED(seed);
  std::mt19937_64 random(seed);
  const test::TemporaryDirectory directory;
  {
    Bench bench(directory.path());
    for (const auto& event : random_events(random, 60)) bench.see(event);
    bench.commit();
  }
  std::vector<std::string> names;
  REQUIRE(rocksdb::DB::ListColumnFamilies({}, directory.path().string(), &names).ok());
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  for (const auto& name : names) families.emplace_back(name, rocksdb::ColumnFamilyOptions{});
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  REQUIRE(rocksdb::DB::Open({}, directory.path().string(), families, &handles, &db).ok());
  auto* const live = handles[static_cast<std::size_t>(std::find(names.begin(), names.end(), "live") - names.begin())];
  std::unique_ptr<rocksdb::Iterator> first(db->NewIterator({}, live));
  first->SeekToFirst();
  REQUIRE(first->Valid());
  CHECK(db->Delete({}, live, first->key()).ok());
  first.reset();
  for (auto* handle : handles) db->DestroyColumnFamilyHandle(handle);
  delete db;
  try {
    Bench bench(directory.path());
    FAIL("taken up with one instance too few");
  } catch (const Error& error) {
    CHECK(error.code() == Errc::storage);
    CHECK(std::string(error.what()).find("live instances and counts") != std::string::npos);
  }
}

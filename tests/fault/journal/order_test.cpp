// tests/fault/journal/order_test.cpp - in which order the log calls the file layer.
#include "tests/fault/journal/workload.hpp"
#include "tests/support/seed.hpp"

using namespace laban;
using namespace laban::journal;
using namespace laban::test;

namespace {

using Kind = FileCall::Kind;

// The offsets of calls of this kind whose path ends so.
std::vector<std::size_t> where(const std::vector<FileCall>& calls, Kind kind, const std::string& suffix) {
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < calls.size(); ++i) {
    const auto& path = calls[i].path;
    if (calls[i].kind == kind && path.size() >= suffix.size() && path.substr(path.size() - suffix.size()) == suffix)
      found.push_back(i);
  }
  return found;
}

}  // namespace

TEST_CASE("journal: a synced commit is said only after every write to the log was synced (G17)") {
  LABAN_SEED(seed);
  std::mt19937_64 random{seed};
  FaultyFiles files;
  const auto log = open_log(files);
  std::set<std::string> unsynced;  // files with a batch that no sync followed
  files.on_call([&](const FileCall& call) {
    if (call.kind == Kind::sync) unsynced.erase(call.path);
    const bool mark = call.bytes == batch_header_bytes;
    if (call.kind == Kind::write && !mark) unsynced.insert(call.path);
  });
  for (int i = 0; i < 300; ++i) {
    append(*log, std::string(random() % 900, 'x'));
    const bool synced = random() % 2 == 0;
    REQUIRE(commit(*log, i, synced ? Durability::synced : Durability::written));
    if (synced) CHECK(unsynced.empty());
  }
  files.on_call({});
}

TEST_CASE("journal: one group costs one write, one sync and one mark") {
  FaultyFiles files;
  const auto log = open_log(files, small_options(1 << 20));
  files.forget_calls();
  for (int i = 0; i < 100; ++i) append(*log, "event");
  REQUIRE(commit(*log));
  const auto calls = files.calls();
  REQUIRE(calls.size() == 3);
  CHECK(calls[0].kind == Kind::write);
  CHECK(calls[1].kind == Kind::sync);
  CHECK(calls[2].kind == Kind::write);
  CHECK(calls[2].bytes == batch_header_bytes);
}

TEST_CASE("journal: a segment gets its name after its header is on the disk, and is used after its name is") {
  FaultyFiles files;
  const auto log = open_log(files);
  append(*log, std::string(3000, 'a'));
  REQUIRE(commit(*log));
  files.forget_calls();
  append(*log, std::string(3000, 'b'));
  REQUIRE(commit(*log));
  const auto calls = files.calls();
  const auto renames = where(calls, Kind::rename, ".log");
  const auto names = where(calls, Kind::sync_directory, log_directory);
  REQUIRE(renames.size() == 1);
  REQUIRE(names.size() == 1);
  std::size_t last_sync_before = 0;
  for (std::size_t i = 0; i < renames[0]; ++i)
    if (calls[i].kind == Kind::sync) last_sync_before = i;
  for (std::size_t i = last_sync_before; i < renames[0]; ++i) CHECK(calls[i].kind != Kind::write);
  CHECK(names[0] > renames[0]);
  for (std::size_t i = 0; i < calls.size(); ++i)
    if (calls[i].kind == Kind::write && calls[i].bytes > 3000) CHECK(i > names[0]);
}

TEST_CASE("journal: a segment goes only after its live events are on the disk elsewhere (G21)") {
  FaultyFiles files;
  const auto log = open_log(files);
  for (int i = 0; i < 12; ++i) {
    append(*log, std::string(1000, 'x'));
    REQUIRE(commit(*log, i));
  }
  REQUIRE(log->save_checkpoint(log->position(), bytes_of("state")).empty());
  files.forget_calls();
  Retention retention;
  retention.bytes_max = 1;
  retention.is_live = [](std::uint64_t offset) { return offset == 2; };
  const auto result = log->retain(retention);
  CHECK(result.segments == 1);
  CHECK(result.carried == 1);
  const auto calls = files.calls();
  std::size_t gone = calls.size();
  std::size_t synced = calls.size();
  for (std::size_t i = 0; i < calls.size(); ++i) {
    const bool takes =
        calls[i].kind == Kind::remove || (calls[i].kind == Kind::rename && calls[i].path.ends_with(".spare"));
    if (takes) gone = std::min(gone, i);
    if (calls[i].kind == Kind::sync) synced = std::min(synced, i);
  }
  REQUIRE(gone < calls.size());
  CHECK(synced < gone);
}

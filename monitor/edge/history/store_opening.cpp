// monitor/edge/history/store_opening.cpp - the options of RocksDB, and what its errors mean to who runs the monitor.
#include <rocksdb/cache.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/table.h>
#include <rocksdb/utilities/table_properties_collectors.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "laban/error.hpp"
#include "monitor/edge/history/store_files.hpp"

namespace laban::monitor::store {
namespace {

constexpr std::size_t room_bytes = 256 << 10;
constexpr std::size_t memory_bytes = 64 << 20;  // of memtables, and again of cached blocks
const std::vector<std::string> families{
    rocksdb::kDefaultColumnFamilyName, "state", "live", "ended", "history", "names", "index", "words", "past"};

rocksdb::DBOptions database_options() {
  rocksdb::DBOptions options;
  options.create_if_missing = true;
  options.create_missing_column_families = true;
  options.paranoid_checks = true;
  options.atomic_flush = true;
  options.db_write_buffer_size = memory_bytes;
  options.max_total_wal_size = 4 * memory_bytes;
  options.keep_log_file_num = 2;
  options.max_log_file_size = 1 << 20;
  options.info_log_level = rocksdb::WARN_LEVEL;
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  options.track_and_verify_wals_in_manifest = true;  // a cut manifest would forget a flush whose log is gone
  options.avoid_flush_during_recovery = true;        // and the log of recent writes stays until a flush of its own
  return options;
}

std::vector<rocksdb::ColumnFamilyDescriptor> family_options() {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(memory_bytes);
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.format_version = 5;
  rocksdb::ColumnFamilyOptions options;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  options.compression = rocksdb::kLZ4Compression;
  options.disable_auto_compactions = true;  // until everything is taken up: see Store::commit
  std::vector<rocksdb::ColumnFamilyDescriptor> out;
  // Writes come sorted: each goes behind the one before.
  options.memtable_insert_with_hint_prefix_extractor.reset(rocksdb::NewCappedPrefixTransform(2));
  for (const auto& name : families) {
    out.emplace_back(name, options);
    // Each key that is seen for the first time is looked for in vain.
    if (name == "names") {
      out.back().options.memtable_whole_key_filtering = true;
      out.back().options.memtable_prefix_bloom_size_ratio = 0.1;
    }
    if (name == "history" || name == "ended") out.back().options.compaction_style = rocksdb::kCompactionStyleUniversal;
    // Live entries move at each event: what they leave behind would make the first look into a list slow.
    if (name == "index")
      out.back().options.table_properties_collector_factories.push_back(
          rocksdb::NewCompactOnDeletionCollectorFactory(262'144, 196'608));
  }
  return out;
}

// RocksDB of Debian asserts where its first writes fail; so that room is looked for before it is opened.
void check_room(const std::filesystem::path& directory) {
  const std::filesystem::path probe = directory / "probe.tmp";
  std::ofstream out(probe, std::ios::binary | std::ios::trunc);
  const std::string some(room_bytes, '\0');
  out << some << std::flush;
  const bool good = out.good();
  const int reason = errno;
  out.close();
  std::error_code ignored;
  std::filesystem::remove(probe, ignored);
  if (good) return;
  throw Error(Errc::storage, "the store in " + directory.string() + " cannot be written (" + std::strerror(reason) +
                                 "): check the disk's space and rights, or choose another directory with --data");
}

}  // namespace

void open(Files& files, const std::filesystem::path& directory) {
  files.directory = directory.string();
  std::error_code failed;
  std::filesystem::create_directories(directory, failed);
  if (failed) {
    throw Error(Errc::storage, "the directory " + files.directory + " cannot be made (" + failed.message() +
                                   "): choose another one with --data");
  }
  check_room(directory);
  rocksdb::DB* db = nullptr;
  const auto status = rocksdb::DB::Open(database_options(), files.directory, family_options(), &files.handles, &db);
  files.db.reset(db);
  if (!status.ok()) {
    const std::string text = status.ToString();
    if (text.find("/LOCK") != std::string::npos && text.find("Resource temporarily unavailable") != std::string::npos) {
      throw Error(Errc::in_use, "another monitor uses the store in " + files.directory +
                                    ": stop it or choose another directory with --data");
    }
    if (text.find("/LOCK") != std::string::npos && text.find("lock hold by current process") != std::string::npos) {
      throw Error(Errc::in_use,
                  "this process has the store in " + files.directory + " open already: use another directory");
    }
    if (text.find("olumn families not opened") != std::string::npos) files.of_another_release();
    // The second: the file that names the list of files names one that is not there.
    if (status.IsInvalidArgument() || text.find("/MANIFEST") != std::string::npos) files.damaged(text);
    files.check(status, "opened");
  }
  files.state = files.handles[1];
  files.live = files.handles[2];
  files.ended = files.handles[3];
  files.history = files.handles[4];
  files.names = files.handles[5];
  files.index = files.handles[6];
  files.words = files.handles[7];
  files.past = files.handles[8];
}

Files::~Files() {
  if (!db) return;
  if (write_failed) {
    static_cast<void>(db.release());
    return;
  }
  for (auto* handle : handles) db->DestroyColumnFamilyHandle(handle);
  db->Close();
}

void Files::check(const rocksdb::Status& status, const char* doing) const {
  if (status.ok()) return;
  if (status.IsCorruption()) damaged(status.ToString());
  throw Error(Errc::storage, "the store in " + directory + " cannot be " + doing + " (" + status.ToString() +
                                 "): check the disk's space and rights, or choose another directory with --data");
}

void Files::of_another_release() const {
  throw Error(Errc::storage,
              "the store in " + directory +
                  " is of another release: use that one, or move the directory away, the monitor builds a new "
                  "store from the bus's log");
}

void Files::damaged(const std::string& what) const {
  throw Error(Errc::storage, "the store in " + directory + " is damaged (" + what +
                                 "): move that directory away, the monitor builds a new one from the bus's log");
}

}  // namespace laban::monitor::store

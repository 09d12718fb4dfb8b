// bench/raw_rocksdb.cpp - put and nothing else.
#include "bench/raw_rocksdb.hpp"

#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

namespace laban::bench {

double raw_rocksdb(const std::filesystem::path& directory, std::uint64_t events, int entries) {
  constexpr std::uint64_t batch_events = 64 * 1024, instances = 1'000'000;
  constexpr std::size_t key_bytes = 50, value_bytes = 110;
  rocksdb::Options options;
  options.create_if_missing = true;
  options.compression = rocksdb::kLZ4Compression;
  options.db_write_buffer_size = 64 << 20;
  rocksdb::DB* opened = nullptr;
  const auto check = [](const rocksdb::Status& status) {
    if (!status.ok()) throw std::runtime_error("RocksDB alone: " + status.ToString());
  };
  check(rocksdb::DB::Open(options, directory.string(), &opened));
  const std::unique_ptr<rocksdb::DB> db(opened);
  std::mt19937_64 random{1};
  std::string value(value_bytes, 'x');
  const auto begin = std::chrono::steady_clock::now();
  for (std::uint64_t done = 0; done < events;) {
    std::vector<std::string> keys;
    for (const std::uint64_t to = std::min(events, done + batch_events); done < to; ++done) {
      for (int entry = 0; entry < entries; ++entry) {
        char start[20];
        const auto instance = static_cast<unsigned long long>(random() % instances * 0x9e3779b97f4a7c15);
        std::snprintf(start, sizeof start, "%c%016llx", 'a' + entry, instance);
        keys.emplace_back(start).resize(key_bytes, 'k');
      }
    }
    std::sort(keys.begin(), keys.end());
    rocksdb::WriteBatch batch;
    for (const auto& key : keys) {
      for (std::size_t at = 0; at < 64; at += 8) value[at] = static_cast<char>(random());
      check(batch.Put(key, value));
    }
    check(db->Write({}, &batch));
  }
  return static_cast<double>(events) / std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace laban::bench

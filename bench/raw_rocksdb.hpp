// bench/raw_rocksdb.hpp - what lies below the monitor's history: RocksDB alone, given as many entries an event in sorted batches.
#pragma once

#include <cstdint>
#include <filesystem>

namespace laban::bench {

// Events a second, each of so many entries of 160 bytes with keys that come at random out of a million, 65,536 events a batch.
double raw_rocksdb(const std::filesystem::path& directory, std::uint64_t events, int entries);

}  // namespace laban::bench

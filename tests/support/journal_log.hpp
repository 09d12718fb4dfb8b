// tests/support/journal_log.hpp - words with which tests speak about a log.
#pragma once

#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bus/journal/journal.hpp"

namespace laban::test {

inline constexpr const char* log_directory = "/log";

inline std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span{text});
}

inline std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

inline journal::Timestamp at_second(std::int64_t second) {
  return journal::Timestamp{std::chrono::seconds{second}};
}

inline std::uint64_t append(journal::Journal& log, std::string_view text, std::uint8_t kind = 1) {
  return log.append_event(kind, {bytes_of(text)});
}

inline journal::CommitResult commit(journal::Journal& log, std::int64_t second = 1,
                                    journal::Durability durability = journal::Durability::synced) {
  return log.commit(durability, at_second(second));
}

// Small segments and no helper thread: the same calls in the same order each time.
inline journal::Options small_options(std::uint64_t segment_bytes = 4096) {
  journal::Options options;
  options.segment_bytes = segment_bytes;
  options.background = false;
  options.cache_bytes = 256 << 10;
  options.free_bytes_min = 0;
  options.new_log_id = 0x1122334455667788;
  return options;
}

inline std::unique_ptr<journal::Journal> open_log(journal::FileSystem& files,
                                                  const journal::Options& options = small_options(),
                                                  const std::string& directory = log_directory) {
  return journal::Journal::open(files, directory, options);
}

// Every event of the dense part, by offset, read in pages of `budget` bytes.
inline std::map<std::uint64_t, std::string> events_of(journal::Journal& log, std::size_t budget = 1000) {
  std::map<std::uint64_t, std::string> events;
  for (auto from = log.first_offset(); from <= log.head();) {
    const auto result = log.read(from, budget);
    if (result.damage || result.events.empty()) break;
    for (const auto& event : result.events) events[event.offset] = text_of(event.body);
    from = result.next;
  }
  return events;
}

}  // namespace laban::test

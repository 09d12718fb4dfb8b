// bus/journal/appender.hpp - the writing end of the log: where it stands, and how a group gets behind it.
//
// Threads: belongs to one thread. Errors: values; after `failed` nothing is written any more.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "bus/journal/file.hpp"
#include "bus/journal/group.hpp"
#include "bus/journal/segments.hpp"
#include "bus/journal/spares.hpp"
#include "bus/journal/syncer.hpp"

namespace laban::journal {

// Where the log ends.
struct Head {
  std::uint64_t log_id = 0;
  std::uint32_t generation = 1;
  std::uint64_t position = 0;  // of the next batch
  std::uint32_t previous = 0;  // checksum of the last batch
  std::uint64_t next_offset = 1;
  std::int64_t recordedtime = 0;
  std::uint64_t synced = 0;         // everything before this position is on the disk
  std::uint64_t synced_offset = 1;  // the next event's offset when that was so
};

class Appender {
 public:
  enum class Outcome { ok, no_space, failed };

  Appender(FileSystem& files, std::string directory, std::uint64_t segment_bytes, Segments& segments, Spares& spares,
           bool background);

  // Begins the first segment of a new log.
  Outcome create(const Head& head);

  // Goes on behind what recovery found. What no sync is known to have covered is written again first: after a
  // failed sync the kernel may hold pages that look written, are not on the disk and would never be sent
  // there. An errno.
  int resume(const Head& head);

  Outcome write(Group& group, std::int64_t recordedtime);
  Outcome sync();

  // The same beside the caller: nothing is written between the two. False where there is nothing to be synced.
  bool start_sync(std::function<void()> done);
  Outcome finish_sync();
  const Syncer& syncer() const { return syncer_; }
  std::chrono::nanoseconds sync_time() const { return sync_time_; }  // of the last one

  // Writes, without a sync of its own, how far the log is synced. Whatever is unreadable before a mark was
  // confirmed.
  void mark(std::uint8_t flags = 0, std::uint64_t distance = 0);
  void mark_twice(std::uint8_t flags = 0);  // the second one out of reach of what may have hit the first
  bool mark_durably();                      // the same and syncs it

  const Head& head() const { return head_; }
  bool dirty() const { return head_.synced != head_.position; }
  bool failed() const { return failed_; }
  const std::string& reason() const { return reason_; }  // of the last outcome that was not ok
  void fail(std::string reason);

  struct Counters {
    std::uint64_t commits = 0;
    std::uint64_t syncs = 0;
    std::uint64_t records = 0;
    std::uint64_t bytes = 0;
    std::uint64_t spares_missed = 0;
  };
  const Counters& counters() const { return counters_; }

 private:
  Outcome rotate(std::uint64_t bytes_needed);
  int begin_segment(const std::string& path, std::uint64_t size, bool allocate);
  Outcome refuse(int error, const std::string& doing);
  Outcome synced(int error);

  FileSystem& files_;
  const std::string directory_;
  const std::uint64_t segment_bytes_;
  Segments& segments_;
  Spares& spares_;
  Syncer syncer_;
  Head head_;
  std::shared_ptr<File> file_;
  Counters counters_;
  std::chrono::nanoseconds sync_time_{};
  bool failed_ = false;
  std::string reason_;
};

}  // namespace laban::journal

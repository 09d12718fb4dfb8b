// bus/journal/journal.hpp - the hub's log: append a group, sync once, read by offset, fold from a checkpoint.
//
// An *event* is a record that consumes an offset; offsets are dense, from 1. A *note* is any other record of
// the hub; it has its place between the events and no offset. A *position* is a byte address in the whole
// log, growing over all segments. docs/log-format.md tells what lies on the disk.
//
// Threads:  belongs to one thread, reads included. It starts two helper threads: one fills segments with zeros ahead of
//           time and touches nothing else, one does the syncs of start_sync(); options.background turns them off.
// Delivery: what commit(synced) said `ok` to survives a power cut. What survives is always a prefix of what
// was
//           committed, and a group survives whole or not at all.
// Errors:   open() and scan() throw Error(storage), Error(in_use) or Error(malformed). commit() and read()
// return values:
//           a full disk refuses the group and the next one may succeed; any other failed write or sync makes
//           the journal `failed`, and it stays so until it is opened again.
#pragma once

#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bus/journal/file.hpp"
#include "bus/journal/record.hpp"

namespace laban::journal {

struct Options {
  std::uint64_t segment_bytes = 64 << 20;
  std::uint32_t spare_segments = 1;             // filled with zeros ahead of time
  bool background = true;                       // fill them on a helper thread; else inside open() and prepare()
  std::uint64_t check_bytes = 1ull << 30;       // open() checks the newest so many bytes, older ones when they are read
  std::uint64_t cache_bytes = 8 << 20;          // of batches that were read or written last
  std::uint64_t free_bytes_min = 256ull << 20;  // below it space().low
  std::optional<std::uint64_t> new_log_id;      // instead of a random one, for a log that is created now
};

inline constexpr std::uint64_t body_bytes_max = 32 << 20;  // of one record
inline constexpr std::uint64_t group_bytes_max =
    64 << 20;  // of one commit; append no more once pending_bytes() is past it

enum class Durability {
  written,  // handed to the operating system: survives the death of the hub
  synced,   // on the disk: survives a power cut
};

struct CommitResult {
  enum class Status {
    ok,
    no_space,  // nothing of the group was stored; a later group may be
    failed,    // unknown whether the group is stored; the journal takes no more until it is opened again
  };
  Status status = Status::ok;
  std::string reason;              // why not: what to do
  std::uint64_t first_offset = 0;  // of the group's events; 0 where it had none
  std::uint64_t last_offset = 0;
  std::uint64_t position = 0;            // behind the group
  Timestamp recordedtime{};              // never before that of an earlier group
  std::chrono::nanoseconds sync_time{};  // what the sync took; 0 where there was none

  explicit operator bool() const { return status == Status::ok; }
};

// What open() found and did.
struct Recovery {
  bool created = false;
  bool clean = false;              // the log was closed, not left
  std::uint64_t cut_position = 0;  // an unfinished write that no sync covered was cut there
  std::uint64_t cut_bytes = 0;     // 0: nothing was cut
  std::uint64_t checkpoints_ignored = 0;
  std::vector<std::string> remarks;  // one line each, for the hub's log
};

struct Checkpoint {
  std::uint64_t position = 0;    // scan on from here
  std::vector<std::byte> state;  // as saved; begins at a multiple of 8
};

struct Space {
  std::uint64_t free_bytes = 0;
  bool known = false;
  bool low = false;  // refuse publishing before the disk is full
};

struct Retention {
  std::uint64_t bytes_max = 0;  // keep at most about so much; 0: no limit
  Timestamp before{};           // drop what was recorded before; the epoch: no limit
  std::uint64_t floor = ~0ull;  // never drop an event at or after this offset (durable cursors)
  // Events that must outlive their segment (still in a queue) are copied forward.
  std::function<bool(std::uint64_t offset)> is_live;
};

struct RetentionResult {
  // What holds the oldest segment although it is too much.
  enum class Held { nothing, floor, checkpoint, backup, live_events, disk };
  std::uint64_t segments = 0;    // dropped
  std::uint64_t first_lost = 0;  // events that are gone now: this range, less those carried; both 0 for none
  std::uint64_t last_lost = 0;
  std::uint64_t carried = 0;
  bool more = false;  // another call would drop more
  Held held = Held::nothing;
  std::string reason;  // what holds it up, where something does
};

// What to copy for a backup. What it names does not change, so another thread may copy it while the journal
// goes on; retention waits until the plan is gone.
struct BackupPlan {
  struct Source {
    std::string path;
    std::string name;
    std::uint64_t bytes = 0;
  };
  std::vector<Source> sources;
  std::string continuation_name;  // the copy's last, empty segment: it begins the next generation
  std::vector<std::byte> continuation;
  std::uint64_t head = 0;
  std::shared_ptr<void> hold;
};

// What overwrite() did.
struct Overwritten {
  std::uint64_t position = 0;  // go on from here
  bool end = false;            // nothing is behind it
  std::uint64_t records = 0;   // that say something else now
  std::string problem;         // why it did not go on; nothing of this call was overwritten, or the journal failed
};

struct BackupResult {
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
  std::uint64_t head = 0;  // the newest event in the copy
};

// Copies into an empty or missing directory and checks the copy. Throws Error(storage). On any thread.
BackupResult copy_backup(FileSystem& files, const BackupPlan& plan, const std::string& directory);

struct Stats {
  std::uint64_t commits = 0;
  std::uint64_t syncs = 0;
  std::uint64_t records = 0;
  std::uint64_t bytes_written = 0;  // batches, headers included
  std::uint64_t segments = 0;       // a gauge
  std::uint64_t log_bytes = 0;      // a gauge: used bytes of all segments
  std::uint64_t index_bytes = 0;    // a gauge: memory of the index
  std::uint64_t spares_missed = 0;  // a segment began before its zero-filled file was ready
  std::uint64_t cache_hits = 0;
  std::uint64_t cache_misses = 0;
};

class Journal {
 public:
  using Parts = std::initializer_list<std::span<const std::byte>>;
  using Visit = std::function<void(const Record&)>;

  // Opens the log in the directory, creating both where they are missing.
  static std::unique_ptr<Journal> open(FileSystem& files, const std::string& directory, const Options& options = {});
  ~Journal();  // without close(): as if the process had died, but tidy
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  // --- writing

  // Adds a record to the pending group; its body is the parts one behind the other. Returns the offset it
  // will have.
  std::uint64_t append_event(std::uint8_t kind, Parts parts);
  void append_note(std::uint8_t kind, Parts parts);
  std::uint64_t pending_bytes() const;
  std::uint64_t pending_records() const;

  // Forgets the pending group, for example because something in it turned out to be refused.
  void discard();

  // Writes the pending group, whole or not at all. `synced` also covers every group written before. After
  // anything but `ok` the group is gone from memory too and its offsets are given anew. An empty group only
  // syncs.
  CommitResult commit(Durability durability, Timestamp recordedtime);

  // commit(synced) in two steps, so that the sync runs beside the caller: commit(written), start_sync(), and finish_sync(),
  // which waits for it. In between the caller may append to the next group and read; nothing else. `done` is called on a
  // helper thread when finish_sync() would no longer wait. False where there is nothing to be synced.
  bool start_sync(std::function<void()> done);
  bool syncing() const;    // between the two
  bool sync_done() const;  // finish_sync() will not wait
  CommitResult finish_sync();

  bool failed() const;                 // refuses every commit
  const std::string& failure() const;  // why: what to do

  // Syncs and marks the log as closed; false where that failed. Nothing but reading is allowed afterwards.
  bool close();

  // --- where it stands

  std::uint64_t log_id() const;
  std::uint32_t generation() const;  // grows when the log was restored from a backup
  // The first offset that was given after that generation; of generation() itself, what the next event will get. Offsets
  // from there on, read in that generation, mean other events here.
  std::uint64_t end_of_generation(std::uint32_t generation) const;
  std::uint64_t head() const;          // the newest event written, 0 for none
  std::uint64_t synced_head() const;   // the newest event on the disk
  std::uint64_t first_offset() const;  // the oldest event from which the log is dense; head() + 1 for none
  std::uint64_t next_offset() const;   // what append_event() would return
  std::uint64_t oldest_last() const;   // the newest event in the oldest segment; head() where there is only one
  std::uint64_t position() const;      // behind the newest written record
  std::uint64_t first_position() const;
  Timestamp last_recordedtime() const;
  const Recovery& recovery() const;
  Stats stats() const;
  Space space() const;

  // --- reading

  // Events from `from` on in offset order, at least one where there is one, then until the budget is used up.
  // Carried events below first_offset() are not among them: get() finds those.
  ReadResult read(std::uint64_t from, std::size_t bytes_max, std::size_t events_max = 65'536);

  // One event, also a carried one; empty where the log does not have it.
  ReadResult get(std::uint64_t offset);

  // The first event recorded at or after `time`; head() + 1 where there is none.
  std::uint64_t offset_at(Timestamp time);

  // Every record from a position on (0, a checkpoint's, a record's), in order, up to what is written now.
  // Ends after the batch with which it has read so many bytes; returns the position to go on from. Throws where the log
  // is damaged.
  std::uint64_t scan(std::uint64_t from_position, const Visit& visit, std::uint64_t bytes_max = ~0ull);

  // --- keeping house

  // Stores the caller's state as of `position`, which must be synced. A newer one replaces an older one; the
  // last two are kept. Returns what went wrong: what to do, empty for nothing.
  std::string save_checkpoint(std::uint64_t position, std::span<const std::byte> state);

  // The newest one that fits this log; nothing where there is none and the fold starts at position 0.
  std::optional<Checkpoint> latest_checkpoint();

  // Drops at most one segment, from the oldest. Drops nothing that no saved checkpoint covers.
  RetentionResult retain(const Retention& retention);

  // What copy_backup() needs for a consistent copy of the log as it is now; syncs it. Throws Error(storage).
  BackupPlan plan_backup();

  // Overwrites records in their place, from a position on, over so many bytes of log: `edit` gives what a record's body shall be
  // instead, of the same length, and leaves its last four bytes to the journal. All of a call or nothing, through any crash.
  // Not while a backup is being copied, nor while syncing().
  using Edit = std::function<std::optional<std::vector<std::byte>>(const Record&)>;
  Overwritten overwrite(std::uint64_t from_position, const Edit& edit, std::uint64_t bytes_max);
  // Zeros over what earlier uses of the files have left outside the log. Returns what went wrong, empty for nothing.
  std::string wipe_unused();

  // Fills a missing spare segment now; only without the helper thread. False where the disk did not take it.
  bool prepare();

 private:
  struct Impl;
  explicit Journal(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace laban::journal

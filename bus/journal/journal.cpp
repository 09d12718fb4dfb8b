// bus/journal/journal.cpp - opening, writing, and where the log stands.
#include "bus/journal/journal.hpp"

#include <cassert>
#include <cerrno>
#include <random>
#include <utility>

#include "bus/journal/impl.hpp"
#include "bus/journal/overwrite.hpp"
#include "bus/journal/recovery.hpp"
#include "laban/error.hpp"

namespace laban::journal {
namespace {

std::uint64_t random_log_id() {
  std::random_device device;
  std::uint64_t id = 0;
  while (id == 0) id = (static_cast<std::uint64_t>(device()) << 32) | device();
  return id;
}

std::unique_ptr<DirectoryLock> hold(FileSystem& files, const std::string& directory) {
  if (const int error = files.make_directories(directory))
    throw Error{Errc::storage,
                "cannot create " + directory + ": " + error_text(error) + ": choose another --data directory"};
  auto lock = files.lock(directory);
  if (lock.value) return std::move(lock.value);
  if (lock.error == EWOULDBLOCK)
    throw Error{Errc::in_use,
                directory + " belongs to another hub that is running: stop it, or choose another --data directory"};
  throw Error{Errc::storage,
              "cannot lock " + directory + ": " + error_text(lock.error) + ": make it writable for this user"};
}

constexpr std::uint64_t segment_bytes_min = 4096;

}  // namespace

Journal::Journal(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Journal::~Journal() = default;

std::unique_ptr<Journal> Journal::open(FileSystem& files, const std::string& directory, const Options& options) {
  if (options.segment_bytes < segment_bytes_min || options.segment_bytes % 8 != 0)
    throw Error{Errc::usage, "a segment of " + std::to_string(options.segment_bytes) +
                                 " bytes is not possible: take a multiple of 8 from " +
                                 std::to_string(segment_bytes_min) + " on"};
  auto lock = hold(files, directory);
  finish_overwrite(files, directory);
  // Nothing else is written before all that is there was found whole.
  Segments found{files, directory, options.cache_bytes};
  if (const auto damage = list_segments(files, directory, found)) refuse(*damage, directory);
  if (found.empty() && !list_checkpoints(files, directory).empty())
    throw Error{
        Errc::storage,
        directory + " has checkpoints of a log, but no log: restore it from a backup, or empty it to begin anew"};
  std::optional<Recovered> recovered;
  if (!found.empty()) recovered = recover(files, directory, found, options.check_bytes);

  auto impl = std::make_unique<Impl>(files, directory, options);
  impl->lock = std::move(lock);
  if (!options.background) impl->spares.fill_one();
  if (recovered) {
    impl->segments = std::move(found);
    impl->recovery = std::move(recovered->report);
    impl->carried = std::move(recovered->carried);
    impl->checkpoint_positions = std::move(recovered->checkpoint_positions);
    if (const int error = impl->appender.resume(recovered->head))
      throw Error{Errc::storage, "cannot write to the log in " + directory + ": " + error_text(error) +
                                     ": check its rights and the disk"};
  } else {
    Head head;
    head.log_id = options.new_log_id ? *options.new_log_id : random_log_id();
    impl->recovery.created = true;
    if (impl->appender.create(head) != Appender::Outcome::ok) throw Error{Errc::storage, impl->appender.reason()};
  }
  return std::unique_ptr<Journal>{new Journal{std::move(impl)}};
}

std::uint64_t Journal::append_event(std::uint8_t kind, Parts parts) {
  const auto offset = next_offset();
  impl_->pending.add(kind, record_event, parts);
  return offset;
}

void Journal::append_note(std::uint8_t kind, Parts parts) {
  impl_->pending.add(kind, 0, parts);
}
std::uint64_t Journal::pending_bytes() const {
  return impl_->pending.body_bytes();
}
std::uint64_t Journal::pending_records() const {
  return impl_->pending.count();
}
void Journal::discard() {
  impl_->pending.clear();
}

CommitResult Journal::Impl::answer(Appender::Outcome outcome) const {
  CommitResult result;
  if (outcome == Appender::Outcome::no_space) result.status = CommitResult::Status::no_space;
  if (outcome == Appender::Outcome::failed) result.status = CommitResult::Status::failed;
  if (outcome != Appender::Outcome::ok) result.reason = appender.reason();
  result.position = appender.head().position;
  result.recordedtime = Timestamp{std::chrono::nanoseconds{appender.head().recordedtime}};
  return result;
}

CommitResult Journal::commit(Durability durability, Timestamp recordedtime) {
  auto& appender = impl_->appender;
  auto& pending = impl_->pending;
  assert(!impl_->closed && "nothing is written after close()");
  assert(!syncing() && "finish_sync() before the next commit");
  const auto events = pending.events();
  const auto first = appender.head().next_offset;
  auto outcome = appender.failed() ? Appender::Outcome::failed : Appender::Outcome::ok;
  if (outcome == Appender::Outcome::ok && !pending.empty())
    outcome = appender.write(pending, recordedtime.time_since_epoch().count());
  pending.clear();
  const bool syncs = outcome == Appender::Outcome::ok && durability == Durability::synced && appender.dirty();
  if (syncs) outcome = appender.sync();
  auto result = impl_->answer(outcome);
  if (syncs) result.sync_time = appender.sync_time();
  if (result && events > 0) {
    result.first_offset = first;
    result.last_offset = first + events - 1;
  }
  return result;
}

bool Journal::start_sync(std::function<void()> done) {
  assert(!syncing() && "one sync at a time");
  return impl_->appender.start_sync(std::move(done));
}

bool Journal::syncing() const {
  return impl_->appender.syncer().underway();
}

bool Journal::sync_done() const {
  return impl_->appender.syncer().done();
}

CommitResult Journal::finish_sync() {
  auto result = impl_->answer(impl_->appender.finish_sync());
  result.sync_time = impl_->appender.sync_time();
  return result;
}

bool Journal::failed() const {
  return impl_->appender.failed();
}

const std::string& Journal::failure() const {
  static const std::string none;
  return failed() ? impl_->appender.reason() : none;
}

bool Journal::close() {
  if (impl_->closed) return !failed();
  if (syncing()) (void)finish_sync();
  impl_->pending.clear();
  impl_->closed = true;
  return impl_->appender.sync() == Appender::Outcome::ok && impl_->appender.mark_durably();
}

std::uint64_t Journal::log_id() const {
  return impl_->appender.head().log_id;
}
std::uint32_t Journal::generation() const {
  return impl_->appender.head().generation;
}
std::uint64_t Journal::end_of_generation(std::uint32_t of) const {
  const auto& segments = impl_->segments;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    if (segments[i].header.generation > of) return segments[i].header.next_offset;
  }
  return head() + 1;
}
std::uint64_t Journal::oldest_last() const {
  const auto& segments = impl_->segments;
  return segments.size() < 2 ? head() : segments[1].header.next_offset - 1;
}
std::uint64_t Journal::head() const {
  return impl_->appender.head().next_offset - 1;
}
std::uint64_t Journal::synced_head() const {
  return impl_->appender.head().synced_offset - 1;
}
std::uint64_t Journal::first_offset() const {
  return impl_->segments.oldest().header.next_offset;
}
std::uint64_t Journal::next_offset() const {
  return impl_->appender.head().next_offset + impl_->pending.events();
}
std::uint64_t Journal::position() const {
  return impl_->appender.head().position;
}
std::uint64_t Journal::first_position() const {
  return impl_->segments.oldest().first_position();
}
const Recovery& Journal::recovery() const {
  return impl_->recovery;
}

Timestamp Journal::last_recordedtime() const {
  return Timestamp{std::chrono::nanoseconds{impl_->appender.head().recordedtime}};
}

Stats Journal::stats() const {
  const auto& counters = impl_->appender.counters();
  Stats stats;
  stats.commits = counters.commits;
  stats.syncs = counters.syncs;
  stats.records = counters.records;
  stats.bytes_written = counters.bytes;
  stats.spares_missed = counters.spares_missed;
  stats.segments = impl_->segments.size();
  stats.log_bytes = impl_->segments.used_bytes();
  stats.index_bytes = impl_->segments.index_bytes();
  stats.cache_hits = impl_->segments.cache_hits();
  stats.cache_misses = impl_->segments.cache_misses();
  return stats;
}

Space Journal::space() const {
  const auto free = impl_->files.free_space(impl_->directory);
  return {free.bytes, free.error == 0, free.error == 0 && free.bytes < impl_->options.free_bytes_min};
}

bool Journal::prepare() {
  return impl_->spares.fill_one();
}

}  // namespace laban::journal

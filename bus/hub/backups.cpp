// bus/hub/backups.cpp - plans, reads, forgets.
#include "bus/hub/backups.hpp"

#include <algorithm>
#include <cerrno>

#include "bus/codec/codec.hpp"
#include "laban/error.hpp"

namespace laban::hub {
namespace {

constexpr std::size_t backups_max = 4;
constexpr std::size_t piece_bytes_max = 1u << 20;
constexpr auto patience = std::chrono::minutes{1};  // between two pieces

Backups::Answer refused(codec::Refusal code, std::string message) {
  return {true, code, std::move(message), {}, {}};
}

Backups::Answer unknown() {
  return refused(codec::Refusal::not_found, "there is no such backup of this session: begin a new one");
}

}  // namespace

journal::FileSystem& Backups::files() const {
  return core_.options.files == nullptr ? journal::posix_file_system() : *core_.options.files;
}

Backups::Answer Backups::begin(const Session& session) {
  if (open_.size() >= backups_max) {
    return refused(codec::Refusal::limit, std::to_string(backups_max) + " backups are being read: try again later");
  }
  Open open;
  open.session = session.number;
  open.read_at = Clock::now();
  try {
    open.plan = core_.journal.plan_backup();
  } catch (const Error& error) {
    return refused(codec::Refusal::storage, error.what());
  }
  codec::BackupPlan said{next_++, open.plan.head, core_.journal.log_id(), core_.journal.generation() + 1, {}};
  for (const auto& source : open.plan.sources) said.files.push_back({source.name, source.bytes});
  said.files.push_back({open.plan.continuation_name, open.plan.continuation.size()});
  if (said.files.size() > codec::backup_files_max) {
    return refused(codec::Refusal::too_large, "the log has too many files for a backup: copy it with the hub stopped");
  }
  const auto frame = codec::encode(said);
  open_.emplace(said.backup, std::move(open));
  return {false, {}, {}, {}, {frame.bytes().begin(), frame.bytes().end()}};
}

Backups::Answer Backups::read(const Session& session, const codec::ReadBackup& wish) {
  const auto found = open_.find(wish.backup);
  if (found == open_.end() || found->second.session != session.number) return unknown();
  auto& open = found->second;
  open.read_at = Clock::now();
  const auto& sources = open.plan.sources;
  if (wish.file > sources.size()) return unknown();
  const auto size = wish.file == sources.size() ? open.plan.continuation.size() : sources[wish.file].bytes;
  Answer answer;
  if (wish.at >= size) return answer;
  auto bytes = std::min<std::uint64_t>(size - wish.at, piece_bytes_max);
  if (wish.bytes_max != 0) bytes = std::min<std::uint64_t>(bytes, wish.bytes_max);
  if (wish.file == sources.size()) {
    const auto from = open.plan.continuation.begin() + static_cast<std::ptrdiff_t>(wish.at);
    answer.data.assign(from, from + static_cast<std::ptrdiff_t>(bytes));
    return answer;
  }
  const auto& source = sources[wish.file];
  const auto broken = [&](int error) {
    return refused(codec::Refusal::storage, "cannot read " + source.path + ": " + journal::error_text(error) +
                                                ": check the disk of the hub's log");
  };
  if (!open.file || open.file_number != wish.file) {
    auto opened = files().open(source.path, journal::OpenMode::read);
    if (!opened.value) return broken(opened.error);
    open.file = std::move(opened.value);
    open.file_number = wish.file;
  }
  answer.data.resize(bytes);
  const auto got = journal::read_fully(*open.file, wish.at, answer.data);
  if (got.error != 0 || got.bytes != bytes) return broken(got.error != 0 ? got.error : EIO);
  return answer;
}

Backups::Answer Backups::end(const Session& session, std::uint64_t backup) {
  const auto found = open_.find(backup);
  if (found == open_.end() || found->second.session != session.number) return unknown();
  open_.erase(found);
  return {};
}

void Backups::leave(const Session& session) {
  std::erase_if(open_, [&](const auto& open) { return open.second.session == session.number; });
}

void Backups::expire(Clock::time_point now) {
  std::erase_if(open_, [&](const auto& open) { return now - open.second.read_at > patience; });
}

}  // namespace laban::hub

// bus/journal/spares.cpp - fills, hands out and takes back spare segment files.
#include "bus/journal/spares.hpp"

#include <algorithm>
#include <chrono>
#include <string_view>
#include <utility>
#include <vector>

namespace laban::journal {
namespace {

constexpr std::string_view ready_suffix = ".spare";
constexpr std::string_view unfinished_suffix = ".filling";
constexpr std::size_t piece_bytes = 1 << 20;
constexpr std::uint64_t sync_every_bytes = 8 << 20;  // so that the log's own syncs never wait behind a whole segment
// Zeros only where the disk has time for them: a log that fills its segments faster than this gains more from a disk of its
// own than from files without new metadata (docs/performance.md).
constexpr std::chrono::milliseconds pause_after_sync{400};

bool ends_with(std::string_view name, std::string_view suffix) {
  return name.size() >= suffix.size() && name.substr(name.size() - suffix.size()) == suffix;
}

}  // namespace

Spares::Spares(FileSystem& files, std::string directory, std::uint64_t segment_bytes, std::uint32_t wanted,
               bool background)
    : files_(files),
      directory_(std::move(directory)),
      segment_bytes_(segment_bytes),
      wanted_(wanted),
      background_(background) {
  std::vector<std::string> names;
  files_.list(directory_, names);
  std::sort(names.begin(), names.end());
  for (const auto& name : names) {
    const auto path = directory_ + "/" + name;
    if (ends_with(name, unfinished_suffix)) files_.remove(path);
    if (!ends_with(name, ready_suffix)) continue;
    const auto file = files_.open(path, OpenMode::read);
    if (file.value && file.value->size() == segment_bytes_ && ready_.size() < wanted_) {
      ready_.push_back(path);
    } else {
      files_.remove(path);
    }
    ++counter_;
  }
  if (background_ && wanted_ > 0) thread_ = std::thread{[this] { run(); }};
}

Spares::~Spares() {
  {
    const std::lock_guard hold{mutex_};
    stop_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

std::string Spares::take() {
  const std::lock_guard hold{mutex_};
  asked_ = true;
  wake_.notify_all();
  if (ready_.empty()) return {};
  auto path = std::move(ready_.front());
  ready_.pop_front();
  return path;
}

bool Spares::recycle(const std::string& path) {
  const auto target = new_name();
  {
    const std::lock_guard hold{mutex_};
    if (ready_.size() >= wanted_) return false;
  }
  if (files_.rename(path, target) != 0) return false;
  const std::lock_guard hold{mutex_};
  ready_.push_back(target);
  return true;
}

void Spares::discard() {
  const std::lock_guard hold{mutex_};
  for (const auto& path : ready_) files_.remove(path);
  ready_.clear();
  asked_ = true;
  wake_.notify_all();
}

bool Spares::fill_one() {
  {
    const std::lock_guard hold{mutex_};
    if (ready_.size() >= wanted_) return true;
  }
  const auto path = new_name();
  const auto unfinished = path + std::string{unfinished_suffix};
  if (!fill(unfinished) || files_.rename(unfinished, path) != 0) {
    files_.remove(unfinished);
    return false;
  }
  const std::lock_guard hold{mutex_};
  ready_.push_back(path);
  return true;
}

std::string Spares::new_name() {
  const std::lock_guard hold{mutex_};
  std::vector<std::string> names;
  files_.list(directory_, names);
  std::string name;
  do {
    name = std::to_string(counter_++) + std::string{ready_suffix};
  } while (std::find(names.begin(), names.end(), name) != names.end());
  return directory_ + "/" + name;
}

bool Spares::fill(const std::string& path) {
  const auto file = files_.open(path, OpenMode::create);
  if (!file.value || file.value->allocate(segment_bytes_) != 0) return false;
  const std::vector<std::byte> zeros(static_cast<std::size_t>(std::min<std::uint64_t>(piece_bytes, segment_bytes_)));
  std::uint64_t unsynced = 0;
  for (std::uint64_t at = 0; at < segment_bytes_;) {
    const auto piece = static_cast<std::size_t>(std::min<std::uint64_t>(zeros.size(), segment_bytes_ - at));
    if (write_fully(*file.value, at, std::span{zeros}.first(piece)) != 0) return false;
    at += piece;
    unsynced += piece;
    if (unsynced >= sync_every_bytes) {
      if (file.value->sync_data() != 0) return false;
      unsynced = 0;
      std::unique_lock hold{mutex_};
      if (background_) wake_.wait_for(hold, pause_after_sync, [this] { return stop_; });
      if (stop_) return false;
    }
  }
  return file.value->sync_data() == 0;
}

void Spares::run() {
  std::unique_lock hold{mutex_};
  while (!stop_) {
    wake_.wait(hold, [this] { return stop_ || asked_; });
    asked_ = false;
    while (!stop_ && ready_.size() < wanted_) {
      hold.unlock();
      const bool filled = fill_one();
      hold.lock();
      if (!filled) break;  // a full disk: the next segment asks again
    }
  }
}

}  // namespace laban::journal

// bench/journal_bench.cpp - appends the same records through the journal and through nothing but a file.
#include "bench/journal_bench.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "bench/scratch.hpp"
#include "bus/journal/crc32c.hpp"
#include "bus/journal/journal.hpp"

namespace laban::bench {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// A record that no compression and no page of zeros can help: a little of it changes each time.
class Payload {
 public:
  explicit Payload(std::uint32_t size) : bytes_(size, std::byte{0x5a}) {}

  std::span<const std::byte> next() {
    ++number_;
    for (std::size_t at = 0; at + 8 <= bytes_.size(); at += 64) {
      const std::uint64_t mixed = number_ * 0x9e3779b97f4a7c15 + at;
      std::memcpy(bytes_.data() + at, &mixed, 8);
    }
    return bytes_;
  }

 private:
  std::vector<std::byte> bytes_;
  std::uint64_t number_ = 0;
};

class JournalTarget {
 public:
  explicit JournalTarget(journal::Journal& log) : log_(log) {}
  void append(std::span<const std::byte> body) { log_.append_event(1, {body}); }
  void commit() {
    const auto now = std::chrono::time_point_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now());
    if (const auto result = log_.commit(journal::Durability::synced, now); !result)
      throw std::runtime_error(result.reason);
  }

 private:
  journal::Journal& log_;
};

class RawTarget {
 public:
  RawTarget(const std::string& path, std::uint64_t size) : path_(path) {
    fd_ = ::open(path.c_str(), O_CREAT | O_RDWR | O_TRUNC | O_CLOEXEC, 0640);
    if (fd_ < 0) throw std::runtime_error("cannot create " + path);
    const std::vector<char> zeros(1 << 20);
    for (std::uint64_t at = 0; at < size; at += zeros.size())
      if (::pwrite(fd_, zeros.data(), zeros.size(), static_cast<off_t>(at)) < 0)
        throw std::runtime_error("cannot fill " + path);
    ::fsync(fd_);
  }
  ~RawTarget() { ::close(fd_); }
  RawTarget(const RawTarget&) = delete;
  RawTarget& operator=(const RawTarget&) = delete;

  void append(std::span<const std::byte> body) {
    ++number_;
    std::uint32_t header[4] = {static_cast<std::uint32_t>(body.size()), journal::crc32c(body), 0, 0};
    std::memcpy(&header[2], &number_, 8);
    const auto* bytes = reinterpret_cast<const std::byte*>(header);
    group_.insert(group_.end(), bytes, bytes + sizeof header);
    group_.insert(group_.end(), body.begin(), body.end());
  }
  void commit() {
    if (::pwrite(fd_, group_.data(), group_.size(), static_cast<off_t>(at_)) < 0 || ::fdatasync(fd_) != 0)
      throw std::runtime_error("cannot write " + path_);
    at_ += group_.size();
    group_.clear();
  }

 private:
  std::string path_;
  int fd_ = -1;
  std::vector<std::byte> group_;
  std::uint64_t at_ = 0;
  std::uint64_t number_ = 0;
};

// One target's records and time; the samples are its groups.
class Run {
 public:
  Run(const char* name, const Settings& settings) : payload_(settings.size) {
    result_.name = name;
    result_.settings = settings;
  }

  template <class Target>
  void group(Target& target) {
    const auto begin = Clock::now();
    for (std::uint32_t i = 0; i < result_.settings.window; ++i) target.append(payload_.next());
    target.commit();
    const auto end = Clock::now();
    result_.events += result_.settings.window;
    result_.seconds += std::chrono::duration<double>(end - begin).count();
    samples_.push_back(static_cast<std::uint64_t>((end - begin).count()));
  }

  bool done() const { return result_.events >= result_.settings.count; }
  Measurement result() {
    result_.latency = percentiles(samples_);
    return result_;
  }

 private:
  Payload payload_;
  Measurement result_;
  std::vector<std::uint64_t> samples_;
};

Measurement append_to(journal::Journal& log, const char* name, const Settings& settings) {
  JournalTarget target{log};
  Run run{name, settings};
  while (!run.done()) run.group(target);
  return run.result();
}

// One segment that holds the whole run, ready before the time runs.
journal::Options one_segment(const Settings& settings) {
  const std::uint64_t records = settings.count + settings.window;
  journal::Options options;
  options.background = false;
  options.segment_bytes =
      ((records * (settings.size + 16ull) + records / settings.window * 64 + (1 << 20)) / 4096) * 4096;
  return options;
}

// Sectors written to the disk that holds the directory, from /proc/diskstats; 0 where it is not to be found.
std::uint64_t sectors_written(const std::string& directory) {
  struct stat status {};
  if (::stat(directory.c_str(), &status) != 0) return 0;
  std::ifstream table{"/proc/diskstats"};
  for (std::string line; std::getline(table, line);) {
    std::istringstream fields{line};
    unsigned major = 0, minor = 0;
    std::string name;
    std::uint64_t value = 0, written = 0;
    fields >> major >> minor >> name;
    for (int i = 1; i <= 7 && fields >> value; ++i) written = value;
    if (major == ::major(status.st_dev) && minor == ::minor(status.st_dev)) return written;
  }
  return 0;
}

}  // namespace

AppendPair append_pair(const Settings& settings) {
  const Scratch scratch;
  const auto log = journal::Journal::open(journal::posix_file_system(), scratch.path(), one_segment(settings));
  JournalTarget ours{*log};
  RawTarget baseline{scratch.path() + "/raw", (settings.count + settings.window) * (settings.size + 16ull)};
  ::sync();
  Run journal{"journal append", settings};
  Run raw{"raw append", settings};
  while (!journal.done()) {
    journal.group(ours);
    raw.group(baseline);
  }
  return {journal.result(), raw.result()};
}

Measurement journal_append_segments(const Settings& settings) {
  const Scratch scratch;
  const auto log = journal::Journal::open(journal::posix_file_system(), scratch.path());
  return append_to(*log, "journal append, default segments", settings);
}

Measurement journal_open(const Settings& settings) {
  const Scratch scratch;
  {
    const auto log = journal::Journal::open(journal::posix_file_system(), scratch.path());
    auto most = settings;
    most.count = settings.count - settings.count / 10;
    append_to(*log, "", most);
    if (const auto problem = log->save_checkpoint(log->position(), {}); !problem.empty())
      throw std::runtime_error(problem);
    auto rest = settings;
    rest.count = settings.count / 10;
    append_to(*log, "", rest);
  }
  Measurement result;
  result.name = "journal open";
  result.settings = settings;
  const auto start = Clock::now();
  const auto log = journal::Journal::open(journal::posix_file_system(), scratch.path());
  log->scan(log->latest_checkpoint()->position, [](const journal::Record&) {});
  result.seconds = seconds_since(start);
  result.events = log->head();
  return result;
}

double journal_bytes_to_disk(const Settings& settings) {
  const Scratch scratch;
  const auto log = journal::Journal::open(journal::posix_file_system(), scratch.path(), one_segment(settings));
  ::sync();
  const auto before = sectors_written(scratch.path());
  const auto result = append_to(*log, "", settings);
  ::sync();
  const auto after = sectors_written(scratch.path());
  return static_cast<double>(after - before) * 512 / (static_cast<double>(result.events) * settings.size);
}

}  // namespace laban::bench

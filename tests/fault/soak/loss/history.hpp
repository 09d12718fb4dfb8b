// tests/fault/soak/loss/history.hpp - what each process of a loss trial saw, in files that outlive it.
//
// A process appends a line before it lets the world go on (publishes, acknowledges), with one write(): what the file lacks
// after kill -9 had no effect that others could see. Each start writes a file of its own, NAME.RUN.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "laban/event.hpp"

namespace laban::soak::loss {

// Everything that the trial publishes goes to amq.topic under loss.*; this one tells subscribers that no more will come.
inline constexpr std::string_view exchange = "amq.topic";
inline constexpr std::string_view end_key = "loss.end";

struct Attempt {
  std::uint64_t sequence = 0;
  std::string id;
};

struct Confirmed {
  std::string id;
  std::uint64_t offset = 0;
  bool synced = false;
  bool duplicate = false;
};

struct ProducerRun {
  std::string name;
  int run = 0;
  bool named = false;
  std::optional<std::uint64_t> last_sequence;  // what the hub said at the start
  std::vector<Attempt> attempts;
  std::vector<Confirmed> confirms;
  std::vector<std::string> refused;  // ids
};

struct Seen {
  std::uint64_t offset = 0;
  std::string id;
};

struct SubscriberRun {
  std::string name;
  int run = 0;
  std::vector<std::string> patterns;
  std::optional<std::uint64_t> after;  // everything that matches beyond it is to come; nothing: it was never ready
  std::vector<Seen> seen;
  std::vector<std::string> misses;
  int damaged = 0;
};

struct Handling {
  std::string queue;
  std::string consumer;  // name and run
  std::uint64_t offset = 0;
  std::string id;
  std::string key;
  std::uint32_t attempts = 0;
  bool redelivered = false;
  std::int64_t at = 0;  // nanoseconds of a clock that all processes share
  std::string verdict;
  bool damaged = false;
};

struct Histories {
  std::vector<ProducerRun> producers;      // by name and run
  std::vector<SubscriberRun> subscribers;  // by name and run
  std::vector<Handling> handlings;
};

Histories read_histories(const std::filesystem::path& directory);

// The runs of one name, oldest first.
std::vector<std::filesystem::path> runs_of(const std::filesystem::path& directory, const std::string& name);
std::vector<std::string> whole_lines(const std::filesystem::path& file);

class HistoryWriter {
 public:
  HistoryWriter(const std::filesystem::path& directory, const std::string& name);
  ~HistoryWriter();
  HistoryWriter(const HistoryWriter&) = delete;
  HistoryWriter& operator=(const HistoryWriter&) = delete;

  void write(std::string line);  // without its end
  int run() const { return run_; }

 private:
  int file_ = -1;
  int run_ = 0;
};

// What an event of this id carries: a reader can tell a changed byte.
std::string body_of(std::string_view id);
bool has_its_body(const Event& event);

}  // namespace laban::soak::loss

// bus/hub/backups.hpp - lets clients read a consistent copy of the running log, piece by piece.
//
// The hub writes nothing for a backup and needs no path: whoever backs up reads over the connection that it has, and writes
// where it is. What a backup names does not change while the log goes on; retention waits until the backup has ended.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "bus/codec/protocol.hpp"
#include "bus/hub/core.hpp"

namespace laban::hub {

// Threads: belongs to the hub's thread.
// Errors:  values; what a client asks for that there is not is refused.
class Backups {
 public:
  explicit Backups(Core& core) : core_(core) {}

  struct Answer {
    bool refused = false;
    codec::Refusal code = codec::Refusal::unspecified;
    std::string message;
    std::string json{};
    std::vector<std::byte> data{};
  };
  // Everything gathered so far must be in the log.
  Answer begin(const Session& session);
  Answer read(const Session& session, const codec::ReadBackup& wish);
  Answer end(const Session& session, std::uint64_t backup);

  void leave(const Session& session);
  // One that nobody reads from any more ends.
  void expire(Clock::time_point now);
  std::size_t size() const { return open_.size(); }

 private:
  struct Open {
    std::uint32_t session = 0;
    journal::BackupPlan plan;
    std::unique_ptr<journal::File> file;
    std::uint32_t file_number = 0;
    Clock::time_point read_at{};
  };
  journal::FileSystem& files() const;

  Core& core_;
  std::map<std::uint64_t, Open> open_;
  std::uint64_t next_ = 1;
};

}  // namespace laban::hub

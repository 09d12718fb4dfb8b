// bus/hub/options.hpp - how a hub is set up. Every limit has a number.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

namespace laban::journal {
class FileSystem;
}

namespace laban {

enum class SyncMode {
  group,  // one sync a group, before anything of it is confirmed or delivered
  off,    // left to the operating system: confirms reach `written` at most, a power cut may take back
};

struct HubLimits {
  std::size_t sessions_max = 10'000;
  std::size_t subscriptions_max = 1'024;  // of one session
  std::size_t consumers_max = 1'024;      // of one session
  std::size_t feeds_max = 1'024;          // beyond it subscriptions are told to replay
  std::size_t patterns_max = 256;         // of one subscription
  std::size_t prefetch_max = 65'536;
  std::size_t exchanges_max = 10'000;
  std::size_t queues_max = 10'000;
  std::size_t producers_max = 100'000;
  std::size_t group_bytes = 4u << 20;  // gathered before one sync
  std::size_t group_frames = 2'000;
  std::size_t sync_beside_bytes = 16u << 10;  // a larger group is synced while the next one is gathered
  std::size_t feed_batch_bytes = 256u << 10;
  std::size_t deliveries_bytes = 256u << 10;      // of one frame to a consumer
  std::size_t replay_bytes = 1u << 20;            // of one answer
  std::size_t replay_scan_bytes = 16u << 20;      // read for one answer that matches little
  std::size_t replay_cycle_bytes = 8u << 20;      // read before live traffic is looked at again
  std::size_t session_backlog_bytes = 64u << 20;  // waiting for a client that does not read; then it is cut off
  std::uint64_t parking_max = 100'000;     // unroutable events kept in laban.parking; what comes then is ledgered
  std::chrono::hours producer_memory{24};  // an anonymous producer is forgotten so long after its last word
};

// What the log keeps. Without a limit it keeps everything, until the disk is low and publishing is refused. Whatever it
// drops, the messages of queues stay, and so does what a durable cursor has not read.
struct KeepOptions {
  std::uint64_t bytes = 0;          // about so much; 0: no limit
  std::chrono::seconds age{0};      // what was recorded within it; 0: no limit
  std::uint64_t bytes_at_most = 0;  // durable cursors hold up to so much, then they lose and are told; 0: no limit
};

struct HubOptions {
  std::string listen = "tcp://127.0.0.1:5570";  // port 0: any free one
  std::string feeds;                            // where feeds are read; empty: the next port, or any free one
  std::string ingest;        // where events at most once come in; empty: the port after that, or any free one
  bool at_most_once = true;  // take such events at all
  std::string data;          // the log's directory
  std::string http = "127.0.0.1:8081";  // metrics and read API; empty: none; port 0: any free one
  SyncMode sync = SyncMode::group;
  bool insecure = false;  // listen beyond loopback without authentication
  std::string
      key_file;  // the hub's CURVE key pair: connections are encrypted, and only who `access_file` knows may connect
  std::string access_file;                  // principals, their keys and what each may do; with key_file
  std::chrono::milliseconds lease{15'000};  // a session silent for so long is dead; one that broke is noticed at once
  std::chrono::milliseconds handshake{10'000};  // a connection that has not said what it is by then is closed
  std::chrono::milliseconds ping{300};          // how soon a vanished client is noticed
  std::chrono::milliseconds heartbeat_moving{100};
  std::chrono::milliseconds heartbeat_idle{500};
  std::chrono::milliseconds checkpoint_every{60'000};
  std::uint64_t checkpoint_bytes = 256ull << 20;  // or after so much log
  std::uint64_t segment_bytes = 64ull << 20;
  std::uint64_t disk_free_min = 256ull << 20;  // with less free space publishing is refused
  KeepOptions keep;
  std::chrono::milliseconds ledger_every{1'000};  // refused publishes and dropped events share a line for so long
  HubLimits limits;
  journal::FileSystem* files = nullptr;  // tests break it; empty: the operating system's
};

}  // namespace laban

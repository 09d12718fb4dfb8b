// laban/options.hpp - how a client reaches the hub, and what it counts.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace laban {

// How far a published event has come when its confirm is sent.
enum class Level { accepted, written, synced };

struct HubAddress {
  std::string endpoint{};    // tcp://HOST:PORT, ipc://PATH; empty: LABAN_HUB, else tcp://127.0.0.1:5570
  std::string key_file{};    // this client's CURVE key pair; empty: LABAN_KEY, else no encryption
  std::string server_key{};  // the hub's public CURVE key; empty: LABAN_SERVER_KEY
};

struct BusOptions {
  std::string service{};  // the events' source and the name of the service's queue
  HubAddress hub{};
  std::string producer{};  // a name makes this a named producer (an outbox): one at a time, fenced by the hub
  Level level = Level::synced;
  std::size_t window_events = 10'000;  // published and not yet confirmed, at most
  std::size_t window_bytes = 64 << 20;
  std::uint32_t prefetch = 256;             // deliveries that wait for their acknowledgement, at most
  std::chrono::milliseconds linger{5'000};  // how long the destructor waits for confirms
};

struct SubscriberOptions {
  std::string name{};  // for people and for the hub's list of who listens
  HubAddress hub{};
};

// What a subscription does when the application is slower than the bus. The log has the data anyway, so spilling to
// replay loses nothing and costs the others nothing.
enum class Overflow { spill, drop_oldest, drop_newest, disconnect };

struct SubscriptionOptions {
  std::vector<std::string> patterns{"#"};  // topic patterns over routing keys
  std::string exchange{};                  // empty: every exchange
  enum class From { now, first, offset, time, cursor } from = From::now;
  std::uint64_t offset = 0;                                // the first wanted, for From::offset
  std::chrono::sys_time<std::chrono::nanoseconds> time{};  // the first recorded at or after it, for From::time
  // A durable name: the hub keeps how far this subscription has handled, and From::cursor goes on behind it, also in another
  // process; from the first event where it was never saved. The hub's log keeps what a cursor has not read, unless it is an
  // observer's, which is told what it missed.
  std::string cursor{};
  bool observer = false;
  std::chrono::milliseconds save_every{1'000};  // while something was handled; 0: only by save_cursor()
  // Which log and generation `offset` was read in, as Progress told; 0: not known. An offset of another past is refused.
  std::uint64_t log_id = 0;
  std::uint32_t generation = 0;
  bool fleeting = true;                // hears events at most once too; their offset is 0
  std::size_t buffer_events = 65'536;  // received and not yet handled, at most
  Overflow overflow = Overflow::spill;
};

// Counters since the start of this client. Every drop has one.
struct BusStats {
  std::uint64_t published = 0;
  std::uint64_t confirmed = 0;
  std::uint64_t refused = 0;
  std::uint64_t unroutable = 0;
  std::uint64_t resent = 0;
  std::uint64_t unconfirmed = 0;  // a gauge
  std::uint64_t handled = 0;
  std::uint64_t failed = 0;     // a handler threw
  std::uint64_t unhandled = 0;  // came from the queue and no handler wanted it; acknowledged
  std::uint64_t malformed = 0;
  std::uint64_t missed_live = 0;  // lost by PUB/SUB and repaired from the log
  std::uint64_t lost = 0;         // not repaired, because the log no longer has it
  std::uint64_t dropped = 0;      // by this client's own overflow policy
  // Events at most once: given to the transport; dropped here, since there was no room or no hub; lost on the way to a
  // subscription of this client.
  std::uint64_t fleeting_sent = 0;
  std::uint64_t fleeting_dropped = 0;
  std::uint64_t fleeting_missed = 0;
  std::uint64_t reconnects = 0;
};

}  // namespace laban

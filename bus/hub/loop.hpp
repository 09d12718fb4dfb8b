// bus/hub/loop.hpp - the hub's one thread: receive, gather, store, tell.
//
// A cycle takes what has queued up (bounded in frames and bytes), stores it with one sync, and only then confirms,
// delivers and fans out. Nothing waits to fill a group: an idle hub stores a single event at once.
//
// While a large group is being synced, on the journal's helper thread, the loop gathers the next one: it takes in what is
// published and settled, and nothing else. All other things that a client says, and what the hub does on its own, wait for
// the sync first, so they see the hub between two groups. Where enough was gathered it is written as soon as the sync ends,
// before the synced group is told: the disk does not wait for the telling.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "bus/hub/access.hpp"
#include "bus/hub/dispatch.hpp"
#include "bus/hub/erasing.hpp"
#include "bus/hub/group.hpp"
#include "bus/hub/ingest.hpp"
#include "bus/hub/publishing.hpp"
#include "bus/hub/requests.hpp"
#include "bus/hub/retaining.hpp"
#include "bus/hub/subscribing.hpp"

namespace laban::hub {

// Threads: run() belongs to one thread; stop(), crash(), post() and the addresses are safe from any.
// Errors:  the constructor throws Error; run() throws where the hub cannot go on.
class Loop {
 public:
  // `server`: other sockets than those that the options name, for tests.
  explicit Loop(const HubOptions& options, std::unique_ptr<transport::Server> server = nullptr);
  ~Loop();

  void run();
  void stop();   // drain, store, confirm, save, close
  void crash();  // leave everything as it is

  // Runs the task between two cycles; false once the loop has ended.
  bool post(std::function<void(Core&)> task);

  std::string endpoint() const { return endpoint_; }
  std::string feeds_endpoint() const { return feeds_endpoint_; }
  bool ready() const { return ready_; }
  const std::vector<std::string>& remarks() const { return remarks_; }

 private:
  void restore();
  void end_transient_queues();
  void cycle();
  bool receive();
  void handle(const transport::Peer& peer, codec::Frame& frame);
  void hello(const transport::Peer& peer, const codec::Hello& hello);
  void act(Session& session, const codec::ClientMessage& message);
  void ledger_dropped(const Session& session, const codec::Dropped& dropped);
  void store();
  void finish_storing();
  void store_next();
  void reap();
  void timers();
  void ping();
  void watch_disk();
  void remove_unwanted();
  void save_checkpoint();
  void retain(Clock::time_point now);
  void run_tasks();
  void drain();
  std::chrono::milliseconds patience() const;

  HubOptions options_;
  std::optional<Access> access_;
  std::unique_ptr<transport::Server> server_;
  std::unique_ptr<journal::Journal> journal_;
  std::unique_ptr<Broker> broker_;
  Probe probe_;
  Sessions sessions_;
  Feeds feeds_;
  Core core_;
  Group group_;
  Publishing publishing_;
  Dispatch dispatch_;
  Subscribing subscribing_;
  Requests requests_;
  Retaining retaining_;
  Erasing erasing_;
  Ingest ingest_;

  std::string endpoint_;
  std::string feeds_endpoint_;
  std::vector<std::string> remarks_;
  transport::Peer peer_;
  bool busy_ = false;       // more to do without waiting
  std::size_t frames_ = 0;  // received since the last store
  struct Storing {
    bool wrote = false;
    bool durably = false;
    bool ok = true;
  };
  void tell(const Storing& stored);
  Storing storing_;        // the group that was stored last
  bool unsynced_ = false;  // notes were written and not yet synced
  Clock::time_point last_sync_{};
  Clock::time_point next_ping_{};
  Clock::time_point next_second_{};
  Clock::time_point next_beat_{};
  Clock::time_point next_checkpoint_{};
  Clock::time_point next_ledger_{};
  std::uint64_t checkpoint_position_ = 0;
  std::uint64_t watched_position_ = 0;

  std::atomic<bool> stop_{false};
  std::atomic<bool> crash_{false};
  std::atomic<bool> ready_{false};
  std::mutex tasks_mutex_;
  std::vector<std::function<void(Core&)>> tasks_;  // guarded by tasks_mutex_
  bool ended_ = false;                             // guarded by tasks_mutex_
};

}  // namespace laban::hub

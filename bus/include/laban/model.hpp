// laban/model.hpp - the AMQP model from outside: declare and bind exchanges and queues, ask what the hub holds.
//
// Threads: safe from one thread at a time; each call waits for the hub's answer.
// Errors:  throws Error(refused) with the hub's reason (a different redeclaration names the difference), and
//          Error(unreachable) when no hub answers within the time given to the constructor.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "laban/event.hpp"
#include "laban/options.hpp"

namespace laban {

struct ExchangeSpec {
  std::string name;
  std::string type = "topic";  // direct, fanout, topic, headers
  bool durable = true;
  bool auto_delete = false;
  std::string alternate;  // where events that reach nothing go
  bool passive = false;   // only ask whether it is there
};

struct QueueSpec {
  std::string name;
  bool durable = true;
  bool exclusive = false;
  bool auto_delete = false;
  bool passive = false;
  bool keyed = true;  // at most one unacknowledged message a key
  bool single_active = false;
  std::uint32_t delivery_limit = 0;  // failed attempts before parking; 0: the hub's default
  std::uint64_t messages_max = 0;    // 0: no limit
  std::uint64_t bytes_max = 0;
  std::string overflow = "refuse";  // refuse, park
  std::chrono::milliseconds message_ttl{0};
  std::chrono::milliseconds queue_ttl{0};
  std::chrono::milliseconds backoff{0};
  std::chrono::milliseconds backoff_max{0};
  std::string on_park = "hold";  // hold, release
  std::string dead_letter_exchange;
  std::string dead_letter_key;
  std::chrono::milliseconds redelivery_timeout{0};
};

struct BindingSpec {
  std::string exchange;
  std::string queue;        // a queue, or
  std::string to_exchange;  // another exchange
  std::string pattern;
  Headers arguments;  // headers exchanges: x-match and what to match
};

// A copy of a hub's log, made while the hub ran.
struct BackupReport {
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
  std::uint64_t head = 0;  // the newest event in it
  std::uint64_t log_id = 0;
  std::uint32_t generation = 0;  // of the copy: the next one, so that offsets read from the original later are refused
};

class Model {
 public:
  explicit Model(HubAddress hub, std::chrono::milliseconds wait = std::chrono::seconds{10});
  ~Model();
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  void declare(const ExchangeSpec& exchange);
  void declare(const QueueSpec& queue);
  void bind(const BindingSpec& binding);
  void unbind(const BindingSpec& binding);
  void delete_exchange(std::string_view name);
  void delete_queue(std::string_view name);

  // Puts a queue's parked messages back, in order; returns the hub's report as JSON.
  std::string redrive(std::string_view queue, bool dry_run, std::uint32_t limit = 0);

  // A named reader's place: every event up to `offset` is dealt with. The log keeps what comes behind it, unless it is an
  // observer's. Subscriptions save their own; this is for those who set one by hand.
  void save_cursor(std::string_view name, std::uint64_t offset, bool observer = false);
  void delete_cursor(std::string_view name);

  // Copies the hub's log, as it is at this moment, into an empty or missing directory of this machine, while the hub goes
  // on. A hub that is started on the copy goes on from there. `progress` is told bytes done and bytes in all.
  // Throws Error(storage) too: the directory is not empty, or cannot be written.
  using BackupProgress = std::function<void(std::uint64_t, std::uint64_t)>;
  BackupReport backup(const std::string& directory, const BackupProgress& progress = {});

  // Makes subject and payload of every event of a process instance that is stored so far unreadable, in the hub's log and in
  // the monitors that read it; see inspect("erasures") for when it is done. It is sure to be done when this returns.
  void erase(std::string_view instance);

  // queues, exchanges, schemas, cursors, explain, erasures, status; the answer is JSON.
  std::string inspect(std::string_view what, std::string_view argument_json = {});

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace laban

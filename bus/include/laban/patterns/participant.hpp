// laban/patterns/participant.hpp - a service that reacts and announces with its own database: what it did,
// what it has handled (inbox) and what it still has to say (outbox) are one transaction.
//
//   patterns::Participant payment{{.bus = {.service = "payment"}, .database = "payment.db", .tables =
//   charges}}; payment.on<shop::OrderPlaced>([](auto placed, const Event& cause, patterns::Transaction& tx) {
//     tx.run("INSERT INTO charges(order_id, cents) VALUES (?, ?)", placed.getOrderId(),
//     placed.getTotalCents()); Fact<shop::PaymentTaken> taken{cause}; tx.publish(taken);
//   });
//   payment.run(stop_on_signal());
//
// Threads:  belongs to one thread.
// Delivery: events come at least once, their effect happens once: an event that the inbox knows is
// acknowledged and
//           not handled again. What a handler publishes is said if and only if its transaction is on the
//           disk, in the order of the transactions, and is stored once by the hub, because the outbox is a
//           named producer. All events that wait are one transaction with one sync.
// Errors:   a handler that throws undoes its own effects and publishes alone, and its event comes again. A
// database that
//           cannot be written ends run() with Error(storage); nothing that was not committed is acknowledged.
//           One process a database: a second one is refused with Error(in_use).
// Limits:   ParticipantOptions; while the outbox is full, no event is taken.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include "laban/bus.hpp"
#include "laban/patterns/database.hpp"

namespace laban::patterns {

struct ParticipantOptions {
  BusOptions bus{};  // the service's name is also its producer's, where that is empty
  std::filesystem::path database{};
  std::string tables{};                // SQL that makes the service's own tables where they are missing
  std::int64_t inbox_max = 1'000'000;  // handled events that are remembered; older ones are forgotten and counted
  std::int64_t outbox_max = 100'000;   // facts that are not confirmed yet; above it no event is taken
  std::chrono::milliseconds pace{0};   // a fact is said this long after it was decided: work that takes its time
};

struct ParticipantStats {
  std::uint64_t handled = 0;     // events whose effect was committed
  std::uint64_t duplicates = 0;  // came again and were known
  std::uint64_t failed = 0;      // a handler threw
  std::uint64_t commits = 0;     // transactions, each with a sync
  std::uint64_t forgotten = 0;   // inbox rows that the limit removed
  std::uint64_t refused = 0;     // facts that the hub would not store; they stay in laban_outbox with the reason
  std::int64_t unsaid = 0;       // facts in the outbox, a gauge
};

// The transaction in which an event is handled. It ends with the handler; so do the rows that it shows.
class Transaction {
 public:
  template <class... Arguments>
  std::int64_t run(std::string_view statement, const Arguments&... arguments) {
    return database_.run(statement, arguments...);
  }
  template <class... Arguments>
  void each(std::string_view question, const std::function<void(const Row&)>& handler,
            const Arguments&... arguments) const {
    database_.each(question, handler, arguments...);
  }
  template <class T, class... Arguments>
  std::optional<T> first(std::string_view question, const Arguments&... arguments) const {
    return database_.first<T>(question, arguments...);
  }

  // Puts a fact into the outbox and returns its id; it is said once the transaction is on the disk. In a handler an event
  // that names no process instance is caused by the one that is handled, as Bus::publish has it.
  template <class T>
  std::string publish(Fact<T>& fact) {
    return publish(fact.event());
  }
  std::string publish(NewEvent event);

 private:
  friend class Participant;
  Transaction(Database& database, std::string_view source, const Event* cause)
      : database_(database), source_(source), cause_(cause) {}

  Database& database_;
  std::string_view source_;
  const Event* cause_;  // none outside a handler
};

class Participant {
 public:
  explicit Participant(ParticipantOptions options);
  ~Participant();
  Participant(const Participant&) = delete;
  Participant& operator=(const Participant&) = delete;

  using Handler = std::function<void(const Event&, Transaction&)>;

  // Reacts to every event of type T. One handler a type; call before run().
  template <class T>
  void on(std::function<void(typename T::Reader, const Event&, Transaction&)> handler) {
    bus().template speaks<T>();
    on(topic_of<T>(), [handler = std::move(handler)](const Event& event, Transaction& transaction) {
      Payload<T> payload{event};
      handler(payload.get(), event, transaction);
    });
  }
  void on(std::string_view type, Handler handler);

  // Does something of the service's own accord, in a transaction of its own: placing an order, for example.
  void transact(const std::function<void(Transaction&)>& action);

  // Declares the service's queue and bindings and waits until the hub has them; false if it did not within `wait`.
  bool wait_until_ready(std::chrono::milliseconds wait);

  // Handles events and says what the outbox holds until stop is requested; then says the rest, for at most
  // the bus's linger.
  void run(std::stop_token stop);

  // The same for the events that are waiting, for at most `wait`; returns how many. Outside run() a loop of
  // these.
  std::size_t poll(std::chrono::milliseconds wait);

  // Waits until the hub has confirmed everything that the outbox holds; false if that took longer.
  bool flush(std::chrono::milliseconds wait);

  Database& database();
  Bus& bus();
  ParticipantStats stats() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace laban::patterns

// bus/patterns/participant.cpp - one transaction a batch: inbox row, effects and outbox rows of every event
// in it.
#include "laban/patterns/participant.hpp"

#include <algorithm>
#include <exception>

#include "bus/patterns/inbox.hpp"
#include "bus/patterns/outbox.hpp"
#include "laban/error.hpp"

namespace laban::patterns {

using namespace std::chrono_literals;

namespace {

BusOptions named(BusOptions options) {
  if (options.producer.empty()) options.producer = options.service;
  return options;
}

}  // namespace

std::string Transaction::publish(NewEvent event) {
  if (event.id.empty()) event.id = new_id();
  if (event.source.empty()) event.source = source_;
  if (event.time == Timestamp{}) event.time = std::chrono::system_clock::now();
  if (cause_ && event.correlationid.empty() && event.causationid.empty()) {
    event.correlationid = cause_->correlationid();
    event.causationid = cause_->id();
    if (event.traceparent.empty()) event.traceparent = cause_->traceparent();
  }
  Outbox::put(database_, event);
  return event.id;
}

struct Participant::Impl {
  explicit Impl(ParticipantOptions given)
      : options(std::move(given)),
        database(options.database),
        inbox(database, options.inbox_max),
        outbox(database),
        bus(named(options.bus)) {
    if (!options.tables.empty()) database.execute(options.tables);
    bus.on_confirm([this](const Confirm& confirm) { outbox.confirmed(confirm); });
    bus.before_acknowledge([this] { commit(); });
  }

  void begin() {
    if (lost) throw Error(Errc::storage, *lost);
    if (open) return;
    database.execute("BEGIN IMMEDIATE");
    open = true;
    handled = 0;
  }

  void handle(const Event& event, const Handler& handler) {
    begin();
    database.execute("SAVEPOINT event");
    try {
      if (inbox.enter(event)) {
        Transaction transaction{database, options.bus.service, &event};
        handler(event, transaction);
        ++handled;
      } else {
        ++stats.duplicates;
      }
      database.execute("RELEASE event");
    } catch (...) {
      ++stats.failed;
      undo_event();
      throw;
    }
  }

  // SQLite ends the whole transaction itself where the disk fails; then the events before this one are undone
  // too, and must not be acknowledged.
  void undo_event() {
    if (!database.in_transaction()) {
      lost = database.file().string() + " could not be written: see the message before, then start again";
      return;
    }
    database.execute("ROLLBACK TO event");
    database.execute("RELEASE event");
  }

  void commit() {
    if (lost) throw Error(Errc::storage, *lost);
    if (!open) return;
    open = false;
    try {
      outbox.forget();
      stats.forgotten += static_cast<std::uint64_t>(inbox.forget());
      outbox.mark_said();
      database.execute("COMMIT");
    } catch (const std::exception& error) {
      lost = error.what();
      if (database.in_transaction()) database.execute("ROLLBACK");
      throw;
    }
    ++stats.commits;
    stats.handled += handled;
    outbox.committed();
    outbox.say(bus, options.pace);
  }

  void transact(const std::function<void(Transaction&)>& action) {
    if (open) throw Error(Errc::usage, "transact() inside a handler: use the handler's own transaction");
    begin();
    try {
      Transaction transaction{database, options.bus.service, nullptr};
      action(transaction);
    } catch (...) {
      open = false;
      if (database.in_transaction()) database.execute("ROLLBACK");
      throw;
    }
    commit();
  }

  std::size_t poll(std::chrono::milliseconds wait) {
    outbox.say(bus, options.pace);
    if (outbox.unsaid() > options.outbox_max) {
      bus.flush(wait);
      return 0;
    }
    const auto count = bus.poll(wait);
    // Confirmed rows go with the next transaction; where nothing happens any more, with one of their own.
    if (count == 0 && outbox.has_confirmed()) transact([](Transaction&) {});
    return count;
  }

  bool flush(std::chrono::milliseconds wait) {
    const auto end = std::chrono::steady_clock::now() + wait;
    for (;;) {
      outbox.say(bus, 0ms);  // whoever ends says everything
      if (outbox.unsaid() == 0) break;
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
      if (left <= 0ms) return false;
      if (!bus.wait_until_connected(left)) return false;
      bus.flush(std::min(left, 100ms));
    }
    if (outbox.has_confirmed()) transact([](Transaction&) {});
    return true;
  }

  ParticipantOptions options;
  Database database;
  Inbox inbox;
  Outbox outbox;
  Bus bus;
  ParticipantStats stats;
  bool open = false;                // a batch's transaction
  std::uint64_t handled = 0;        // in it
  std::optional<std::string> lost;  // why the database can no longer be trusted to hold what was handled
};

Participant::Participant(ParticipantOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}

Participant::~Participant() = default;

void Participant::on(std::string_view type, Handler handler) {
  impl_->bus.on(
      type, [impl = impl_.get(), handler = std::move(handler)](const Event& event) { impl->handle(event, handler); });
}

void Participant::transact(const std::function<void(Transaction&)>& action) {
  impl_->transact(action);
}

bool Participant::wait_until_ready(std::chrono::milliseconds wait) {
  return impl_->bus.wait_until_ready(wait);
}

void Participant::run(std::stop_token stop) {
  while (!stop.stop_requested()) poll(100ms);
  flush(impl_->options.bus.linger);
}

std::size_t Participant::poll(std::chrono::milliseconds wait) {
  return impl_->poll(wait);
}

bool Participant::flush(std::chrono::milliseconds wait) {
  return impl_->flush(wait);
}

Database& Participant::database() {
  return impl_->database;
}

Bus& Participant::bus() {
  return impl_->bus;
}

ParticipantStats Participant::stats() const {
  ParticipantStats stats = impl_->stats;
  stats.refused = impl_->outbox.refused();
  stats.unsaid = impl_->outbox.unsaid();
  return stats;
}

}  // namespace laban::patterns

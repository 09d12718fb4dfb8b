// bus/patterns/outbox.cpp - rows in, confirmed events out, nothing in between that a crash could lose or say
// twice.
#include "bus/patterns/outbox.hpp"

#include <chrono>

#include "bus/patterns/stored_event.hpp"
#include "laban/error.hpp"

namespace laban::patterns {

namespace {

using Clock = std::chrono::steady_clock;

constexpr int read_at_once = 256;
constexpr std::chrono::seconds pause_after_refusal{1};

std::int64_t highest_number(const Database& database) {
  return database.first<std::int64_t>("SELECT seq FROM sqlite_sequence WHERE name = 'laban_outbox'").value_or(0);
}

}  // namespace

Outbox::Outbox(Database& database) : database_(database) {
  // AUTOINCREMENT, because a number that was confirmed and removed must not come back for another event.
  database_.execute(
      "CREATE TABLE IF NOT EXISTS laban_outbox("
      " number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, type TEXT NOT NULL,"
      " correlationid TEXT NOT NULL, envelope BLOB NOT NULL, refused TEXT);"
      "CREATE TABLE IF NOT EXISTS laban_producer(base INTEGER NOT NULL, said INTEGER NOT NULL)");
  base_ = database_.first<std::int64_t>("SELECT base FROM laban_producer");
  newest_ = highest_number(database_);
  unsaid_ = database_.first<std::int64_t>("SELECT count(*) FROM laban_outbox WHERE refused IS NULL").value_or(0);
}

void Outbox::put(Database& database, const NewEvent& event) {
  const auto envelope = store(event);
  database.run("INSERT INTO laban_outbox(id, type, correlationid, envelope) VALUES (?, ?, ?, ?)", event.id, event.type,
               event.correlationid, std::span<const std::byte>{envelope});
}

void Outbox::committed() {
  const auto highest = highest_number(database_);
  unsaid_ += highest - newest_;
  newest_ = highest;
}

// The hub knows which sequences of this producer it has stored: what a crash left open is settled by asking, not by
// guessing. If it has one that this database never said, the database was put back from a backup.
bool Outbox::meet(Bus& bus) {
  if (met_) return true;
  const auto stored = bus.last_sequence(std::chrono::milliseconds{0});
  if (!stored) return false;
  const auto last = static_cast<std::int64_t>(*stored);
  if (!base_) {
    database_.run("INSERT INTO laban_producer(base, said) VALUES (?, 0)", last);
    base_ = last;
  }
  const auto said = database_.first<std::int64_t>("SELECT said FROM laban_producer").value_or(0);
  if (last - *base_ > said)
    throw Error(Errc::storage, database_.file().string() + " is older than the hub's log (" + std::to_string(said) +
                                   " facts said, the hub has " + std::to_string(last - *base_) +
                                   "): put back the newer file");
  database_.run("UPDATE laban_producer SET said = ?", newest_);
  // Rows that are still here are said again, also those that it has stored: it answers which it has, and which it refused.
  met_ = true;
  return true;
}

void Outbox::mark_said() {
  if (!met_) return;
  const auto highest = highest_number(database_);
  if (highest != newest_) database_.run("UPDATE laban_producer SET said = ?", highest);
}

void Outbox::say(Bus& bus, std::chrono::milliseconds pace) {
  if (unsaid_ == 0 || !meet(bus)) return;
  bool window_is_full = false;
  while (next_ <= newest_ && !window_is_full) {
    std::vector<std::pair<std::int64_t, NewEvent>> rows;
    database_.each(
        "SELECT number, envelope FROM laban_outbox WHERE number >= ? AND refused IS NULL"
        " ORDER BY number LIMIT ?",
        [&](const Row& row) { rows.emplace_back(row.integer(0), restore(row.bytes(1))); }, next_, read_at_once);
    if (rows.empty()) return;
    const auto ripe = std::chrono::system_clock::now() - pace;
    for (auto& [number, event] : rows) {
      if (pace.count() > 0 && event.time > ripe) return;
      event.sequence = static_cast<std::uint64_t>(number + *base_);
      try {
        window_is_full = !bus.try_publish(std::move(event));
      } catch (const Error& error) {
        // An event that can never be published must not stop those behind it.
        if (error.code() != Errc::usage) throw;
        settle(number, error.what());
      }
      if (window_is_full) break;
      next_ = number + 1;
    }
  }
}

void Outbox::confirmed(const Confirm& confirm) {
  if (!base_) return;
  const auto number = static_cast<std::int64_t>(confirm.sequence) - *base_;
  if (confirm.refused && confirm.temporary) {
    if (later_.empty()) again_at_ = Clock::now() + pause_after_refusal;
    later_.push_back(number);
    return;
  }
  settle(number, !confirm.refused ? "" : confirm.reason.empty() ? "refused" : confirm.reason);
}

void Outbox::settle(std::int64_t number, std::string refusal) {
  --unsaid_;
  if (!refusal.empty()) ++refused_;
  settled_.push_back({number, std::move(refusal)});
}

bool Outbox::has_confirmed() const {
  return !settled_.empty() || (!later_.empty() && Clock::now() >= again_at_);
}

void Outbox::forget() {
  if (!later_.empty() && Clock::now() >= again_at_) say_again();
  for (std::size_t first = 0; first < settled_.size();) {
    if (!settled_[first].refusal.empty()) {
      database_.run("UPDATE laban_outbox SET refused = ? WHERE number = ?", settled_[first].refusal,
                    settled_[first].number);
      ++first;
      continue;
    }
    auto last = first;
    while (last + 1 < settled_.size() && settled_[last + 1].refusal.empty() &&
           settled_[last + 1].number == settled_[last].number + 1)
      ++last;
    database_.run("DELETE FROM laban_outbox WHERE number BETWEEN ? AND ?", settled_[first].number,
                  settled_[last].number);
    first = last + 1;
  }
  settled_.clear();
}

// What the hub could not take goes to the end with a new number, because later sequences of this producer may be stored
// already and the hub takes none below them.
void Outbox::say_again() {
  for (const auto number : later_) {
    database_.run(
        "INSERT INTO laban_outbox(id, type, correlationid, envelope)"
        " SELECT id, type, correlationid, envelope FROM laban_outbox WHERE number = ?",
        number);
    database_.run("DELETE FROM laban_outbox WHERE number = ?", number);
  }
  unsaid_ -= static_cast<std::int64_t>(later_.size());  // committed() counts them anew
  later_.clear();
}

}  // namespace laban::patterns

// bus/patterns/outbox.hpp - what a service has decided to say: written with its effects, said after the
// commit, removed when the hub has confirmed it.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "laban/bus.hpp"
#include "laban/patterns/database.hpp"

namespace laban::patterns {

// Row numbers are dense and never used again; the sequence of a row is its number plus a base that is fixed
// at the first contact with the hub, so that a new database goes on where its producer ended.
class Outbox {
 public:
  explicit Outbox(Database& database);

  // Writes a finished event down. Call in a transaction.
  static void put(Database& database, const NewEvent& event);

  // Notes that the rows of the caller's transaction may be said as soon as it is committed; call last in it. Rows that
  // were never said are thereby told from those of a database that is older than the hub's log.
  void mark_said();

  // Counts what the last commit has added.
  void committed();

  // Publishes what is committed and not yet published, as far as the bus's window allows, in order and nothing that is
  // younger than `pace`. Call outside a transaction.
  void say(Bus& bus, std::chrono::milliseconds pace);

  // What the hub answered; the rows go with the next forget(). What it refuses for good stays with the reason, for people.
  void confirmed(const Confirm& confirm);
  void forget();               // call in a transaction
  bool has_confirmed() const;  // there is something to forget

  std::int64_t unsaid() const { return unsaid_; }
  std::uint64_t refused() const { return refused_; }

 private:
  bool meet(Bus& bus);
  void say_again();
  void settle(std::int64_t number, std::string refusal);

  struct Settled {
    std::int64_t number;
    std::string refusal;  // empty: confirmed
  };

  Database& database_;
  std::optional<std::int64_t> base_;  // sequence = number + base
  bool met_ = false;                  // in this process the hub has said where it stands
  std::int64_t newest_ = 0;           // the highest committed number
  std::int64_t next_ = 1;             // the next to publish
  std::int64_t unsaid_ = 0;
  std::uint64_t refused_ = 0;
  std::vector<Settled> settled_;
  std::vector<std::int64_t> later_;  // refused for now
  std::chrono::steady_clock::time_point again_at_{};
};

}  // namespace laban::patterns

// bus/patterns/inbox.cpp - (source, id) names an event, as CloudEvents says; the row number is the order of
// handling.
#include "bus/patterns/inbox.hpp"

#include <algorithm>

namespace laban::patterns {

static constexpr std::int64_t forgotten_at_once = 1'000;

Inbox::Inbox(Database& database, std::int64_t rows_max) : database_(database), rows_max_(rows_max) {
  database_.execute(
      "CREATE TABLE IF NOT EXISTS laban_inbox("
      " number INTEGER PRIMARY KEY, source TEXT NOT NULL, id TEXT NOT NULL, type TEXT NOT NULL,"
      " UNIQUE(source, id))");
  newest_ = database_.first<std::int64_t>("SELECT max(number) FROM laban_inbox").value_or(0);
  oldest_ = database_.first<std::int64_t>("SELECT min(number) FROM laban_inbox").value_or(1);
}

bool Inbox::enter(const Event& event) {
  const auto added = database_.run("INSERT OR IGNORE INTO laban_inbox(source, id, type) VALUES (?, ?, ?)",
                                   event.source(), event.id(), event.type());
  if (added == 0) return false;
  newest_ = database_.last_row_number();
  return true;
}

std::int64_t Inbox::forget() {
  const std::int64_t excess = newest_ - oldest_ + 1 - rows_max_;
  if (excess <= 0) return 0;
  const std::int64_t upto = oldest_ + std::min(excess, forgotten_at_once) - 1;
  const auto removed = database_.run("DELETE FROM laban_inbox WHERE number <= ?", upto);
  oldest_ = upto + 1;
  return removed;
}

}  // namespace laban::patterns

// bus/patterns/inbox.hpp - remembers which events were handled, in the transaction of their effects.
#pragma once

#include <cstdint>

#include "laban/event.hpp"
#include "laban/patterns/database.hpp"

namespace laban::patterns {

class Inbox {
 public:
  Inbox(Database& database, std::int64_t rows_max);

  // False if the event was handled before. Call in a transaction.
  bool enter(const Event& event);

  // Forgets the oldest beyond the limit and returns how many; a few at a time, in the caller's transaction.
  std::int64_t forget();

 private:
  Database& database_;
  std::int64_t rows_max_;
  std::int64_t newest_;
  std::int64_t oldest_;
};

}  // namespace laban::patterns

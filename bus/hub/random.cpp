// bus/hub/random.cpp - numbers that nobody can guess, from the operating system.
#include "bus/hub/random.hpp"

#include <sys/random.h>

#include "laban/error.hpp"

namespace laban::hub {
namespace {

void fill(void* into, std::size_t size) {
  // Up to 256 bytes come whole or not at all.
  if (getrandom(into, size, 0) != static_cast<ssize_t>(size)) {
    throw Error{Errc::storage, "the operating system gives no random numbers: check that /dev/urandom is there"};
  }
}

}  // namespace

std::uint64_t random_number() {
  std::uint64_t number = 0;
  while (number == 0) fill(&number, sizeof number);
  return number;
}

transport::FeedId random_feed_id() {
  transport::FeedId id;
  fill(id.data(), id.size());
  return id;
}

}  // namespace laban::hub

// bus/codec/rfc3339.cpp - an instant as text.
#include "bus/codec/rfc3339.hpp"

#include <cstdio>
#include <ctime>

namespace laban::codec {

std::string rfc3339(Timestamp time) {
  const auto nanoseconds = time.time_since_epoch().count();
  auto seconds = static_cast<std::time_t>(nanoseconds / 1'000'000'000);
  auto rest = nanoseconds % 1'000'000'000;
  if (rest < 0) {
    rest += 1'000'000'000;
    --seconds;
  }
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char date[32];
  char result[48];
  std::strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &parts);
  std::snprintf(result, sizeof result, "%s.%09lldZ", date, static_cast<long long>(rest));
  return result;
}

}  // namespace laban::codec

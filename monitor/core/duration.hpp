// monitor/core/duration.hpp - spans of time as people and modellers write them: "30m", "1h 30m", "PT30M".
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace laban::monitor {

// Reads "250ms", "30s", "5 minutes", "1h 30m", "2d", "1w", and ISO 8601 durations such as "P1DT12H". In the
// latter a year counts 365 days and a month 30, since a deadline has no calendar. Nothing where it is
// neither, is negative or is longer than a hundred years.
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

std::string iso_duration(std::chrono::milliseconds span);    // "PT1H30M"
std::string plain_duration(std::chrono::milliseconds span);  // "1h 30m"

}  // namespace laban::monitor

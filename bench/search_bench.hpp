// bench/search_bench.hpp - how long a page of a list takes among many ended instances, for each filter that a dashboard uses.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace laban::bench {

struct SearchedPage {
  std::string question;
  std::uint64_t rows = 0;
  std::uint64_t total = 0;
  bool total_exact = true;
  double first_seconds = 0;  // the first time that it is asked
  double worst_seconds = 0;  // of the times after that
};

struct SearchSettings {
  std::uint64_t ended = 10'000'000;
  std::uint64_t live = 100'000;
  std::uint32_t definitions = 10;
  std::uint32_t steps = 8;
  std::uint32_t rounds = 5;
};

struct SearchMeasurement {
  double fill_seconds = 0;
  std::uint64_t store_bytes = 0;
  std::vector<SearchedPage> pages;
};

// Fills a store in the directory, unless it has been filled before, and asks.
SearchMeasurement search(const std::filesystem::path& directory, const SearchSettings& settings);

}  // namespace laban::bench

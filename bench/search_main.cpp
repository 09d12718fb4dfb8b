// bench/search_main.cpp - `laban_search_bench [ENDED] [DIRECTORY]`: pages of a list among many ended instances.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>

#include "bench/scratch.hpp"
#include "bench/search_bench.hpp"

int main(int argc, char** argv) {
  try {
    laban::bench::SearchSettings settings;
    if (argc > 1) {
      char* end = nullptr;
      settings.ended = std::strtoull(argv[1], &end, 10);
      if (settings.ended == 0 || *end != '\0') {
        std::fprintf(stderr,
                     "laban_search_bench: '%s' is no number of instances: laban_search_bench [ENDED] [DIRECTORY]\n",
                     argv[1]);
        return 2;
      }
    }
    settings.live = std::min(settings.live, settings.ended / 10);
    const laban::bench::Scratch scratch;
    const auto measured = laban::bench::search(argc > 2 ? std::string(argv[2]) : scratch.path(), settings);
    std::printf("%llu ended and %llu live instances, filled in %.0f s, about %.1f GB\n",
                static_cast<unsigned long long>(settings.ended), static_cast<unsigned long long>(settings.live),
                measured.fill_seconds, static_cast<double>(measured.store_bytes) / 1e9);
    double worst = 0;
    for (const auto& page : measured.pages) {
      std::printf("%-52s first %8.2f ms   then at most %8.2f ms   %4llu rows of %s%llu\n", page.question.c_str(),
                  page.first_seconds * 1e3, page.worst_seconds * 1e3, static_cast<unsigned long long>(page.rows),
                  page.total_exact ? "" : "at least ", static_cast<unsigned long long>(page.total));
      worst = std::max(worst, page.first_seconds);
    }
    std::printf("worst page: %.2f ms\n", worst * 1e3);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "laban_search_bench: %s\n", error.what());
    return 1;
  }
}

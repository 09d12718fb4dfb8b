// tests/unit/monitor/history/search_bench_test.cpp - the search's benchmark, small: it finds what it says it looks for.
#include "bench/search_bench.hpp"

#include <doctest/doctest.h>

#include "tests/support/temporary_directory.hpp"

TEST_CASE("bench: pages among ended instances are found by every filter") {
  const laban::test::TemporaryDirectory directory;
  laban::bench::SearchSettings settings;
  settings.ended = 5'000;
  settings.live = 500;
  settings.rounds = 1;
  const auto measured = laban::bench::search(directory.path(), settings);
  CHECK(measured.pages.size() == 36);
  for (const auto& page : measured.pages) {
    CAPTURE(page.question);
    CHECK(page.total >= page.rows);
    if (page.question.ends_with("everything")) CHECK(page.total == 5'500);
    if (page.question.ends_with("ended")) CHECK(page.total == 5'000);
    if (page.question.ends_with(", a key")) CHECK(page.rows == 1);
    if (page.question.ends_with("a word that all have")) CHECK(page.total == 5'500);
  }
}

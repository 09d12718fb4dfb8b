// tests/unit/monitor/check/damaged_definitions_test.cpp - readers, layout and writers on definitions that are damaged at
// random. `./dev soak fuzz` does the same for as long as one likes.
#include <doctest/doctest.h>

#include "tests/support/mistreat.hpp"
#include "tests/support/seed.hpp"

using namespace laban::test;

TEST_CASE("readers: definitions damaged at random are read or refused, and nothing else happens (G117)") {
  LABAN_SEED(seed);
  std::mt19937_64 random{seed};
  for (const Form form : {Form::bpmn, Form::yaml, Form::pnml})
    for (const auto& sample : samples(form)) {
      CHECK(wrong_with(sample, form) == "");
      for (int round = 0; round < 400; ++round) {
        const std::string text = damaged(sample, form, random);
        const std::string wrong = wrong_with(text, form);
        INFO(text);
        REQUIRE(wrong == "");
      }
    }
}

TEST_CASE("readers: a definition cut off anywhere is read or refused (G117)") {
  for (const Form form : {Form::bpmn, Form::yaml, Form::pnml})
    for (const auto& sample : samples(form))
      for (std::size_t length = 0; length < sample.size(); length += 17)
        REQUIRE(wrong_with(sample.substr(0, length), form) == "");
}

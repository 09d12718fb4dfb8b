// tests/fault/fuzz/definitions_target.cpp - the first byte chooses the form, the rest is the definition.
#include "tests/fault/fuzz/targets.hpp"
#include "tests/support/mistreat.hpp"

namespace laban::fuzz {

namespace {

constexpr test::Form forms[] = {test::Form::bpmn, test::Form::yaml, test::Form::pnml};

test::Form form_of(std::string_view input) {
  return forms[static_cast<unsigned char>(input[0]) % std::size(forms)];
}

std::string run(std::string_view input) {
  return input.empty() ? "" : test::wrong_with(input.substr(1), form_of(input));
}

std::vector<std::string> seeds() {
  std::vector<std::string> all;
  for (char form = 0; form < static_cast<char>(std::size(forms)); ++form)
    for (const auto& sample : test::samples(forms[static_cast<std::size_t>(form)])) all.push_back(form + sample);
  return all;
}

std::string mutated(const std::string& input, std::mt19937_64& random) {
  if (input.empty()) return std::string(1, static_cast<char>(random()));
  return input[0] + test::damaged(input.substr(1), form_of(input), random);
}

}  // namespace

Target definitions_target() {
  return {"definitions", run, seeds, mutated};
}

}  // namespace laban::fuzz

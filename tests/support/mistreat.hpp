// tests/support/mistreat.hpp - definitions damaged at random, and what must hold of a reader whatever it is given.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "monitor/core/process_model.hpp"

namespace laban::test {

enum class Form { bpmn, yaml, pnml };

// The text with one to a few accidents: bits and bytes changed, pieces cut, doubled, swapped, nested, words of the
// format put where they do not belong.
std::string damaged(const std::string& text, Form form, std::mt19937_64& random);

// Small definitions that use every word of the form.
const std::vector<std::string>& samples(Form form);

// Reads the bytes and does with the result what the program does: compiles, draws, converts. Empty where all holds,
// else what did not.
std::string wrong_with(std::string_view bytes, Form form);

}  // namespace laban::test

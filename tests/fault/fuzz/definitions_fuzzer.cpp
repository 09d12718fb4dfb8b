// tests/fault/fuzz/definitions_fuzzer.cpp - libFuzzer's way into the definition readers; the first byte chooses the form.
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "tests/support/mistreat.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using laban::test::Form;
  if (size == 0) return 0;
  const Form form = data[0] % 3 == 0 ? Form::bpmn : data[0] % 3 == 1 ? Form::yaml : Form::pnml;
  const std::string wrong = laban::test::wrong_with({reinterpret_cast<const char*>(data) + 1, size - 1}, form);
  if (wrong.empty()) return 0;
  std::fprintf(stderr, "%s\n", wrong.c_str());
  std::abort();
}

// tests/fault/soak/fuzz.cpp - the definition readers against texts damaged at random, round after round.
#include <random>

#include "tests/fault/soak/trial.hpp"
#include "tests/support/mistreat.hpp"

namespace laban::soak {
namespace {

constexpr int texts_a_round = 2000;
constexpr std::size_t wrongs_shown = 5;

TrialResult fuzz(const TrialOptions& options) {
  std::mt19937_64 random{options.seed};
  const auto start = std::chrono::steady_clock::now();
  TrialResult result;
  std::uint64_t texts = 0;
  for (int round = 0; round < options.rounds && result.wrongs.size() < wrongs_shown; ++round) {
    if (options.time.count() > 0 && std::chrono::steady_clock::now() - start > options.time) break;
    for (const auto form : {test::Form::bpmn, test::Form::yaml, test::Form::pnml})
      for (const auto& sample : test::samples(form)) {
        std::string text = sample;
        for (int i = 0; i < texts_a_round; ++i, ++texts) {
          // Every other text goes on from the last one, so that damage adds up.
          text = test::damaged(i % 8 == 0 ? sample : text, form, random);
          const std::string wrong = test::wrong_with(text, form);
          if (!wrong.empty() && result.wrongs.size() < wrongs_shown) result.wrongs.push_back(wrong + ": " + text);
        }
      }
  }
  result.line = std::to_string(texts) + " damaged definitions read or refused";
  return result;
}

const Registered registered{"fuzz", "damages definitions at random and reads, compiles, draws and converts them", fuzz};

}  // namespace
}  // namespace laban::soak

// tests/fault/soak/main.cpp - laban_soak NAME: one long trial; prints its seed and a one-line result.
#include <CLI/CLI.hpp>

#include <algorithm>
#include <iostream>
#include <random>

#include "tests/fault/soak/trial.hpp"

namespace laban::soak {

static int run(const Trial& trial, const TrialOptions& options) {
  std::cout << trial.name << ": seed " << options.seed << ", " << options.rounds << " rounds" << std::endl;
  const auto start = std::chrono::steady_clock::now();
  TrialResult result;
  try {
    result = trial.run(options);
  } catch (const std::exception& error) {
    result.wrongs.push_back(error.what());
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  for (const auto& wrong : result.wrongs) std::cout << "wrong: " << wrong << '\n';
  std::cout << trial.name << ": " << (result.wrongs.empty() ? "passed" : "FAILED") << ", " << result.line << ", "
            << static_cast<int>(took.count()) << " s, seed " << options.seed << std::endl;
  return result.wrongs.empty() ? 0 : 1;
}

static int main_of(int argc, char** argv) {
  CLI::App program{"Long trials of the whole system.", "laban_soak"};
  TrialOptions options;
  options.seed = std::random_device{}();
  int minutes = 0;
  std::string name;
  std::string names;
  for (const auto& trial : trials()) names += "\n  " + trial.name + " - " + trial.what_it_does;
  program.add_option("NAME", name, "the trial:" + names)->required();
  const auto* rounds =
      program.add_option("--rounds", options.rounds, "how often; each trial has a default")->check(CLI::PositiveNumber);
  program.add_option("--seed", options.seed, "repeats a run; random without it");
  program.add_option("--minutes", minutes, "stop after so long; 0 is no limit")->check(CLI::NonNegativeNumber);
  try {
    program.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return program.exit(error) == 0 ? 0 : 2;
  }
  options.time = std::chrono::minutes{minutes};
  const auto found = std::find_if(trials().begin(), trials().end(), [&](const Trial& one) { return one.name == name; });
  if (found != trials().end() && rounds->empty()) options.rounds = found->rounds;
  if (found != trials().end()) return run(*found, options);
  std::cerr << "laban_soak: there is no trial " << name << ": use one of" << names << '\n';
  return 2;
}

}  // namespace laban::soak

int main(int argc, char** argv) {
  return laban::soak::main_of(argc, argv);
}

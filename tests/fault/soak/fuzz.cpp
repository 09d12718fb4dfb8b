// tests/fault/soak/fuzz.cpp - everything that reads bytes from outside, against bytes that nobody meant to send.
#include <sstream>

#include "tests/fault/fuzz/driver.hpp"
#include "tests/fault/soak/trial.hpp"

namespace laban::soak {
namespace {

constexpr std::uint64_t inputs_a_round = 100;  // and target, where no time is given

TrialResult run(const TrialOptions& options) {
  TrialResult result;
  const auto targets = fuzz::targets();
  fuzz::Effort effort;
  effort.seed = options.seed;
  effort.directory = std::filesystem::temp_directory_path() / "laban-fuzz";
  if (options.time.count() > 0) {
    effort.time = std::chrono::seconds{options.time} / static_cast<std::int64_t>(targets.size());
  } else {
    effort.time = std::chrono::hours{1};
    effort.inputs = inputs_a_round * static_cast<std::uint64_t>(options.rounds);
  }
  std::ostringstream line;
  for (const auto& target : targets) {
    auto tried = fuzz::try_known(target);
    if (tried.wrong.empty()) tried = fuzz::try_target(target, effort);
    if (!tried.wrong.empty()) result.wrongs.push_back(target.name + ": " + tried.wrong);
    line << tried.inputs << " of " << target.name << ", ";
    say(target.name + ": " + std::to_string(tried.inputs) + " inputs");
  }
  result.line = line.str() + "all read or refused";
  if (!result.wrongs.empty()) result.line = line.str() + "not all read or refused";
  return result;
}

const Registered registered{"fuzz", "bytes that nobody meant to send, to everything that reads bytes from outside", run,
                            100};

}  // namespace
}  // namespace laban::soak

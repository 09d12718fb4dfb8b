// tests/fault/fuzz/guided_driver.cpp - libFuzzer in a process of its own, since it ends the one in which it finds something.
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <regex>
#include <stdexcept>

#include "tests/fault/fuzz/driver.hpp"

// Of compiler-rt, for programs that have a main() of their own.
extern "C" int LLVMFuzzerRunDriver(int* argc, char*** argv,
                                   int (*callback)(const std::uint8_t* data, std::size_t size));

namespace laban::fuzz {

namespace {

const Target* current = nullptr;

int run_one(const std::uint8_t* data, std::size_t size) {
  const auto wrong = current->run({reinterpret_cast<const char*>(data), size});
  if (wrong.empty()) return 0;
  std::fprintf(stderr, "wrong: %s\n", wrong.c_str());
  std::abort();
}

[[noreturn]] void fuzz(const Target& target, const std::vector<std::string>& arguments,
                       const std::filesystem::path& log) {
  std::vector<char*> pointers;
  for (const auto& one : arguments) pointers.push_back(const_cast<char*>(one.c_str()));
  pointers.push_back(nullptr);
  if (std::freopen(log.c_str(), "w", stderr) == nullptr) std::_Exit(2);
  current = &target;
  int count = static_cast<int>(arguments.size());
  char** values = pointers.data();
  std::_Exit(LLVMFuzzerRunDriver(&count, &values, run_one));
}

std::string last_match(const std::string& text, const std::regex& pattern) {
  std::string last;
  for (std::sregex_iterator it{text.begin(), text.end(), pattern}, none; it != none; ++it) last = (*it)[1];
  return last;
}

void fill_corpus(const Target& target, const std::filesystem::path& corpus) {
  std::filesystem::create_directories(corpus);
  int number = 0;
  for (const auto& seed : target.seeds())
    std::ofstream{corpus / ("seed-" + std::to_string(number++)), std::ios::binary} << seed;
  const auto found = std::filesystem::path{LABAN_FUZZ_FOUND} / target.name;
  if (std::filesystem::exists(found))
    std::filesystem::copy(found, corpus, std::filesystem::copy_options::overwrite_existing);
}

}  // namespace

Tried try_target(const Target& target, const Effort& effort) {
  const auto corpus = effort.directory / "corpus" / target.name;
  const auto log = effort.directory / (target.name + ".log");
  fill_corpus(target, corpus);
  std::vector<std::string> arguments{
      "laban_fuzz",
      "-seed=" + std::to_string(effort.seed % 0xffffffff + 1),
      "-max_total_time=" + std::to_string(std::max<std::int64_t>(effort.time.count(), 1)),
      "-max_len=16384",
      "-timeout=20",
      "-rss_limit_mb=3000",
      "-malloc_limit_mb=600",
      "-print_final_stats=1",
      "-artifact_prefix=" + (effort.directory / (target.name + "-")).string(),
      corpus.string()};
  if (effort.inputs != 0) arguments.insert(arguments.end() - 1, "-runs=" + std::to_string(effort.inputs));
  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child < 0) throw std::runtime_error("no process can be started for " + target.name);
  if (child == 0) fuzz(target, arguments, log);
  int status = 0;
  while (::waitpid(child, &status, 0) != child) continue;
  Tried tried;
  const auto said = read_file(log);
  tried.inputs = std::strtoull(last_match(said, std::regex{R"(number_of_executed_units: (\d+))"}).c_str(), nullptr, 10);
  if (status == 0) return tried;
  auto what = last_match(said, std::regex{R"((?:wrong: |ERROR: |runtime error: )([^\n]*))"});
  tried.wrong = (what.empty() ? "it ended with status " + std::to_string(status) : what) + ": " +
                last_match(said, std::regex{R"(Test unit written to ([^\n]*))"}) + ", see " + log.string();
  return tried;
}

}  // namespace laban::fuzz

// tests/system/monitor/monitor_command_test.cpp - wrong usage of `laban monitor`, `ps` and `show`: one line, exit code 2.
#include <doctest/doctest.h>

#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <string>

#include "tests/support/temporary_directory.hpp"

namespace {

struct Result {
  int code = -1;
  std::string said;
};

Result run(const std::string& arguments) {
  const std::string command = std::string(LABAN_PROGRAM) + " " + arguments + " 2>&1 >/dev/null";
  Result out;
  FILE* pipe = popen(command.c_str(), "r");
  REQUIRE(pipe);
  std::array<char, 512> part{};
  while (std::fgets(part.data(), part.size(), pipe)) out.said += part.data();
  const int status = pclose(pipe);
  out.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return out;
}

void check_one_line(const Result& result, const std::string& begin, const std::string& part) {
  CAPTURE(result.said);
  CHECK(result.code == 2);
  CHECK(result.said.starts_with(begin));
  CHECK(result.said.find(part) != std::string::npos);
  CHECK(result.said.find('\n') == result.said.size() - 1);
}

}  // namespace

TEST_CASE("laban monitor: unusable definitions, data and addresses each get one line and exit code 2 (G138)") {
  const laban::test::TemporaryDirectory directory;
  const std::string here = directory.path().string();
  const std::string common = " --hub tcp://127.0.0.1:1 --data " + here + "/data --http 127.0.0.1:0";
  check_one_line(run("monitor --definitions " + here + "/none" + common), "laban monitor: there is no directory",
                 "--definitions");
  std::filesystem::create_directories(directory / "definitions");
  check_one_line(run("monitor --definitions " + here + "/definitions" + common), "laban monitor: no definition is in",
                 "--definitions");
  std::ofstream(directory / "definitions" / "bad.bpmn") << "<definitions";
  check_one_line(run("monitor --definitions " + here + "/definitions" + common), "laban monitor: ", "bad.bpmn:1:");
  std::filesystem::remove(directory / "definitions" / "bad.bpmn");
  std::ofstream(directory / "definitions" / "good.yaml") << "process: p\nsteps:\n  - a\n  - b\n";
  check_one_line(run("monitor --definitions " + here + "/definitions --data " + here +
                     "/definitions/good.yaml/x --http 127.0.0.1:0"),
                 "laban monitor: the directory ", "--data");
  check_one_line(run("monitor --definitions " + here + "/definitions --data " + here + "/data --http 0.0.0.0:0"),
                 "laban monitor: will not listen on 0.0.0.0:0", "--insecure");
  check_one_line(run("monitor --definitions " + here + "/definitions --data " + here + "/data --http nonsense"),
                 "laban monitor: 'nonsense' is not an HTTP address", "HOST:PORT");
  check_one_line(run("monitor --nonsense"), "laban monitor: ", "--help");
}

TEST_CASE("laban ps and show: no monitor there is one line and exit code 2") {
  check_one_line(run("ps --monitor 127.0.0.1:1"), "laban ps: no monitor answers at 127.0.0.1:1", "--monitor");
  check_one_line(run("show order-1 --monitor 127.0.0.1:1"), "laban show: no monitor answers at 127.0.0.1:1",
                 "--monitor");
}

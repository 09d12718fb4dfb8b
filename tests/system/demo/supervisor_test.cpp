// tests/system/demo/supervisor_test.cpp - processes that die are started again; none outlives the demo.
#include <doctest/doctest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "cli/demo/ports.hpp"
#include "cli/demo/supervisor.hpp"
#include "laban/error.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace laban::demo;
using namespace std::chrono_literals;
using laban::test::eventually;
using laban::test::TemporaryDirectory;

namespace {

Program shell(const std::string& name, const std::string& script) {
  return {name, "/bin/sh", {"-c", script}, name + ": ready"};
}

bool is_alive(pid_t pid) {
  std::ifstream stat{"/proc/" + std::to_string(pid) + "/stat"};
  std::string number, name, state;
  stat >> number >> name >> state;
  return stat && state != "Z";
}

}  // namespace

TEST_CASE("demo: a process that is killed is started again and counted (G152)") {
  TemporaryDirectory directory;
  Supervisor processes{directory.path()};
  processes.start(shell("idle", "echo idle: ready; exec sleep 1000"));
  REQUIRE(processes.wait_until_ready("idle", 20s));
  const auto first = processes.running().at(0);
  CHECK(processes.kill("idle", SIGKILL));
  CHECK(eventually(20s, [&] {
    processes.tend();
    return processes.restarts() == 1 && !processes.running().empty();
  }));
  CHECK(processes.running().at(0) != first);
  CHECK(processes.wait_until_ready("idle", 20s));
}

TEST_CASE("demo: a process that cannot live is reported with its last words (G152)") {
  TemporaryDirectory directory;
  Supervisor processes{directory.path()};
  processes.start(shell("broken", "echo broken: no such luck: buy a horseshoe; exit 2"));
  std::string said;
  const bool gave_up = eventually(60s, [&] {
    try {
      processes.tend();
      return false;
    } catch (const laban::Error& error) {
      said = error.what();
      return true;
    }
  });
  REQUIRE(gave_up);
  CHECK(said.find("no such luck") != std::string::npos);
  CHECK(said.find("broken.log") != std::string::npos);
}

TEST_CASE("demo: stop ends every child, also one that does not listen (G152)") {
  TemporaryDirectory directory;
  std::vector<pid_t> pids;
  {
    Supervisor processes{directory.path()};
    processes.start(shell("polite", "echo polite: ready; exec sleep 1000"));
    processes.start(shell("deaf", "trap '' TERM; echo deaf: ready; while :; do sleep 1; done"));
    REQUIRE(processes.wait_until_ready("polite", 20s));
    REQUIRE(processes.wait_until_ready("deaf", 20s));
    pids = processes.running();
    REQUIRE(pids.size() == 2);
  }
  for (const auto pid : pids) CHECK_FALSE(is_alive(pid));
}

TEST_CASE("demo: a supervisor that is killed leaves no orphan (G152)") {
  TemporaryDirectory directory;
  int pipe[2];
  REQUIRE(::pipe(pipe) == 0);
  const pid_t supervisor = ::fork();
  if (supervisor == 0) {
    Supervisor processes{directory.path()};
    processes.start(shell("idle", "exec sleep 1000"));
    const pid_t child = processes.running().at(0);
    [[maybe_unused]] const auto written = ::write(pipe[1], &child, sizeof child);
    ::pause();
    ::_exit(0);
  }
  pid_t child = 0;
  REQUIRE(::read(pipe[0], &child, sizeof child) == sizeof child);
  CHECK(is_alive(child));
  ::kill(supervisor, SIGKILL);
  ::waitpid(supervisor, nullptr, 0);
  CHECK(eventually(20s, [&] { return !is_alive(child); }));
  ::close(pipe[0]);
  ::close(pipe[1]);
}

TEST_CASE("demo: a missing program is named before anything runs") {
  TemporaryDirectory directory;
  Supervisor processes{directory.path()};
  CHECK_THROWS_WITH_AS(processes.start({"ghost", "/nowhere/ghost", {}, {}}), doctest::Contains("/nowhere/ghost"),
                       laban::Error);
}

TEST_CASE("demo: a port in use is seen, and another one is found") {
  const auto port = free_port(0);
  CHECK(port != 0);
  CHECK(is_free(port));
  CHECK(free_port(port) == port);
}

// tests/system/demo/demo_test.cpp - `laban demo` as a newcomer runs it: real processes, real sockets.
#include <doctest/doctest.h>
#include <signal.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>

#include "cli/demo/child.hpp"
#include "cli/demo/ports.hpp"
#include "cli/demo/shop.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace laban::demo;
using namespace std::chrono_literals;
using laban::test::eventually;
using laban::test::TemporaryDirectory;
using nlohmann::json;

namespace {

constexpr auto patience = 90s;

struct Run {
  explicit Run(const TemporaryDirectory& directory, std::vector<std::string> arguments)
      : child({"demo", own_directory() / "laban", with_address(std::move(arguments)), "dashboard: "},
              directory / "demo.log") {
    child.start();
  }

  static std::vector<std::string> with_address(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"demo", "--http", "127.0.0.1:" + std::to_string(free_port(0))});
    return arguments;
  }

  std::optional<Ending> wait() {
    std::optional<Ending> ending;
    eventually(patience, [&] { return (ending = child.ended()).has_value(); });
    return ending;
  }

  std::string text() const {
    std::ifstream file{child.log()};
    return {std::istreambuf_iterator<char>{file}, {}};
  }

  Child child;
};

// Processes that were started with this directory among their arguments.
std::set<int> processes_with(const std::filesystem::path& directory) {
  std::set<int> found;
  for (const auto& entry : std::filesystem::directory_iterator{"/proc"}) {
    const auto name = entry.path().filename().string();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    std::ifstream file{entry.path() / "cmdline"};
    const std::string command{std::istreambuf_iterator<char>{file}, {}};
    if (command.find(directory.string()) != std::string::npos) found.insert(std::stoi(name));
  }
  return found;
}

}  // namespace

TEST_CASE("demo: each order ends in an expected outcome and monitor and databases agree (G156)") {
  TemporaryDirectory directory;
  Run demo{directory, {"--orders", "60", "--rate", "200", "--fail-rate", "0.4", "--seed", "7", "--json"}};
  const auto ending = demo.wait();
  INFO(demo.text());
  REQUIRE(ending);
  CHECK(ending->exit_code == 0);
  const auto report = json::parse(demo.child.last_log_line(), nullptr, false);
  REQUIRE(report.is_object());
  CHECK(report["orders"] == 60);
  CHECK(report["restarts"] == 0);
  CHECK(report["outcomes"] == report["databases"]);
  int ended = 0;
  for (const auto& [outcome, count] : report["outcomes"].items()) ended += count.get<int>();
  CHECK(ended == 60);
  CHECK(report["outcomes"].size() == 3);
}

TEST_CASE("demo: a second run with the same data goes on where the first ended (G152)") {
  TemporaryDirectory directory;
  const auto data = (directory / "data").string();
  for (const int total : {10, 20}) {
    Run demo{directory, {"--orders", "10", "--rate", "200", "--seed", "7", "--json", "--data", data}};
    const auto ending = demo.wait();
    INFO(demo.text());
    REQUIRE(ending);
    CHECK(ending->exit_code == 0);
    CHECK(json::parse(demo.child.last_log_line(), nullptr, false)["orders"] == total);
  }
}

TEST_CASE("demo: Ctrl-C ends it and all its processes, and so does kill -9 (G152)") {
  TemporaryDirectory directory;
  for (const int number : {SIGINT, SIGKILL}) {
    Run demo{directory, {"--rate", "50", "--data", (directory / "data").string()}};
    INFO(demo.text());
    REQUIRE(eventually(patience, [&] { return demo.child.is_ready(); }));
    // The demo, hub, monitor and five services; the last may still be on its way from fork to exec.
    CHECK(eventually(patience, [&] { return processes_with(directory.path()).size() == 8; }));
    demo.child.signal(number);
    const auto ending = demo.wait();
    REQUIRE(ending);
    if (number == SIGINT) CHECK(ending->exit_code == 0);
    CHECK(eventually(patience, [&] { return processes_with(directory.path()).empty(); }));
  }
}

TEST_CASE("demo: a wrong flag is one line and exit code 2") {
  TemporaryDirectory directory;
  Run demo{directory, {"--fail-rate", "2"}};
  const auto ending = demo.wait();
  REQUIRE(ending);
  CHECK(ending->exit_code == 2);
  const auto text = demo.text();
  CHECK(text.starts_with("laban demo: "));
  CHECK(std::count(text.begin(), text.end(), '\n') == 1);
}

TEST_CASE("demo: an address in use is one line that says so (G152)") {
  TemporaryDirectory directory;
  Run first{directory, {"--data", (directory / "first").string()}};
  REQUIRE(eventually(patience, [&] { return first.child.is_ready(); }));
  const auto address = first.child.program().arguments.at(2);
  Child second{
      {"second", own_directory() / "laban", {"demo", "--http", address, "--data", (directory / "second").string()}, {}},
      directory / "second.log"};
  second.start();
  std::optional<Ending> ending;
  CHECK(eventually(patience, [&] { return (ending = second.ended()).has_value(); }));
  REQUIRE(ending);
  CHECK(ending->exit_code == 2);
  CHECK(second.last_log_line().find(address) != std::string::npos);
}

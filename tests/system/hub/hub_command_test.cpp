// tests/system/hub/hub_command_test.cpp - what an operator does with a hub: limits, cursors, backup and restore.
#include <doctest/doctest.h>

#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>

#include "laban/bus.hpp"
#include "laban/model.hpp"
#include "tests/support/hub_fixture.hpp"

using namespace laban;
using namespace laban::test;
using nlohmann::json;

namespace {

struct Ran {
  int exit_code = -1;
  std::string out;
  std::string error;
};

Ran run(const TemporaryDirectory& directory, const std::string& arguments) {
  const auto errors = (directory / "errors").string();
  const auto command = std::string{LABAN_PROGRAM} + " " + arguments + " 2>" + errors;
  FILE* pipe = popen(command.c_str(), "r");
  REQUIRE(pipe != nullptr);
  Ran ran;
  std::array<char, 4'096> piece{};
  while (const auto bytes = fread(piece.data(), 1, piece.size(), pipe)) ran.out.append(piece.data(), bytes);
  ran.exit_code = WEXITSTATUS(pclose(pipe));
  std::ifstream file{errors};
  ran.error.assign(std::istreambuf_iterator<char>{file}, {});
  return ran;
}

void publish(const HubFixture& fixture, int count) {
  BusOptions options;
  options.service = "order";
  options.hub.endpoint = fixture.hub->endpoint();
  Bus bus{options};
  for (int i = 0; i < count; ++i) {
    NewEvent event;
    event.type = "a.happened";
    bus.publish_and_wait(event);
  }
}

}  // namespace

TEST_CASE("laban backup: copies a running hub, checks the copy, and refuses a directory that is in use (G214)") {
  HubFixture fixture;
  fixture.start();
  publish(fixture, 20);
  const auto copy = (fixture.directory / "copy").string();
  const auto hub = " --hub " + fixture.hub->endpoint();
  const auto made = run(fixture.directory, "backup " + copy + " --json" + hub);
  REQUIRE(made.exit_code == 0);
  const auto report = json::parse(made.out);
  CHECK((report["head"] == 20 && report["generation"] == 2 && report["files"] >= 2));
  const auto again = run(fixture.directory, "backup " + copy + hub);
  CHECK(again.exit_code == 2);
  CHECK(again.error.starts_with("laban backup: "));
  CHECK(again.error.find("is not empty") != std::string::npos);

  const auto verified = run(fixture.directory, "hub --verify " + copy + " --json");
  CHECK(verified.exit_code == 0);
  CHECK(json::parse(verified.out)["head"] == 20);
  fixture.hub->stop();
  fixture.options.data = copy;
  fixture.start();
  CHECK(json::parse(fixture.hub->inspect("status"))["generation"] == 2);
  publish(fixture, 1);
  CHECK(json::parse(fixture.hub->inspect("status"))["head"] == 21);
}

TEST_CASE("laban cursors: lists who the log is kept for, and lets one go (G61)") {
  HubFixture fixture;
  fixture.start();
  publish(fixture, 5);
  const auto hub = " --hub " + fixture.hub->endpoint();
  {
    Model model{{fixture.hub->endpoint(), "", ""}};
    model.save_cursor("books", 3);
    model.save_cursor("watcher", 1, true);
  }
  const auto listed = run(fixture.directory, "cursors --json" + hub);
  CHECK(listed.exit_code == 0);
  const auto cursors = json::parse(listed.out)["cursors"];
  REQUIRE(cursors.size() == 2);
  CHECK((cursors[0]["name"] == "books" && cursors[0]["offset"] == 3 && cursors[0]["behind"] == 2));
  CHECK((cursors[1]["name"] == "watcher" && cursors[1]["observer"] == true));
  CHECK(run(fixture.directory, "cursors" + hub).out.find("books") != std::string::npos);
  CHECK(run(fixture.directory, "cursors --delete books" + hub).exit_code == 0);
  const auto nobody = run(fixture.directory, "cursors --delete books" + hub);
  CHECK(nobody.exit_code == 2);
  CHECK(nobody.error.find("there is no cursor 'books'") != std::string::npos);
  const auto checked = run(fixture.directory, "queues --check" + hub);
  CHECK(checked.exit_code == 0);
}

TEST_CASE("laban hub: limits that cannot be kept are refused in one line, from options and from a file (G49)") {
  HubFixture fixture;
  const auto data = (fixture.directory / "data").string();
  const auto common = "hub --listen tcp://127.0.0.1:0 --http 127.0.0.1:0 --data " + data;
  const auto small = run(fixture.directory, common + " --keep-bytes 1MB");
  CHECK(small.exit_code == 2);
  CHECK(small.error.find("--segment-bytes") != std::string::npos);
  const auto crossed = run(fixture.directory, common + " --keep-bytes 10GB --keep-at-most 5GB");
  CHECK(crossed.exit_code == 2);
  CHECK(crossed.error.find("--keep-at-most") != std::string::npos);
  const auto config = (fixture.directory / "hub.conf").string();
  std::ofstream{config} << "keep-bytes = 1MB\nkeep-for = 30d\n";
  const auto from_file = run(fixture.directory, common + " --config " + config);
  CHECK(from_file.exit_code == 2);
  CHECK(from_file.error.find("--segment-bytes") != std::string::npos);
  // What is said on the command line counts more; then the crossed limits are what is wrong.
  const auto both = run(fixture.directory, common + " --keep-bytes 10GB --keep-at-most 5GB --config " + config);
  CHECK(both.error.find("--keep-at-most") != std::string::npos);
  std::ofstream{config} << "keep-byte = 1GB\n";
  const auto unknown = run(fixture.directory, common + " --config " + config);
  CHECK(unknown.exit_code == 2);
  CHECK(unknown.error.find("there is no option 'keep-byte'") != std::string::npos);
  std::ofstream{config} << "insecure = perhaps\n";
  CHECK(run(fixture.directory, common + " --config " + config).exit_code == 2);
  CHECK(run(fixture.directory, common + " --config " + config + ".missing").exit_code == 2);
  const auto wrong = run(fixture.directory, common + " --keep-for tomorrow");
  CHECK(wrong.exit_code == 2);
  const auto help = run(fixture.directory, "hub --help");
  CHECK(help.exit_code == 0);
  for (const auto* option : {"--keep-bytes", "--keep-for", "--keep-at-most", "--disk-free-min", "--segment-bytes"}) {
    CHECK(help.out.find(option) != std::string::npos);
  }
}

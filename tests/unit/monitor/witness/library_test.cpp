// tests/unit/monitor/witness/library_test.cpp - the directory of definitions as its owner changes it.
#include "monitor/library.hpp"

#include <doctest/doctest.h>

#include <fstream>

#include "laban/error.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace laban;
using namespace laban::monitor;

namespace {

std::string yaml(const std::string& process, const std::string& last) {
  return "process: " + process + "\nsteps:\n  - begun\n  - " + last + "\n";
}

// A new time each, since the clock of files is coarse.
void write(const std::filesystem::path& path, const std::string& text) {
  static auto time = std::filesystem::file_time_type::clock::now();
  std::ofstream(path) << text;
  std::filesystem::last_write_time(path, time += std::chrono::seconds{1});
}

}  // namespace

TEST_CASE("library: refuses a missing, an empty and a broken directory with what to do") {
  const test::TemporaryDirectory directory;
  CHECK_THROWS_AS(Library(directory / "none").read(), Error);
  CHECK_THROWS_AS(Library(directory.path()).read(), Error);
  write(directory / "good.yaml", yaml("good", "done"));
  write(directory / "bad.yaml", "process: bad\nsteps: [\n");
  try {
    Library(directory.path()).read();
    FAIL("took a broken file");
  } catch (const Error& error) {
    CHECK(error.code() == Errc::malformed);
    CHECK(std::string(error.what()).find("bad.yaml:") != std::string::npos);
  }
}

TEST_CASE("library: accepted.yaml is no definition; its rules are noticed, and what is wrong in it is located") {
  const test::TemporaryDirectory directory;
  write(directory / "a.yaml", yaml("a", "done"));
  Library library(directory.path());
  CHECK(library.read().accepted.empty());
  write(directory / "accepted.yaml", "accepted:\n  - process: a\n    kind: skipped\n    reason: known\n");
  auto change = library.look();
  REQUIRE(change);
  CHECK(change->entries.size() == 1);
  REQUIRE(change->accepted.size() == 1);
  CHECK(change->accepted[0].kind == DeviationKind::skipped);
  write(directory / "accepted.yaml", "accepted:\n  - process: a\n    kind: odd\n    reason: known\n");
  change = library.look();
  REQUIRE(change);
  CHECK(change->accepted.size() == 1);
  REQUIRE(change->refused.size() == 1);
  CHECK(change->refused[0].starts_with("accepted.yaml:3:"));
  CHECK_THROWS_AS(Library(directory.path()).read(), Error);
  std::filesystem::remove(directory / "accepted.yaml");
  change = library.look();
  REQUIRE(change);
  CHECK(change->accepted.empty());
}

TEST_CASE(
    "library: notices changed, added and removed files, and holds on to what it had where a change cannot be used "
    "(G134)") {
  const test::TemporaryDirectory directory;
  write(directory / "a.yaml", yaml("a", "done"));
  Library library(directory.path());
  CHECK(library.read().entries.size() == 1);
  CHECK_FALSE(library.look().has_value());

  write(directory / "b.yaml", yaml("b", "done"));
  auto change = library.look();
  REQUIRE(change);
  CHECK(change->entries.size() == 2);

  const std::string before = change->entries[0].text;
  write(directory / "a.yaml", "process: [");
  change = library.look();
  REQUIRE(change);
  REQUIRE(change->refused.size() == 1);
  CHECK(change->refused[0].find("a.yaml") != std::string::npos);
  REQUIRE(change->entries.size() == 2);
  CHECK(change->entries[0].text == before);
  CHECK_FALSE(library.look().has_value());  // told once

  write(directory / "a.yaml", yaml("a", "gone"));
  change = library.look();
  REQUIRE(change);
  CHECK(change->entries[0].text != before);
  CHECK(change->entries[0].model.version != "");

  std::filesystem::remove(directory / "b.yaml");
  change = library.look();
  REQUIRE(change);
  CHECK(change->entries.size() == 1);
}

TEST_CASE("library: a process in two files, or twice in one, is refused by name (G139)") {
  const test::TemporaryDirectory directory;
  const auto refusal = [&] {
    try {
      Library(directory.path()).read();
    } catch (const Error& error) {
      CHECK(error.code() == Errc::malformed);
      return std::string(error.what());
    }
    return std::string();
  };
  write(directory / "a.yaml", yaml("same", "done"));
  write(directory / "b.yaml", yaml("same", "over"));
  CHECK(refusal() == (directory / "b.yaml").string() +
                         ": process same is also in a.yaml: give one of them another id, or remove one of the files");
  write(directory / "b.yaml", yaml("other", "over"));
  CHECK(refusal() == "");
  write(directory / "b.yaml", yaml("other", "over") + "---\n" + yaml("other", "done"));
  CHECK(refusal().find("b.yaml: process other stands in it twice") != std::string::npos);
}

TEST_CASE("library: a changed file takes no process away from one that has it, whatever their names (G139)") {
  const test::TemporaryDirectory directory;
  write(directory / "a.yaml", yaml("a", "done"));
  write(directory / "b.yaml", yaml("b", "done"));
  Library library(directory.path());
  library.read();
  write(directory / "a.yaml", yaml("b", "gone"));
  const auto change = library.look();
  REQUIRE(change);
  REQUIRE(change->refused.size() == 1);
  CHECK(change->refused[0].find("b.yaml") != std::string::npos);
  REQUIRE(change->entries.size() == 2);
  CHECK(change->entries[0].model.id == "a");
  CHECK(change->entries[1].file == "b.yaml");
}

TEST_CASE("library: a mapping beside a definition binds its nodes, and is watched and stored with it (G118)") {
  const test::TemporaryDirectory directory;
  write(directory / "a.yaml", yaml("a", "done"));
  write(directory / "a.mapping.yaml", "nodes:\n  done: {events: finished, by: shop}\n");
  Library library(directory.path());
  auto loaded = library.read();
  REQUIRE(loaded.entries.size() == 1);
  const auto types = [](const LibraryEntry& entry) {
    for (const auto& node : entry.model.nodes)
      if (node.id == "done") return node.types;
    return std::vector<std::string>{};
  };
  CHECK(types(loaded.entries[0]).front() == "finished");
  CHECK_FALSE(library.look().has_value());

  // What the store keeps of it says the same again.
  std::vector<std::string> said;
  const auto again = entries_of(loaded.entries[0].text, "a.yaml", said);
  REQUIRE(again.size() == 1);
  CHECK(types(again[0]).front() == "finished");
  CHECK(again[0].model.version == loaded.entries[0].model.version);
  CHECK(definition_of(loaded.entries[0].text) == yaml("a", "done"));

  write(directory / "a.mapping.yaml", "nodes:\n  done: over\n");
  auto change = library.look();
  REQUIRE(change);
  CHECK(types(change->entries.at(0)).front() == "over");
  CHECK(change->entries[0].model.version != loaded.entries[0].model.version);

  write(directory / "a.mapping.yaml", "nodes:\n  dine: over\n");
  change = library.look();
  REQUIRE(change);
  REQUIRE(change->refused.size() == 1);
  CHECK(change->refused[0].find("a.mapping.yaml:2:3: ") != std::string::npos);
  CHECK(types(change->entries.at(0)).front() == "over");

  std::filesystem::remove(directory / "a.mapping.yaml");
  change = library.look();
  REQUIRE(change);
  CHECK(types(change->entries.at(0)).front() == "done");
}

TEST_CASE("library: the definitions that come with the program load as they are (G139)") {
  const auto loaded = Library(LABAN_SOURCE_DIR "/services/processes").read();
  REQUIRE(loaded.entries.size() == 1);
  CHECK(loaded.entries[0].model.id == "order-fulfilment");
}

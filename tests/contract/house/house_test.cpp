// tests/contract/house/house_test.cpp - the rules of the house, read from the tree: who may include whom, no
// circles, and every guarantee proved by a test that names it.
#include <doctest/doctest.h>

#include <fstream>
#include <functional>
#include <iterator>
#include <regex>
#include <set>
#include <sstream>

#include "tests/contract/house/source_tree.hpp"

using namespace laban::test;

namespace {

// A room, the rooms below it that it may include besides itself, and the libraries that it may include
// besides the standard one. The first row whose prefix fits a file is its room. docs/architecture.md shows
// the same table.
struct Room {
  std::string prefix;
  std::vector<std::string> rooms;
  std::vector<std::string> libraries;
};

const std::vector<std::string> anything{"*"};

const std::vector<Room>& house() {
  static const std::vector<Room> rooms{
      {"bus/include/", {}, {"capnp/", "kj/"}},
      {"bus/codec/", {"bus/include/"}, {"capnp/", "kj/"}},
      {"bus/routing/", {"bus/include/"}, {"absl/"}},
      {"bus/queue/", {"bus/include/"}, {"absl/"}},
      {"bus/transport/", {"bus/codec/", "bus/include/"}, {"zmq"}},
      {"bus/client/", {"bus/transport/", "bus/codec/", "bus/include/"}, {"spdlog/", "capnp/", "kj/"}},
      {"bus/journal/", {"bus/codec/", "bus/include/"}, {}},
      {"bus/hub/",
       {"bus/journal/", "bus/routing/", "bus/queue/", "bus/transport/", "bus/codec/", "bus/include/"},
       {"absl/", "capnp/", "kj/", "spdlog/", "nlohmann/", "httplib.h", "prometheus/"}},
      {"bus/patterns/", {"bus/include/"}, {"sqlite3.h", "capnp/"}},
      {"services/", {"bus/include/", "bus/patterns/", "services/support/"}, {"CLI/", "sqlite3.h"}},
      {"monitor/core/", {}, {"absl/"}},
      {"monitor/edge/bpmn/", {"monitor/core/", "bus/include/laban/error.hpp"}, {"pugixml.hpp"}},
      {"monitor/edge/yaml/", {"monitor/core/", "bus/include/laban/error.hpp"}, {"yaml-cpp/"}},
      {"monitor/edge/pnml/", {"monitor/core/", "bus/include/laban/error.hpp"}, {"pugixml.hpp"}},
      {"monitor/edge/xes/", {"monitor/core/", "bus/include/laban/error.hpp"}, {"expat.h", "zlib.h", "absl/"}},
      {"monitor/edge/bus/",
       {"monitor/core/", "bus/include/laban/subscriber.hpp", "bus/include/laban/event.hpp",
        "bus/include/laban/options.hpp", "bus/include/laban/error.hpp", "bus/include/laban/stop.hpp"},
       {"spdlog/", "nlohmann/"}},
      {"monitor/edge/history/", {"monitor/core/", "bus/include/laban/error.hpp"}, {"rocksdb/"}},
      {"monitor/edge/http/", {"monitor/core/", "bus/include/laban/error.hpp"}, {"httplib.h", "nlohmann/"}},
      {"monitor/edge/metrics/", {"monitor/core/", "bus/include/laban/error.hpp"}, {"prometheus/"}},
      {"monitor/edge/clock/", {"monitor/core/", "bus/include/laban/error.hpp"}, {}},
      {"monitor/",
       {"monitor/", "bus/include/laban/subscriber.hpp", "bus/include/laban/event.hpp", "bus/include/laban/options.hpp",
        "bus/include/laban/error.hpp", "bus/include/laban/stop.hpp"},
       anything},
      {"cli/", anything, anything},
      {"tests/", anything, anything},
      {"bench/", anything, anything},
  };
  return rooms;
}

bool starts_with_one_of(const std::string& path, const std::vector<std::string>& prefixes) {
  for (const auto& prefix : prefixes)
    if (prefix == "*" || path.starts_with(prefix)) return true;
  return false;
}

const Room& room_of(const std::string& path) {
  for (const auto& room : house())
    if (path.starts_with(room.prefix)) return room;
  FAIL("no room for " << path << ": add it to the table");
  return house().front();
}

// services/payment/x.cpp may include services/payment/ alone, monitor/edge/bpmn/ alone, and so on.
std::string own_place(const std::string& path) {
  if (!path.starts_with("services/")) return room_of(path).prefix;
  const auto second = path.find('/', 9);
  return path.substr(0, second == std::string::npos ? path.size() : second + 1);
}

bool is_generated_schema(const std::string& include) {
  return include.ends_with(".capnp.h");
}

// <vector>, <sys/stat.h>, <unistd.h>: the language's and the system's own.
bool is_system_header(const std::string& include) {
  static const std::set<std::string> directories{"sys/", "linux/", "netinet/", "arpa/", "bits/"};
  for (const auto& directory : directories)
    if (include.starts_with(directory)) return true;
  if (include.find('/') != std::string::npos) return false;
  if (include.find('.') == std::string::npos) return true;
  static const std::set<std::string> posix{"unistd.h",  "fcntl.h", "poll.h",      "pthread.h",   "signal.h",
                                           "dirent.h",  "errno.h", "nmmintrin.h", "immintrin.h", "cpuid.h",
                                           "termios.h", "spawn.h", "ftw.h",       "iconv.h",     "time.h"};
  return posix.contains(include);
}

std::string read(const std::string& path) {
  std::ifstream file{path};
  return {std::istreambuf_iterator<char>{file}, {}};
}

// What the first group of the pattern holds, each time that it matches.
std::vector<std::string> matches(const std::string& text, const std::regex& pattern) {
  std::vector<std::string> found;
  for (std::sregex_iterator match{text.begin(), text.end(), pattern}, end; match != end; ++match)
    found.push_back((*match)[1]);
  return found;
}

// The guarantees that names of tests speak of: doctest cases, and add_test in CMake.
std::set<std::string> guarantees_named_by_tests(const std::string& text) {
  static const std::regex name{R"((?:TEST_CASE\w*\(|NAME )[^"\n]*\s*((?:"[^"]*"\s*)+))"};
  static const std::regex guarantee{R"(\b(G[0-9]+)\b)"};
  std::set<std::string> found;
  for (const auto& literal : matches(text, name))
    for (const auto& one : matches(literal, guarantee)) found.insert(one);
  return found;
}

}  // namespace

TEST_CASE("house: no file includes what its room may not include (G1)") {
  const auto sources = read_sources(LABAN_SOURCE_DIR);
  REQUIRE(sources.size() > 10);
  for (const auto& [path, source] : sources) {
    const Room& room = room_of(path);
    for (const auto& include : source.includes) {
      INFO(path << ":" << include.line << " includes " << include.path);
      const auto target = resolve(sources, source, include);
      if (!target.empty()) {
        CHECK((target.starts_with(own_place(path)) || starts_with_one_of(target, room.rooms)));
      } else if (is_generated_schema(include.path)) {
        const bool may = path.starts_with("bus/") || path.starts_with("services/") ||
                         starts_with_one_of(path, {"cli/", "tests/", "bench/"});
        CHECK(may);
      } else if (!is_system_header(include.path)) {
        CHECK(starts_with_one_of(include.path, room.libraries));
      }
    }
  }
}

TEST_CASE("house: no files include each other in a circle (G1)") {
  const auto sources = read_sources(LABAN_SOURCE_DIR);
  std::map<std::string, int> state;  // 1 while on the path, 2 when done
  std::vector<std::string> path;
  std::function<void(const std::string&)> visit = [&](const std::string& name) {
    if (state[name] == 2) return;
    if (state[name] == 1) {
      std::string circle;
      for (const auto& step : path) circle += step + " -> ";
      FAIL("a circle: " << circle << name);
    }
    state[name] = 1;
    path.push_back(name);
    for (const auto& include : sources.at(name).includes) {
      const auto target = resolve(sources, sources.at(name), include);
      if (!target.empty()) visit(target);
    }
    path.pop_back();
    state[name] = 2;
  };
  for (const auto& [name, source] : sources) visit(name);
  CHECK(state.size() == sources.size());
}

TEST_CASE("house: in the bus one file alone names metrics and their library (G309)") {
  static const std::regex metric{R"((laban_hub_\w+|prometheus/))"};
  std::size_t named = 0;
  for (const auto& [path, source] : read_sources(LABAN_SOURCE_DIR)) {
    if (!path.starts_with("bus/")) continue;
    const bool names_one = std::regex_search(source.text, metric);
    INFO(path);
    CHECK(names_one == (path == "bus/hub/metrics.cpp"));
    named += names_one ? 1 : 0;
  }
  CHECK(named == 1);
}

TEST_CASE("house: every guarantee has a test that names it, and no test names another (G3)") {
  const std::string root = LABAN_SOURCE_DIR;
  const auto sentences = matches(read(root + "/docs/guarantees.md"), std::regex{R"(\n- (G[0-9]+):)"});
  const std::set<std::string> stated{sentences.begin(), sentences.end()};
  CHECK(stated.size() == sentences.size());
  REQUIRE(stated.size() > 2);
  std::set<std::string> named;
  for (const auto& entry : std::filesystem::recursive_directory_iterator{root + "/tests"}) {
    const auto extension = entry.path().extension();
    if (!entry.is_regular_file() || (extension != ".cpp" && extension != ".txt")) continue;
    named.merge(guarantees_named_by_tests(read(entry.path().string())));
  }
  for (const auto& one : stated) {
    INFO("docs/guarantees.md states " << one << " and no test names it");
    CHECK(named.contains(one));
  }
  for (const auto& one : named) {
    INFO("a test names " << one << " and docs/guarantees.md does not state it");
    CHECK(stated.contains(one));
  }
}

TEST_CASE("house: every source file says in its first line what it is for") {
  for (const auto& [path, source] : read_sources(LABAN_SOURCE_DIR)) {
    INFO(path);
    const auto first = source.text.substr(0, source.text.find('\n'));
    CHECK(first.starts_with("// "));
    CHECK(first.find(" - ") != std::string::npos);
  }
}

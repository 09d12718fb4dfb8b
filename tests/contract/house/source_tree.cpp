// tests/contract/house/source_tree.cpp - reads the tree.
#include "tests/contract/house/source_tree.hpp"

#include <fstream>
#include <iterator>
#include <sstream>

namespace laban::test {

namespace fs = std::filesystem;

static std::vector<Include> includes_of(const std::string& text) {
  std::vector<Include> found;
  std::istringstream lines{text};
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    if (!line.starts_with("#include ")) continue;
    const auto open = line.find_first_of("\"<", 9);
    if (open == std::string::npos) continue;
    const auto close = line.find_first_of("\">", open + 1);
    if (close == std::string::npos) continue;
    found.push_back({line.substr(open + 1, close - open - 1), line[open] == '"', number});
  }
  return found;
}

std::map<std::string, SourceFile> read_sources(const fs::path& root) {
  std::map<std::string, SourceFile> sources;
  for (const char* room : {"bus", "monitor", "services", "cli", "tests", "bench"}) {
    for (const auto& entry : fs::recursive_directory_iterator{root / room}) {
      const auto extension = entry.path().extension();
      if (!entry.is_regular_file() || (extension != ".hpp" && extension != ".cpp")) continue;
      std::ifstream file{entry.path()};
      SourceFile source;
      source.path = fs::relative(entry.path(), root).generic_string();
      source.text.assign(std::istreambuf_iterator<char>{file}, {});
      source.includes = includes_of(source.text);
      sources[source.path] = std::move(source);
    }
  }
  return sources;
}

std::string resolve(const std::map<std::string, SourceFile>& sources, const SourceFile& from, const Include& include) {
  if (sources.contains(include.path)) return include.path;
  const auto in_public = "bus/include/" + include.path;
  if (sources.contains(in_public)) return in_public;
  const auto beside = (fs::path{from.path}.parent_path() / include.path).lexically_normal().generic_string();
  return sources.contains(beside) ? beside : std::string{};
}

}  // namespace laban::test

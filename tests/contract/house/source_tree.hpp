// tests/contract/house/source_tree.hpp - the source files of the project and what they include.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace laban::test {

struct Include {
  std::string path;  // as written
  bool quoted = false;
  int line = 0;
};

struct SourceFile {
  std::string path;  // from the root of the project
  std::string text;
  std::vector<Include> includes;
};

// Every .hpp and .cpp below the rooms of the house.
std::map<std::string, SourceFile> read_sources(const std::filesystem::path& root);

// The project's file that a quoted include names, or empty for one of a library or of a generated schema.
std::string resolve(const std::map<std::string, SourceFile>& sources, const SourceFile& from, const Include& include);

}  // namespace laban::test

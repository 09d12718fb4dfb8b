// monitor/library.hpp - the directory of definitions: read whole at the start, looked at for changes while the monitor runs.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "monitor/core/acceptance.hpp"
#include "monitor/core/process_model.hpp"

namespace laban::monitor {

// One process as some file has it now.
struct LibraryEntry {
  std::string file;    // its name in the directory
  std::string text;    // of the file, and of its mapping where it has one: see text_with()
  ProcessModel model;  // with a version: the author's, or a hash of the text
};

struct LibraryChange {
  std::vector<LibraryEntry> entries;  // all there are now
  std::vector<std::string> refused;   // files that changed and cannot be used; what they held before holds on
  std::vector<std::string> said;      // warnings, a line each
  std::vector<Acceptance> accepted;   // of accepted.yaml
};

// Threads: one. Errors: read() throws Error(malformed) with the first located finding, and Error(usage) where there is no
// such directory or nothing in it; look() reports what it refuses.
class Library {
 public:
  explicit Library(std::filesystem::path directory);

  LibraryChange read();
  // Nothing where no file has changed since. Cheap: a look at names, sizes and times.
  std::optional<LibraryChange> look();

 private:
  struct Seen {
    std::filesystem::file_time_type time{};
    std::uintmax_t size = 0;
    std::filesystem::file_time_type mapping_time{};  // of NAME.mapping.yaml beside it
    std::uintmax_t mapping_size = 0;
    std::vector<LibraryEntry> entries;  // of the last text that could be used

    bool same(const Seen& other) const {
      return time == other.time && size == other.size && mapping_time == other.mapping_time &&
             mapping_size == other.mapping_size;
    }
  };

  Seen glance(const std::filesystem::path& path) const;
  std::filesystem::path accepted_path() const { return directory_ / "accepted.yaml"; }
  void load_accepted(bool strict, LibraryChange& out);
  bool stale() const;
  LibraryChange load(bool strict);

  std::filesystem::path directory_;
  Seen accepted_seen_;
  std::vector<Acceptance> accepted_;
  std::map<std::string, Seen> files_;  // by name, so that the order is one order
};

// A definition and its mapping as one text, so that what is stored of a definition says all of it; and the definition
// alone again.
std::string text_with(const std::string& definition, const std::string& mapping);
std::string_view definition_of(std::string_view text);

// The processes of a text, as they were in some file. Throws Error(malformed) with the first located finding.
std::vector<LibraryEntry> entries_of(const std::string& text, const std::string& file, std::vector<std::string>& said);

}  // namespace laban::monitor

// tests/support/erased_log.hpp - a log some of whose events are secret: what they say is to be overwritten.
#pragma once

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <string_view>

#include "bus/journal/journal.hpp"
#include "tests/support/faulty_files.hpp"
#include "tests/support/journal_log.hpp"

namespace laban::test {

class ErasedLog {
 public:
  static constexpr std::string_view secret = "SECRET";

  explicit ErasedLog(std::mt19937_64& random) : random_(random) {}

  // Several segments, some dropped, with copies of what was live in them, and notes in between.
  void fill(journal::Journal& log) {
    for (int i = 0; i < 30; ++i) {
      for (auto n = random_() % 4; n > 0; --n) append(log, some_text());
      if (random_() % 3 == 0) log.append_note(2, {bytes_of("note")});
      if (!commit(log, i + 1)) return;
      if (random_() % 8 == 0) (void)log.save_checkpoint(log.position(), bytes_of("state"));
    }
    if (!log.save_checkpoint(log.position(), bytes_of("state")).empty()) return;
    journal::Retention retention;
    retention.bytes_max = 9'000;
    retention.is_live = [](std::uint64_t offset) { return offset % 3 == 0; };
    for (int i = 0; i < 3; ++i) log.retain(retention);
  }

  // Until the end of the log, a small piece at a time. What went wrong.
  std::string erase(journal::Journal& log) {
    for (std::uint64_t position = 0;;) {
      const auto result = log.overwrite(position, &ErasedLog::erased, 1 + random_() % 6'000);
      if (!result.problem.empty()) return result.problem;
      position = result.position;
      if (result.end) return log.wipe_unused();
    }
  }

  // What each event says that the log has, those too that were carried forward.
  std::map<std::uint64_t, std::string> all_of(journal::Journal& log) const {
    std::map<std::uint64_t, std::string> all;
    for (std::uint64_t offset = 1; offset <= log.head(); ++offset) {
      const auto found = log.get(offset);
      if (!found.events.empty()) all[offset] = readable(text_of(found.events.front().body));
    }
    return all;
  }

  std::map<std::uint64_t, std::string> without_secrets(std::map<std::uint64_t, std::string> all) const {
    for (auto& [offset, text] : all)
      if (text.starts_with(secret)) text = "erased";
    return all;
  }

  // In any byte of any file, also of what is no part of the log.
  bool secrets_in(const FaultyFiles& files) const {
    const auto wanted = bytes_of(secret);
    for (const auto& path : files.paths()) {
      const auto bytes = files.contents(path);
      if (std::search(bytes.begin(), bytes.end(), wanted.begin(), wanted.end()) != bytes.end()) return true;
    }
    return false;
  }

 private:
  std::string some_text() {
    const std::string text = random_() % 3 == 0 ? std::string(secret) : "plain";
    return text + std::to_string(random_()) + std::string(random_() % 500, 'x');
  }
  static std::optional<std::vector<std::byte>> erased(const journal::Record& record) {
    if (record.offset == 0 || !text_of(record.body).starts_with(secret)) return {};
    std::vector<std::byte> body(record.body.size());
    std::fill(body.begin(), body.end() - 4, std::byte{'.'});
    return body;
  }
  static std::string readable(const std::string& text) { return text.starts_with(".") ? "erased" : text; }

  std::mt19937_64& random_;
};

}  // namespace laban::test

// cli/notices.hpp - which changes of instances are to be told, and what was told before: kept in a file, so that a restart
// repeats nothing and leaves nothing out.
//
// Threads:  one.
// Errors:   load() and save() throw Error(storage) for a file that cannot be used.
#pragma once

#include <nlohmann/json.hpp>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace laban::cli {

// One thing to tell of one instance.
struct Notice {
  std::string id;    // the same for the same fact, so that who hears it twice can know
  std::string kind;  // stuck, late, deviating or ended
  nlohmann::ordered_json row;
};

class Notices {
 public:
  using Time = std::chrono::sys_time<std::chrono::nanoseconds>;
  static constexpr std::chrono::minutes remembered{10};  // ended instances: later news of them are told by their events

  explicit Notices(std::filesystem::path file) : file_(std::move(file)) {}

  bool load();             // false where there is no file yet
  void begin(Time since);  // what ended before was never to be told
  void save() const;

  Time since() const { return since_; }
  // What a row of the API tells that was not told yet. What no longer holds can be told again.
  std::vector<Notice> news(const nlohmann::ordered_json& row);
  void told(const Notice& notice);
  // Nobody wants it: nothing is remembered of it but the time that it was seen.
  void passed(const nlohmann::ordered_json& row);
  // Every live instance that is flagged is among these rows' keys; what was told of others has passed.
  void only_flagged(const std::set<std::string>& keys);

  static std::string key_of(const nlohmann::ordered_json& row);

 private:
  struct Told {
    std::uint8_t kinds = 0;
    Time at{};  // of ended ones: the last that was seen of it
    bool ended = false;
  };

  std::filesystem::path file_;
  std::map<std::string, Told> told_;
  Time since_{};
  Time newest_{};
  Time pruned_{};
};

}  // namespace laban::cli

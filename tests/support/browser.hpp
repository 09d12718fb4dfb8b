// tests/support/browser.hpp - a headless Chromium that a test drives over a pipe of its own (the DevTools protocol).
#pragma once

#include <sys/types.h>

#include <nlohmann/json.hpp>

#include <optional>
#include <string>
#include <vector>

#include "tests/support/temporary_directory.hpp"

namespace laban::test {

// The browser's program, where one is installed.
std::optional<std::string> browser_program();

// One page. Threads: belongs to one. Errors: std::runtime_error where the browser does not answer within a minute.
class Browser {
 public:
  explicit Browser(const std::string& program);
  ~Browser();
  Browser(const Browser&) = delete;
  Browser& operator=(const Browser&) = delete;

  void resize(int width, int height);
  void open(const std::string& address);
  // The value of a JavaScript expression, which may be a promise.
  nlohmann::json evaluate(const std::string& expression);
  // True as soon as the expression is; false if it is not within a minute.
  bool eventually(const std::string& expression);
  // What the page has complained of so far: exceptions, errors on its console, files that did not load.
  const std::vector<std::string>& complaints() const { return complaints_; }

 private:
  nlohmann::json command(const std::string& method, nlohmann::json parameters = nlohmann::json::object());
  void note(const nlohmann::json& message);
  nlohmann::json next_message();

  TemporaryDirectory profile_;
  pid_t process_ = -1;
  int to_ = -1;
  int from_ = -1;
  int last_id_ = 0;
  std::string session_;
  std::string received_;
  std::vector<std::string> complaints_;
};

}  // namespace laban::test

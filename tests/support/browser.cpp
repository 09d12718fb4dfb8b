// tests/support/browser.cpp - commands out, answers and events in, each a JSON text that ends with a zero.
#include "tests/support/browser.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <sstream>
#include <stdexcept>

#include "tests/support/eventually.hpp"

namespace laban::test {

using Json = nlohmann::json;

namespace {

constexpr std::chrono::seconds patience{60};

// The browser reads commands from descriptor 3 and writes to 4. Both ends are first put out of the way of these numbers.
[[noreturn]] void become_browser(const std::string& program, const std::string& profile, int commands, int answers) {
  ::setpgid(0, 0);  // its many processes end together
  const int in = ::fcntl(commands, F_DUPFD, 10);
  const int out = ::fcntl(answers, F_DUPFD, 10);
  ::dup2(in, 3);
  ::dup2(out, 4);
  const int nowhere = ::open("/dev/null", O_RDWR);
  for (const int descriptor : {0, 1, 2}) ::dup2(nowhere, descriptor);
  const std::string data = "--user-data-dir=" + profile;
  ::execl(program.c_str(), program.c_str(), "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
          "--no-first-run", "--remote-debugging-pipe", data.c_str(), "about:blank", static_cast<char*>(nullptr));
  ::_exit(127);
}

}  // namespace

std::optional<std::string> browser_program() {
  const char* path = std::getenv("PATH");
  for (const char* name : {"chromium", "chromium-browser", "google-chrome"}) {
    std::istringstream folders(path ? path : "");
    for (std::string folder; std::getline(folders, folder, ':');) {
      const std::string file = folder + "/" + name;
      if (::access(file.c_str(), X_OK) == 0) return file;
    }
  }
  return std::nullopt;
}

Browser::Browser(const std::string& program) {
  std::array<int, 2> commands{};
  std::array<int, 2> answers{};
  if (::pipe2(commands.data(), O_CLOEXEC) != 0 || ::pipe2(answers.data(), O_CLOEXEC) != 0)
    throw std::runtime_error("no pipe for the browser");
  const std::string profile = profile_.path().string();
  process_ = ::fork();
  if (process_ == 0) become_browser(program, profile, commands[0], answers[1]);
  ::close(commands[0]);
  ::close(answers[1]);
  to_ = commands[1];
  from_ = answers[0];
  const auto target = command("Target.createTarget", {{"url", "about:blank"}})["targetId"];
  session_ = command("Target.attachToTarget", {{"targetId", target}, {"flatten", true}})["sessionId"];
  for (const char* part : {"Page.enable", "Runtime.enable", "Log.enable"}) command(part);
}

Browser::~Browser() {
  ::kill(-process_, SIGKILL);
  ::close(to_);
  ::close(from_);
  ::waitpid(process_, nullptr, 0);
}

void Browser::resize(int width, int height) {
  command("Emulation.setDeviceMetricsOverride",
          {{"width", width}, {"height", height}, {"deviceScaleFactor", 1}, {"mobile", false}});
}

void Browser::open(const std::string& address) {
  command("Page.navigate", {{"url", address}});
}

Json Browser::evaluate(const std::string& expression) {
  const auto answer =
      command("Runtime.evaluate", {{"expression", expression}, {"returnByValue", true}, {"awaitPromise", true}});
  if (answer.contains("exceptionDetails")) throw std::runtime_error(answer["exceptionDetails"].dump());
  return answer["result"].value("value", Json());
}

bool Browser::eventually(const std::string& expression) {
  return test::eventually(patience, [&] {
    try {
      return evaluate("(() => { try { return Boolean(" + expression + "); } catch { return false; } })()") == true;
    } catch (const std::runtime_error&) {
      return false;  // the page that was asked is just being left
    }
  });
}

Json Browser::command(const std::string& method, Json parameters) {
  Json message{{"id", ++last_id_}, {"method", method}, {"params", std::move(parameters)}};
  if (!session_.empty()) message["sessionId"] = session_;
  const std::string text = message.dump() + '\0';
  for (std::size_t sent = 0; sent < text.size();) {
    const auto n = ::write(to_, text.data() + sent, text.size() - sent);
    if (n <= 0) throw std::runtime_error("the browser is gone");
    sent += static_cast<std::size_t>(n);
  }
  for (;;) {
    Json answer = next_message();
    if (answer.value("id", 0) != last_id_) {
      note(answer);
      continue;
    }
    if (answer.contains("error")) throw std::runtime_error(method + ": " + answer["error"].dump());
    return answer["result"];
  }
}

void Browser::note(const Json& message) {
  const std::string method = message.value("method", "");
  const Json& said = message.contains("params") ? message["params"] : message;
  if (method == "Runtime.exceptionThrown") complaints_.push_back(said["exceptionDetails"].dump());
  if (method == "Runtime.consoleAPICalled" && said["type"] == "error") complaints_.push_back(said["args"].dump());
  if (method == "Log.entryAdded" && said["entry"]["level"] == "error") complaints_.push_back(said["entry"].dump());
}

Json Browser::next_message() {
  for (;;) {
    const auto end = received_.find('\0');
    if (end != std::string::npos) {
      Json message = Json::parse(received_.substr(0, end));
      received_.erase(0, end + 1);
      return message;
    }
    pollfd ready{from_, POLLIN, 0};
    const auto wait = std::chrono::duration_cast<std::chrono::milliseconds>(patience).count();
    if (::poll(&ready, 1, static_cast<int>(wait)) <= 0) throw std::runtime_error("the browser does not answer");
    std::array<char, 65536> part{};
    const auto n = ::read(from_, part.data(), part.size());
    if (n <= 0) throw std::runtime_error("the browser has gone");
    received_.append(part.data(), static_cast<std::size_t>(n));
  }
}

}  // namespace laban::test

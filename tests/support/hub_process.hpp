// tests/support/hub_process.hpp - a real hub as a process of its own, which a test may kill and start again.
#pragma once

#include <signal.h>

#include <filesystem>
#include <string>

#include "cli/demo/ports.hpp"
#include "cli/demo/shop.hpp"
#include "cli/demo/supervisor.hpp"

namespace laban::test {

class HubProcess {
 public:
  explicit HubProcess(const std::filesystem::path& directory)
      : endpoint_("tcp://127.0.0.1:" + std::to_string(demo::free_port(0))),
        http_("127.0.0.1:" + std::to_string(demo::free_port(0))),
        directory_(directory),
        hub_({"hub",
              demo::own_directory() / "laban",
              {"hub", "--listen", endpoint_, "--data", (directory / "hub").string(), "--http", http_},
              {}},
             directory / "hub.log") {
    start();
  }

  void start() { hub_.start(); }
  void kill() {
    hub_.signal(SIGKILL);
    hub_.wait_for_end(std::chrono::seconds{20});
  }
  // It says nothing more while this lives.
  class Pause {
   public:
    explicit Pause(const HubProcess& hub) : hub_(hub.hub_) { hub_.signal(SIGSTOP); }
    ~Pause() { hub_.signal(SIGCONT); }
    Pause(const Pause&) = delete;
    Pause& operator=(const Pause&) = delete;

   private:
    const demo::Child& hub_;
  };
  const std::string& endpoint() const { return endpoint_; }
  std::filesystem::path operator/(const std::string& below) const { return directory_ / below; }

 private:
  std::string endpoint_;
  std::string http_;
  std::filesystem::path directory_;
  demo::Child hub_;
};

}  // namespace laban::test

// bus/client/log.cpp - over spdlog.
#include "bus/client/log.hpp"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <mutex>

namespace laban::client {

static std::shared_ptr<spdlog::logger> logger() {
  static std::mutex mutex;
  const std::lock_guard lock{mutex};
  if (auto existing = spdlog::get("laban")) return existing;
  return spdlog::stderr_color_mt("laban");
}

void log_info(const std::string& line) {
  logger()->info("{}", line);
}

void log_warning(const std::string& line) {
  logger()->warn("{}", line);
}

}  // namespace laban::client

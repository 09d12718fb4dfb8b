// cli/hub_options.hpp - how every subcommand that talks to a hub is told where it is.
#pragma once

#include <CLI/CLI.hpp>

#include <chrono>
#include <memory>
#include <string>

#include "laban/options.hpp"

namespace laban::cli {

struct HubOptions {
  HubAddress address;
  double wait_seconds = 5;

  std::chrono::milliseconds wait() const {
    return std::chrono::milliseconds{static_cast<std::int64_t>(wait_seconds * 1000)};
  }
};

// --hub, --key, --server-key and --wait.
void add_hub_options(CLI::App& command, HubOptions& options);

// EXCHANGE:PATTERN in two. Throws Error(usage) where there is no colon.
struct ExchangePattern {
  std::string exchange;
  std::string pattern;
};
ExchangePattern parse_binding(const std::string& text);

}  // namespace laban::cli

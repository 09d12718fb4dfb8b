// cli/monitor_client.hpp - a running monitor's API, for the commands that ask it.
#pragma once

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace laban::cli {

// Adds --monitor to a command.
void add_monitor_option(CLI::App& command, std::string& address);

// The answer; nothing for 404. Throws Error(unreachable) where no monitor answers, Error(refused) for any other status.
std::optional<nlohmann::ordered_json> ask_monitor(
    const std::string& address, const std::string& path,
    const std::vector<std::pair<std::string, std::string>>& parameters = {});

// A long answer as it comes. Throws as ask_monitor, and Error(unreachable) where it breaks off.
void read_monitor(const std::string& address, const std::string& path,
                  const std::vector<std::pair<std::string, std::string>>& parameters,
                  const std::function<void(std::string_view piece)>& take);

// An RFC 3339 time in UTC.
std::optional<std::chrono::sys_time<std::chrono::nanoseconds>> parse_time(const std::string& text);

// "12 s", "3 min 4 s": how long it is from an RFC 3339 time to another, or to now.
std::string time_between(const std::string& from, const std::string& to = {});

// A part of an address with everything escaped that has a meaning there.
std::string escaped(const std::string& text);

}  // namespace laban::cli

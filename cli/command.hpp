// cli/command.hpp - what a subcommand is: a name, its options, and what it does.
#pragma once

#include <CLI/CLI.hpp>

#include <functional>
#include <string>

namespace laban::cli {

inline constexpr int exit_ok = 0;
inline constexpr int exit_not_so = 1;    // the thing asked about is not so
inline constexpr int exit_unusable = 2;  // wrong usage or unusable input

// Adds itself to the program and sets `action` when it was chosen. An Error that leaves the action is printed
// as `laban SUBCOMMAND: what is wrong: what to do` and ends the program with exit_unusable.
using AddCommand = void (*)(CLI::App& program, std::function<int()>& action);

// Registers a subcommand from its own file, at namespace scope: static Command replay{add_replay};
struct Command {
  explicit Command(AddCommand add);
};

}  // namespace laban::cli

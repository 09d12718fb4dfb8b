// cli/main.cpp - the `laban` program: finds the subcommand, runs it, turns an Error into one line and an exit
// code.
#include <cstdio>
#include <iostream>
#include <vector>

#include "cli/command.hpp"
#include "laban/error.hpp"

namespace laban::cli {

static std::vector<AddCommand>& commands() {
  static std::vector<AddCommand> list;
  return list;
}

Command::Command(AddCommand add) {
  commands().push_back(add);
}

static bool has_subcommand(const CLI::App& program, const std::string& name) {
  const auto named = program.get_subcommands([&](const CLI::App* command) { return command->get_name() == name; });
  return !named.empty();
}

static int run(int argc, char** argv) {
  CLI::App program{"Laban: a choreography event bus, and a process monitor that only listens.", "laban"};
  program.require_subcommand(1);
  program.failure_message([](const CLI::App* app, const CLI::Error& error) {
    std::string name = app->get_name();
    for (const auto* sub : app->get_subcommands()) name += " " + sub->get_name();
    return name + ": " + error.what() + ": see " + name + " --help\n";
  });
  std::function<int()> action;
  for (auto add : commands()) add(program, action);
  if (argc > 1 && argv[1][0] != '-' && !has_subcommand(program, argv[1])) {
    std::cerr << "laban: there is no subcommand '" << argv[1] << "': see laban --help\n";
    return exit_unusable;
  }
  const std::string first = argc > 1 ? argv[1] : "";
  if (first.starts_with('-') && first != "-h" && first != "--help") {
    std::cerr << "laban: there is no option '" << first << "' before a subcommand: see laban --help\n";
    return exit_unusable;
  }
  try {
    program.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return program.exit(error) == 0 ? exit_ok : exit_unusable;
  }
  const auto chosen = program.get_subcommands();
  const std::string name = chosen.empty() ? "laban" : "laban " + chosen.front()->get_name();
  try {
    return action();
  } catch (const Error& error) {
    std::cerr << name << ": " << error.what() << '\n';
  } catch (const std::exception& error) {
    std::cerr << name << ": " << error.what() << ": this is a bug in laban, please report it\n";
  }
  return exit_unusable;
}

}  // namespace laban::cli

int main(int argc, char** argv) try { return laban::cli::run(argc, argv); } catch (const std::exception& error) {
  std::fputs(error.what(), stderr);
  return laban::cli::exit_unusable;
}

// cli/version.cpp - `laban version`: which release this is, and which wire version it speaks.
#include <iostream>
#include <memory>

#include "cli/command.hpp"
#include "laban/protocol.capnp.h"

namespace laban::cli {

static void add_version(CLI::App& program, std::function<int()>& action) {
  auto* command = program.add_subcommand("version", "The version of this program and of its wire protocol");
  command->footer("Example: laban version --json");
  auto json = std::make_shared<bool>(false);
  command->add_flag("--json", *json, "One JSON document");
  command->callback([json, &action] {
    action = [json] {
      if (*json)
        std::cout << R"({"version":")" LABAN_VERSION R"(","wireVersion":)" << schema::WIRE_VERSION << "}\n";
      else
        std::cout << "laban " LABAN_VERSION ", wire version " << schema::WIRE_VERSION << '\n';
      return exit_ok;
    };
  });
}

static const Command version{add_version};

}  // namespace laban::cli

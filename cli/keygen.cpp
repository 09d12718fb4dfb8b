// cli/keygen.cpp - `laban keygen`: a CURVE key pair for a hub or a client.
#include <iostream>
#include <nlohmann/json.hpp>

#include "bus/transport/curve_keys.hpp"
#include "cli/command.hpp"

namespace laban::cli {
namespace {

struct Settings {
  std::string file;
  bool json = false;
};

int keygen(const Settings& settings) {
  const auto keys = transport::generate_curve_keys();
  if (!settings.file.empty()) transport::write_key_file(settings.file, keys);
  if (settings.json) {
    nlohmann::ordered_json json{{"public", keys.public_key}};
    if (settings.file.empty()) json["secret"] = keys.secret_key;
    if (!settings.file.empty()) json["file"] = settings.file;
    std::cout << json.dump() << '\n';
  } else {
    std::cout << "public = " << keys.public_key << '\n';
    if (settings.file.empty()) std::cout << "secret = " << keys.secret_key << '\n';
  }
  return exit_ok;
}

void add_keygen(CLI::App& program, std::function<int()>& action) {
  auto* command = program.add_subcommand("keygen", "Makes a CURVE key pair");
  command->footer(
      "Example: laban keygen payment.key\n\n"
      "Writes both keys to FILE, which only its owner can read, and prints the public one; without FILE prints both.");
  auto settings = std::make_shared<Settings>();
  command->add_option("FILE", settings->file, "Where to keep them; must not be there yet");
  command->add_flag("--json", settings->json, "One JSON document");
  command->callback([settings, &action] { action = [settings] { return keygen(*settings); }; });
}

const Command command{add_keygen};

}  // namespace
}  // namespace laban::cli

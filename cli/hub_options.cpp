// cli/hub_options.cpp - the options of a connection.
#include "cli/hub_options.hpp"

#include "laban/error.hpp"

namespace laban::cli {

void add_hub_options(CLI::App& command, HubOptions& options) {
  const char* group = "Connection";
  command
      .add_option("--hub", options.address.endpoint, "The hub's address (LABAN_HUB); tcp://127.0.0.1:5570 if not said")
      ->type_name("ENDPOINT")
      ->group(group);
  command
      .add_option("--key", options.address.key_file, "This client's CURVE key pair, made by laban keygen (LABAN_KEY)")
      ->type_name("FILE")
      ->group(group);
  command.add_option("--server-key", options.address.server_key, "The hub's public CURVE key (LABAN_SERVER_KEY)")
      ->type_name("KEY")
      ->group(group);
  command.add_option("--wait", options.wait_seconds, "How long to wait for a hub that does not answer")
      ->type_name("SECONDS")
      ->check(CLI::Range(0.0, 86'400.0))
      ->capture_default_str()
      ->group(group);
}

ExchangePattern parse_binding(const std::string& text) {
  const auto colon = text.find(':');
  if (colon == std::string::npos || colon == 0) {
    throw Error(Errc::usage, "\"" + text + "\" is no binding: write EXCHANGE:PATTERN, for example amq.topic:order.#");
  }
  return {text.substr(0, colon), text.substr(colon + 1)};
}

}  // namespace laban::cli

// cli/schema.cpp - `laban schema check`: whether a schema file can be spoken beside an older one, and what breaks.
#include <capnp/schema-parser.h>
#include <kj/filesystem.h>
#include <kj/vector.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>

#include "bus/codec/schema_compat.hpp"
#include "bus/codec/schema_nodes.hpp"
#include "cli/command.hpp"
#include "laban/error.hpp"

namespace laban::cli {
namespace {

struct Settings {
  std::string before;
  std::string now;
  std::vector<std::string> imports;
  bool json = false;
};

using Node = std::vector<std::byte>;

void add_nodes(const std::vector<Node>& from, std::vector<Node>& nodes) {
  for (const auto& node : from) {
    if (std::find(nodes.begin(), nodes.end(), node) == nodes.end()) nodes.push_back(node);
  }
}

void collect(const capnp::ParsedSchema& schema, std::vector<Node>& nodes) {
  const auto proto = schema.getProto();
  if (proto.isStruct()) add_nodes(codec::schema_nodes(schema.asStruct()), nodes);
  if (proto.isEnum()) add_nodes({codec::schema_node(schema)}, nodes);
  for (const auto nested : schema.getAllNested()) collect(nested, nodes);
}

std::vector<Node> read(const std::string& file, const Settings& settings) {
  std::error_code unreadable;
  if (!std::filesystem::is_regular_file(file, unreadable)) {
    throw Error(Errc::usage, file + " is no file that can be read: give a Cap'n Proto schema");
  }
  const auto disk = kj::newDiskFilesystem();
  std::vector<std::string> directories = settings.imports;
  directories.insert(directories.end(), {std::filesystem::absolute(file).parent_path().string(), LABAN_SCHEMAS,
                                         LABAN_SCHEMAS_INSTALLED, "/usr/local/include", "/usr/include"});
  kj::Vector<kj::Own<const kj::ReadableDirectory>> kept;
  kj::Vector<const kj::ReadableDirectory*> imports;
  for (const auto& directory : directories) {
    if (!std::filesystem::is_directory(directory, unreadable)) continue;
    const auto path = disk->getCurrentPath().evalNative(std::filesystem::absolute(directory).string());
    kept.add(disk->getRoot().openSubdir(path));
    imports.add(kept.back().get());
  }
  const auto path = disk->getCurrentPath().evalNative(std::filesystem::absolute(file).string());
  const auto directory = disk->getRoot().openSubdir(path.parent());
  std::vector<Node> nodes;
  try {
    capnp::SchemaParser parser;
    collect(parser.parseFromDirectory(*directory, kj::Path(path.basename()[0]), imports.asPtr()), nodes);
  } catch (const kj::Exception& error) {
    std::string text = error.getDescription().cStr();
    std::replace(text.begin(), text.end(), '\n', ' ');
    throw Error(Errc::malformed,
                file + " is no schema that can be read (" + text + "): check it with capnp compile -o-");
  }
  return nodes;
}

int check(const Settings& settings) {
  const auto before = read(settings.before, settings);
  const auto now = read(settings.now, settings);
  const std::vector<codec::Blob> old{before.begin(), before.end()};
  const std::vector<codec::Blob> fresh{now.begin(), now.end()};
  auto problems = codec::schema_problems(old, fresh);
  const auto missing = codec::missing_types(old, fresh);
  problems.insert(problems.end(), missing.begin(), missing.end());
  if (settings.json) {
    auto list = nlohmann::ordered_json::array();
    for (const auto& problem : problems) list.push_back({{"type", problem.type}, {"what", problem.what}});
    std::cout << nlohmann::ordered_json{{"compatible", problems.empty()}, {"problems", list}}.dump(
                     -1, ' ', false, nlohmann::ordered_json::error_handler_t::replace)
              << '\n';
  } else if (problems.empty()) {
    std::cout << settings.now << " is compatible with " << settings.before << '\n';
  } else {
    for (const auto& problem : problems) std::cout << problem.type << ": " << problem.what << '\n';
  }
  return problems.empty() ? exit_ok : exit_not_so;
}

void add_schema(CLI::App& program, std::function<int()>& action) {
  auto* command = program.add_subcommand("schema", "Cap'n Proto schemas");
  command->require_subcommand(1);
  command->footer("Example: laban schema check order-1.capnp order-2.capnp");
  auto settings = std::make_shared<Settings>();
  auto* one = command->add_subcommand("check", "Whether two schema files are compatible, and what breaks");
  one->footer(
      "Example: laban schema check order-1.capnp order-2.capnp\n\n"
      "Newer and older versions of a type are both compatible. Exit code 1 where something breaks.");
  one->add_option("OLD", settings->before, "The schema as it is spoken")->required();
  one->add_option("NEW", settings->now, "The schema as it is to be")->required();
  one->add_option("--import-path", settings->imports, "Where imports are looked for; may be given several times")
      ->type_name("DIRECTORY")
      ->allow_extra_args(false);
  one->add_flag("--json", settings->json, R"({"compatible","problems":[{"type","what"}]})");
  one->callback([settings, &action] { action = [settings] { return check(*settings); }; });
}

const Command command{add_schema};

}  // namespace
}  // namespace laban::cli

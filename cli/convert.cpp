// cli/convert.cpp - `laban convert`: the same definition in another form.
#include <iostream>
#include <memory>
#include <string>

#include "cli/command.hpp"
#include "laban/error.hpp"
#include "monitor/definitions.hpp"
#include "monitor/edge/bpmn/write_bpmn.hpp"
#include "monitor/edge/yaml/write_yaml.hpp"

namespace laban::cli {
namespace {

struct Settings {
  std::string file;
  std::string form;
};

int convert(const Settings& settings) {
  const auto read = monitor::read_definition(std::filesystem::path{settings.file});
  for (const auto& finding : read.findings)
    if (finding.severity == monitor::Severity::error) throw Error{Errc::malformed, finding.message};
  if (read.models.empty()) throw Error{Errc::malformed, settings.file + " has no process: there is nothing to convert"};
  const auto& model = read.models.front();
  if (settings.form == "bpmn") {
    std::cout << monitor::write_bpmn(model);
    return exit_ok;
  }
  std::vector<monitor::Finding> findings;
  const auto text = monitor::write_yaml(model, findings);
  bool lost = false;
  for (const auto& finding : findings) {
    std::cerr << "laban convert: " << finding.at.file << ':' << finding.at.line << ':' << finding.at.column << ": "
              << finding.message << '\n';
    lost = lost || finding.severity == monitor::Severity::error;
  }
  if (!text) return exit_not_so;
  std::cout << *text;
  return lost ? exit_not_so : exit_ok;
}

void add_convert(CLI::App& program, std::function<int()>& action) {
  auto* command = program.add_subcommand("convert", "The same definition in another form");
  command->footer("Example: laban convert order.yaml --to bpmn > order.bpmn");
  auto settings = std::make_shared<Settings>();
  command->add_option("FILE", settings->file, "A definition: .bpmn, .yaml or .pnml")->required();
  command->add_option("--to", settings->form, "bpmn")->required()->check(CLI::IsMember({"yaml", "bpmn"}));
  command->callback([settings, &action] { action = [settings] { return convert(*settings); }; });
}

const Command command{add_convert};

}  // namespace
}  // namespace laban::cli

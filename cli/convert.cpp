// cli/convert.cpp - `laban convert`: the same definition in another form.
#include <iostream>
#include <memory>
#include <string>

#include "cli/command.hpp"
#include "laban/error.hpp"
#include "monitor/definitions.hpp"
#include "monitor/edge/bpmn/write_bpmn.hpp"

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
  std::cout << monitor::write_bpmn(read.models.front());
  return exit_ok;
}

void add_convert(CLI::App& program, std::function<int()>& action) {
  auto* command = program.add_subcommand("convert", "The same definition in another form");
  command->footer("Example: laban convert order.yaml --to bpmn > order.bpmn");
  auto settings = std::make_shared<Settings>();
  command->add_option("FILE", settings->file, "A definition: .bpmn, .yaml or .pnml")->required();
  command->add_option("--to", settings->form, "bpmn")
      ->required()
      ->check(CLI::IsMember({"bpmn"}));
  command->callback([settings, &action] { action = [settings] { return convert(*settings); }; });
}

const Command command{add_convert};

}  // namespace
}  // namespace laban::cli

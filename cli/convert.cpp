// cli/convert.cpp - `laban convert`: the same definition in another form.
#include <iostream>
#include <memory>
#include <string>

#include "cli/command.hpp"
#include "laban/error.hpp"
#include "monitor/definitions.hpp"
#include "monitor/edge/bpmn/write_bpmn.hpp"
#include "monitor/edge/pnml/net_model.hpp"
#include "monitor/edge/pnml/write_pnml.hpp"
#include "monitor/edge/yaml/write_yaml.hpp"

namespace laban::cli {
namespace {

using monitor::Finding;
using monitor::Severity;

struct Settings {
  std::string file;
  std::string form;
};

std::string located(const Finding& finding) {
  std::string text = finding.at.file;
  if (finding.at.line > 0) text += ':' + std::to_string(finding.at.line) + ':' + std::to_string(finding.at.column);
  return text + ": " + finding.message;
}

void refuse_errors(const std::vector<Finding>& findings) {
  for (const auto& finding : findings)
    if (finding.severity == Severity::error) throw Error{Errc::malformed, located(finding)};
}

// What was read: a model, a net, or both.
struct Source {
  std::optional<monitor::ProcessModel> model;
  monitor::PnmlFile pnml;
};

Source read(const Settings& settings, std::vector<Finding>& findings) {
  Source source;
  std::vector<Finding> said;
  const std::string bytes = monitor::read_bytes(settings.file, monitor::TextLimits{}.bytes, said);
  refuse_errors(said);
  if (monitor::form_of(settings.file, bytes) == monitor::DefinitionForm::pnml) {
    source.pnml = monitor::read_pnml(bytes, settings.file);
    refuse_errors(source.pnml.findings);
    if (settings.form != "pnml") source.model = monitor::model_of(source.pnml, settings.file, findings);
    return source;
  }
  auto file = monitor::read_definition(std::filesystem::path{settings.file});
  refuse_errors(file.findings);
  if (file.models.empty()) throw Error{Errc::malformed, settings.file + " has no process: there is nothing to convert"};
  source.model = std::move(file.models.front());
  return source;
}

std::optional<std::string> written(const Source& source, const Settings& settings, std::vector<Finding>& findings) {
  if (settings.form == "pnml") {
    std::vector<Finding> simplified;
    return source.model ? monitor::write_pnml(monitor::compile(*source.model, simplified), &*source.model,
                                              settings.file, findings)
                        : monitor::write_pnml(*source.pnml.net, nullptr, settings.file, findings);
  }
  if (!source.model) return std::nullopt;
  if (settings.form == "bpmn") return monitor::write_bpmn(*source.model);
  return monitor::write_yaml(*source.model, findings);
}

int convert(const Settings& settings) {
  std::vector<Finding> findings;
  const auto source = read(settings, findings);
  const auto text = written(source, settings, findings);
  for (const auto& finding : findings) std::cerr << "laban convert: " << located(finding) << '\n';
  if (!text) return exit_not_so;
  std::cout << *text;
  return monitor::has_errors(findings) ? exit_not_so : exit_ok;
}

void add_convert(CLI::App& program, std::function<int()>& action) {
  auto* command = program.add_subcommand("convert", "The same definition in another form");
  command->footer("Example: laban convert order.yaml --to bpmn > order.bpmn");
  auto settings = std::make_shared<Settings>();
  command->add_option("FILE", settings->file, "A definition: .bpmn, .yaml or .pnml")->required();
  command->add_option("--to", settings->form, "The form")->required()->check(CLI::IsMember({"yaml", "bpmn", "pnml"}));
  command->callback([settings, &action] { action = [settings] { return convert(*settings); }; });
}

const Command command{add_convert};

}  // namespace
}  // namespace laban::cli

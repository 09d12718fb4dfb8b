// monitor/edge/yaml/read_accepted.cpp - a list of rules, each with its reason.
#include "monitor/edge/yaml/read_accepted.hpp"

#include "monitor/core/event_log.hpp"
#include "monitor/edge/yaml/tree.hpp"

namespace laban::monitor {
namespace {

using yaml::Value;

class Reader {
 public:
  explicit Reader(std::vector<Finding>& findings) : findings_(findings) {}

  void error(const Location& at, const char* id, const std::string& message) {
    findings_.push_back({at, Severity::error, id, message});
  }

  Acceptance rule(const Value& value) {
    Acceptance out;
    if (!value.is_map()) {
      error(value.at, "not-a-rule", "a rule is a mapping: write process, reason, and what it is about");
      return out;
    }
    for (const auto& [key, field] : value.fields) {
      if (!field.is_text() || field.text.empty()) {
        error(field.at, "no-text", key.text + " has no text: write one, or leave the line out");
        continue;
      }
      if (key.text == "process") {
        out.process = field.text;
      } else if (key.text == "instance") {
        out.instance = field.text;
      } else if (key.text == "event") {
        out.event = field.text;
      } else if (key.text == "missing") {
        out.missing = field.text;
      } else if (key.text == "reason") {
        out.reason = field.text;
      } else if (key.text == "kind") {
        for (std::size_t i = 0; i < deviation_kinds; ++i)
          if (field.text == word(static_cast<DeviationKind>(i))) out.kind = static_cast<DeviationKind>(i);
        if (!out.kind)
          error(field.at, "unknown-kind",
                field.text +
                    " is no kind of deviation: write skipped, repeated, unexpected, out-of-order, "
                    "wrong-publisher or after-end");
      } else if (key.text == "until") {
        out.until = parse_time(field.text);
        if (!out.until) error(field.at, "no-time", field.text + " is no time: write 2026-12-31T00:00:00Z");
      } else {
        error(key.at, "unknown-key",
              key.text + " is not known here: write process, instance, kind, event, missing, reason or until");
      }
    }
    if (out.process.empty()) error(value.at, "no-process", "the rule names no process: write `process: ID`");
    if (out.reason.empty()) error(value.at, "no-reason", "the rule has no reason: write `reason:` and why it may pass");
    return out;
  }

 private:
  std::vector<Finding>& findings_;
};

}  // namespace

std::vector<Acceptance> read_accepted(const std::string& text, const std::string& file,
                                      std::vector<Finding>& findings) {
  std::vector<Acceptance> out;
  const std::size_t before = findings.size();
  Reader reader(findings);
  for (const auto& document : yaml::parse_documents(text, file, findings)) {
    if (document.is_null()) continue;
    const bool list = document.is_map() && document.fields.size() == 1 &&
                      document.fields.front().key.text == "accepted" && document.fields.front().value.is_list();
    if (!list) {
      reader.error(document.at, "not-a-list",
                   "the file is a list of rules: write `accepted:` and a line `- process: ID` for each");
      continue;
    }
    for (const auto& item : document.fields.front().value.items) out.push_back(reader.rule(item));
  }
  if (findings.size() > before) out.clear();
  return out;
}

}  // namespace laban::monitor

// monitor/edge/bpmn/document.cpp - a parsed BPMN file: its tree, its namespaces, and where each element
// stands.
#include "monitor/edge/bpmn/document.hpp"

#include "monitor/edge/bpmn/elements.hpp"

namespace laban::monitor::bpmn {

std::string_view prefix_of(std::string_view name) {
  const std::size_t colon = name.find(':');
  return colon == std::string_view::npos ? std::string_view{} : name.substr(0, colon);
}

std::string_view local_name(std::string_view name) {
  const std::size_t colon = name.find(':');
  return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

Names::Names(const Names* outer, pugi::xml_node element) : outer_(outer) {
  for (const auto attribute : element.attributes()) {
    const std::string_view name = attribute.name();
    if (name == "xmlns") declared_.emplace_back(std::string_view{}, attribute.value());
    if (name.substr(0, 6) == "xmlns:") declared_.emplace_back(name.substr(6), attribute.value());
  }
}

const char* Names::uri(std::string_view prefix) const {
  for (const Names* names = this; names != nullptr; names = names->outer_)
    for (const auto& [declared, value] : names->declared_)
      if (declared == prefix) return value;
  return nullptr;
}

Names::Meaning Names::meaning(std::string_view prefix) const {
  for (const Names* names = this; names != nullptr; names = names->outer_) {
    for (const auto& adopted : names->adopted_)
      if (adopted == prefix) return Meaning::bpmn;
    for (const auto& [declared, value] : names->declared_) {
      if (declared != prefix) continue;
      const std::string_view text = value;
      if (is_bpmn_namespace(text)) return Meaning::bpmn;
      return text.find("laban") != std::string_view::npos ? Meaning::laban : Meaning::other;
    }
  }
  return prefix == "laban" ? Meaning::laban : Meaning::none;
}

std::string_view Names::bpmn_name(pugi::xml_node element) const {
  const std::string_view name = element.name();
  return meaning(prefix_of(name)) == Meaning::bpmn ? local_name(name) : std::string_view{};
}

Document::Document(std::string_view bytes, std::string file, const TextLimits& limits, std::vector<Finding>& findings)
    : file_(std::move(file)) {
  const auto refuse = [&](const std::optional<Finding>& refusal) {
    if (refusal) findings.push_back(*refusal);
    return refusal.has_value();
  };
  if (refuse(size_refusal(bytes.size(), limits, file_))) return;
  text_ = to_utf8(bytes, file_, findings);
  if (one_line(std::string_view{text_}.substr(0, 4096)).empty()) {
    findings.push_back({{file_, 1, 1}, Severity::error, "empty-file", "the file is empty: export it again"});
    return;
  }
  if (refuse(xml_refusal(text_, limits, file_))) return;
  lines_ = std::make_unique<LineIndex>(text_);
  // Without parse_doctype pugixml skips document types; it never expands entities but the five of XML.
  const auto result = tree_.load_buffer(text_.data(), text_.size(), pugi::parse_default, pugi::encoding_utf8);
  if (!result) {
    const auto offset = static_cast<std::size_t>(result.offset > 0 ? result.offset : 0);
    findings.push_back({lines_->locate(offset, file_), Severity::error, "not-xml",
                        std::string{"this is not well-formed XML: "} + result.description() +
                            ": the file may be cut off or of another kind"});
    return;
  }
  root_ = tree_.document_element();
  for (auto next = root_.next_sibling(); next; next = next.next_sibling()) {
    if (next.type() != pugi::node_element) continue;
    findings.push_back({at(next), Severity::error, "not-xml",
                        "a second <" + std::string{next.name()} + "> begins here: one file holds one <definitions>"});
    root_ = {};
    return;
  }
  names_ = Names{nullptr, root_};
  accept_root(findings);
}

void Document::accept_root(std::vector<Finding>& findings) {
  const std::string_view prefix = prefix_of(root_.name());
  const char* uri = names_.uri(prefix);
  const Location where = at(root_);
  const auto foreign = [&](const std::string& why) {
    findings.push_back({where, Severity::error, "not-bpmn", why + ": export the model as BPMN 2.0 XML"});
    root_ = {};
  };
  if (local_name(root_.name()) != "definitions") {
    foreign("the file begins with the element " + in_quotes(root_.name()) + ", not with BPMN's <definitions>");
  } else if (uri == nullptr || *uri == '\0') {
    findings.push_back({where, Severity::warning, "no-namespace",
                        "<definitions> names no namespace: it is read as if it were BPMN 2.0"});
    names_.adopt(prefix);
  } else if (!is_bpmn_namespace(uri)) {
    const std::string_view text = uri;
    const bool near = text.find("BPMN") != std::string_view::npos || text.find("bpmn") != std::string_view::npos;
    if (!near) return foreign("the namespace " + in_quotes(uri) + " is not BPMN's");
    findings.push_back({where, Severity::warning, "odd-namespace",
                        "the namespace " + in_quotes(uri) + " is not the one of BPMN 2.0: it is read as if it were"});
    names_.adopt(prefix);
  }
}

Location Document::at(pugi::xml_node element) const {
  const std::ptrdiff_t offset = element.offset_debug();
  // The offset is the name's; the element begins one character before, at its '<'.
  if (offset <= 0) return {file_, 0, 0};
  return lines_->locate(static_cast<std::size_t>(offset) - 1, file_);
}

}  // namespace laban::monitor::bpmn

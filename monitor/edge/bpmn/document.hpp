// monitor/edge/bpmn/document.hpp - a parsed BPMN file: its tree, its namespaces, and where each element
// stands.
#pragma once

#include <pugixml.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "monitor/core/process_model.hpp"
#include "monitor/core/source_text.hpp"

namespace laban::monitor::bpmn {

// What a namespace prefix means here. pugixml knows no namespaces, so they are looked up along the path from
// the root.
class Names {
 public:
  enum class Meaning { bpmn, laban, none, other };

  Names() = default;
  Names(const Names* outer, pugi::xml_node element);

  // The element's name without its prefix where it belongs to BPMN, else empty.
  std::string_view bpmn_name(pugi::xml_node element) const;
  Meaning meaning(std::string_view prefix) const;
  const char* uri(std::string_view prefix) const;  // null where it is declared nowhere
  // Makes elements with this prefix count as BPMN although it is declared as something else or not at all.
  void adopt(std::string_view prefix) { adopted_.emplace_back(prefix); }

 private:
  const Names* outer_ = nullptr;
  std::vector<std::pair<std::string_view, const char*>> declared_;
  std::vector<std::string> adopted_;
};

std::string_view local_name(std::string_view name);
std::string_view prefix_of(std::string_view name);

class Document {
 public:
  // Decodes, checks the limits, parses. With an error among the findings root() is null.
  Document(std::string_view bytes, std::string file, const TextLimits& limits, std::vector<Finding>& findings);

  pugi::xml_node root() const { return root_; }
  const Names& names() const { return names_; }
  Location at(pugi::xml_node element) const;
  const std::string& file() const { return file_; }

 private:
  void accept_root(std::vector<Finding>& findings);

  std::string file_;
  std::string text_;
  std::unique_ptr<LineIndex> lines_;
  pugi::xml_document tree_;
  pugi::xml_node root_;
  Names names_;
};

}  // namespace laban::monitor::bpmn

// monitor/catalogue.hpp - every definition that instances were followed by, for those who read: its model for drawing, and
// the means to make an instance's stored bytes readable again.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "monitor/core/layout.hpp"
#include "monitor/core/tracker.hpp"

namespace laban::monitor {

struct CatalogueEntry {
  ProcessModel model;
  std::string file;
  std::string text;
  std::vector<Step> steps;
  Drawing drawing;   // the author's, or a layout
  std::string bpmn;  // the author's text, or the same process as BPMN
};

// Threads: any. Errors: none.
class Catalogue {
 public:
  // In the order of the indexes.
  void add(DefinitionIndex index, const ProcessModel& model, const std::string& text, const std::string& file);

  std::shared_ptr<const CatalogueEntry> find(DefinitionIndex index) const;
  // The view of an instance that the tracker saved; nothing where the bytes are not of this definition.
  std::optional<InstanceView> read(DefinitionIndex index, std::string_view bytes) const;

 private:
  mutable std::mutex mutex_;
  mutable Tracker reader_;  // holds one instance at a time
  std::vector<std::shared_ptr<const CatalogueEntry>> entries_;
};

}  // namespace laban::monitor

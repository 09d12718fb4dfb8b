// monitor/catalogue.cpp - definitions for those who read.
#include "monitor/catalogue.hpp"

#include <cassert>

#include "monitor/definitions.hpp"
#include "monitor/edge/bpmn/write_bpmn.hpp"
#include "monitor/library.hpp"

namespace laban::monitor {

void Catalogue::add(DefinitionIndex index, const ProcessModel& model, const std::string& text,
                    const std::string& file) {
  std::vector<Finding> findings;
  auto definition = Definition::of(model, findings);
  auto entry = std::make_shared<CatalogueEntry>();
  entry->model = model;
  entry->file = file;
  entry->text = std::string{definition_of(text)};
  entry->steps = definition->steps();
  entry->drawing = drawing_of(model);
  entry->bpmn = form_of(file, text) == DefinitionForm::bpmn ? entry->text : write_bpmn(model);
  const std::lock_guard lock(mutex_);
  assert(index == entries_.size());
  [[maybe_unused]] const auto same = reader_.activate(std::move(definition));
  assert(same == index);
  entries_.push_back(std::move(entry));
}

std::shared_ptr<const CatalogueEntry> Catalogue::find(DefinitionIndex index) const {
  const std::lock_guard lock(mutex_);
  return index < entries_.size() ? entries_[index] : nullptr;
}

std::optional<InstanceView> Catalogue::read(DefinitionIndex index, std::string_view bytes) const {
  const std::lock_guard lock(mutex_);
  if (index >= entries_.size()) return std::nullopt;
  const auto instance = reader_.restore(index, bytes);
  if (instance == no_instance) return std::nullopt;
  auto out = reader_.view(instance);
  reader_.forget(instance);
  return out;
}

}  // namespace laban::monitor

// monitor/witness_erased.cpp - what was erased on the bus is forgotten here: subjects, and the words that they were found by.
// That the events were stays, and every verdict.
#include <algorithm>

#include "monitor/edge/history/encoding.hpp"
#include "monitor/witness_fold.hpp"

namespace laban::monitor {
namespace {

const std::string erasure_part = "erasure ";
constexpr std::size_t named_max = 5;  // in one line

}  // namespace

// What waits for the next commit is committed before, so that all of it is in the store.
void Witness::erase(std::string_view instance, const std::vector<std::uint64_t>& offsets) {
  Fold& fold = *fold_;
  if (dirty()) commit();
  auto batch = fold.store.begin();
  const auto forget = [&](const InstanceName& name, const std::vector<std::uint64_t>* only) {
    batch->erase_text(name, only);
    const InstanceIndex here = fold.tracker.find(name.definition, name.key);
    if (here != no_instance && fold.tracker.run(here) == name.run) fold.kept_of(here).subject = 0;
  };
  const auto by_field = [&](DefinitionIndex definition) {
    return !fold.tracker.definition(definition).model().correlation.empty();
  };
  for (auto name : fold.view->named(instance)) {
    if (by_field(name.definition)) continue;
    for (const auto runs = name.run; name.run > 0; --name.run)
      if (name.run == runs || fold.view->instance(name)) forget(name, nullptr);
  }
  // Under keys that a payload named, only the offsets tell.
  bool any_by_field = false;
  for (DefinitionIndex i = 0; i < fold.entries.size(); ++i) any_by_field |= by_field(i);
  if (any_by_field && !offsets.empty()) {
    std::vector<std::uint64_t> sorted = offsets;
    std::sort(sorted.begin(), sorted.end());
    std::optional<InstanceName> last;
    fold.view->each_event([&](const InstanceName& name, const EventSummary& event) {
      if (last == name || event.subject.empty() || !by_field(name.definition) ||
          !std::binary_search(sorted.begin(), sorted.end(), event.offset))
        return;
      last = name;
      forget(name, &sorted);
    });
  }
  std::string number;
  store::put_big(number, fold.head.offset + 1, 8);
  batch->put_part(erasure_part + number, instance);
  fold.store.commit(std::move(batch), fold.head);
  fold.view = fold.store.view();
}

std::string Witness::erased_text() const {
  std::vector<std::string> named;
  fold_->store.each_part(erasure_part, [&](std::string_view, std::string_view instance) {
    if (std::find(named.begin(), named.end(), instance) == named.end()) named.emplace_back(instance);
  });
  if (named.empty()) return {};
  std::string out;
  for (std::size_t i = 0; i < std::min(named.size(), named_max); ++i) out += (i == 0 ? "" : ", ") + named[i];
  if (named.size() > named_max) out += " and " + std::to_string(named.size() - named_max) + " more";
  return "; what was erased since that backup may be in it again: laban erase " + out;
}

}  // namespace laban::monitor

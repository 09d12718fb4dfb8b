// monitor/ahead.cpp - keeping and handing on.
#include "monitor/ahead.hpp"

#include <span>
#include <utility>

namespace laban::monitor {

void Ahead::add(const Observation& event, const EventAttributes& attributes) {
  Observation& kept = events_[count_];
  EventSummary& summary = summaries_[count_];
  std::string& text = texts_[count_];
  kept = event;
  // The payload ends with this call.
  const bool at_once = event.fields != nullptr && witness_.reads_fields();
  if (!at_once) kept.fields = nullptr;
  text.clear();
  text.reserve(event.key.size() + event.type.size() + event.source.size() + event.exchange.size() +
               event.routing_key.size() + event.definition.size());
  for (std::string_view* view :
       {&kept.key, &kept.type, &kept.source, &kept.exchange, &kept.routing_key, &kept.definition}) {
    const std::size_t at = text.size();
    text.append(*view);
    *view = {text.data() + at, view->size()};
  }
  summary.offset = event.offset;
  summary.id = attributes.id;
  summary.type = event.type;
  summary.source = event.source;
  summary.causation = attributes.causation;
  summary.time = attributes.time;
  summary.recorded = event.time;
  summary.step = no_index;
  summary.subject = attributes.subject;
  if (++count_ == most || at_once) flush();
}

void Ahead::flush() {
  const std::size_t count = std::exchange(count_, 0);
  if (count > 1) witness_.expect(std::span(events_).first(count));
  for (std::size_t i = 0; i < count; ++i) witness_.observe(events_[i], std::move(summaries_[i]));
}

}  // namespace laban::monitor

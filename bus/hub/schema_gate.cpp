// bus/hub/schema_gate.cpp - finds live services and queued messages of a type.
#include "bus/hub/schema_gate.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "bus/codec/envelope.hpp"
#include "bus/codec/log_record.hpp"
#include "laban/fact.hpp"

namespace laban::hub {
namespace {

constexpr std::size_t problems_told = 3;
constexpr std::size_t names_told = 8;
constexpr std::size_t messages_looked_at = 1'000;  // of all queues: each is a read of the log

std::string list_of(const std::set<std::string>& names) {
  std::string text;
  std::size_t told = 0;
  for (const auto& name : names) {
    if (told++ == names_told) return text + " and " + std::to_string(names.size() - names_told) + " more";
    text += (text.empty() ? "" : ", ") + name;
  }
  return text;
}

// Live services that said that they speak it.
std::set<std::string> speakers_of(Core& core, std::uint64_t type) {
  std::set<std::string> names;
  core.sessions.for_each([&](const Session& session) {
    if (std::find(session.types.begin(), session.types.end(), type) == session.types.end()) return;
    names.insert(session.source.empty() ? "session " + std::to_string(session.number) : session.source);
  });
  return names;
}

// Messages of the type that wait in queues: whoever consumes them would meet the type as it was.
std::map<std::string, std::size_t> waiting_of(Core& core, std::uint64_t type) {
  const auto schema = capnp_dataschema(type);
  std::map<std::string, std::size_t> waiting;
  std::size_t looked_at = 0;
  core.broker.each_queue([&](QueueEntry& entry) {
    std::vector<std::uint64_t> offsets;
    entry.queue.each_offset([&](std::uint64_t offset) { offsets.push_back(offset); });
    std::sort(offsets.begin(), offsets.end());
    for (const auto offset : offsets) {
      if (++looked_at > messages_looked_at) return;
      const auto read = core.journal.get(offset);
      EventFields fields;
      if (read.events.empty()) continue;
      if (!codec::read_envelope(codec::decode_event(read.events.front().body).envelope, fields)) continue;
      if (fields.dataschema == schema) ++waiting[entry.name];
    }
  });
  return waiting;
}

std::string whom_it_breaks(Core& core, std::uint64_t type) {
  std::string text;
  if (const auto names = speakers_of(core, type); !names.empty()) text += "; it would break " + list_of(names);
  std::string messages;
  for (const auto& [queue, count] : waiting_of(core, type)) {
    messages += (messages.empty() ? "" : ", ") + std::to_string(count) + " messages in queue '" + queue + "'";
  }
  if (!messages.empty()) text += (text.empty() ? "; it would break " : " and ") + messages;
  return text;
}

}  // namespace

std::string incompatible_text(Core& core, const std::vector<codec::SchemaProblem>& problems) {
  std::string text = "this service's types are incompatible with those that others speak: ";
  for (std::size_t i = 0; i < std::min(problems.size(), problems_told); ++i) {
    text += (i == 0 ? "" : "; ") + problems[i].type + ": " + problems[i].what + whom_it_breaks(core, problems[i].id);
  }
  if (problems.size() > problems_told) text += "; and " + std::to_string(problems.size() - problems_told) + " more";
  return text;
}

}  // namespace laban::hub

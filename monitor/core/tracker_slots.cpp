// monitor/core/tracker_slots.cpp - where instances lie in memory, and how a key finds its own.
#include <cstring>

#include "monitor/core/tracker_fold.hpp"

namespace laban::monitor {

std::string_view Tracker::Fold::key(InstanceIndex slot) const {
  const Hot& one = hot(slot);
  if (one.key_length <= Hot::inline_key) return {one.key, one.key_length};
  return extras[cold(slot).extras]->key;
}

InstanceIndex Tracker::Fold::find(std::uint32_t family, std::string_view wanted, std::uint64_t key_hash) const {
  return table.find(key_hash, [&](InstanceIndex slot) {
    return tracked[hot(slot).definition].family == family && key(slot) == wanted;
  });
}

InstanceIndex Tracker::Fold::add(DefinitionIndex definition, std::string_view wanted) {
  InstanceIndex slot = slots;
  if (!free_slots.empty()) {
    slot = free_slots.back();
    free_slots.pop_back();
  } else {
    if (slots % chunk_size == 0) chunks.emplace_back(chunk_size);
    ++slots;
  }
  hot(slot) = Hot{};
  cold(slot) = Cold{};
  Hot& one = hot(slot);
  one.used = true;
  one.definition = definition;
  if (wanted.size() <= Hot::inline_key) {
    one.key_length = static_cast<std::uint16_t>(wanted.size());
    if (!wanted.empty()) std::memcpy(one.key, wanted.data(), wanted.size());
  } else {
    one.key_length = 0xffff;
    more(slot).key = wanted;
  }
  if (tracked[definition].definition->labels() > 64)
    more(slot).seen.resize((tracked[definition].definition->labels() + 63) / 64);
  ++count;
  return slot;
}

void Tracker::Fold::remove(InstanceIndex slot) {
  const std::uint64_t key_hash = hash(tracked[hot(slot).definition].family, key(slot));
  table.erase(key_hash, slot);
  if (cold(slot).extras != no_index) {
    free_extras.push_back(cold(slot).extras);
    extras[cold(slot).extras].reset();
  }
  hot(slot) = Hot{};
  cold(slot) = Cold{};
  free_slots.push_back(slot);
  --count;
}

Extras& Tracker::Fold::more(InstanceIndex slot) {
  std::uint32_t& index = cold(slot).extras;
  if (index == no_index) {
    if (free_extras.empty()) {
      index = static_cast<std::uint32_t>(extras.size());
      extras.emplace_back();
    } else {
      index = free_extras.back();
      free_extras.pop_back();
    }
    extras[index] = std::make_unique<Extras>();
    hot(slot).has_extras = true;
  }
  return *extras[index];
}

SeenLabels Tracker::Fold::seen(InstanceIndex slot) {
  if (tracked[hot(slot).definition].definition->labels() > 64) return SeenLabels(more(slot).seen.data());
  return SeenLabels(&cold(slot).seen);
}

bool Tracker::Fold::has_seen(InstanceIndex slot, std::uint32_t label) const {
  const Extras* more = extra(slot);
  const std::uint64_t word = more != nullptr && !more->seen.empty() ? more->seen[label / 64] : cold(slot).seen;
  return word >> (label % 64) & 1;
}

Position Tracker::Fold::take_position(InstanceIndex slot) {
  const Hot& one = hot(slot);
  Position position;
  position.state = one.state;
  position.step = one.step;
  position.last = one.last;
  position.events = one.events;
  position.incomplete = one.incomplete;
  if (one.has_extras) position.doubt = std::move(extras[cold(slot).extras]->doubt);
  return position;
}

void Tracker::Fold::put_position(InstanceIndex slot, Position&& position) {
  Hot& one = hot(slot);
  one.state = position.state;
  one.step = position.step;
  one.last = position.last;
  one.events = position.events;
  one.incomplete = position.incomplete;
  if (position.used_excuse) one.lived_across_gap = false;
  if (position.doubt) more(slot).doubt = std::move(position.doubt);
  if (one.has_extras) note_doubt(slot);
}

void Tracker::Fold::note_doubt(InstanceIndex slot) {
  const Extras* more = extra(slot);
  const Doubt* doubt = more == nullptr ? nullptr : more->doubt.get();
  const bool open = doubt != nullptr && !doubt->explanations.front().misfits.empty();
  hot(slot).deviating = doubt != nullptr && (open || !doubt->settled.empty() || doubt->forgotten > 0);
  hot(slot).unsettled = doubt != nullptr && (open || doubt->explanations.size() > 1);
}

}  // namespace laban::monitor

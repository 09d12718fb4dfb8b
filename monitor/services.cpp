// monitor/services.cpp - counting services, and the counts as parts of the store.
#include "monitor/services.hpp"

#include <algorithm>

#include "laban/error.hpp"
#include "monitor/edge/history/encoding.hpp"

namespace laban::monitor {
namespace {

// Kept in the store, so it has to be the same in every process.
std::uint64_t hash_of(std::string_view text) {
  std::uint64_t hash = 14695981039346656037ull;
  for (const char c : text) hash = (hash ^ static_cast<std::uint8_t>(c)) * 1099511628211ull;
  return hash;
}

std::string numbered(std::string_view word, std::uint64_t number) {
  std::string out(word);
  store::put_big(out, number, 8);
  return out;
}

constexpr std::string_view service_part = "service";
constexpr std::string_view causes_part = "causes";
constexpr const char* totals_part = "services";

std::string encode(const ServiceSeen& service) {
  store::Writer out;
  out.text(service.id);
  out.number(service.events);
  out.time(service.last_heard);
  out.number(service.published.size());
  for (const auto& published : service.published) {
    out.text(published.type);
    out.number(published.count);
    out.time(published.last_at);
  }
  out.number(service.reactions.size());
  for (const auto& reaction : service.reactions) {
    std::string bytes;
    reaction.took.save(bytes);
    out.text(reaction.type);
    out.text(bytes);
  }
  service.sequences.save([&](std::uint64_t number) { out.number(number); });
  return out.take();
}

bool decode(std::string_view bytes, ServiceSeen& service) {
  store::Reader in(bytes);
  service.id = in.text();
  service.events = in.number();
  service.last_heard = in.time();
  for (auto left = in.number(); left > 0 && in.good(); --left) {
    auto& published = service.published.emplace_back();
    published.type = in.text();
    published.count = in.number();
    published.last_at = in.time();
  }
  for (auto left = in.number(); left > 0 && in.good(); --left) {
    auto& reaction = service.reactions.emplace_back();
    reaction.type = in.text();
    std::string_view took = in.text();
    if (!reaction.took.restore(took)) return false;
  }
  if (in.good() && in.rest().empty()) return true;  // of a release that did not look at numbers
  return service.sequences.restore([&] { return in.number(); }) && in.good();
}

}  // namespace

bool Services::observe(std::string_view source, std::string_view type, std::string_view id, std::string_view causation,
                       Time recorded, std::uint64_t sequence) {
  dirty_ = true;
  const Cause* cause = nullptr;
  if (!causation.empty()) {
    const auto found = cause_at_.find(hash_of(causation));
    if (found != cause_at_.end()) cause = &causes_[found->second];
    unmatched_ += cause == nullptr ? 1 : 0;
  }
  if (!heard(source, type, id, recorded, sequence, cause)) ++omitted_;
  return causation.empty() || cause != nullptr;
}

// False where the limits leave something of it uncounted.
bool Services::heard(std::string_view source, std::string_view type, std::string_view id, Time recorded,
                     std::uint64_t sequence, const Cause* cause) {
  auto found = by_id_.find(source);
  if (found == by_id_.end()) {
    if (entries_.size() == services_max) return false;
    found = by_id_.emplace(source, static_cast<std::uint16_t>(entries_.size())).first;
    entries_.push_back(std::make_unique<Entry>());
    entries_.back()->now.id = source;
    if (unsure_) entries_.back()->now.sequences.unsure();
  }
  Entry& entry = *entries_[found->second];
  entry.dirty = true;
  ++entry.now.events;
  entry.now.sequences.observe(sequence);
  entry.now.last_heard = std::max(entry.now.last_heard, recorded);
  if (cause != nullptr) react(entry, *cause, recorded);
  auto published = entry.published.find(type);
  if (published == entry.published.end()) {
    if (published_ == published_max) return false;
    ++published_;
    published = entry.published.emplace(type, static_cast<std::uint16_t>(entry.now.published.size())).first;
    entry.now.published.push_back({std::string(type), 0, {}});
  }
  auto& said = entry.now.published[published->second];
  ++said.count;
  said.last_at = std::max(said.last_at, recorded);
  remember({hash_of(id), recorded, found->second, published->second});
  return true;
}

void Services::note_gap() {
  unsure_ = dirty_ = true;
  for (auto& entry : entries_) {
    entry->now.sequences.unsure();
    entry->dirty = true;
  }
}

void Services::react(Entry& entry, const Cause& cause, Time recorded) {
  const std::uint32_t key = std::uint32_t{cause.service} << 16 | cause.published;
  auto found = entry.reactions.find(key);
  if (found == entry.reactions.end()) {
    const std::string& type = entries_[cause.service]->now.published[cause.published].type;
    auto& all = entry.now.reactions;
    auto same = std::find_if(all.begin(), all.end(), [&](const auto& reaction) { return reaction.type == type; });
    if (same == all.end()) {
      if (reactions_ == reactions_max) {
        ++omitted_;
        return;
      }
      ++reactions_;
      same = all.insert(all.end(), {type, {}});
    }
    found = entry.reactions.emplace(key, static_cast<std::uint16_t>(same - all.begin())).first;
  }
  entry.now.reactions[found->second].took.add(recorded - cause.at);
}

void Services::remember(const Cause& cause) {
  const auto place = static_cast<std::uint32_t>(remembered_ % causes_max);
  if (causes_.size() <= place) {
    causes_.push_back(cause);
  } else {
    const auto old = cause_at_.find(causes_[place].id);
    if (old != cause_at_.end() && old->second == place) cause_at_.erase(old);
    causes_[place] = cause;
  }
  cause_at_[cause.id] = place;
  ++remembered_;
}

void Services::save(StoreBatch& batch) {
  if (!dirty_) return;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (entries_[i]->dirty) batch.put_part(numbered(service_part, i), encode(entries_[i]->now));
  }
  saved_ = std::max(saved_, remembered_ > causes_max ? remembered_ - causes_max : 0);
  if (saved_ < remembered_) {
    store::Writer out;
    for (auto n = saved_; n < remembered_; ++n) {
      const Cause& cause = causes_[n % causes_max];
      out.number(cause.id);
      out.time(cause.at);
      out.number(cause.service);
      out.number(cause.published);
    }
    batch.put_part(numbered(causes_part, saved_), out.take());
    chunks_.emplace_back(saved_, remembered_);
    saved_ = remembered_;
  }
  while (!chunks_.empty() && chunks_.front().second + causes_max <= remembered_) {
    batch.erase_part(numbered(causes_part, chunks_.front().first));
    chunks_.pop_front();
  }
  store::Writer totals;
  totals.number(omitted_);
  totals.number(unmatched_);
  totals.number(unsure_ ? 1 : 0);
  batch.put_part(totals_part, totals.take());
  publish();
}

void Services::publish() {
  auto out = std::make_shared<ServicesSeen>();
  out->omitted = omitted_;
  out->unmatched = unmatched_;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    Entry& entry = *entries_[i];
    const bool same = !entry.dirty && i < seen_->services.size();
    out->services.push_back(same ? seen_->services[i] : std::make_shared<const ServiceSeen>(entry.now));
    entry.dirty = false;
  }
  seen_ = std::move(out);
  dirty_ = false;
}

void Services::load(const Store& store) {
  const auto damaged = [] {
    return Error(Errc::storage,
                 "the store's counts of services cannot be read: the store is damaged or of a later release, move it "
                 "away, the monitor builds a new one from the bus's log");
  };
  store.each_part(service_part, [&](std::string_view name, std::string_view bytes) {
    if (name == totals_part) return;
    auto entry = std::make_unique<Entry>();
    if (entries_.size() == services_max || !decode(bytes, entry->now)) throw damaged();
    for (std::size_t i = 0; i < entry->now.published.size(); ++i)
      entry->published.emplace(entry->now.published[i].type, static_cast<std::uint16_t>(i));
    published_ += entry->now.published.size();
    reactions_ += entry->now.reactions.size();
    by_id_.emplace(entry->now.id, static_cast<std::uint16_t>(entries_.size()));
    entries_.push_back(std::move(entry));
    entries_.back()->dirty = true;  // to be shown
  });
  store.each_part(totals_part, [&](std::string_view, std::string_view bytes) {
    store::Reader in(bytes);
    omitted_ = in.number();
    unmatched_ = in.number();
    if (!in.good()) throw damaged();
    unsure_ = !in.rest().empty() && in.number() != 0;
  });
  store.each_part(causes_part, [&](std::string_view name, std::string_view bytes) {
    if (name.size() != causes_part.size() + 8) throw damaged();
    const auto first = store::get_big(name.substr(causes_part.size()), 8);
    // Numbers before the first chunk that is kept are no more; the ring goes on from where it was.
    if (chunks_.empty()) remembered_ = first;
    if (chunks_.empty()) causes_.resize(std::min<std::uint64_t>(first, causes_max));
    if (first != remembered_) throw damaged();
    store::Reader in(bytes);
    while (in.good() && !in.rest().empty()) {
      Cause cause;
      cause.id = in.number();
      cause.at = in.time();
      cause.service = static_cast<std::uint16_t>(in.number());
      cause.published = static_cast<std::uint16_t>(in.number());
      if (!in.good() || cause.service >= entries_.size() ||
          cause.published >= entries_[cause.service]->now.published.size())
        throw damaged();
      remember(cause);
    }
    chunks_.emplace_back(first, remembered_);
  });
  saved_ = remembered_;
  publish();
}

}  // namespace laban::monitor

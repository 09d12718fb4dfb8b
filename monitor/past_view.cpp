// monitor/past_view.cpp - the store of now, less what came later.
#include "monitor/past_view.hpp"

#include <algorithm>
#include <string>
#include <unordered_set>

#include "monitor/past.hpp"

namespace laban::monitor {
namespace {

constexpr std::size_t events_max = 10'000;  // of an instance that are followed anew

class PastView : public StoreView {
 public:
  PastView(std::shared_ptr<const StoreView> store, std::shared_ptr<const PastInstant> instant,
           const Catalogue& catalogue, const TrackerOptions& tracking)
      : store_(std::move(store)), instant_(std::move(instant)), catalogue_(catalogue), tracking_(tracking) {
    head_ = store_->head();
    head_.offset = instant_->offset;
    head_.changes = instant_->change;
    head_.clock = instant_->clock;
  }

  std::uint64_t offset() const override { return instant_->offset; }
  const StoreHead& head() const override { return head_; }

  ListPage list(const ListQuery& query) const override {
    ListQuery then = query;
    then.past = ListQuery::Past{instant_->change, instant_->clock, &instant_->rows};
    return store_->list(then);
  }

  std::optional<StoredInstance> instance(const InstanceName& name) const override {
    auto found = row(name);
    if (!found) return std::nullopt;
    StoredInstance out{std::move(*found), {}};
    const auto entry = catalogue_.find(name.definition);
    auto anew = entry ? follow(*entry, name, events_until_then(name)) : std::nullopt;
    if (anew) out.bytes = std::move(anew->bytes);
    return out;
  }

  // The last run that had begun.
  std::vector<InstanceName> named(std::string_view key) const override {
    std::vector<InstanceName> out;
    for (auto name : store_->named(key)) {
      while (name.run > 0 && !row(name)) --name.run;
      if (name.run > 0) out.push_back(std::move(name));
    }
    return out;
  }

  std::vector<EventSummary> events(const InstanceName& name, std::uint64_t after_offset,
                                   std::size_t limit) const override {
    auto out = store_->events(name, after_offset, limit);
    while (!out.empty() && out.back().offset > instant_->offset) out.pop_back();
    match_as_then(name, out);
    return out;
  }

  void each_event(const std::function<void(const InstanceName&, const EventSummary&)>& visit) const override {
    store_->each_event([&](const InstanceName& name, const EventSummary& event) {
      if (event.offset <= instant_->offset) visit(name, event);
    });
  }

  std::vector<LogEntry> log() const override {
    auto out = store_->log();
    std::erase_if(out, [&](const LogEntry& entry) { return entry.after_offset > instant_->offset; });
    return out;
  }

  std::uint64_t change_at(std::uint64_t offset) const override { return store_->change_at(offset); }
  std::uint64_t change_at(Time time) const override { return store_->change_at(time); }
  std::optional<Checkpoint> checkpoint(std::uint64_t change) const override { return store_->checkpoint(change); }
  void each_checkpoint_row(std::uint64_t change, const std::function<void(InstanceRow&&)>& visit) const override {
    store_->each_checkpoint_row(change, visit);
  }
  void each_change(const Checkpoint& from, std::uint64_t last,
                   const std::function<void(const ChangeRecord&)>& visit) const override {
    store_->each_change(from, last, visit);
  }
  void each_replaced(std::uint64_t change, const std::function<void(InstanceRow&&)>& visit) const override {
    store_->each_replaced(change, visit);
  }
  std::optional<InstanceRow> replaced(std::uint64_t change, const InstanceName& name) const override {
    return store_->replaced(change, name);
  }
  std::vector<GapRecord> gaps(std::uint64_t offset) const override { return store_->gaps(offset); }
  std::vector<InstanceRow> ended_before(DefinitionIndex, Time, std::uint64_t, std::size_t) const override {
    return {};  // nothing is taken from the past
  }
  void each_live(const std::function<void(InstanceRow&&)>& visit) const override {
    for (const auto& one : instant_->rows)
      if (is_live(one.bucket.state)) visit(InstanceRow(one));
  }

 private:
  std::vector<EventSummary> events_until_then(const InstanceName& name) const {
    auto out = store_->events(name, 0, events_max);
    while (!out.empty() && out.back().offset > instant_->offset) out.pop_back();
    return out;
  }
  std::optional<Refolded> follow(const CatalogueEntry& entry, const InstanceName& name,
                                 const std::vector<EventSummary>& events) const {
    return refold(entry.model, tracking_, name.key, events, store_->gaps(instant_->offset), instant_->clock);
  }
  // An instance that was followed anew, because a cause came after what it caused, has the steps of now with its events.
  void match_as_then(const InstanceName& name, std::vector<EventSummary>& events) const {
    if (events.empty()) return;
    std::unordered_set<std::string> named;
    bool anew = false;
    for (const auto& event : store_->events(name, 0, events_max)) {
      anew |= named.contains(event.id);
      if (!event.causation.empty()) named.insert(event.causation);
    }
    const auto entry = anew ? catalogue_.find(name.definition) : nullptr;
    if (!entry) return;
    const auto all = events_until_then(name);
    const auto followed = follow(*entry, name, all);
    if (!followed) return;
    for (auto& event : events) {
      const auto at =
          std::lower_bound(all.begin(), all.end(), event.offset,
                           [](const EventSummary& one, std::uint64_t wanted) { return one.offset < wanted; });
      if (at != all.end() && at->offset == event.offset)
        event.step = followed->steps[static_cast<std::size_t>(at - all.begin())];
    }
  }
  std::optional<InstanceRow> row(const InstanceName& name) const {
    if (const InstanceRow* here = instant_->find(name)) return *here;
    auto stored = store_->instance(name);
    if (!stored || is_live(stored->row.bucket.state) || stored->row.since > instant_->change) return std::nullopt;
    return std::move(stored->row);
  }

  std::shared_ptr<const StoreView> store_;
  std::shared_ptr<const PastInstant> instant_;
  const Catalogue& catalogue_;
  TrackerOptions tracking_;
  StoreHead head_;
};

}  // namespace

std::shared_ptr<const StoreView> make_past_view(std::shared_ptr<const StoreView> store,
                                                std::shared_ptr<const PastInstant> instant, const Catalogue& catalogue,
                                                const TrackerOptions& tracking) {
  return std::make_shared<PastView>(std::move(store), std::move(instant), catalogue, tracking);
}

}  // namespace laban::monitor

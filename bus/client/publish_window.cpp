// bus/client/publish_window.cpp - packs, keeps, sends again, settles.
#include "bus/client/publish_window.hpp"

#include <algorithm>

#include "bus/codec/codec.hpp"
#include "bus/codec/envelope.hpp"

namespace laban::client {

// Refusals that an outbox may hope to outlive.
static bool is_for_now(codec::Refusal code) {
  return code == codec::Refusal::storage || code == codec::Refusal::queue_full || code == codec::Refusal::limit;
}

bool PublishWindow::has_room(std::size_t events, std::size_t bytes, bool beyond) const {
  if (named_ && !counted_) return false;  // the hub has not said yet where to go on
  if (events_ == 0) return true;          // one event goes through whatever its size
  if (!beyond && confirms_.size() >= limits_.events) return false;
  return events_ + events <= limits_.events && bytes_ + bytes <= limits_.bytes;
}

bool PublishWindow::append(codec::Frame& envelope, std::string& id, std::uint64_t sequence,
                           std::optional<std::chrono::milliseconds> wait, std::shared_ptr<Waiter> waiter, bool beyond) {
  std::unique_lock lock{mutex_};
  const auto settled_or_room = [&] { return closed_ || has_room(envelope.size(), beyond); };
  if (!settled_or_room()) {
    if (wait && !moved_.wait_for(lock, *wait, settled_or_room)) return false;
    if (!wait) moved_.wait(lock, settled_or_room);
  }
  if (closed_) throw *closed_;
  if (sequence != 0 && sequence <= counted_.value_or(0) && underway(sequence)) {
    throw Error(Errc::usage,
                "sequence " + std::to_string(sequence) + " is underway: number each event once, and growing");
  }
  ++stats_.published;
  add(envelope, id, sequence, std::move(waiter));
  return true;
}

bool PublishWindow::append_atomic(std::vector<codec::Frame>& envelopes, std::vector<std::string>& ids,
                                  std::uint64_t sequence, std::optional<std::chrono::milliseconds> wait,
                                  std::vector<std::shared_ptr<Waiter>> waiters, bool beyond) {
  std::size_t bytes = 0;
  for (const codec::Frame& envelope : std::as_const(envelopes)) bytes += envelope.size() + codec::event_overhead_bytes;
  std::unique_lock lock{mutex_};
  const auto settled_or_room = [&] { return closed_ || has_room(envelopes.size(), bytes, beyond); };
  if (!settled_or_room()) {
    if (wait && !moved_.wait_for(lock, *wait, settled_or_room)) return false;
    if (!wait) moved_.wait(lock, settled_or_room);
  }
  if (closed_) throw *closed_;
  for (std::size_t i = 0; i < envelopes.size() && sequence != 0; ++i) {
    if (sequence + i > counted_.value_or(0) || !underway(sequence + i)) continue;
    throw Error(Errc::usage,
                "sequence " + std::to_string(sequence + i) + " is underway: number each event once, and growing");
  }
  if (!batches_.empty()) batches_.back()->closed = true;
  for (std::size_t i = 0; i < envelopes.size(); ++i) {
    ++stats_.published;
    add(envelopes[i], ids[i], sequence == 0 ? 0 : sequence + i, waiters.empty() ? nullptr : std::move(waiters[i]),
        i > 0);
  }
  batches_.back()->atomic = true;
  batches_.back()->closed = true;
  return true;
}

bool PublishWindow::underway(std::uint64_t sequence) const {
  return std::any_of(batches_.begin(), batches_.end(), [&](const auto& batch) {
    return batch->holds(sequence) && !batch->settled[sequence - batch->first_sequence];
  });
}

void PublishWindow::add(codec::Frame& envelope, std::string& id, std::uint64_t sequence, std::shared_ptr<Waiter> waiter,
                        bool same_frame) {
  if (sequence == 0) sequence = counted_.value_or(0) + 1;
  growing_ = growing_ && sequence > counted_.value_or(0);
  counted_ = std::max(counted_.value_or(0), sequence);
  codec::set_sequence(envelope.bytes(), sequence);

  Batch* batch = batches_.empty() ? nullptr : batches_.back().get();
  const bool fits = same_frame || (batch != nullptr && !batch->closed && batch->end_sequence() == sequence &&
                                   batch->ids.size() < limits_.batch_events &&
                                   batch->bytes + envelope.size() + codec::event_overhead_bytes <= limits_.batch_bytes);
  if (!fits) {
    if (batch != nullptr) batch->closed = true;
    batches_.push_back(std::make_shared<Batch>());
    batch = batches_.back().get();
    batch->first_sequence = sequence;
  }
  if (waiter) batch->waiters.emplace(batch->ids.size(), std::move(waiter));
  const std::size_t bytes = envelope.size() + codec::event_overhead_bytes;
  batch->bytes += bytes;
  bytes_ += bytes;
  batch->ids.push_back(std::move(id));
  batch->settled.push_back(false);
  ++batch->unsettled;
  ++events_;
  batch->envelopes.push_back(std::move(envelope));
}

void PublishWindow::close(const Error& error) {
  const std::lock_guard lock{mutex_};
  if (!closed_) closed_ = error;
  for (const auto& batch : batches_) {
    for (auto& [index, waiter] : batch->waiters) waiter->set_exception(std::make_exception_ptr(error));
    batch->waiters.clear();
  }
  moved_.notify_all();
}

bool PublishWindow::wait_until_idle(std::chrono::milliseconds wait) {
  std::unique_lock lock{mutex_};
  return moved_.wait_for(lock, wait, [&] { return events_ == 0 || closed_; }) && events_ == 0;
}

void PublishWindow::welcome(std::uint64_t last_sequence) {
  const std::lock_guard lock{mutex_};
  if (!counted_) counted_ = named_ ? last_sequence : 0;
  for (std::size_t index = 0; index < next_; ++index) stats_.resent += batches_[index]->unsettled;
  next_ = 0;
  moved_.notify_all();
}

SharedFrame PublishWindow::next() {
  std::shared_ptr<Batch> batch;
  {
    const std::lock_guard lock{mutex_};
    while (next_ < batches_.size() && batches_[next_]->unsettled == 0) ++next_;
    if (next_ >= batches_.size()) return nullptr;
    batch = batches_[next_];
    batch->closed = true;
  }
  if (!batch->frame) {
    codec::Publish publish;
    publish.first_sequence = batch->first_sequence;
    publish.level = level_;
    publish.atomic = batch->atomic;
    publish.events.reserve(batch->envelopes.size());
    for (const codec::Frame& envelope : std::as_const(batch->envelopes)) publish.events.push_back(envelope.bytes());
    batch->frame = std::make_shared<const codec::Frame>(codec::encode(codec::ClientMessage{std::move(publish)}));
    batch->envelopes = {};
  }
  return batch->frame;
}

void PublishWindow::sent() {
  const std::lock_guard lock{mutex_};
  ++next_;
}

bool PublishWindow::has_unsent() const {
  const std::lock_guard lock{mutex_};
  return next_ < batches_.size();
}

void PublishWindow::confirm(const codec::Confirms& confirms) {
  const std::lock_guard lock{mutex_};
  for (const auto& run : confirms.runs) {
    // A hub that is about to go stores nothing more; the next one gets it.
    if (run.refused && run.code == codec::Refusal::stopping) continue;
    const std::uint64_t end = run.first_sequence + run.count;
    auto place = batches_.begin();
    if (growing_) {
      place = std::partition_point(place, batches_.end(),
                                   [&](const auto& batch) { return batch->end_sequence() <= run.first_sequence; });
    }
    for (; place != batches_.end(); ++place) {
      Batch& batch = **place;
      if (growing_ && batch.first_sequence >= end) break;
      const auto first = std::max(batch.first_sequence, run.first_sequence);
      const auto last = std::min(batch.end_sequence(), end);
      for (auto sequence = first; sequence < last; ++sequence) {
        const std::uint64_t offset = run.first_offset == 0 ? 0 : run.first_offset + (sequence - run.first_sequence);
        settle(batch, sequence - batch.first_sequence, run, offset);
      }
    }
  }
  drop_settled();
  moved_.notify_all();
}

void PublishWindow::settle(Batch& batch, std::size_t index, const codec::Confirms::Run& run, std::uint64_t offset) {
  if (batch.settled[index]) return;
  batch.settled[index] = true;
  --batch.unsettled;
  --events_;
  if (run.refused) {
    ++stats_.refused;
  } else {
    ++stats_.confirmed;
    if (run.unroutable) ++stats_.unroutable;
  }
  std::shared_ptr<Waiter> waiter;
  if (const auto place = batch.waiters.find(index); place != batch.waiters.end()) {
    waiter = std::move(place->second);
    batch.waiters.erase(place);
  }
  if (!waiter && !keeps_confirms_) return;
  report({std::move(batch.ids[index]), batch.first_sequence + index, offset, run.level, run.queues, run.unroutable,
          run.duplicate, run.refused, std::string{run.message}, run.refused && is_for_now(run.code)},
         waiter);
}

void PublishWindow::report(Confirm confirm, const std::shared_ptr<Waiter>& waiter) {
  if (waiter) waiter->set_value(confirm);
  if (keeps_confirms_) confirms_.push_back(std::move(confirm));
}

void PublishWindow::drop_settled() {
  while (!batches_.empty() && batches_.front()->unsettled == 0 && batches_.front()->closed) {
    bytes_ -= batches_.front()->bytes;
    batches_.pop_front();
    if (next_ > 0) --next_;
  }
}

std::deque<Confirm> PublishWindow::take_confirms() {
  const std::lock_guard lock{mutex_};
  moved_.notify_all();
  return std::exchange(confirms_, {});
}

bool PublishWindow::has_confirms() const {
  const std::lock_guard lock{mutex_};
  return !confirms_.empty();
}

void PublishWindow::add_to(BusStats& stats) const {
  const std::lock_guard lock{mutex_};
  stats.published += stats_.published;
  stats.confirmed += stats_.confirmed;
  stats.refused += stats_.refused;
  stats.unroutable += stats_.unroutable;
  stats.resent += stats_.resent;
  stats.unconfirmed += events_;
}

}  // namespace laban::client

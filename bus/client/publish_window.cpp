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
  if (!beyond && kept_events_ >= limits_.events) return false;
  return events_ + events <= limits_.events && bytes_ + bytes <= limits_.bytes;
}

bool PublishWindow::append(const NewEvent& event, std::optional<std::chrono::milliseconds> wait,
                           std::shared_ptr<Waiter> waiter, bool beyond) {
  const std::size_t bytes = codec::envelope_bytes(event) + codec::event_overhead_bytes;
  std::unique_lock lock{mutex_};
  const auto settled_or_room = [&] { return closed_ || has_room(bytes, beyond); };
  if (!settled_or_room()) {
    if (wait && !moved_.wait_for(lock, *wait, settled_or_room)) return false;
    if (!wait) moved_.wait(lock, settled_or_room);
  }
  if (closed_) throw *closed_;
  if (event.sequence != 0 && event.sequence <= counted_.value_or(0) && underway(event.sequence)) {
    throw Error(Errc::usage,
                "sequence " + std::to_string(event.sequence) + " is underway: number each event once, and growing");
  }
  ++stats_.published;
  add(event, bytes, std::move(waiter));
  return true;
}

bool PublishWindow::append_atomic(const std::vector<NewEvent>& events, std::optional<std::chrono::milliseconds> wait,
                                  std::vector<std::shared_ptr<Waiter>> waiters, bool beyond) {
  std::size_t bytes = 0;
  for (const auto& event : events) bytes += codec::envelope_bytes(event) + codec::event_overhead_bytes;
  std::unique_lock lock{mutex_};
  const auto settled_or_room = [&] { return closed_ || has_room(events.size(), bytes, beyond); };
  if (!settled_or_room()) {
    if (wait && !moved_.wait_for(lock, *wait, settled_or_room)) return false;
    if (!wait) moved_.wait(lock, settled_or_room);
  }
  if (closed_) throw *closed_;
  for (const auto& event : events) {
    if (event.sequence == 0 || event.sequence > counted_.value_or(0) || !underway(event.sequence)) continue;
    throw Error(Errc::usage,
                "sequence " + std::to_string(event.sequence) + " is underway: number each event once, and growing");
  }
  if (!batches_.empty()) batches_.back()->closed = true;
  for (std::size_t i = 0; i < events.size(); ++i) {
    ++stats_.published;
    add(events[i], codec::envelope_bytes(events[i]) + codec::event_overhead_bytes,
        waiters.empty() ? nullptr : std::move(waiters[i]), i > 0);
  }
  batches_.back()->builder.make_atomic();
  batches_.back()->closed = true;
  return true;
}

bool PublishWindow::underway(std::uint64_t sequence) const {
  return std::any_of(batches_.begin(), batches_.end(), [&](const auto& batch) {
    return batch->holds(sequence) && !batch->settled[sequence - batch->first_sequence];
  });
}

void PublishWindow::add(const NewEvent& event, std::size_t bytes, std::shared_ptr<Waiter> waiter, bool same_frame) {
  const auto sequence = event.sequence == 0 ? counted_.value_or(0) + 1 : event.sequence;
  growing_ = growing_ && sequence > counted_.value_or(0);
  counted_ = std::max(counted_.value_or(0), sequence);

  Batch* batch = batches_.empty() ? nullptr : batches_.back().get();
  const bool fits =
      same_frame || (batch != nullptr && !batch->closed && batch->end_sequence() == sequence &&
                     batch->settled.size() < limits_.batch_events && batch->bytes + bytes <= limits_.batch_bytes);
  if (!fits) {
    if (batch != nullptr) batch->closed = true;
    batches_.push_back(std::make_shared<Batch>(memory_->take(), sequence, level_));
    batch = batches_.back().get();
  }
  batch->builder.add(event, bytes - codec::event_overhead_bytes);
  if (waiter) batch->waiting.emplace(batch->settled.size(), Waiting{event.id, std::move(waiter)});
  batch->settled.push_back(false);
  ++batch->unsettled;
  batch->bytes += bytes;
  bytes_ += bytes;
  ++events_;
}

void PublishWindow::close(const Error& error) {
  const std::lock_guard lock{mutex_};
  if (!closed_) closed_ = error;
  for (const auto& batch : batches_) {
    for (auto& [index, waiting] : batch->waiting) waiting.waiter->set_value(error);
    batch->waiting.clear();
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
  return frame_of(*batch);
}

const SharedFrame& PublishWindow::frame_of(Batch& batch) {
  if (!batch.frame) batch.frame = memory_->share(batch.builder.finish());
  return batch.frame;
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
  {
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
        const Batch& batch = **place;
        if (growing_ && batch.first_sequence >= end) break;
        const auto first = std::max(batch.first_sequence, run.first_sequence);
        const auto last = std::min(batch.end_sequence(), end);
        if (first < last) settle(*place, first - batch.first_sequence, last - batch.first_sequence, run);
      }
    }
    drop_settled();
  }
  moved_.notify_all();
}

// What was settled before stays as it was.
void PublishWindow::settle(const std::shared_ptr<Batch>& batch, std::size_t first, std::size_t last,
                           const codec::Confirms::Run& run) {
  while (first < last) {
    std::size_t end = first;
    for (; end < last && !batch->settled[end]; ++end) batch->settled[end] = true;
    if (first < end) settle_alike(batch, first, end, run);
    first = end + 1;
  }
}

void PublishWindow::settle_alike(const std::shared_ptr<Batch>& batch, std::size_t first, std::size_t last,
                                 const codec::Confirms::Run& run) {
  const std::size_t count = last - first;
  batch->unsettled -= count;
  events_ -= count;
  if (run.refused) {
    stats_.refused += count;
  } else {
    stats_.confirmed += count;
    if (run.unroutable) stats_.unroutable += count;
  }
  if (!keeps_confirms_ && batch->waiting.empty()) return;
  Confirm fate{{},
               batch->first_sequence + first,
               run.first_offset == 0 ? 0 : run.first_offset + (batch->first_sequence + first - run.first_sequence),
               run.level,
               run.queues,
               run.unroutable,
               run.duplicate,
               run.refused,
               std::string{run.message},
               run.refused && is_for_now(run.code)};
  const auto waiting_end = batch->waiting.lower_bound(last);
  for (auto waiting = batch->waiting.lower_bound(first); waiting != waiting_end;) {
    Confirm confirm = fate;
    confirm.id = std::move(waiting->second.id);
    confirm.sequence += waiting->first - first;
    if (confirm.offset != 0) confirm.offset += waiting->first - first;
    waiting->second.waiter->set_value(std::move(confirm));
    waiting = batch->waiting.erase(waiting);
  }
  if (!keeps_confirms_) return;
  batch->closed = true;
  (void)frame_of(*batch);
  kept_.push_back({batch, first, count, std::move(fate)});
  kept_events_ += count;
}

void PublishWindow::drop_settled() {
  while (!batches_.empty() && batches_.front()->unsettled == 0 && batches_.front()->closed) {
    bytes_ -= batches_.front()->bytes;
    batches_.pop_front();
    if (next_ > 0) --next_;
  }
}

std::size_t PublishWindow::take_confirms(const std::function<void(const Confirm&)>& handler) {
  std::vector<Kept> taken;
  std::size_t count = 0;
  {
    const std::lock_guard lock{mutex_};
    if (kept_.empty()) return 0;
    taken.swap(kept_);
    count = std::exchange(kept_events_, 0);
  }
  moved_.notify_all();
  for (auto& kept : taken) {
    Confirm& confirm = kept.fate;
    for (std::size_t index = kept.first; index < kept.first + kept.count; ++index) {
      confirm.id = codec::envelope_id(kept.batch->builder.envelope(*kept.batch->frame, index));
      handler(confirm);
      ++confirm.sequence;
      if (confirm.offset != 0) ++confirm.offset;
    }
    kept.batch.reset();
  }
  return count;
}

bool PublishWindow::has_confirms() const {
  const std::lock_guard lock{mutex_};
  return !kept_.empty();
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

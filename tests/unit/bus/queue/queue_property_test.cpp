// tests/unit/bus/queue/queue_property_test.cpp - random lives of a queue against the plain one, with crashes.
#include <doctest/doctest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <random>
#include <set>

#include "bus/queue/queue.hpp"
#include "tests/support/seed.hpp"
#include "tests/unit/bus/queue/naive_queue.hpp"

using namespace laban::queue;
using laban::test::NaiveQueue;
using std::chrono::milliseconds;

namespace {

Settings random_settings(std::mt19937_64& random) {
  const auto one_in = [&random](std::uint64_t n) { return random() % n == 0; };
  Settings settings;
  settings.keyed = !one_in(4);
  settings.single_active = one_in(4);
  settings.delivery_limit = 1 + static_cast<std::uint32_t>(random() % 4);
  settings.backoff = one_in(3) ? milliseconds{0} : milliseconds{40};
  settings.backoff_max = milliseconds{100};
  settings.park_holds = !one_in(2);
  if (one_in(3)) settings.messages_max = 12;
  if (one_in(3)) settings.bytes_max = 400;
  settings.overflow_parks = one_in(2);
  if (one_in(3)) settings.message_ttl = milliseconds{300};
  if (one_in(3)) settings.redelivery_timeout = milliseconds{120};
  if (one_in(3)) settings.dead_letter_exchange = "dead";
  settings.key_seed = random();
  return settings;
}

std::string text(const Counts& counts) {
  std::string all;
  for (const auto& [name, value] : {std::pair{"enqueued", counts.enqueued},
                                    {"acknowledged", counts.acknowledged},
                                    {"ready", counts.ready},
                                    {"unacknowledged", counts.unacknowledged},
                                    {"delayed", counts.delayed},
                                    {"parked", counts.parked},
                                    {"moved", counts.moved},
                                    {"ledgered", counts.ledgered}}) {
    all += std::string{name} + " " + std::to_string(value) + " ";
  }
  return all;
}

// A record of the log as the hub would write it.
struct Record {
  Time at{};
  Enqueue message;  // or
  std::string key;
  std::vector<std::byte> changes;
};

Time start() {
  return Time{std::chrono::hours{1}};
}

class Life {
 public:
  explicit Life(std::uint64_t seed)
      : random_(seed),
        settings_(random_settings(random_)),
        queue_(settings_),
        model_(settings_),
        committed_(settings_) {}

  void run(int steps) {
    for (int step = 0; step < steps; ++step) {
      CAPTURE(step);
      now_ += milliseconds{random_() % 30};
      one_step();
      CAPTURE(step_kind_);
      check();
    }
    drain();
  }

  std::size_t deliveries = 0;
  std::size_t crashes = 0;

 private:
  std::uint64_t under(std::uint64_t n) { return random_() % n; }

  void one_step() {
    step_kind_ = under(14);
    switch (step_kind_) {
      case 0:
      case 1:
      case 2:
      case 3:
        return publish();
      case 4:
      case 5:
        return deliver();
      case 6:
      case 7:
      case 8:
        return settle();
      case 9:
        return join_or_leave();
      case 10:
        return time_passes();
      case 11:
        return operate();
      case 12:
        return dead_letters();
      default:
        return log_and_crash();
    }
  }

  void publish() {
    Record record;
    // It went through the log meanwhile.
    recorded_ = record.at = under(2) == 0 ? now_ : std::max(recorded_, now_ - milliseconds{under(60)});
    record.message.offset = offset_ += 1 + under(3);
    record.message.bytes = static_cast<std::uint32_t>(10 + under(50));
    record.message.priority = under(4) == 0 ? 5 : 0;
    record.message.redelivered = under(20) == 0;
    if (under(5) == 0) record.message.deliver_at = record.at + milliseconds{under(200)};
    if (under(6) == 0) record.message.expires_at = now_ + milliseconds{under(300)};
    if (under(8) != 0) record.key = "key-" + std::to_string(under(5));
    const Room room = queue_.room();
    if (room.messages == 0 || room.bytes < record.message.bytes) return;
    record.message.key = record.key;
    REQUIRE(queue_.enqueue(record.message, record.at));
    REQUIRE_FALSE(queue_.enqueue(record.message, record.at));
    model_.enqueue(record.message, record.at);
    log_.push_back(record);
    since_commit_.push_back(log_.size() - 1);
  }

  void deliver() {
    std::vector<Delivery> out;
    const std::size_t budget = 1 + under(8);
    queue_.deliver(now_, budget, out);
    model_.advance(now_);
    take(out);
    if (out.size() == budget) return;
    // Only the horizon may have stopped it.
    commit();
    out.clear();
    queue_.deliver(now_, 100, out);
    take(out);
    REQUIRE_FALSE(model_.could_deliver());
    REQUIRE_FALSE(queue_.deliverable());
  }

  void take(const std::vector<Delivery>& out) {
    for (const Delivery& delivery : out) {
      CAPTURE(delivery.offset);
      ++deliveries;
      const auto found = model_.messages.find(delivery.offset);
      REQUIRE(found != model_.messages.end());
      const auto key = found->second.key;
      const bool plain = found->second.deliver_at == Time{} && !delivery.redriven && settings_.park_holds;
      REQUIRE(model_.deliver(delivery) == "");
      REQUIRE(delivery.fence > last_fence_);
      last_fence_ = delivery.fence;
      REQUIRE(delivery.offset <= durable_horizon_);  // else a crash could not tell that it was delivered
      const bool first_time = ever_delivered_.insert(delivery.offset).second;
      REQUIRE((first_time || delivery.redelivered));
      if (first_time && plain && !key.empty()) {
        auto& newest = newest_first_delivery_[key];
        REQUIRE(delivery.offset > newest);
        newest = delivery.offset;
      }
      out_.push_back({delivery.fence, delivery.offset, delivery.consumer});
    }
  }

  struct Out {
    Fence fence;
    std::uint64_t offset;
    ConsumerId consumer;
  };

  bool is_out(const Out& out) const {
    const auto found = model_.messages.find(out.offset);
    return found != model_.messages.end() && found->second.is == NaiveQueue::Is::unacknowledged &&
           found->second.fence == out.fence;
  }

  void settle() {
    if (out_.empty()) return;
    model_.advance(now_);
    const std::size_t chosen = under(out_.size());
    const Out one = out_[chosen];
    Settle settle;
    settle.consumer = under(10) == 0 ? one.consumer + 1 : one.consumer;
    settle.outcome = static_cast<Settlement>(under(8) < 4 ? 0 : under(5));
    if (settle.outcome == Settlement::give_back && under(2) == 0) settle.delay = milliseconds{under(80)};
    settle.reason = "because";
    const bool multiple = under(4) == 0;
    const Fence fences[] = {one.fence};
    if (multiple)
      settle.up_to = one.fence;
    else
      settle.fences = fences;

    std::vector<Out> due;
    for (const Out& out : out_) {
      const bool meant = multiple ? out.fence <= one.fence : out.fence == one.fence;
      if (meant && out.consumer == settle.consumer && is_out(out)) due.push_back(out);
    }
    std::sort(due.begin(), due.end(), [](const Out& a, const Out& b) { return a.fence < b.fence; });
    const auto result = queue_.settle(settle, now_);
    if (model_.consumers.contains(settle.consumer)) model_.consumers[settle.consumer].stalled = false;
    REQUIRE(result.settled == due.size());
    if (!multiple) REQUIRE(result.stale == 1 - due.size());
    for (const Out& out : due) model_.settle(settle, out.offset);
    if (under(3) != 0) std::erase_if(out_, [this](const Out& out) { return !is_out(out); });  // else kept to be stale
  }

  void join_or_leave() {
    model_.advance(now_);
    const ConsumerId id = 1 + under(4);
    const auto prefetch = static_cast<std::uint32_t>(1 + under(4));
    if (!model_.consumers.contains(id)) {
      queue_.add_consumer(id, "c" + std::to_string(id), prefetch, now_);
      model_.consumers[id].prefetch = prefetch;
      model_.joined.push_back(id);
    } else if (under(3) == 0) {
      queue_.set_prefetch(id, prefetch, now_);
      model_.consumers[id].prefetch = prefetch;
    } else if (under(2) == 0) {
      model_.consumers[id].paused = under(3) == 0;
      queue_.pause(id, model_.consumers[id].paused);
    } else {
      const Leave how = under(2) == 0 ? Leave::clean : Leave::lost;
      queue_.remove_consumer(id, how, now_);
      model_.leave(id, how);
    }
    REQUIRE(queue_.consumer_count() == model_.consumers.size());
  }

  void time_passes() {
    if (under(2) == 0) now_ += milliseconds{under(200)};
    const auto wakeup = queue_.next_wakeup();
    if (!wakeup.has_value() || *wakeup > now_) {
      // Nothing was due: telling the time changes nothing.
      const Counts before = queue_.counts();
      queue_.advance(now_);
      REQUIRE(queue_.counts() == before);
    }
    queue_.advance(now_);
    model_.advance(now_);
  }

  void operate() {
    queue_.advance(now_);
    model_.advance(now_);
    const auto parked = queue_.parked(1000);
    for (const auto& one : parked) {
      const auto& m = model_.messages.at(one.offset);
      REQUIRE(m.is == NaiveQueue::Is::parked);
      REQUIRE(m.attempts == one.attempts);
      REQUIRE(m.park_reason == one.reason);
    }
    const auto what = under(8);
    if (what < 5) {
      const std::size_t limit = under(3);
      const auto redriven = queue_.redrive(now_, limit);
      REQUIRE(redriven.size() == (limit == 0 ? parked.size() : std::min(limit, parked.size())));
      for (std::size_t i = 0; i < redriven.size(); ++i) REQUIRE(redriven[i] == parked[i].offset);
      model_.redrive(limit);
    } else if (what < 7) {
      if (parked.empty()) return;
      const auto offset = parked[under(parked.size())].offset;
      REQUIRE(queue_.discard(offset, now_));
      model_.discard(offset);
    } else {
      queue_.purge(now_);
      model_.purge();
    }
  }

  void dead_letters() {
    commit();
    model_.advance(now_);
    queue_.advance(now_);
    for (const std::uint64_t offset : moving_) {
      if (under(2) == 0) {
        queue_.moved(offset, now_);
        model_.moved(offset);
      } else {
        queue_.dead_letter_failed(offset, "no such exchange", now_);
        model_.dead_letter_failed(offset);
      }
    }
    moving_.clear();
  }

  // What the hub does with effects: into the log, and later, perhaps behind the next ones, onto the disk.
  void write() {
    const Effects effects = queue_.take_effects();
    for (const auto& letter : effects.dead_letters) moving_.push_back(letter.offset);
    if (!effects.changes.empty()) {
      Record record;
      record.at = now_;
      encode(effects.changes, record.changes);
      REQUIRE(decode_changes(record.changes) == effects.changes);
      log_.push_back(record);
    }
    for (const auto& change : effects.changes) {
      if (change.kind == ChangeKind::horizon) logged_horizon_ = change.horizon;
    }
    untold_.push_back({effects.horizon, logged_horizon_});
    committed_ = model_;
    since_commit_.clear();
  }

  void tell() {
    if (untold_.empty()) return;
    queue_.changes_durable(untold_.front().taken);
    durable_horizon_ = untold_.front().logged;
    untold_.pop_front();
  }

  void commit() {
    write();
    while (!untold_.empty()) tell();
  }

  static void replay(Queue& queue, const std::vector<Record>& log, std::size_t from) {
    for (std::size_t i = from; i < log.size(); ++i) {
      if (log[i].changes.empty()) {
        Enqueue message = log[i].message;
        message.key = log[i].key;
        queue.enqueue(message, log[i].at);
      } else {
        for (const auto& change : decode_changes(log[i].changes)) queue.apply(change, log[i].at);
      }
    }
  }

  void log_and_crash() {
    const auto what = under(8);
    if (what < 2) return commit();
    if (what == 2) return write();
    if (what == 3) return tell();
    if (what < 7) {
      commit();
      snapshot_ = queue_.snapshot();
      snapshot_at_ = log_.size();
      Queue again = Queue::restore(settings_, {});
      replay(again, log_, 0);
      REQUIRE(again.snapshot() == snapshot_);
      return;
    }
    ++crashes;
    if (under(2) == 0) write();
    untold_.clear();
    durable_horizon_ = logged_horizon_;
    Queue full = Queue::restore(settings_, {});
    replay(full, log_, 0);
    Queue tail = Queue::restore(settings_, snapshot_);
    replay(tail, log_, snapshot_at_);
    REQUIRE(full.snapshot() == tail.snapshot());
    queue_ = under(2) == 0 ? std::move(full) : std::move(tail);
    model_ = committed_;
    model_.crash();
    for (const std::size_t at : since_commit_) {
      Enqueue message = log_[at].message;
      message.key = log_[at].key;
      model_.enqueue(message, log_[at].at);
    }
    queue_.finish_recovery(now_, last_fence_ + 1);
    model_.restart(logged_horizon_, now_);
    moving_.clear();
    const auto newest = model_.last_offset;
    REQUIRE(queue_.last_offset() == newest);
    commit();
  }

  void check() {
    model_.advance(now_);
    queue_.advance(now_);
    const auto wrong = queue_.audit();
    INFO(wrong.value_or(""));
    REQUIRE_FALSE(wrong.has_value());
    REQUIRE(text(queue_.counts()) == text(model_.counts()));
    REQUIRE(queue_.counts().law_holds());
    REQUIRE(queue_.bytes() == model_.bytes());
    std::set<std::string> out;
    for (const auto& [offset, m] : model_.messages) {
      if (m.is == NaiveQueue::Is::unacknowledged && !m.key.empty()) REQUIRE(out.insert(m.key).second);
    }
  }

  // Nothing is stuck: with one willing consumer and time everything that is not held by a parked message goes.
  void drain() {
    for (ConsumerId id = 1; id <= 4; ++id) queue_.remove_consumer(id, Leave::clean, now_);
    queue_.redrive(now_);
    queue_.add_consumer(9, "last", 3, now_);
    for (int round = 0; round < 10'000 && queue_.counts().live() > 0; ++round) {
      const Effects effects = queue_.take_effects();
      for (const auto& letter : effects.dead_letters) queue_.moved(letter.offset, now_);
      for (const std::uint64_t offset : moving_) queue_.moved(offset, now_);
      moving_.clear();
      queue_.changes_durable(effects.horizon);
      std::vector<Delivery> given;
      queue_.deliver(now_, 2, given);
      for (const auto& delivery : given) {
        const Fence fences[] = {delivery.fence};
        queue_.settle({9, Settlement::acknowledge, fences, 0, {}, {}}, now_);
      }
      if (given.empty()) now_ = std::max(now_, queue_.next_wakeup().value_or(now_));
    }
    REQUIRE(queue_.counts().live() == 0);
    REQUIRE(queue_.counts().law_holds());
    REQUIRE(queue_.key_count() == 0);
    REQUIRE_FALSE(queue_.audit().has_value());
  }

  std::mt19937_64 random_;
  std::uint64_t step_kind_ = 0;
  Settings settings_;
  Queue queue_;
  NaiveQueue model_;
  NaiveQueue committed_;  // the model when changes were last written
  std::vector<std::size_t> since_commit_;
  Time now_ = start();
  Time recorded_ = start();
  std::uint64_t offset_ = 0;
  Fence last_fence_ = 0;
  std::uint64_t logged_horizon_ = 0;
  std::uint64_t durable_horizon_ = 0;
  struct Untold {
    std::uint64_t taken;
    std::uint64_t logged;
  };
  std::deque<Untold> untold_;  // written, and the queue does not know yet that they are on the disk
  std::vector<Out> out_;
  std::vector<std::uint64_t> moving_;
  std::set<std::uint64_t> ever_delivered_;
  std::map<std::string, std::uint64_t> newest_first_delivery_;
  std::vector<Record> log_;
  std::vector<std::byte> snapshot_;
  std::size_t snapshot_at_ = 0;
};

}  // namespace

TEST_CASE(
    "queue: any life with crashes agrees with the plain queue: order, one a key, law, replay (G77) (G78) (G79) (G80)") {
  LABAN_SEED(seed);
  std::size_t deliveries = 0;
  std::size_t crashes = 0;
  for (std::uint64_t life = 0; life < 300; ++life) {
    CAPTURE(life);
    Life one{seed + life};
    one.run(250);
    deliveries += one.deliveries;
    crashes += one.crashes;
  }
  CHECK(deliveries > 3'000);
  CHECK(crashes > 300);
}

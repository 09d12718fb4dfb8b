// monitor/core/tracker_time.cpp - silence: deadlines of the definition, and stays that are longer than what was learned.
#include <algorithm>

#include "monitor/core/tracker_fold.hpp"

namespace laban::monitor {

using namespace std::chrono_literals;

static constexpr std::size_t most_learned_states = 20'000;

// Rounded up, so that what is due is due when its tick comes.
Tick Tracker::Fold::tick_of(Time time) const {
  if (time <= epoch) return 0;
  const auto ticks = (time - epoch + tick_length - 1ns) / tick_length;
  return static_cast<Tick>(std::min<std::int64_t>(ticks, 0xfffffff0));
}

// Ticks begin at the same instants whenever the clock was set: a monitor that was there before the first event, and one that
// reads the log later, look at the same moments.
void Tracker::Fold::set_clock(Time time) {
  clock_set = true;
  now = time;
  epoch = Time{time.time_since_epoch() - time.time_since_epoch() % tick_length} - 1s;
  wheel.start_at(tick_of(time));
}

void Tracker::advance(Time now, std::vector<Change>& changes) {
  fold_->advance(now, changes);
}

void Tracker::Fold::advance(Time until, std::vector<Change>& changes) {
  if (!clock_set) set_clock(until);
  if (until <= now) return;
  // A tick is over once its end is reached: nothing fires before its time.
  const Tick last = static_cast<Tick>((until - epoch) / tick_length);
  wheel.advance(last, [&](std::vector<TimingWheel::Entry>& due) {
    static constexpr std::size_t ahead = 12;  // each is a miss of two cache lines
    now = std::max(now, epoch + wheel.now() * tick_length);
    std::size_t telling = 0;
    for (std::size_t i = 0; i < due.size(); ++i) {
      if (i + ahead < due.size()) fetch(due[i + ahead].who);
      if (!look(due[i])) due[telling++] = due[i];
    }
    due.resize(telling);
    // What is told comes in an order that no restart changes.
    std::sort(due.begin(), due.end(), [&](const auto& a, const auto& b) { return is_before(a.who, b.who); });
    for (const auto& entry : due) on_timer(entry.who, entry.due, changes);
  });
  now = until;
}

bool Tracker::Fold::is_before(InstanceIndex a, InstanceIndex b) const {
  if (cold(a).first_offset != cold(b).first_offset) return cold(a).first_offset < cold(b).first_offset;
  if (hot(a).definition != hot(b).definition) return hot(a).definition < hot(b).definition;
  return key(a) < key(b);
}

void Tracker::Fold::learn(DefinitionIndex definition, StateId state, std::chrono::nanoseconds stay) {
  auto& dwell = tracked[definition].dwell;
  if (state >= most_learned_states || stay < 0ns) return;
  if (state >= dwell.size()) dwell.resize(state + 1);
  dwell[state].add(stay);
}

std::optional<std::chrono::nanoseconds> Tracker::Fold::stall_after(DefinitionIndex definition, StateId state) const {
  const auto& dwell = tracked[definition].dwell;
  if (state >= dwell.size() || dwell[state].total() < options.learn_after) return std::nullopt;
  const std::chrono::duration<double, std::nano> limit = dwell[state].usual() * options.stall_factor;
  return std::max(options.shortest_stall, std::chrono::duration_cast<std::chrono::nanoseconds>(limit));
}

// Silence is looked at when it has lasted as long as the shortest that counts, and half longer each time. What was learned
// until a look decides it; so the moment in which silence is told depends on the events alone.
std::chrono::nanoseconds Tracker::Fold::last_look(std::chrono::nanoseconds silence) const {
  auto age = std::max(options.shortest_stall, tick_length);
  if (silence < age) return 0ns;
  while (age + age / 2 <= silence) age += age / 2;
  return age;
}

std::chrono::nanoseconds Tracker::Fold::next_look(std::chrono::nanoseconds silence) const {
  const auto last = last_look(silence);
  return last == 0ns ? std::max(options.shortest_stall, tick_length) : last + last / 2;
}

bool Tracker::Fold::is_look(InstanceIndex slot, Tick tick) const {
  const Time last_event = cold(slot).last_event_at, before = epoch + (tick - 1) * tick_length;
  return tick_of(last_event + next_look(before - last_event)) == tick;
}

bool Tracker::Fold::silent_too_long(InstanceIndex slot, Time time) const {
  const auto looked_at = last_look(time - cold(slot).last_event_at);
  if (looked_at == 0ns) return false;
  const auto stall = stall_after(hot(slot).definition, hot(slot).state);
  return stall && looked_at >= *stall;
}

std::vector<Waiting> Tracker::Fold::waiting(InstanceIndex slot) const {
  std::vector<Waiting> all;
  each_waiting(slot, [&](const Waiting& one) { all.push_back(one); });
  return all;
}

void Tracker::Fold::set_waiting(InstanceIndex slot, const std::vector<Waiting>& waiting) {
  Cold& rest = cold(slot);
  rest.waiting_step.fill(Cold::no_step);
  if (hot(slot).has_extras) more(slot).waiting.clear();
  const auto grains = [&](const Waiting& one) {
    return std::max<std::int64_t>(0, (one.since - rest.started_at + Cold::grain - 1ns) / Cold::grain);
  };
  const bool few =
      waiting.size() <= Cold::inline_waiting && std::all_of(waiting.begin(), waiting.end(), [&](const Waiting& one) {
        return one.step < Cold::no_step && grains(one) <= 0xffffffff;
      });
  if (!few) {
    more(slot).waiting = waiting;
    return;
  }
  for (std::size_t i = 0; i < waiting.size(); ++i) {
    rest.waiting_step[i] = static_cast<std::uint16_t>(waiting[i].step);
    rest.waiting_since[i] = static_cast<std::uint32_t>(grains(waiting[i]));
  }
}

// Keeps the clocks of the steps that can come and have a deadline, and of the pairs that have begun.
void Tracker::Fold::note_waiting(InstanceIndex slot, StepIndex step, Time time) {
  const Tracked& of = tracked[hot(slot).definition];
  Definition& definition = *of.definition;
  const std::uint32_t label = step == no_index ? no_index : definition.label_of(step);
  const auto& can_come = definition.automaton().outlook(hot(slot).state).can_come;
  coming.clear();
  for (StepIndex next : can_come) {
    if (!of.deadline[next]) continue;
    Time since = time;
    each_waiting(slot, [&](const Waiting& known) {
      if (known.step == next && definition.label_of(next) != label) since = known.since;
    });
    coming.push_back({next, since});
  }
  set_waiting(slot, coming);
  if (label != no_index) {
    for (std::uint32_t pair : of.pairs_to[label])
      if (extra(slot) != nullptr) std::erase_if(more(slot).between, [&](const auto& one) { return one.pair == pair; });
    for (std::uint32_t pair : of.pairs_from[label]) {
      auto& between = more(slot).between;
      std::erase_if(between, [&](const auto& one) { return one.pair == pair; });
      between.push_back({pair, time});
    }
  }
  note_clocks(slot);
}

void Tracker::Fold::note_clocks(InstanceIndex slot) {
  const Extras* more = extra(slot);
  hot(slot).more_clocks = more != nullptr && !(more->waiting.empty() && more->between.empty());
}

std::uint8_t Tracker::Fold::flags_at(InstanceIndex slot, Time time, bool silent) const {
  const Hot& one = hot(slot);
  if (!is_live(one.phase)) return 0;
  const Tracked& of = tracked[one.definition];
  const ProcessModel& model = of.definition->model();
  bool late = model.deadline && cold(slot).started_at + *model.deadline <= time;
  each_waiting(slot, [&](const Waiting& clock) { late |= clock.since + *of.deadline[clock.step] <= time; });
  if (one.more_clocks) {
    for (const auto& between : extra(slot)->between)
      late |= between.since + model.pair_deadlines[between.pair].limit <= time;
  }
  const bool stuck = silent && !of.definition->automaton().outlook(one.state).may_end;
  return static_cast<std::uint8_t>((stuck ? flag_stuck : 0) | (late ? flag_late : 0));
}

// When something about an instance changes next if no event comes.
std::optional<Time> Tracker::Fold::next_due(InstanceIndex slot, Time after) const {
  const Hot& one = hot(slot);
  const Cold& rest = cold(slot);
  const Tracked& of = tracked[one.definition];
  const ProcessModel& model = of.definition->model();
  std::optional<Time> due;
  const auto consider = [&](Time time) {
    if (time > after && (!due || time < *due)) due = time;
  };
  if (one.unsettled && !extra(slot)->doubt->explanations.front().misfits.empty())
    consider(std::max(rest.last_event_at + options.lateness, after + tick_length));
  if (!is_live(one.phase)) return due;
  if (model.deadline) consider(rest.started_at + *model.deadline);
  each_waiting(slot, [&](const Waiting& clock) { consider(clock.since + *of.deadline[clock.step]); });
  if (one.more_clocks) {
    for (const auto& between : extra(slot)->between) consider(between.since + model.pair_deadlines[between.pair].limit);
  }
  if (of.definition->automaton().outlook(one.state).may_end) {
    consider(std::max(rest.last_event_at + options.quiet_end, after + tick_length));
  } else if ((one.flags & flag_stuck) == 0) {
    consider(rest.last_event_at + next_look(after - rest.last_event_at));
  }
  return due;
}

void Tracker::Fold::arm(InstanceIndex slot, Time looked_at) {
  if (refolding) return;
  const auto due = next_due(slot, std::max(looked_at, cold(slot).last_event_at));
  if (!due) return;
  const Tick tick = std::max(tick_of(*due), wheel.now() + 1);
  Tick& set = cold(slot).due;
  // An entry that fires too early looks again; so a later time costs nothing.
  if (set != 0 && set <= tick) return;
  set = tick;
  wheel.set(slot, tick);
}

// What was running before this event is due at the time that is set, or later.
void Tracker::Fold::arm_after_event(InstanceIndex slot) {
  const Cold& rest = cold(slot);
  if (rest.due != 0 && rest.due <= tick_of(rest.last_event_at + tracked[hot(slot).definition].quickest)) return;
  arm(slot);
}

// The same timer as before, so that a restart does not move when silence is noticed. One whose time has passed fired since
// the instance was stored and changed nothing, so nobody stored that the next one was set. What is due in the tick that is
// not over yet has told nobody, although its time has come.
void Tracker::Fold::take_up_timer(InstanceIndex slot) {
  Tick& due = cold(slot).due;
  if (due > wheel.now()) return wheel.set(slot, due);
  due = 0;
  arm(slot, std::min(now, epoch + wheel.now() * tick_length));
}

// True where nothing is to be told, as nearly always: what was replaced by an earlier one, or forgotten, is for nobody; and of a
// silence that has not been long enough the next look is set.
bool Tracker::Fold::look(const TimingWheel::Entry& entry) {
  const InstanceIndex slot = entry.who;
  if (slot >= slots || !hot(slot).used || cold(slot).due != entry.due) return true;
  if (tells(slot, now, is_look(slot, entry.due))) return false;
  cold(slot).due = 0;
  arm(slot);
  return true;
}

// Whether pass_silence() could change anything.
bool Tracker::Fold::tells(InstanceIndex slot, Time time, bool looks) const {
  const Hot& one = hot(slot);
  const auto silence = time - cold(slot).last_event_at;
  if (one.unsettled && silence >= options.lateness) return true;
  if (!is_live(one.phase)) return false;
  if (silence >= options.quiet_end && tracked[one.definition].definition->automaton().outlook(one.state).may_end)
    return true;
  return flags_at(slot, time, still_silent(slot, time, looks)) != one.flags;
}

// Only at a look does silence become too long; once told, it is until an event comes.
bool Tracker::Fold::still_silent(InstanceIndex slot, Time time, bool looks) const {
  return (hot(slot).flags & flag_stuck) != 0 || (looks && silent_too_long(slot, time));
}

void Tracker::Fold::on_timer(InstanceIndex slot, Tick due, std::vector<Change>& changes) {
  if (cold(slot).due != due) return;  // set twice for this tick
  cold(slot).due = 0;
  pass_silence(slot, now, is_look(slot, due), changes);
  arm(slot);
}

void Tracker::Fold::pass_silence(InstanceIndex slot, Time time, bool looks, std::vector<Change>& changes) {
  Change change = snapshot(slot);
  change.event = false;
  const unsigned owed_before = owed(slot);
  Hot& one = hot(slot);
  const auto silence = time - cold(slot).last_event_at;
  if (silence >= options.lateness) {
    Position position = take_position(slot);
    change.settled = follower(one.definition).settle(position);
    put_position(slot, std::move(position));
  }
  if (is_live(one.phase) && silence >= options.quiet_end) {
    const Outlook& outlook = tracked[one.definition].definition->automaton().outlook(one.state);
    if (outlook.may_end) one.phase = phase_after(slot, outlook, true);
  }
  one.flags = flags_at(slot, time, still_silent(slot, time, looks));
  finish(change, owed_before, changes);
}

}  // namespace laban::monitor

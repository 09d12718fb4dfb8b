// monitor/explain.cpp - verdicts as sentences.
#include "monitor/explain.hpp"

#include <algorithm>
#include <cstdio>

namespace laban::monitor {
namespace {

std::string in_quotes(const std::string& name) {
  return "“" + name + "”";
}

}  // namespace

std::string listed(const std::vector<std::string>& names, const char* last_word) {
  constexpr std::size_t most = 5;
  std::string out;
  const std::size_t shown = std::min(names.size(), most);
  for (std::size_t i = 0; i < shown; ++i) {
    if (i > 0) out += i + 1 == names.size() ? std::string(" ") + last_word + " " : ", ";
    out += in_quotes(names[i]);
  }
  if (names.size() > most) out += std::string(" ") + last_word + " " + std::to_string(names.size() - most) + " others";
  return out;
}

std::vector<std::string> publishers_of(const ProcessModel& model, const std::vector<std::string>& steps) {
  std::vector<std::string> out;
  for (const auto& node : model.nodes) {
    if (std::find(steps.begin(), steps.end(), node.name) == steps.end()) continue;
    for (const auto& publisher : node.publishers) {
      if (std::find(out.begin(), out.end(), publisher) == out.end()) out.push_back(publisher);
    }
  }
  return out;
}

namespace {

std::string awaited(const InstanceView& instance, const ProcessModel& model) {
  if (instance.expected.empty()) return "nothing more is required";
  const auto from = publishers_of(model, instance.expected);
  std::string out = "waits for " + listed(instance.expected, "or");
  if (!from.empty()) out += " from " + listed(from, "or");
  return out;
}

std::string where_it_is(const InstanceView& instance, const ProcessModel& model, std::chrono::nanoseconds silent_for) {
  if ((instance.flags & flag_stuck) != 0) {
    return "stuck: silent for " + in_words(silent_for) +
           (instance.steps.empty() ? "" : " after " + listed(instance.steps, "and")) + ", " + awaited(instance, model);
  }
  if ((instance.flags & flag_late) != 0) return "late: past a deadline, " + awaited(instance, model);
  if (instance.state == InstanceState::compensating) {
    const std::string undone =
        instance.undone.empty()
            ? "nothing is undone yet"
            : listed(instance.undone, "and") + (instance.undone.size() == 1 ? " is undone" : " are undone");
    const std::string owed =
        instance.owed.empty() ? "nothing more is owed"
                              : listed(instance.owed, "and") +
                                    (instance.owed.size() == 1 ? " is still to be undone" : " are still to be undone");
    return "compensating: " + undone + ", " + owed;
  }
  return "running: " + awaited(instance, model);
}

std::string how_it_ended(const InstanceView& instance) {
  std::string out = "ended as " + std::string(word(instance.state)) + " after " + std::to_string(instance.events) +
                    (instance.events == 1 ? " event" : " events");
  if (instance.ended_at) out += " in " + in_words(*instance.ended_at - instance.started_at);
  if (!instance.owed.empty()) out += "; still owed: " + listed(instance.owed, "and");
  return out;
}

}  // namespace

std::string in_words(std::chrono::nanoseconds duration) {
  char out[64];
  const double seconds = std::chrono::duration<double>(duration).count();
  const auto whole = static_cast<long long>(seconds);
  if (seconds < 1) {
    std::snprintf(out, sizeof out, "%.0f ms", std::max(0.0, seconds * 1000));
  } else if (seconds < 10) {
    std::snprintf(out, sizeof out, "%.1f s", seconds);
  } else if (whole < 60) {
    std::snprintf(out, sizeof out, "%lld s", whole);
  } else if (whole < 3600) {
    std::snprintf(out, sizeof out, "%lld min %lld s", whole / 60, whole % 60);
  } else if (whole < 86'400) {
    std::snprintf(out, sizeof out, "%lld h %lld min", whole / 3600, whole % 3600 / 60);
  } else {
    std::snprintf(out, sizeof out, "%lld d %lld h", whole / 86'400, whole % 86'400 / 3600);
  }
  return out;
}

std::string explain(const Deviation& deviation) {
  const std::string event = in_quotes(deviation.event);
  const std::string instead =
      deviation.expected.empty() ? "nothing more was expected" : "expected was " + listed(deviation.expected, "or");
  const std::string provisional = deviation.settled ? "" : " (provisional: the missing step may still come)";
  switch (deviation.kind) {
    case DeviationKind::skipped:
      return event + " came although " + listed(deviation.missing, "and") + " had not" + provisional;
    case DeviationKind::repeated:
      return event + " came again; " + instead;
    case DeviationKind::unexpected:
      return event + " cannot come here; " + instead;
    case DeviationKind::out_of_order:
      return event + " came before " +
             (deviation.missing.empty() ? "a step that it follows" : listed(deviation.missing, "and")) +
             ", which came after all";
    case DeviationKind::wrong_publisher:
      return event + " was said by a service that the definition does not name for it";
    case DeviationKind::after_end:
      return event + " came after the instance had ended";
  }
  return event;
}

std::string explain(const InstanceView& instance, const ProcessModel& model, std::chrono::nanoseconds silent_for) {
  std::string now = is_live(instance.state) ? where_it_is(instance, model, silent_for) : how_it_ended(instance);
  switch (instance.verdict) {
    case Verdict::conforming:
      return (is_live(instance.state) ? "Conforming so far; " : "Conforming; ") + now + ".";
    case Verdict::incomplete:
      return "Incomplete: some of its events were not seen, so it is not judged; " + now + ".";
    case Verdict::deviating:
      break;
  }
  const std::string why = instance.deviations.empty() ? "" : ": " + explain(instance.deviations.front());
  const std::string more =
      instance.deviations.size() > 1 ? " (the first of " + std::to_string(instance.deviations.size()) + ")" : "";
  now.front() = static_cast<char>(std::toupper(static_cast<unsigned char>(now.front())));
  return "Deviating" + why + more + ". " + now + ".";
}

}  // namespace laban::monitor

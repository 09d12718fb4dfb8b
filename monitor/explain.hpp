// monitor/explain.hpp - verdicts as sentences that people can act on.
#pragma once

#include <string>
#include <vector>

#include "monitor/core/process_model.hpp"
#include "monitor/core/tracker.hpp"

namespace laban::monitor {

// "“goods.shipped” came although “payment.taken” had not."
std::string explain(const Deviation& deviation);

// What the instance is, why, and what is missing; `silent_for` is the time since its last event.
std::string explain(const InstanceView& instance, const ProcessModel& model, std::chrono::nanoseconds silent_for);

// Who may say one of the steps, where the definition names it.
std::vector<std::string> publishers_of(const ProcessModel& model, const std::vector<std::string>& steps);

// "“a”, “b” or “c”", at most five of them.
std::string listed(const std::vector<std::string>& names, const char* last_word);

// "350 ms", "12 s", "3 min 4 s", "2 h 5 min", "3 d 4 h".
std::string in_words(std::chrono::nanoseconds duration);

}  // namespace laban::monitor

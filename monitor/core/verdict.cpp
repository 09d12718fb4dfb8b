// monitor/core/verdict.cpp - the public words for states, verdicts and deviation kinds.
#include "monitor/core/verdict.hpp"

namespace laban::monitor {

std::string_view word(InstanceState state) {
  switch (state) {
    case InstanceState::running:
      return "running";
    case InstanceState::completed:
      return "completed";
    case InstanceState::failed:
      return "failed";
    case InstanceState::compensating:
      return "compensating";
    case InstanceState::compensated:
      return "compensated";
  }
  return "";
}

std::string_view word(Verdict verdict) {
  switch (verdict) {
    case Verdict::conforming:
      return "conforming";
    case Verdict::deviating:
      return "deviating";
    case Verdict::incomplete:
      return "incomplete";
  }
  return "";
}

std::string_view word(DeviationKind kind) {
  switch (kind) {
    case DeviationKind::skipped:
      return "skipped";
    case DeviationKind::repeated:
      return "repeated";
    case DeviationKind::unexpected:
      return "unexpected";
    case DeviationKind::out_of_order:
      return "out-of-order";
    case DeviationKind::wrong_publisher:
      return "wrong-publisher";
    case DeviationKind::after_end:
      return "after-end";
  }
  return "";
}

}  // namespace laban::monitor

// monitor/core/acceptance.cpp - which rule lets a deviation pass, and rules as bytes.
#include "monitor/core/acceptance.hpp"

#include <algorithm>

#include "monitor/core/byte_codec.hpp"

namespace laban::monitor {

const AcceptedRule* accepted_by(const std::vector<AcceptedRule>& rules, std::uint64_t offset,
                                const std::string& process, const std::string& key, const Deviation& deviation,
                                std::chrono::sys_time<std::chrono::nanoseconds> time) {
  for (const auto& one : rules) {
    const Acceptance& rule = one.rule;
    if (!one.holds_at(offset) || rule.process != process) continue;
    if (!rule.instance.empty() && rule.instance != key) continue;
    if (rule.kind && *rule.kind != deviation.kind) continue;
    if (!rule.event.empty() && rule.event != deviation.event) continue;
    if (!rule.missing.empty() &&
        std::find(deviation.missing.begin(), deviation.missing.end(), rule.missing) == deviation.missing.end())
      continue;
    if (rule.until && time >= *rule.until) continue;
    return &one;
  }
  return nullptr;
}

std::string save(const std::vector<AcceptedRule>& rules) {
  std::string bytes;
  ByteWriter out(bytes);
  out.number(rules.size());
  for (const auto& one : rules) {
    out.text(one.rule.process);
    out.text(one.rule.instance);
    out.number(one.rule.kind ? static_cast<std::uint64_t>(*one.rule.kind) + 1 : 0);
    out.text(one.rule.event);
    out.text(one.rule.missing);
    out.text(one.rule.reason);
    out.number(one.rule.until ? 1 : 0);
    if (one.rule.until) out.time(*one.rule.until);
    out.number(one.after_offset);
    out.number(one.withdrawn_after ? *one.withdrawn_after + 1 : 0);
  }
  return bytes;
}

bool restore(std::string_view bytes, std::vector<AcceptedRule>& rules) {
  ByteReader in(bytes);
  rules.clear();
  for (std::size_t n = in.count(); n > 0 && in.good(); --n) {
    AcceptedRule one;
    one.rule.process = in.text();
    one.rule.instance = in.text();
    if (const auto kind = in.at_most(deviation_kinds); kind > 0) one.rule.kind = static_cast<DeviationKind>(kind - 1);
    one.rule.event = in.text();
    one.rule.missing = in.text();
    one.rule.reason = in.text();
    if (in.at_most(1) == 1) one.rule.until = in.time();
    one.after_offset = in.number();
    if (const auto after = in.number(); after > 0) one.withdrawn_after = after - 1;
    rules.push_back(std::move(one));
  }
  return in.good() && in.at_end();
}

}  // namespace laban::monitor

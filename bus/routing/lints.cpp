// bus/routing/lints.cpp - what looks like a mistake in the model, found without any event.
#include <algorithm>

#include "bus/routing/topology_state.hpp"

namespace laban::routing {
namespace {

// A word like `order*`: the star is literal there, which few people mean.
bool has_partial_wildcard(std::string_view pattern) {
  for (std::size_t at = 0; at <= pattern.size();) {
    const std::size_t end = std::min(pattern.find('.', at), pattern.size());
    const auto word = pattern.substr(at, end - at);
    if (word.size() > 1 && word.find_first_of("*#") != word.npos) return true;
    at = end + 1;
  }
  return false;
}

bool has_whole_wildcard(std::string_view pattern) {
  for (std::size_t at = 0; at <= pattern.size();) {
    const std::size_t end = std::min(pattern.find('.', at), pattern.size());
    const auto word = pattern.substr(at, end - at);
    if (word == "*" || word == "#") return true;
    at = end + 1;
  }
  return false;
}

// Why a headers binding can never match, or empty.
std::string headers_impossible(const HeadersMatch& match) {
  const Headers& wanted = match.wanted();
  if (match.any()) return wanted.empty() ? "any of no headers never matches" : "";
  for (std::size_t i = 0; i + 1 < wanted.size(); ++i) {
    const bool both_valued = !std::holds_alternative<std::monostate>(wanted[i].second) &&
                             !std::holds_alternative<std::monostate>(wanted[i + 1].second);
    if (wanted[i].first == wanted[i + 1].first && both_valued && wanted[i].second != wanted[i + 1].second) {
      return "header " + wanted[i].first + " cannot have two values at once";
    }
  }
  return {};
}

}  // namespace

std::vector<Lint> Topology::lints() const {
  std::vector<Lint> result;
  StringMap<std::string> canonical;  // (source, destination, canonical pattern) -> pattern
  for (const auto& spec : bindings()) {
    const auto& source = *impl_->find_exchange(spec.exchange);
    const std::string where =
        in_quotes(spec.pattern) + " of exchange " + in_quotes(spec.exchange) + " to " +
        (spec.queue.empty() ? "exchange " + in_quotes(spec.to_exchange) : "queue " + in_quotes(spec.queue));
    if (source.kind == ExchangeKind::direct && has_whole_wildcard(spec.pattern)) {
      result.push_back({"binding-literal-wildcard", spec.exchange,
                        "binding " + where + ": * and # are literal on a direct exchange: use a topic exchange"});
    }
    if (source.kind == ExchangeKind::topic) {
      if (has_partial_wildcard(spec.pattern)) {
        result.push_back({"binding-literal-wildcard", spec.exchange,
                          "binding " + where + ": * and # are literal inside a word: make them words of their own"});
      }
      const std::string same =
          spec.exchange + '\0' + spec.queue + '\0' + spec.to_exchange + '\0' + canonical_pattern(spec.pattern);
      const auto [there, added] = canonical.try_emplace(same, spec.pattern);
      if (!added) {
        result.push_back({"binding-redundant", spec.exchange,
                          "binding " + where + " means the same as " + in_quotes(there->second) + ": unbind one"});
      }
    }
    if (source.kind == ExchangeKind::headers) {
      if (const auto why = headers_impossible(HeadersMatch{spec.arguments}); !why.empty()) {
        result.push_back({"binding-never-matches", spec.exchange, "binding " + where + " can never match: " + why});
      }
    }
  }
  for (const auto& name : exchange_names()) {
    const auto& exchange = *impl_->find_exchange(name);
    const auto& alternate = exchange.spec.alternate;
    if (!alternate.empty() && impl_->find_exchange(alternate) == nullptr) {
      result.push_back({"alternate-missing", name,
                        "exchange " + in_quotes(name) + " has the alternate exchange " + in_quotes(alternate) +
                            ", which does not exist: declare it"});
    }
    if (!exchange.predeclared && exchange.outgoing.empty() && alternate.empty()) {
      result.push_back(
          {"exchange-reaches-nothing", name,
           "exchange " + in_quotes(name) + " has no binding and no alternate: what it gets is unroutable"});
    }
  }
  for (const auto& name : queue_names()) {
    const QueueSpec& spec = *queue(name);
    if (!spec.dead_letter_exchange.empty() && impl_->find_exchange(spec.dead_letter_exchange) == nullptr) {
      result.push_back({"dead-letter-missing", name,
                        "queue " + in_quotes(name) + " has the dead-letter exchange " +
                            in_quotes(spec.dead_letter_exchange) +
                            ", which does not exist: declare it; until then its dead letters park"});
    }
  }
  return result;
}

}  // namespace laban::routing

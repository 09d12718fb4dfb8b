// bus/hub/access.cpp - reads the file of grants; holds a request against them.
#include "bus/hub/access.hpp"

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "bus/routing/topic.hpp"
#include "bus/routing/topology.hpp"
#include "bus/transport/curve_keys.hpp"
#include "laban/error.hpp"

namespace laban::hub {
namespace {

using Json = nlohmann::json;
using Patterns = std::vector<std::string>;

bool any_matches(const Patterns& patterns, std::string_view name) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [&](const auto& pattern) { return routing::topic_matches(pattern, name); });
}

bool any_covers(const Patterns& patterns, std::string_view asked) {
  const auto canonical = routing::canonical_pattern(asked);
  return std::any_of(patterns.begin(), patterns.end(),
                     [&](const auto& pattern) { return routing::topic_covers(pattern, canonical); });
}

[[noreturn]] void refuse(const std::string& path, const std::string& what) {
  throw Error{Errc::usage, path + ": " + what};
}

Patterns read_patterns(const std::string& path, const std::string& of, const Json& value) {
  if (!value.is_array()) refuse(path, of + " is no list: write [\"order.*\"]");
  Patterns patterns;
  for (const auto& pattern : value) {
    if (!pattern.is_string()) refuse(path, of + " has something that is no text: write [\"order.*\"]");
    const auto& text = pattern.get_ref<const std::string&>();
    if (const auto problem = routing::topic_problem("pattern", text)) refuse(path, of + ": " + *problem);
    patterns.push_back(routing::canonical_pattern(text));
  }
  return patterns;
}

Grants read_grants(const std::string& path, const std::string& principal, const Json& members) {
  Grants grants;
  grants.principal = principal;
  if (!members.is_object()) refuse(path, principal + " is no object: write {\"key\": \"...\", \"publish\": [...]}");
  const std::map<std::string_view, Patterns*> lists{{"publish", &grants.publish},
                                                    {"subscribe", &grants.subscribe},
                                                    {"consume", &grants.consume},
                                                    {"declare", &grants.declare}};
  for (const auto& [name, value] : members.items()) {
    const auto of = principal + "." + name;
    if (const auto list = lists.find(name); list != lists.end()) {
      *list->second = read_patterns(path, of, value);
    } else if (name == "admin" && value.is_boolean()) {
      grants.admin = value.get<bool>();
    } else if (name == "key" && value.is_string()) {
      grants.public_key = value.get<std::string>();
      transport::check_key(grants.public_key, path + ": " + of);
    } else {
      refuse(
          path,
          of + " is not known here: use key, publish, subscribe, consume, declare (lists) and admin (true or false)");
    }
  }
  if (grants.public_key.empty())
    refuse(path, principal + " has no key: give the public one that `laban keygen` printed");
  return grants;
}

}  // namespace

bool Grants::may_publish(std::string_view routingkey) const {
  return admin || any_matches(publish, routingkey);
}

bool Grants::may_subscribe(std::string_view pattern) const {
  return admin || any_covers(subscribe, pattern);
}

bool Grants::may_consume(std::string_view queue) const {
  return admin || any_matches(consume, queue);
}

bool Grants::may_declare(std::string_view name) const {
  return admin || any_matches(declare, name);
}

std::string Grants::denial(std::string_view verb, std::string_view what) const {
  return principal + " may not " + std::string{verb} + " '" + std::string{what} +
         "': grant it in the hub's access file, or use another key";
}

std::string Grants::objection(const codec::Request& request, const routing::Topology& topology) const {
  if (admin) return {};
  const auto declares = [this](std::string_view name) { return may_declare(name) ? "" : denial("declare", name); };
  // Who binds a queue reads what comes through the binding. Only a topic or a direct exchange limits that to a pattern.
  const auto binds = [&](const BindingSpec& binding) {
    const auto objected = declares(binding.queue.empty() ? binding.to_exchange : binding.queue);
    if (!objected.empty()) return objected;
    const auto* exchange = topology.exchange(binding.exchange);
    const bool limited = exchange != nullptr && (exchange->type == "topic" || exchange->type == "direct");
    const std::string_view pattern = limited ? std::string_view{binding.pattern} : "#";
    return may_subscribe(pattern) ? std::string{} : denial("subscribe", pattern);
  };
  const auto& what = request.what;
  if (const auto* exchange = std::get_if<ExchangeSpec>(&what)) return exchange->passive ? "" : declares(exchange->name);
  if (const auto* queue = std::get_if<QueueSpec>(&what)) return queue->passive ? "" : declares(queue->name);
  if (const auto* gone = std::get_if<codec::DeleteExchange>(&what)) return declares(gone->name);
  if (const auto* gone = std::get_if<codec::DeleteQueue>(&what)) return declares(gone->name);
  if (const auto* bind = std::get_if<codec::Bind>(&what)) return binds(bind->binding);
  if (const auto* unbind = std::get_if<codec::Unbind>(&what)) return binds(unbind->binding);
  // An observer's cursor holds nothing.
  if (const auto* cursor = std::get_if<codec::SaveCursor>(&what)) return cursor->observer ? "" : declares(cursor->name);
  if (const auto* gone = std::get_if<codec::DeleteCursor>(&what)) return declares(gone->name);
  if (const auto* redriven = std::get_if<codec::Redrive>(&what)) {
    return may_consume(redriven->queue) ? "" : denial("redrive", redriven->queue);
  }
  if (std::holds_alternative<codec::Backup>(what)) return denial("copy", "the log");
  if (const auto* erase = std::get_if<codec::Erase>(&what)) return denial("erase", erase->instance);
  return {};
}

Access Access::read(const std::string& path) {
  std::ifstream file{path};
  if (!file) refuse(path, "cannot be read: give a file of principals with --access");
  Json document;
  try {
    document = Json::parse(file, nullptr, true, true);
  } catch (const Json::parse_error& error) {
    refuse(path, "is no JSON (byte " + std::to_string(error.byte) + "): write {\"payment\": {\"key\": \"...\"}}");
  }
  if (!document.is_object() || document.empty()) {
    refuse(path, "names no principal: write {\"payment\": {\"key\": \"...\", \"publish\": [\"payment.*\"]}}");
  }
  Access access;
  for (const auto& [principal, members] : document.items()) {
    auto grants = read_grants(path, principal, members);
    const auto [known, fresh] = access.by_key_.emplace(grants.public_key, principal);
    if (!fresh) refuse(path, "the key of " + principal + " is that of " + known->second + " too: give each its own");
    access.principals_.emplace(principal, std::move(grants));
  }
  return access;
}

const Grants* Access::with_key(std::string_view public_key) const {
  const auto found = by_key_.find(public_key);
  return found == by_key_.end() ? nullptr : of(found->second);
}

const Grants* Access::of(std::string_view principal) const {
  const auto found = principals_.find(principal);
  return found == principals_.end() ? nullptr : &found->second;
}

}  // namespace laban::hub

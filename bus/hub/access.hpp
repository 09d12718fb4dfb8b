// bus/hub/access.hpp - who may do what: principals, their public keys and their grants, as docs/operating.md describes the file.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bus/codec/protocol.hpp"

namespace laban::routing {
class Topology;
}

namespace laban::hub {

// Patterns are topic patterns: of routing keys for publish and subscribe, of names of queues, exchanges and cursors for
// consume and declare. What no pattern covers is denied.
struct Grants {
  std::string principal;
  std::string public_key;  // Z85
  std::vector<std::string> publish;
  std::vector<std::string> subscribe;
  std::vector<std::string> consume;
  std::vector<std::string> declare;
  bool admin = false;  // everything, also backup and redrive

  bool may_publish(std::string_view routingkey) const;
  bool may_subscribe(std::string_view pattern) const;
  bool may_consume(std::string_view queue) const;
  bool may_declare(std::string_view name) const;

  // What stands against a request, as a refusal says it; empty where nothing does.
  std::string objection(const codec::Request& request, const routing::Topology& topology) const;

  // "payment may not publish 'x.y': grant it ..."
  std::string denial(std::string_view verb, std::string_view what) const;
};

// Threads: read-only once read.
class Access {
 public:
  // Throws Error(usage) where the file cannot be read, is no such file, or gives a key to two principals.
  static Access read(const std::string& path);

  const Grants* with_key(std::string_view public_key) const;
  // The address stays valid while this lives.
  const Grants* of(std::string_view principal) const;

 private:
  std::map<std::string, Grants, std::less<>> principals_;
  std::map<std::string, std::string, std::less<>> by_key_;
};

}  // namespace laban::hub

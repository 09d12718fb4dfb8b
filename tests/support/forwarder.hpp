// tests/support/forwarder.hpp - TCP connections by way of a middleman, who cuts them and holds them up.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace laban::test {

// Listens on 127.0.0.2 and leads to the same ports of 127.0.0.1. A hub names its feeds by port alone, so that whoever
// reaches it by way of 127.0.0.2 reads its feeds that way too.
//
// Threads: starts one of its own; the calls are safe from any.
// Errors:  the constructor throws std::runtime_error where it cannot listen.
class Forwarder {
 public:
  explicit Forwarder(const std::vector<std::uint16_t>& ports);
  ~Forwarder();
  Forwarder(const Forwarder&) = delete;
  Forwarder& operator=(const Forwarder&) = delete;

  static std::string host() { return "127.0.0.2"; }

  // Resets about so many of a hundred connections; which, the seed decides.
  void cut(unsigned percent, std::uint64_t seed);

  // While paused, connections through this port stay and are accepted, and nothing passes.
  void pause(std::uint16_t port, bool paused);

  std::size_t connections() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace laban::test

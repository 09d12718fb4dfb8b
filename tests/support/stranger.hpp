// tests/support/stranger.hpp - TCP connections that say what they like, or nothing: for those who listen to strangers.
#pragma once

#include <chrono>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace laban::test {

// Threads: belongs to one thread.
class Stranger {
 public:
  // To 127.0.0.1. Throws std::runtime_error where nobody listens or no descriptor is left.
  explicit Stranger(std::uint16_t port);
  ~Stranger();
  Stranger(Stranger&& other) noexcept;
  Stranger(const Stranger&) = delete;
  Stranger& operator=(const Stranger&) = delete;

  // As much of it as the other side takes within a second; false where it takes no more.
  bool say(std::string_view bytes);
  // What comes until there are so many bytes, the other side hangs up, or the time has passed.
  std::string hear(std::size_t bytes, std::chrono::milliseconds limit);
  // True once the other side has hung up; what it says meanwhile is dropped.
  bool is_hung_up_on(std::chrono::milliseconds limit);

 private:
  int socket_ = -1;
};

// The port of tcp://HOST:PORT.
std::uint16_t port_of(std::string_view endpoint);

// As many open files as this process may have; how many that is.
std::size_t raise_open_files();

// --- ZMTP by hand

std::string zmtp_greeting(std::string_view mechanism = "NULL", char major = 3);
std::string zmtp_ready(std::string_view socket_type);
std::string zmtp_frame(std::string_view body, bool more = false);
// Greets and says what kind of socket it is, and waits for the other side to do so; false where it did not.
bool shake_hands(Stranger& stranger, std::string_view socket_type);

struct Opening {
  std::string name;
  std::string bytes;
};
// How those begin who mean another protocol, or mean harm.
std::vector<Opening> foreign_openings(std::mt19937_64& random);

}  // namespace laban::test

// tests/support/stranger.cpp - plain sockets, and the little of ZMTP that it takes to be listened to.
#include "tests/support/stranger.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace laban::test {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

namespace {

bool wait_for(int socket, short what, Clock::time_point until) {
  pollfd item{socket, what, 0};
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
  return ::poll(&item, 1, static_cast<int>(std::max<std::int64_t>(left, 0))) > 0;
}

std::string number(std::uint64_t value, int bytes) {
  std::string text;
  for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8) text += static_cast<char>(value >> shift);
  return text;
}

}  // namespace

Stranger::Stranger(std::uint16_t port) {
  socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);
  int trouble = socket_ < 0 ? errno : 0;
  if (trouble == 0 && ::connect(socket_, generic, sizeof address) != 0 && errno != EINPROGRESS) trouble = errno;
  if (trouble == 0 && !wait_for(socket_, POLLOUT, Clock::now() + 20s)) trouble = ETIMEDOUT;
  socklen_t size = sizeof trouble;
  if (trouble == 0) ::getsockopt(socket_, SOL_SOCKET, SO_ERROR, &trouble, &size);
  if (trouble == 0) return;
  if (socket_ >= 0) ::close(socket_);
  throw std::runtime_error("no connection to port " + std::to_string(port) + ": " + std::strerror(trouble));
}

Stranger::~Stranger() {
  if (socket_ >= 0) ::close(socket_);
}

Stranger::Stranger(Stranger&& other) noexcept : socket_{std::exchange(other.socket_, -1)} {}

bool Stranger::say(std::string_view bytes) {
  const auto until = Clock::now() + 1s;
  while (!bytes.empty()) {
    const auto sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno != EAGAIN || !wait_for(socket_, POLLOUT, until)) {
      return false;
    }
  }
  return true;
}

std::string Stranger::hear(std::size_t bytes, std::chrono::milliseconds limit) {
  const auto until = Clock::now() + limit;
  std::string heard;
  char buffer[4096];
  while (heard.size() < bytes && wait_for(socket_, POLLIN, until)) {
    const auto got = ::recv(socket_, buffer, std::min(sizeof buffer, bytes - heard.size()), 0);
    if (got <= 0) break;
    heard.append(buffer, static_cast<std::size_t>(got));
  }
  return heard;
}

bool Stranger::is_hung_up_on(std::chrono::milliseconds limit) {
  const auto until = Clock::now() + limit;
  char buffer[4096];
  while (wait_for(socket_, POLLIN, until)) {
    const auto got = ::recv(socket_, buffer, sizeof buffer, 0);
    if (got == 0 || (got < 0 && errno != EAGAIN)) return true;
  }
  return false;
}

std::uint16_t port_of(std::string_view endpoint) {
  std::uint16_t port = 0;
  const auto digits = endpoint.substr(endpoint.rfind(':') + 1);
  std::from_chars(digits.data(), digits.data() + digits.size(), port);
  return port;
}

std::size_t raise_open_files() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  limit.rlim_cur = limit.rlim_max;
  (void)::setrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur;
}

std::string zmtp_greeting(std::string_view mechanism, char major) {
  std::string greeting = "\xff" + std::string(8, '\0') + "\x7f";
  greeting += major;
  greeting += '\0';
  greeting += mechanism;
  greeting.resize(64, '\0');
  return greeting;
}

std::string zmtp_ready(std::string_view socket_type) {
  std::string body = "\x05READY";
  body += "\x0bSocket-Type" + number(socket_type.size(), 4) + std::string{socket_type};
  body += "\x08Identity" + number(0, 4);
  return "\x04" + number(body.size(), 1) + body;
}

std::string zmtp_frame(std::string_view body, bool more) {
  const char flags = more ? 1 : 0;
  if (body.size() < 256) return std::string(1, flags) + number(body.size(), 1) + std::string{body};
  return std::string(1, static_cast<char>(flags | 2)) + number(body.size(), 8) + std::string{body};
}

bool shake_hands(Stranger& stranger, std::string_view socket_type) {
  if (!stranger.say(zmtp_greeting()) || stranger.hear(64, 5s).size() < 64) return false;
  if (!stranger.say(zmtp_ready(socket_type))) return false;
  const auto head = stranger.hear(2, 5s);
  return head.size() == 2 && head[0] == 4 && !stranger.hear(static_cast<unsigned char>(head[1]), 5s).empty();
}

std::vector<Opening> foreign_openings(std::mt19937_64& random) {
  std::string noise(1 + random() % 3'000, '\0');
  for (auto& byte : noise) byte = static_cast<char>(random());
  const std::string greeted = zmtp_greeting() + zmtp_ready("DEALER");
  return {
      {"HTTP", "GET / HTTP/1.1\r\nHost: laban\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n\r\n"},
      {"TLS", std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11) + noise},
      {"AMQP", std::string("AMQP\x00\x00\x09\x01", 8)},
      {"SSH", "SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"},
      {"Redis", "*1\r\n$4\r\nPING\r\n"},
      {"noise", noise},
      {"half a greeting", zmtp_greeting().substr(0, 1 + random() % 63)},
      {"a mechanism that nobody speaks", zmtp_greeting("GSSAPI") + zmtp_ready("DEALER")},
      {"a mechanism without end", zmtp_greeting(std::string(20, 'A')) + zmtp_ready("DEALER")},
      {"CURVE, and then nothing of it", zmtp_greeting("CURVE") + zmtp_ready("DEALER")},
      {"a version of long ago", zmtp_greeting("NULL", 0) + noise},
      {"a greeting and noise", zmtp_greeting() + noise},
      {"a socket of the wrong kind", zmtp_greeting() + zmtp_ready("PUSH") + zmtp_frame("x")},
      {"a property beyond its command", zmtp_greeting() + "\x04\x10\x05READY\x0bSocket" + number(1u << 30, 4)},
      {"a frame of half the world", greeted + "\x02" + number(1ull << 62, 8) + noise},
      {"a frame that is longer than any number", greeted + "\x02" + number(~0ull, 8) + noise},
      {"flags that nobody has defined", greeted + "\x7e" + number(5, 1) + "hello"},
      {"a command that nobody has defined", greeted + "\x04\x06\x05HELLO"},
  };
}

}  // namespace laban::test

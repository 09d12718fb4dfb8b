// cli/demo/ports.cpp - asks the kernel by binding; the port is given back at once, so two demos that start together agree by name.
#include "cli/demo/ports.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>
#include <set>
#include <string>

#include "laban/error.hpp"

namespace laban::demo {

// The port that was bound, 0 where it could not be.
static std::uint16_t bind_once(std::uint16_t port) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (socket < 0) return 0;
  const int yes = 1;
  ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  const bool bound =
      ::bind(socket, generic, size) == 0 && ::listen(socket, 1) == 0 && ::getsockname(socket, generic, &size) == 0;
  ::close(socket);
  return bound ? ntohs(address.sin_port) : 0;
}

// Until the hub listens, its port looks free to a demo that starts in the same moment, whose services would then talk to
// this demo's hub. A name in the kernel's abstract socket space is one demo's until its process ends, however it ends.
static bool claim(std::uint16_t port) {
  static std::set<std::uint16_t> mine;
  if (mine.contains(port)) return true;
  const std::string name = "laban-demo-port-" + std::to_string(port);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path + 1, name.data(), name.size());
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  const int socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (socket >= 0 && ::bind(socket, reinterpret_cast<sockaddr*>(&address), size) == 0) {  // never closed
    mine.insert(port);
    return true;
  }
  ::close(socket);
  return false;
}

bool is_free(std::uint16_t port) {
  return bind_once(port) != 0;
}

std::uint16_t free_port(std::uint16_t wanted) {
  if (wanted != 0 && is_free(wanted) && claim(wanted)) return wanted;
  for (int tries = 0; tries < 100; ++tries) {
    const auto port = bind_once(0);
    if (port != 0 && claim(port)) return port;
  }
  throw Error(Errc::in_use, "no free port on 127.0.0.1: end a program that listens");
}

}  // namespace laban::demo

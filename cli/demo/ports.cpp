// cli/demo/ports.cpp - asks the kernel by binding; the port is given back at once, so somebody else may still be faster.
#include "cli/demo/ports.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

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

bool is_free(std::uint16_t port) {
  return bind_once(port) != 0;
}

std::uint16_t free_port(std::uint16_t wanted) {
  if (wanted != 0 && is_free(wanted)) return wanted;
  if (const auto port = bind_once(0)) return port;
  throw Error(Errc::in_use, "no free port on 127.0.0.1: end a program that listens");
}

}  // namespace laban::demo

// tests/support/forwarder.cpp - one thread, one poll() over all connections.
#include "tests/support/forwarder.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <list>
#include <mutex>
#include <random>
#include <stdexcept>
#include <thread>

namespace laban::test {

namespace {

constexpr std::size_t buffer_bytes = 64u << 10;
constexpr int poll_millis = 200;

sockaddr_in address_of(const char* host, std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  ::inet_pton(AF_INET, host, &address.sin_addr);
  return address;
}

void set_up(int socket) {
  const int yes = 1;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
}

// What came in on one side and has not gone out on the other.
struct Way {
  std::array<char, buffer_bytes> bytes;
  std::size_t from = 0, to = 0;
  bool empty() const { return from == to; }
};

struct Connection {
  std::uint16_t port = 0;
  std::array<int, 2> sockets{-1, -1};  // client, hub
  std::array<Way, 2> ways;             // from client, from hub
  bool broken = false;

  Connection() = default;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() {
    const linger at_once{1, 0};
    for (const int socket : sockets) {
      if (socket < 0) continue;
      ::setsockopt(socket, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);  // a reset, no farewell
      ::close(socket);
    }
  }

  void take_in(std::size_t side) {
    auto& way = ways[side];
    const auto count = ::recv(sockets[side], way.bytes.data(), way.bytes.size(), MSG_DONTWAIT);
    if (count > 0) {
      way.from = 0;
      way.to = static_cast<std::size_t>(count);
    } else if (count == 0 || (errno != EAGAIN && errno != EINTR)) {
      broken = true;
    }
  }

  void hand_on(std::size_t side) {
    auto& way = ways[1 - side];
    const auto count =
        ::send(sockets[side], way.bytes.data() + way.from, way.to - way.from, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count >= 0) {
      way.from += static_cast<std::size_t>(count);
    } else if (errno != EAGAIN && errno != EINTR) {
      broken = true;
    }
  }
};

struct Door {
  std::uint16_t port = 0;
  int listener = -1;
  bool paused = false;
};

}  // namespace

struct Forwarder::Impl {
  std::mutex mutex;
  std::vector<Door> doors;
  std::list<Connection> connections;
  std::atomic<std::size_t> accepted{0};
  std::atomic<bool> stopping{false};
  int waker = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  std::thread thread;

  ~Impl() {
    stopping = true;
    wake();
    if (thread.joinable()) thread.join();
    for (const auto& door : doors) ::close(door.listener);
    ::close(waker);
  }

  void wake() const {
    const std::uint64_t one = 1;
    (void)!::write(waker, &one, sizeof one);
  }

  void open(std::uint16_t port) {
    Door door{port, ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), false};
    doors.push_back(door);
    const int yes = 1;
    ::setsockopt(door.listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    const auto address = address_of(host().c_str(), port);
    if (::bind(door.listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(door.listener, 128) != 0)
      throw std::runtime_error("cannot listen on " + host() + ":" + std::to_string(port) + ": " + std::strerror(errno));
  }

  bool is_paused(std::uint16_t port) const {
    for (const auto& door : doors)
      if (door.port == port) return door.paused;
    return false;
  }

  void accept(const Door& door) {
    const int client = ::accept4(door.listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (client < 0) return;
    ++accepted;
    auto& connection = connections.emplace_back();
    connection.port = door.port;
    connection.sockets[0] = client;
    connection.sockets[1] = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    for (const int socket : connection.sockets) set_up(socket);
    // On loopback this returns at once, whether a hub is there or not.
    const auto address = address_of("127.0.0.1", door.port);
    if (::connect(connection.sockets[1], reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
      connections.pop_back();
  }

  std::vector<pollfd> wishes() {
    std::vector<pollfd> list{{waker, POLLIN, 0}};
    for (const auto& door : doors) list.push_back({door.listener, POLLIN, 0});
    for (const auto& connection : connections) {
      const bool paused = is_paused(connection.port);
      for (std::size_t side = 0; side < 2; ++side) {
        short events = 0;
        if (!paused && connection.ways[side].empty()) events |= POLLIN;
        if (!paused && !connection.ways[1 - side].empty()) events |= POLLOUT;
        // A negative one is passed over: a hang-up would else be told again and again.
        list.push_back({events == 0 ? -1 : connection.sockets[side], events, 0});
      }
    }
    return list;
  }

  void serve(const std::vector<pollfd>& list) {
    std::uint64_t count = 0;
    if (list[0].revents != 0) (void)!::read(waker, &count, sizeof count);
    std::size_t next = 1 + doors.size();
    for (auto& connection : connections) {
      if (next + 1 >= list.size()) break;
      for (std::size_t side = 0; side < 2; ++side, ++next) {
        if (list[next].revents & (POLLIN | POLLHUP | POLLERR)) connection.take_in(side);
        if (list[next].revents & POLLOUT) connection.hand_on(side);
      }
    }
    connections.remove_if([](const Connection& one) { return one.broken; });
    for (std::size_t i = 0; i < doors.size(); ++i)
      if (list[1 + i].revents != 0) accept(doors[i]);
  }

  void work() {
    while (!stopping) {
      std::vector<pollfd> list;
      {
        const std::lock_guard lock{mutex};
        list = wishes();
      }
      ::poll(list.data(), list.size(), poll_millis);
      const std::lock_guard lock{mutex};
      serve(list);
    }
  }
};

Forwarder::Forwarder(const std::vector<std::uint16_t>& ports) : impl_(std::make_unique<Impl>()) {
  for (const auto port : ports) impl_->open(port);
  impl_->thread = std::thread{[this] { impl_->work(); }};
}

Forwarder::~Forwarder() = default;

void Forwarder::cut(unsigned percent, std::uint64_t seed) {
  std::mt19937_64 random{seed};
  const std::lock_guard lock{impl_->mutex};
  for (auto& connection : impl_->connections)
    if (random() % 100 < percent) connection.broken = true;
  impl_->wake();
}

void Forwarder::pause(std::uint16_t port, bool paused) {
  const std::lock_guard lock{impl_->mutex};
  for (auto& door : impl_->doors)
    if (door.port == port) door.paused = paused;
  impl_->wake();
}

std::size_t Forwarder::connections() const {
  return impl_->accepted;
}

}  // namespace laban::test

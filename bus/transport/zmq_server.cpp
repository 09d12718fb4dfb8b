// bus/transport/zmq_server.cpp - ROUTER for clients, XPUB for feeds, XSUB for what nobody confirms, over libzmq.
#include "bus/transport/zmq_server.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

#include <zmq.hpp>

#include "bus/transport/authenticator.hpp"
#include "bus/transport/zmq_frame.hpp"
#include "bus/transport/zmq_watch.hpp"
#include "laban/error.hpp"

namespace laban::transport {
namespace {

// Above this a frame is handed over instead of copied; below, a copy is cheaper than the hand-over's
// allocation.
constexpr std::size_t copy_bytes_max = 2'048;

zmq::message_t message_of(codec::Frame frame) {
  if (frame.size() <= copy_bytes_max) return {frame.bytes().data(), frame.size()};
  auto* kept = new codec::Frame{std::move(frame)};
  auto* data = const_cast<std::byte*>(kept->bytes().data());
  return {data, kept->size(), [](void*, void* hint) { delete static_cast<codec::Frame*>(hint); }, kept};
}

std::string last_endpoint(zmq::socket_t& socket) {
  return socket.get(zmq::sockopt::last_endpoint);
}

Error bind_error(const std::string& endpoint, int code) {
  if (code == EADDRINUSE) {
    return {Errc::in_use, endpoint + " is in use by another program: stop that one, or listen on another address"};
  }
  if (code == EACCES || code == EPERM) {
    return {Errc::usage, endpoint + " may not be listened on by this user: choose a port above 1023, or another path"};
  }
  return {Errc::usage, endpoint + " cannot be listened on (" + zmq_strerror(code) +
                           "): give tcp://HOST:PORT with an address of this machine, or ipc://PATH"};
}

// "tcp://HOST:PORT" -> host and port; false for anything else.
bool split_tcp(std::string_view endpoint, std::string_view& host, std::string_view& port) {
  constexpr std::string_view scheme = "tcp://";
  if (!endpoint.starts_with(scheme)) return false;
  endpoint.remove_prefix(scheme.size());
  const auto colon = endpoint.rfind(':');
  if (colon == std::string_view::npos) return false;
  host = endpoint.substr(0, colon);
  port = endpoint.substr(colon + 1);
  return true;
}

class ZmqServer final : public Server {
 public:
  explicit ZmqServer(const ServerOptions& options)
      : context_{1},
        router_{context_, zmq::socket_type::router},
        feeds_{context_, zmq::socket_type::xpub},
        ingest_{context_, zmq::socket_type::xsub},
        has_ingest_(options.has_ingest) {
    wake_fd_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (wake_fd_ < 0) throw Error{Errc::storage, "no event descriptor is left: raise the limit on open files"};
    try {
      if (options.keys) authenticate(options);
      configure(options);
      watches_[0].emplace(context_, router_, "clients");
      watches_[1].emplace(context_, feeds_, "feeds");
      watches_[2].emplace(context_, ingest_, "ingest");
      bind(router_, options.listen);
      bind_beside(feeds_, options.feeds, options.listen, ".feeds");
      if (has_ingest_) bind_ingest(options);
    } catch (...) {
      close(wake_fd_);
      throw;
    }
  }

  ~ZmqServer() override { close(wake_fd_); }
  ZmqServer(const ZmqServer&) = delete;
  ZmqServer& operator=(const ZmqServer&) = delete;

  std::string endpoint() const override { return last_endpoint(router_); }

  std::string feeds_endpoint() const override { return from_any_host(last_endpoint(feeds_)); }
  std::string ingest_endpoint() const override { return has_ingest_ ? from_any_host(last_endpoint(ingest_)) : ""; }

  void wait(std::chrono::milliseconds limit) override {
    std::array<zmq::pollitem_t, 5> items{};
    std::size_t used = 0;
    items[used++] = {nullptr, wake_fd_, ZMQ_POLLIN, 0};
    items[used++] = {router_.handle(), 0, ZMQ_POLLIN, 0};
    items[used++] = {feeds_.handle(), 0, ZMQ_POLLIN, 0};
    if (has_ingest_) items[used++] = {ingest_.handle(), 0, ZMQ_POLLIN, 0};
    if (authenticator_) items[used++] = {authenticator_->handle(), 0, ZMQ_POLLIN, 0};
    try {
      zmq::poll(items.data(), used, limit);
    } catch (const zmq::error_t& error) {
      if (error.num() != EINTR) throw;
    }
    std::uint64_t count = 0;
    if (items[0].revents != 0) (void)!read(wake_fd_, &count, sizeof count);
    if (authenticator_) authenticator_->serve();
  }

  void wake() override {
    const std::uint64_t one = 1;
    (void)!write(wake_fd_, &one, sizeof one);
  }

  bool receive(Peer& peer, codec::Frame& frame) override {
    if (!receive_part(router_, message_)) return false;
    peer.assign(static_cast<const char*>(message_.data()), message_.size());
    int frames = 0;
    for (bool more = message_.more(); more && receive_part(router_, message_);) {
      more = message_.more();
      if (++frames != 1) continue;
      note_principal();
      take(message_, frame);
    }
    if (frames != 1) frame.assign({});
    return true;
  }

  std::string_view principal() const override { return principal_; }

  Sent send(const Peer& peer, codec::Frame& frame) override {
    zmq::message_t id{peer.data(), peer.size()};
    try {
      if (!router_.send(id, zmq::send_flags::sndmore | zmq::send_flags::dontwait)) return Sent::full;
      (void)router_.send(message_of(std::move(frame)), zmq::send_flags::dontwait);
      return Sent::sent;
    } catch (const zmq::error_t& error) {
      if (error.num() == EHOSTUNREACH) return Sent::gone;
      if (error.num() == EINTR) return Sent::full;
      throw;
    }
  }

  bool receive_ingest(codec::Frame& frame) override {
    if (!has_ingest_ || !receive_part(ingest_, message_)) return false;
    const bool whole = !message_.more();
    note_principal();
    if (whole) {
      take(message_, frame);
      return true;
    }
    while (message_.more() && receive_part(ingest_, message_)) continue;
    frame.assign({});
    return true;
  }

  bool receive(FeedRequest& request) override {
    if (!receive_part(feeds_, message_)) {
      is_unsure_ = false;
      return false;
    }
    // Readers only ever say "1 topic" and "0 topic". What else comes upstream is foreign, each part of it for itself, and
    // libzmq then takes the wishes that wait behind it for their neighbours': until none waits, nobody is admitted. Who is
    // not spoken to asks again.
    const auto bytes = bytes_of(message_);
    const bool is_wish = !bytes.empty() && bytes[0] <= std::byte{1};
    is_unsure_ = is_unsure_ || !is_wish;
    request.wanted = is_unsure_ || bytes[0] == std::byte{1};
    request.topic.assign(is_unsure_ ? codec::Blob{} : bytes.subspan(1));
    return true;
  }

  void admit(const FeedRequest& request) override {
    const auto topic = request.topic.bytes();
    const int option = request.wanted ? ZMQ_SUBSCRIBE : ZMQ_UNSUBSCRIBE;
    // Fails only where the reader has gone in the meantime.
    (void)zmq_setsockopt(feeds_.handle(), option, topic.data(), topic.size());
  }

  ConnectionCounts connections() override {
    for (auto& watch : watches_) watch->count(connections_);
    return connections_;
  }

  void publish(const FeedId& feed, codec::Frame batch) override {
    zmq::message_t id{feed.data(), feed.size()};
    try {
      if (!feeds_.send(id, zmq::send_flags::sndmore | zmq::send_flags::dontwait)) return;
      (void)feeds_.send(message_of(std::move(batch)), zmq::send_flags::dontwait);
    } catch (const zmq::error_t& error) {
      if (error.num() != EINTR) throw;
    }
  }

 private:
  void configure(const ServerOptions& options) {
    router_.set(zmq::sockopt::router_mandatory, true);
    router_.set(zmq::sockopt::rcvhwm, options.frames_in_max);
    router_.set(zmq::sockopt::sndhwm, options.frames_out_max);
    router_.set(zmq::sockopt::maxmsgsize, static_cast<std::int64_t>(codec::frame_bytes_max));
    // A thousand clients that come back together after a restart must not find the door shut.
    router_.set(zmq::sockopt::backlog, 1'024);
    router_.set(zmq::sockopt::linger, static_cast<int>(options.linger.count()));
    feeds_.set(zmq::sockopt::backlog, 1'024);
    feeds_.set(zmq::sockopt::sndhwm, options.feed_batches_max);
    feeds_.set(zmq::sockopt::maxmsgsize, std::int64_t{256});
    feeds_.set(zmq::sockopt::linger, static_cast<int>(options.linger.count()));
    ingest_.set(zmq::sockopt::backlog, 1'024);
    ingest_.set(zmq::sockopt::rcvhwm, options.ingest_frames_max);
    ingest_.set(zmq::sockopt::maxmsgsize, std::int64_t{4 << 20});
    ingest_.set(zmq::sockopt::linger, 0);
    for (auto* socket : {&router_, &feeds_, &ingest_}) {
      socket->set(zmq::sockopt::handshake_ivl, static_cast<int>(options.handshake.count()));
    }
    // The hub admits each reader to each feed. Its setter is not wrapped in every cppzmq.
    const int on = 1;
    if (zmq_setsockopt(feeds_.handle(), ZMQ_XPUB_MANUAL, &on, sizeof on) != 0) throw zmq::error_t{};
  }

  void authenticate(const ServerOptions& options) {
    authenticator_.emplace(context_, options.principal_of);
    for (auto* socket : {&router_, &feeds_, &ingest_}) {
      socket->set(zmq::sockopt::curve_server, true);
      socket->set(zmq::sockopt::curve_secretkey, options.keys->secret_key);
      socket->set(zmq::sockopt::zap_domain, "laban");
    }
  }

  void note_principal() {
    if (authenticator_) principal_ = Authenticator::principal(message_);
  }

  static void bind(zmq::socket_t& socket, const std::string& endpoint) {
    if (zmq_bind(socket.handle(), endpoint.c_str()) != 0) throw bind_error(endpoint, zmq_errno());
  }

  // A host of * stands for the host that a client used to reach the hub.
  static std::string from_any_host(const std::string& bound) {
    std::string_view host;
    std::string_view port;
    if (!split_tcp(bound, host, port)) return bound;
    return "tcp://*:" + std::string{port};
  }

  // The next port, so that one rule in a firewall is enough; any free one where it is taken.
  static void bind_beside(zmq::socket_t& socket, const std::string& wanted, const std::string& neighbour,
                          const char* suffix) {
    if (!wanted.empty()) return bind(socket, wanted);
    std::string_view host;
    std::string_view port;
    if (!split_tcp(neighbour, host, port)) return bind(socket, neighbour + suffix);
    const std::string prefix = "tcp://" + std::string{host} + ":";
    const int number = std::atoi(std::string{port}.c_str());
    if (number > 0 && number < 65'535) {
      if (zmq_bind(socket.handle(), (prefix + std::to_string(number + 1)).c_str()) == 0) return;
    }
    bind(socket, prefix + "*");
  }

  void bind_ingest(const ServerOptions& options) {
    std::string_view host;
    std::string_view port;
    // Two ports on where both follow the hub's own, so that these keep their places whatever is started first.
    std::string neighbour = options.listen;
    if (split_tcp(options.listen, host, port) && port != "0" && port != "*") {
      neighbour = "tcp://" + std::string{host} + ":" + std::to_string(std::atoi(std::string{port}.c_str()) + 1);
    }
    bind_beside(ingest_, options.ingest, neighbour, ".ingest");
    // Everything that comes: who publishes at most once filters nothing.
    const char all = 1;
    (void)ingest_.send(zmq::buffer(&all, 1), zmq::send_flags::dontwait);
  }

  bool receive_part(zmq::socket_t& socket, zmq::message_t& message) {
    try {
      return socket.recv(message, zmq::recv_flags::dontwait).has_value();
    } catch (const zmq::error_t& error) {
      if (error.num() == EINTR) return false;
      throw;
    }
  }

  zmq::context_t context_;
  std::optional<Authenticator> authenticator_;
  std::string principal_;
  mutable zmq::socket_t router_;
  mutable zmq::socket_t feeds_;
  mutable zmq::socket_t ingest_;
  const bool has_ingest_;
  std::array<std::optional<ConnectionWatch>, 3> watches_;
  ConnectionCounts connections_;
  bool is_unsure_ = false;  // whose wish comes next
  zmq::message_t message_;
  int wake_fd_ = -1;
};

}  // namespace

std::unique_ptr<Server> make_zmq_server(const ServerOptions& options) {
  try {
    return std::make_unique<ZmqServer>(options);
  } catch (const zmq::error_t& error) {
    throw Error{Errc::usage,
                std::string{"a socket cannot be made ("} + error.what() + "): raise the limit on open files"};
  }
}

bool is_loopback(const std::string& endpoint) {
  std::string_view host;
  std::string_view port;
  if (!split_tcp(endpoint, host, port)) return endpoint.starts_with("ipc://") || endpoint.starts_with("inproc://");
  return host.starts_with("127.") || host == "localhost" || host == "[::1]" || host == "lo";
}

}  // namespace laban::transport

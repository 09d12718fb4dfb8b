// bus/transport/zmq_client.cpp - sockets of one client, all on one thread.
#include "bus/transport/zmq_client.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <zmq.hpp>

#include <array>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <utility>

#include "bus/transport/curve_keys.hpp"
#include "bus/transport/zmq_frame.hpp"
#include "laban/error.hpp"

namespace laban::transport {

namespace {

constexpr int queued_messages_max = 1'000;
constexpr int ingest_frames_max = 256;  // what comes beyond is dropped and counted

[[noreturn]] void bad_endpoint(const std::string& endpoint) {
  throw Error(Errc::usage, "\"" + endpoint + "\" is not an endpoint: write tcp://HOST:PORT or ipc://PATH");
}

// A frame that the socket shares instead of copying it; it is kept for sending it again anyway.
zmq::message_t shared_message(SharedFrame frame) {
  const codec::Blob bytes = frame->bytes();
  auto* owner = new SharedFrame{std::move(frame)};
  return {const_cast<std::byte*>(bytes.data()), bytes.size(),
          [](void*, void* hint) { delete static_cast<SharedFrame*>(hint); }, owner};
}

class ZmqClient final : public ClientLink {
 public:
  explicit ZmqClient(const HubAddress& address)
      : address_(address), wake_{eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)}, context_{1} {
    if (wake_ < 0) throw Error(Errc::storage, "no more files can be opened: raise the limit (ulimit -n)");
    if (!address_.key_file.empty() && address_.server_key.empty()) {
      throw Error(Errc::usage, "a key file without the hub's public key: give --server-key or LABAN_SERVER_KEY");
    }
    if (!address_.server_key.empty()) {
      check_key(address_.server_key, "the server key");
      keys_ = address_.key_file.empty() ? generate_curve_keys() : read_key_file(address_.key_file);
    }
    ZmqClient::restart();
  }

  ~ZmqClient() override {
    try {
      ZmqClient::close(std::chrono::milliseconds{0});
    } catch (const zmq::error_t&) {
      // Nobody is left to be told, and the sockets end with their context.
    }
    ::close(wake_);
  }

  void restart() override {
    drop_dealer(0);
    subscriber_.reset();
    ingest_.reset();
    ingest_ready_ = false;
    dealer_.emplace(context_, zmq::socket_type::dealer);
    prepare(*dealer_);
    // Nothing is queued for a hub that is not there: what was not confirmed is sent again by those who know.
    dealer_->set(zmq::sockopt::immediate, true);
    watch();
    connect(*dealer_, address_.endpoint);
    broke_ = false;
  }

  bool send(SharedFrame frame) override {
    if (!dealer_) return false;
    zmq::message_t message = shared_message(std::move(frame));
    return dealer_->send(message, zmq::send_flags::dontwait).has_value();
  }

  bool receive(codec::Frame& frame) override {
    if (!dealer_) return false;
    zmq::message_t message;
    if (!dealer_->recv(message, zmq::recv_flags::dontwait)) return false;
    const bool more = message.more();
    take(message, frame);
    skip_rest(*dealer_, more);
    return true;
  }

  void connect_feeds(const std::string& endpoint) override {
    subscriber_.reset();
    subscriber_.emplace(context_, zmq::socket_type::sub);
    prepare(*subscriber_);
    connect(*subscriber_, feeds_endpoint(endpoint, address_.endpoint));
  }

  // XPUB is PUB that also hears who listens: what is said before the hub does would be lost without a sound.
  void connect_ingest(const std::string& endpoint) override {
    ingest_ready_ = false;
    ingest_.emplace(context_, zmq::socket_type::xpub);
    prepare(*ingest_);
    ingest_->set(zmq::sockopt::sndhwm, ingest_frames_max);
    ingest_->set(zmq::sockopt::xpub_nodrop, true);  // full is said instead of dropped, so that it can be counted
    connect(*ingest_, feeds_endpoint(endpoint, address_.endpoint));
  }

  bool ingest_ready() override {
    zmq::message_t message;
    while (ingest_ && ingest_->recv(message, zmq::recv_flags::dontwait)) {
      const bool said = !message.more() && message.size() == 1;
      if (said) ingest_ready_ = *static_cast<const char*>(message.data()) == 1;
      skip_rest(*ingest_, message.more());
    }
    return ingest_ && ingest_ready_;
  }

  bool say_ingest(SharedFrame frame) override {
    if (!ingest_ || !ingest_ready_) return false;
    zmq::message_t message = shared_message(std::move(frame));
    return ingest_->send(message, zmq::send_flags::dontwait).has_value();
  }

  void add_feed(codec::Blob id) override {
    if (subscriber_) subscriber_->set(zmq::sockopt::subscribe, zmq::buffer(id.data(), id.size()));
  }

  void remove_feed(codec::Blob id) override {
    if (subscriber_) subscriber_->set(zmq::sockopt::unsubscribe, zmq::buffer(id.data(), id.size()));
  }

  bool receive_feed(codec::Frame& id, codec::Frame& batch) override {
    if (!subscriber_) return false;
    zmq::message_t first;
    if (!subscriber_->recv(first, zmq::recv_flags::dontwait)) return false;
    id.assign(bytes_of(first));
    zmq::message_t second;
    if (first.more() && subscriber_->recv(second, zmq::recv_flags::dontwait)) {
      const bool more = second.more();
      take(second, batch);
      skip_rest(*subscriber_, more);
    } else {
      batch.assign({});
    }
    return true;
  }

  bool broke() override {
    read_monitor();
    return std::exchange(broke_, false);
  }

  std::string trouble() const override { return trouble_; }

  void wait(std::chrono::milliseconds limit, bool wants_to_send) override {
    std::array<zmq::pollitem_t, 5> items{};
    std::size_t count = 0;
    items[count++] = {nullptr, wake_, ZMQ_POLLIN, 0};
    if (monitor_) items[count++] = {monitor_->handle(), 0, ZMQ_POLLIN, 0};
    if (dealer_) {
      const auto events = static_cast<short>(wants_to_send ? ZMQ_POLLIN | ZMQ_POLLOUT : ZMQ_POLLIN);
      items[count++] = {dealer_->handle(), 0, events, 0};
    }
    if (subscriber_) items[count++] = {subscriber_->handle(), 0, ZMQ_POLLIN, 0};
    if (ingest_) items[count++] = {ingest_->handle(), 0, ZMQ_POLLIN, 0};
    try {
      zmq::poll(items.data(), count, limit);
    } catch (const zmq::error_t& error) {
      if (error.num() != EINTR) throw;
    }
    std::uint64_t wakes = 0;
    (void)!::read(wake_, &wakes, sizeof wakes);
  }

  void wake() override {
    const std::uint64_t one = 1;
    (void)!::write(wake_, &one, sizeof one);
  }

  void close(std::chrono::milliseconds limit) override {
    drop_dealer(static_cast<int>(limit.count()));
    subscriber_.reset();
    if (ingest_) ingest_->set(zmq::sockopt::linger, static_cast<int>(limit.count()));
    ingest_.reset();
  }

 private:
  void prepare(zmq::socket_t& socket) {
    socket.set(zmq::sockopt::linger, 0);
    socket.set(zmq::sockopt::sndhwm, queued_messages_max);
    socket.set(zmq::sockopt::rcvhwm, queued_messages_max);
    socket.set(zmq::sockopt::maxmsgsize, static_cast<std::int64_t>(codec::frame_bytes_max));
    socket.set(zmq::sockopt::reconnect_ivl, 20);
    socket.set(zmq::sockopt::reconnect_ivl_max, 500);
    socket.set(zmq::sockopt::handshake_ivl, 5'000);
    if (!address_.server_key.empty()) {
      socket.set(zmq::sockopt::curve_serverkey, address_.server_key);
      socket.set(zmq::sockopt::curve_publickey, keys_.public_key);
      socket.set(zmq::sockopt::curve_secretkey, keys_.secret_key);
    }
  }

  static void connect(zmq::socket_t& socket, const std::string& endpoint) {
    try {
      socket.connect(endpoint);
    } catch (const zmq::error_t&) {
      bad_endpoint(endpoint);
    }
  }

  // Messages have a known number of parts; more of them is somebody else's protocol.
  static void skip_rest(zmq::socket_t& socket, bool more) {
    while (more) {
      zmq::message_t part;
      if (!socket.recv(part, zmq::recv_flags::dontwait)) return;
      more = part.more();
    }
  }

  void watch() {
    const std::string name = "inproc://laban-link-" + std::to_string(++restarts_);
    constexpr int events = ZMQ_EVENT_CONNECTED | ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH |
                           ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |
                           ZMQ_EVENT_HANDSHAKE_SUCCEEDED;
    if (zmq_socket_monitor(dealer_->handle(), name.c_str(), events) != 0) return;  // pings notice it too, later
    monitor_.emplace(context_, zmq::socket_type::pair);
    monitor_->set(zmq::sockopt::linger, 0);
    monitor_->connect(name);
  }

  void read_monitor() {
    zmq::message_t message;
    while (monitor_ && monitor_->recv(message, zmq::recv_flags::dontwait)) {
      std::uint16_t event = 0;
      if (message.size() >= sizeof event) std::memcpy(&event, message.data(), sizeof event);
      skip_rest(*monitor_, message.more());
      if (event == ZMQ_EVENT_DISCONNECTED) {
        broke_ = true;
      } else if (event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED) {
        trouble_.clear();
      } else if (event != ZMQ_EVENT_CONNECTED) {
        trouble_ = address_.server_key.empty()
                       ? "what listens there does not accept a client without keys, or is no hub: give --server-key "
                         "and --key, or check the endpoint"
                       : "the keys do not fit: check --server-key and --key, and that the hub knows this client's key";
      }
    }
  }

  void drop_dealer(int linger_millis) {
    if (!dealer_) return;
    zmq_socket_monitor(dealer_->handle(), nullptr, 0);
    monitor_.reset();
    dealer_->set(zmq::sockopt::linger, linger_millis);
    dealer_.reset();
  }

  const HubAddress address_;
  CurveKeys keys_;
  const int wake_;
  zmq::context_t context_;
  std::optional<zmq::socket_t> dealer_;
  std::optional<zmq::socket_t> monitor_;
  std::optional<zmq::socket_t> subscriber_;
  std::optional<zmq::socket_t> ingest_;
  bool ingest_ready_ = false;
  std::uint64_t restarts_ = 0;
  bool broke_ = false;
  std::string trouble_;
};

// The socket would find some of these mistakes, later, or never.
bool is_endpoint(const std::string& endpoint) {
  if (endpoint.rfind("ipc://", 0) == 0) return endpoint.size() > 6;
  const auto colon = endpoint.rfind(':');
  if (endpoint.rfind("tcp://", 0) != 0 || colon < 7) return false;
  const std::string port = endpoint.substr(colon + 1);
  if (port.empty() || port.size() > 5 || port.find_first_not_of("0123456789") != std::string::npos) return false;
  const int number = std::stoi(port);
  return number >= 1 && number <= 65'535;
}

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string{} : std::string{value};
}

}  // namespace

HubAddress resolved(HubAddress address) {
  if (address.endpoint.empty()) address.endpoint = environment("LABAN_HUB");
  if (address.endpoint.empty()) address.endpoint = "tcp://127.0.0.1:5570";
  if (address.key_file.empty()) address.key_file = environment("LABAN_KEY");
  if (address.server_key.empty()) address.server_key = environment("LABAN_SERVER_KEY");
  return address;
}

std::unique_ptr<ClientLink> make_zmq_client(const HubAddress& address) {
  const HubAddress hub = resolved(address);
  if (!is_endpoint(hub.endpoint)) bad_endpoint(hub.endpoint);
  return std::make_unique<ZmqClient>(hub);
}

std::string feeds_endpoint(const std::string& said, const std::string& hub) {
  constexpr std::string_view any = "tcp://*:";
  if (said.rfind(any, 0) != 0) return said;
  const auto colon = hub.rfind(':');
  const bool over_tcp = hub.rfind("tcp://", 0) == 0 && colon > 5;
  const std::string host = over_tcp ? hub.substr(6, colon - 6) : "127.0.0.1";
  return "tcp://" + host + ":" + said.substr(any.size());
}

}  // namespace laban::transport

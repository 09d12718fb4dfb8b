// bench/rabbitmq.cpp - a node of its own on free ports, in a directory of its own.
#include "bench/rabbitmq.hpp"

#include <amqp.h>
#include <amqp_tcp_socket.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <thread>
#include <vector>

#include "bench/peer_server.hpp"
#include "bench/processes.hpp"
#include "bench/scratch.hpp"

namespace laban::bench {
namespace {

using namespace std::chrono_literals;

// The script itself: the one on the path changes the user first.
constexpr const char* program = "/usr/lib/rabbitmq/bin/rabbitmq-server";
constexpr const char* epmd =
    "/usr/bin/epmd";  // tells Erlang's nodes of each other; without its own the node starts one for all
constexpr const char* queue_name = "bench";
constexpr amqp_channel_t channel = 1;
constexpr std::uint64_t window = 4'000;  // published and not confirmed

std::runtime_error trouble(const std::string& what) {
  return std::runtime_error("RabbitMQ " + what + ": leave the peer out, or look at rabbitmq-server");
}

std::vector<std::string> environment_of(const std::string& directory, int port, int epmd_port) {
  std::ofstream{directory + "/rabbitmq.conf"} << "vm_memory_high_watermark.relative = 0.6\n";
  std::ofstream{directory + "/plugins"} << "[].\n";
  return {"HOME=" + directory,
          "RABBITMQ_NODENAME=laban" + std::to_string(port) + "@localhost",
          "RABBITMQ_NODE_IP_ADDRESS=127.0.0.1",
          "RABBITMQ_NODE_PORT=" + std::to_string(port),
          "RABBITMQ_DIST_PORT=" + std::to_string(free_port()),
          "ERL_EPMD_PORT=" + std::to_string(epmd_port),
          "ERL_EPMD_ADDRESS=127.0.0.1",
          "RABBITMQ_MNESIA_BASE=" + directory + "/mnesia",
          "RABBITMQ_LOG_BASE=" + directory + "/log",
          "RABBITMQ_PID_FILE=" + directory + "/pid",
          "RABBITMQ_CONFIG_FILE=" + directory + "/rabbitmq",
          "RABBITMQ_ENABLED_PLUGINS_FILE=" + directory + "/plugins"};
}

amqp_bytes_t bytes_of(const char* text) {
  return amqp_cstring_bytes(text);
}

class Connection {
 public:
  Connection(int port, PeerServer& server) {
    for (int tries = 0;; ++tries) {
      state_ = amqp_new_connection();
      if (amqp_socket_open(amqp_tcp_socket_new(state_), "127.0.0.1", port) == AMQP_STATUS_OK &&
          amqp_login(state_, "/", 0, 131'072, 0, AMQP_SASL_METHOD_PLAIN, "guest", "guest").reply_type ==
              AMQP_RESPONSE_NORMAL)
        break;
      amqp_destroy_connection(state_);
      if (tries == 600 || !server.is_running()) throw trouble("does not start");
      std::this_thread::sleep_for(100ms);
    }
    amqp_channel_open(state_, channel);
    check("opens no channel");
  }
  ~Connection() { amqp_destroy_connection(state_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void check(const char* what) const {
    if (amqp_get_rpc_reply(state_).reply_type != AMQP_RESPONSE_NORMAL) throw trouble(what);
  }
  amqp_connection_state_t state() const { return state_; }

 private:
  amqp_connection_state_t state_ = nullptr;
};

std::uint32_t waiting(const Connection& connection, bool declare) {
  amqp_table_entry_t type{};
  type.key = bytes_of("x-queue-type");
  type.value.kind = AMQP_FIELD_KIND_UTF8;
  type.value.value.bytes = bytes_of("quorum");
  const auto* told = amqp_queue_declare(connection.state(), channel, bytes_of(queue_name), declare ? 0 : 1, 1, 0, 0,
                                        amqp_table_t{1, &type});
  connection.check("declares no queue");
  return told->message_count;
}

// How many the next confirm brings the count to.
std::uint64_t await_confirm(const Connection& connection) {
  timeval limit{30, 0};
  amqp_frame_t frame;
  for (;;) {
    if (amqp_simple_wait_frame_noblock(connection.state(), &frame, &limit) != AMQP_STATUS_OK)
      throw trouble("confirms nothing");
    amqp_maybe_release_buffers(connection.state());
    if (frame.frame_type != AMQP_FRAME_METHOD) continue;
    if (frame.payload.method.id != AMQP_BASIC_ACK_METHOD) throw trouble("refuses a message");
    const auto* acknowledged = static_cast<amqp_basic_ack_t*>(frame.payload.method.decoded);
    return acknowledged->multiple != 0 ? acknowledged->delivery_tag : 0;
  }
}

void fill(const Connection& connection, const Settings& settings) {
  amqp_confirm_select(connection.state(), channel);
  connection.check("does not confirm");
  amqp_basic_properties_t properties{};
  properties._flags = AMQP_BASIC_DELIVERY_MODE_FLAG;
  properties.delivery_mode = 2;
  std::string data(settings.size, 'x');
  std::uint64_t confirmed = 0;
  const auto await = [&] { confirmed = std::max(confirmed + 1, await_confirm(connection)); };
  for (std::uint64_t sent = 0; sent < settings.count; ++sent) {
    if (amqp_basic_publish(connection.state(), channel, amqp_empty_bytes, bytes_of(queue_name), 0, 0, &properties,
                           amqp_bytes_t{data.size(), data.data()}) != AMQP_STATUS_OK)
      throw trouble("takes no message");
    while (sent + 1 - confirmed >= window) await();
  }
  while (confirmed < settings.count) await();
}

void drain(const Connection& connection, const Settings& settings) {
  const auto prefetch = static_cast<std::uint16_t>(std::min(settings.window, 65'535u));
  amqp_basic_qos(connection.state(), channel, 0, prefetch, 0);
  connection.check("takes no prefetch");
  amqp_basic_consume(connection.state(), channel, bytes_of(queue_name), amqp_empty_bytes, 0, 0, 0, amqp_empty_table);
  connection.check("lets nobody consume");
  for (std::uint64_t taken = 0; taken < settings.count; ++taken) {
    timeval limit{30, 0};
    amqp_envelope_t envelope;
    amqp_maybe_release_buffers(connection.state());
    if (amqp_consume_message(connection.state(), &envelope, &limit, 0).reply_type != AMQP_RESPONSE_NORMAL)
      throw trouble("delivers nothing");
    amqp_basic_ack(connection.state(), channel, envelope.delivery_tag, 0);
    amqp_destroy_envelope(&envelope);
  }
}

}  // namespace

std::string missing_for_rabbitmq() {
  return access(program, X_OK) == 0 && access(epmd, X_OK) == 0 ? "" : "rabbitmq-server";
}

Measurement rabbitmq_queue(const Settings& settings) {
  const Scratch scratch;
  const int port = free_port();
  const int epmd_port = free_port();
  const PeerServer directory{{epmd, "-port", std::to_string(epmd_port), "-address", "127.0.0.1"}, {}};
  PeerServer server{{program}, environment_of(scratch.path(), port, epmd_port)};
  const Connection publisher{port, server};
  (void)waiting(publisher, true);
  fill(publisher, settings);
  const Connection consumer{port, server};
  Measurement result;
  result.name = "RabbitMQ quorum queue";
  result.settings = settings;
  result.events = settings.count;
  const auto start = steady_ns();
  drain(consumer, settings);
  // A quorum queue counts now and then: the channel's answer is behind the last acknowledgement all the same.
  (void)waiting(consumer, false);
  result.seconds = static_cast<double>(steady_ns() - start) / 1e9;
  return result;
}

}  // namespace laban::bench

// bench/jetstream.cpp - a server of its own on a free port, and the least client that fills and drains a stream.
#include "bench/jetstream.hpp"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "bench/peer_server.hpp"
#include "bench/processes.hpp"
#include "bench/scratch.hpp"

namespace laban::bench {
namespace {

using namespace std::chrono_literals;

constexpr const char* program = "/usr/sbin/nats-server";
constexpr std::size_t read_bytes = 256u << 10;
constexpr std::uint64_t window = 4'000;  // published and not confirmed

std::runtime_error trouble(const std::string& what) {
  return std::runtime_error("JetStream " + what + ": leave the peer out, or look at nats-server");
}

std::vector<std::string> arguments_of(const std::string& directory, int port) {
  const auto config = directory + "/nats.conf";
  std::ofstream{config} << "host: 127.0.0.1\nport: " << port << "\nlog_file: \"" << directory
                        << "/nats.log\"\njetstream { store_dir: \"" << directory << "/nats\" }\n";
  return {program, "-c", config};
}

// What the server says, line by line; payloads are skipped.
class Client {
 public:
  explicit Client(int port) {
    for (int tries = 0;; ++tries) {
      socket_ = ::socket(AF_INET, SOCK_STREAM, 0);
      sockaddr_in address{};
      address.sin_family = AF_INET;
      address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      address.sin_port = htons(static_cast<std::uint16_t>(port));
      if (connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) break;
      close(socket_);
      if (tries == 100) throw trouble("does not start");
      std::this_thread::sleep_for(50ms);
    }
    const int yes = 1;
    setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    out_ = "CONNECT {\"verbose\":false,\"pedantic\":false}\r\n";
    flush();
  }
  ~Client() { close(socket_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  void publish(std::string_view subject, std::string_view reply, std::string_view data) {
    out_.append("PUB ").append(subject).append(" ").append(reply).append(reply.empty() ? "" : " ");
    out_.append(std::to_string(data.size())).append("\r\n").append(data).append("\r\n");
  }
  void subscribe(std::string_view subject, std::string_view group, int number) {
    out_.append("SUB ").append(subject).append(" ").append(group).append(group.empty() ? "" : " ");
    out_.append(std::to_string(number)).append("\r\n");
  }
  void say(std::string_view text) { out_.append(text); }
  std::size_t unsaid() const { return out_.size(); }
  void flush() {
    for (std::size_t done = 0; done < out_.size();) {
      const auto wrote = send(socket_, out_.data() + done, out_.size() - done, MSG_NOSIGNAL);
      if (wrote <= 0) throw trouble("closed the connection");
      done += static_cast<std::size_t>(wrote);
    }
    out_.clear();
  }

  struct Said {
    std::string_view subject;  // of a message
    std::string_view reply;
    std::string_view data;
    bool pong = false;
  };
  // The views end with the next call. Says what is unsaid before it waits.
  Said next() {
    for (;;) {
      const auto end = in_.find("\r\n", at_);
      if (end == in_.npos) {
        read_more();
        continue;
      }
      const std::string_view line{in_.data() + at_, end - at_};
      if (line.starts_with("MSG ")) {
        const auto size = size_of(line);
        if (in_.size() < end + 2 + size + 2) {
          read_more();
          continue;
        }
        Said said = message(line);
        said.data = std::string_view{in_}.substr(end + 2, size);
        at_ = end + 2 + size + 2;
        return said;
      }
      at_ = end + 2;
      if (line == "PONG") return {{}, {}, {}, true};
      if (line == "PING") say("PONG\r\n");
      if (line.starts_with("-ERR")) throw trouble("says " + std::string{line});
    }
  }
  Said next_message() {
    for (;;) {
      if (const auto said = next(); !said.pong) return said;
    }
  }

 private:
  static std::size_t size_of(std::string_view line) {
    std::size_t size = 0;
    const auto digits = line.substr(line.rfind(' ') + 1);
    std::from_chars(digits.data(), digits.data() + digits.size(), size);
    return size;
  }
  // MSG subject number [reply] size
  static Said message(std::string_view line) {
    Said said;
    line.remove_prefix(4);
    said.subject = line.substr(0, line.find(' '));
    line.remove_prefix(said.subject.size() + 1);
    line.remove_prefix(line.find(' ') + 1);
    if (const auto space = line.find(' '); space != line.npos) said.reply = line.substr(0, space);
    return said;
  }
  void read_more() {
    flush();
    in_.erase(0, at_);
    at_ = 0;
    const auto before = in_.size();
    in_.resize(before + read_bytes);
    const auto got = recv(socket_, in_.data() + before, read_bytes, 0);
    if (got <= 0) throw trouble("closed the connection");
    in_.resize(before + static_cast<std::size_t>(got));
  }

  int socket_ = -1;
  std::string out_;
  std::string in_;
  std::size_t at_ = 0;
};

void check(std::string_view answer) {
  if (answer.find("\"error\"") != answer.npos) throw trouble("refuses its set-up");
}

void fill(Client& client, const Settings& settings) {
  const std::string data(settings.size, 'x');
  std::uint64_t confirmed = 0;
  for (std::uint64_t i = 0; i < settings.count; ++i) {
    client.publish("ev.a", "answers", data);
    for (; i - confirmed >= window; ++confirmed) (void)client.next_message();
  }
  for (; confirmed < settings.count; ++confirmed) (void)client.next_message();
}

void drain(Client& client, const Settings& settings) {
  for (std::uint64_t taken = 0; taken < settings.count;) {
    const auto message = client.next_message();
    if (!message.reply.starts_with("$JS.ACK")) {
      check(message.data);  // the answer to the consumer's creation, which deliveries may overtake
      continue;
    }
    ++taken;
    client.publish(message.reply, "", "+ACK");
    if (client.unsaid() >= 16u << 10) client.flush();
  }
  client.say("PING\r\n");
  while (!client.next().pong) continue;
}

}  // namespace

bool has_jetstream() {
  return access(program, X_OK) == 0;
}

Measurement jetstream_queue(const Settings& settings) {
  const Scratch scratch;
  const int port = free_port();
  const PeerServer server{arguments_of(scratch.path(), port), {}};
  Client client{port};
  client.subscribe("answers", "", 1);
  client.publish("$JS.API.STREAM.CREATE.EV", "answers", R"({"name":"EV","subjects":["ev.>"],"storage":"file"})");
  check(client.next_message().data);
  fill(client, settings);
  client.subscribe("drained", "workers", 2);
  const auto start = steady_ns();
  client.publish(
      "$JS.API.CONSUMER.DURABLE.CREATE.EV.workers", "answers",
      R"({"stream_name":"EV","config":{"durable_name":"workers","deliver_subject":"drained","deliver_group":"workers",)"
      R"("ack_policy":"explicit","max_ack_pending":)" +
          std::to_string(std::max(settings.window, 1'000u) * 2) + "}}");
  drain(client, settings);
  Measurement result;
  result.name = "JetStream queue";
  result.settings = settings;
  result.events = settings.count;
  result.seconds = static_cast<double>(steady_ns() - start) / 1e9;
  return result;
}

}  // namespace laban::bench

// bench/raw_zmq.cpp - the raw baselines: a proxy that stores nothing, and a hub of fifty lines.
#include "bench/raw_zmq.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <zlib.h>
#include <cstring>
#include <map>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>
#include <zmq.hpp>

#include "bench/processes.hpp"
#include "bench/scratch.hpp"

namespace laban::bench {

namespace {

using namespace std::chrono_literals;

// The first 32 bytes of a message: topic, time, number, kind.
enum class Kind : std::uint64_t { probe, event };
struct Stamp {
  char topic[8] = {'l', 'a', 'b', 'a', 'n', '.', 'e', 'v'};
  std::uint64_t sent_ns = 0;
  std::uint64_t number = 0;
  Kind kind = Kind::probe;
};

Stamp stamp_of(const zmq::message_t& message) {
  Stamp stamp;
  if (message.size() >= sizeof stamp) std::memcpy(&stamp, message.data(), sizeof stamp);
  return stamp;
}

void send(zmq::socket_t& socket, std::vector<char>& body, Kind kind, std::uint64_t number) {
  Stamp stamp;
  stamp.sent_ns = steady_ns();
  stamp.number = number;
  stamp.kind = kind;
  std::memcpy(body.data(), &stamp, sizeof stamp);
  socket.send(zmq::buffer(body));
}

void bind_and_tell(zmq::socket_t& socket, Slot& slot) {
  socket.bind("tcp://127.0.0.1:*");
  const auto endpoint = socket.get(zmq::sockopt::last_endpoint);
  std::strncpy(slot.endpoint, endpoint.c_str(), sizeof slot.endpoint - 1);
  slot.ready = true;
}

constexpr int high_water_mark = 10'000;

void proxy(Slot& in_slot, Slot& out_slot) {
  zmq::context_t context{1};
  zmq::socket_t in{context, zmq::socket_type::xsub};
  zmq::socket_t out{context, zmq::socket_type::xpub};
  in.set(zmq::sockopt::rcvhwm, high_water_mark);
  out.set(zmq::sockopt::sndhwm, high_water_mark);
  out.set(zmq::sockopt::xpub_nodrop, true);
  bind_and_tell(in, in_slot);
  bind_and_tell(out, out_slot);
  zmq::proxy(in, out);
}

void subscriber(const Slot& out_slot, Slot& slot, const Settings& settings) {
  zmq::context_t context{1};
  zmq::socket_t socket{context, zmq::socket_type::sub};
  socket.set(zmq::sockopt::rcvhwm, high_water_mark);
  socket.set(zmq::sockopt::subscribe, "laban.ev");
  socket.connect(out_slot.endpoint);
  std::vector<std::uint64_t> samples;
  samples.reserve(settings.count);
  while (samples.size() < settings.count) {
    zmq::message_t message;
    if (!socket.recv(message)) continue;
    const Stamp stamp = stamp_of(message);
    slot.ready = true;
    if (stamp.kind == Kind::event) samples.push_back(steady_ns() - stamp.sent_ns);
  }
  slot.finished_ns = steady_ns();
  slot.events = samples.size();
  slot.latency = percentiles(samples);
  slot.done = true;
}

void publisher(const Slot& in_slot, Slot& slot, Processes& page, const Settings& settings) {
  zmq::context_t context{1};
  zmq::socket_t socket{context, zmq::socket_type::pub};
  socket.set(zmq::sockopt::sndhwm, high_water_mark);
  socket.set(zmq::sockopt::xpub_nodrop, true);
  socket.connect(in_slot.endpoint);
  std::vector<char> body(std::max<std::size_t>(settings.size, sizeof(Stamp)));
  const auto all_ready = [&] {
    for (std::uint32_t i = 0; i < settings.subscribers; ++i)
      if (!page.slot(3 + i).ready) return false;
    return true;
  };
  while (!all_ready()) {
    send(socket, body, Kind::probe, 0);
    std::this_thread::sleep_for(5ms);
  }
  slot.started_ns = steady_ns();
  Pacer pacer{settings.rate > 0 ? settings.rate : 1e9};
  for (std::uint64_t i = 0; i < settings.count; ++i) {
    if (settings.rate > 0) pacer.wait();
    send(socket, body, Kind::event, i);
  }
  slot.done = true;
  std::this_thread::sleep_for(1h);  // until the parent has seen every subscriber finish
}

void mini_hub_server(Slot& slot, const std::string& directory) {
  zmq::context_t context{1};
  zmq::socket_t socket{context, zmq::socket_type::router};
  socket.set(zmq::sockopt::sndhwm, 0);
  socket.set(zmq::sockopt::rcvhwm, 0);
  bind_and_tell(socket, slot);
  const int file = open((directory + "/journal").c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0600);
  if (file < 0) throw std::runtime_error("cannot write the mini hub's journal");
  std::string group;
  std::map<std::string, std::uint64_t> newest;  // one confirm a client and batch
  for (std::uint64_t offset = 0;;) {
    group.clear();
    newest.clear();
    for (int drained = 0; drained < 10'000; ++drained) {
      zmq::message_t client;
      zmq::message_t body;
      if (!socket.recv(client, drained > 0 ? zmq::recv_flags::dontwait : zmq::recv_flags::none)) break;
      if (!socket.recv(body)) break;
      const std::uint64_t header[3] = {
          body.size(), crc32(0, static_cast<const Bytef*>(body.data()), static_cast<uInt>(body.size())), offset++};
      group.append(reinterpret_cast<const char*>(header), sizeof header);
      group.append(static_cast<const char*>(body.data()), body.size());
      newest[client.to_string()] = stamp_of(body).number;
    }
    if (write(file, group.data(), group.size()) != static_cast<ssize_t>(group.size()) || fdatasync(file) != 0)
      throw std::runtime_error("the mini hub cannot write its journal");
    for (const auto& [client, number] : newest) {
      socket.send(zmq::buffer(client), zmq::send_flags::sndmore);
      socket.send(zmq::buffer(&number, sizeof number));
    }
  }
}

void mini_hub_client(const Slot& hub, Slot& slot, const Settings& settings) {
  zmq::context_t context{1};
  zmq::socket_t socket{context, zmq::socket_type::dealer};
  socket.set(zmq::sockopt::sndhwm, 0);
  socket.connect(hub.endpoint);
  std::vector<char> body(std::max<std::size_t>(settings.size, sizeof(Stamp)));
  std::vector<std::uint64_t> sent_at(settings.count);
  std::vector<std::uint64_t> samples;
  samples.reserve(settings.count);
  slot.started_ns = steady_ns();
  for (std::uint64_t sent = 0; samples.size() < settings.count;) {
    for (; sent < settings.count && sent - samples.size() < settings.window; ++sent) {
      sent_at[sent] = steady_ns();
      send(socket, body, Kind::event, sent);
    }
    zmq::message_t confirm;
    if (!socket.recv(confirm)) continue;
    std::uint64_t number = 0;
    std::memcpy(&number, confirm.data(), sizeof number);
    const auto now = steady_ns();
    while (samples.size() <= number) samples.push_back(now - sent_at[samples.size()]);
  }
  slot.finished_ns = steady_ns();
  slot.events = samples.size();
  slot.latency = percentiles(samples);
  slot.done = true;
}

}  // namespace

Measurement raw_proxy(const Settings& settings) {
  Processes processes;
  Slot& in = processes.slot(0);
  Slot& out = processes.slot(1);
  Slot& speaker = processes.slot(2);
  processes.start("proxy", [&] { proxy(in, out); });
  processes.await(out.ready, 10);
  for (std::uint32_t i = 0; i < settings.subscribers; ++i)
    processes.start("subscribers", [&, i] { subscriber(out, processes.slot(3 + i), settings); });
  processes.start("publisher", [&] { publisher(in, speaker, processes, settings); });
  return collect(processes, speaker, 3, settings, "raw-proxy");
}

Measurement mini_hub(const Settings& settings) {
  const Scratch scratch;
  Processes processes;
  Slot& hub = processes.slot(0);
  Slot& client = processes.slot(3);
  processes.start("hub", [&] { mini_hub_server(hub, scratch.path()); });
  processes.await(hub.ready, 10);
  processes.start("publisher", [&] { mini_hub_client(hub, client, settings); });
  Settings one = settings;
  one.subscribers = 1;
  auto measurement = collect(processes, client, 3, one, "mini-hub");
  measurement.settings = settings;
  return measurement;
}

}  // namespace laban::bench

// tests/fault/soak/hostile.cpp - strangers of every kind at all doors of a hub, while producers, listeners and consumers go
// on: what is wrong is refused and counted, and nobody who behaves notices.
#include <httplib.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <random>
#include <sstream>
#include <thread>
#include <zmq.hpp>

#include "bus/codec/codec.hpp"
#include "laban/bus.hpp"
#include "laban/model.hpp"
#include "laban/subscriber.hpp"
#include "tests/fault/soak/loss/world.hpp"
#include "tests/fault/soak/trial.hpp"
#include "tests/support/bombs.hpp"
#include "tests/support/raw_client.hpp"
#include "tests/support/stranger.hpp"
#include "tests/support/temporary_directory.hpp"

namespace laban::soak {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

namespace {

constexpr std::size_t silent_a_round = 1'000;
constexpr auto patience = 60s;      // until what was refused is counted: a connection that says nothing has ten
constexpr auto longest_pulse = 5s;  // of those who behave, on a machine that others use too
constexpr std::uint64_t hub_mib_max = 1'024;

const std::vector<loss::QueueRule> queues{{"work", {"loss.*.*"}}};

// One who behaves: says an event and waits until it is confirmed and has come back, again and again.
class Pulse {
 public:
  explicit Pulse(const std::string& endpoint) {
    thread_ = std::jthread{[this, endpoint](std::stop_token stop) {
      try {
        beat(endpoint, stop);
      } catch (const std::exception& error) {
        failure_ = error.what();
      }
    }};
  }
  // How often, and how long it took at the longest; what went wrong, if anything did.
  std::string end(std::uint64_t& beats, std::chrono::milliseconds& longest) {
    thread_.request_stop();
    thread_.join();
    beats = beats_;
    longest = longest_;
    return failure_;
  }

 private:
  void beat(const std::string& endpoint, std::stop_token stop) {
    BusOptions options;
    options.service = "pulse";
    options.hub.endpoint = endpoint;
    Bus bus{options};
    Subscriber subscriber{{"pulse", options.hub}};
    std::uint64_t back = 0;
    SubscriptionOptions own;
    own.exchange = "amq.direct";
    subscriber.subscribe(own, [&](const Event& event) { back = event.offset(); });
    if (!subscriber.wait_until_ready(20s)) throw std::runtime_error("the pulse cannot subscribe");
    while (!stop.stop_requested()) {
      NewEvent event;
      event.type = "pulse";
      event.exchange = own.exchange;
      const auto start = Clock::now();
      const auto confirm = bus.publish_and_wait(std::move(event), longest_pulse);
      if (confirm.refused) throw std::runtime_error("the pulse was refused: " + confirm.reason);
      while (back < confirm.offset) {
        if (Clock::now() - start > longest_pulse) throw std::runtime_error("the pulse did not come back in 5 s");
        subscriber.poll(20ms);
      }
      longest_ = std::max(longest_, std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start));
      ++beats_;
      std::this_thread::sleep_for(10ms);
    }
  }

  std::uint64_t beats_ = 0;
  std::chrono::milliseconds longest_{0};
  std::string failure_;
  std::jthread thread_;  // the last member: it ends before the others go
};

bool is_malformed(const std::string& bytes) {
  const codec::Frame frame{std::as_bytes(std::span{bytes})};
  return std::holds_alternative<codec::Malformed>(codec::decode_client_message(frame));
}

class Siege {
 public:
  Siege(loss::World& world, std::uint64_t seed, TrialResult& result) : world_(world), random_(seed), result_(result) {
    for (auto& bomb : test::bombs())
      if (is_malformed(bomb)) bombs_.push_back(std::move(bomb));
    sound_ = test::sample_client_frames();  // the first is a hello
  }

  void round() {
    foreign();
    frames();
    subscriptions();
    ingest();
    http();
    silence();
    world_.live(100ms);
  }

  std::size_t silent() const { return silent_; }
  std::uint64_t sent() const { return sent_; }

  // The counts since the siege began; wrong where they stay below what was done.
  void check_counts() {
    const std::string odd = "laban_hub_odd_frames_total", closed = "laban_hub_connections_refused_total";
    at_least(odd + "{reason=\"malformed\"}", malformed_);
    at_least(odd + "{reason=\"no-session\"}", without_session_);
    at_least(odd + "{reason=\"feed\"}", wishes_);
    at_least(odd + "{reason=\"ingest\"}", ingested_);
    at_least(closed + "{reason=\"unfinished\"}", unfinished_);
    at_least("laban_hub_connections_total", silent_);
  }

 private:
  std::uint16_t any_port() {
    const std::uint16_t ports[] = {test::port_of(world_.direct_endpoint()), world_.feeds_port(), world_.ingest_port()};
    return ports[random_() % std::size(ports)];
  }

  void foreign() {
    for (const auto& opening : test::foreign_openings(random_)) {
      test::Stranger stranger{any_port()};
      (void)stranger.say(opening.bytes);
      (void)stranger.hear(64, 5ms);
      ++sent_;
    }
  }

  // One who greets as a client does, and means harm; with a session and without.
  void frames() {
    for (const bool greeted : {false, true}) {
      test::RawClient client{world_.direct_endpoint()};
      if (greeted && !client.hello("harm")) result_.wrongs.emplace_back("the hub does not answer a hello");
      const auto before = malformed_ + without_session_;
      for (int i = 0; i < 400; ++i) say(client, bombs_[random_() % bombs_.size()], malformed_);
      for (int i = 0; i < 200; ++i) {
        // What is sound all the same would be stored, and the world knows nothing of it.
        if (const auto bytes = damaged(); is_malformed(bytes)) say(client, bytes, malformed_);
      }
      for (const char* topic : {"", "#", "amq.topic", "0123456789abcdef"})
        for (const char kind : {'\0', '\1'}) say(client, kind + std::string{topic}, malformed_);
      say(client, std::string(1u << 20, '['), malformed_);
      for (std::size_t i = 1; !greeted && i < sound_.size(); ++i) say(client, sound_[i], without_session_);
      for (auto left = malformed_ + without_session_ - before; left > 0; --left) {
        if (client.hear<codec::Refused>(20s) != nullptr) continue;
        return result_.wrongs.push_back(std::to_string(left) + " frames were not refused in 20 s");
      }
    }
  }

  std::string damaged() {
    auto bytes = sound_[random_() % sound_.size()];
    for (auto harm = 1 + random_() % 8; harm > 0; --harm)
      bytes[random_() % bytes.size()] = static_cast<char>(random_());
    return bytes;
  }

  void say(test::RawClient& client, std::string_view bytes, std::uint64_t& kind) {
    client.say_bytes(bytes);
    ++kind;
    ++sent_;
  }

  // Wishes for feeds by those who guess, and messages that look like them.
  void subscriptions() {
    test::Stranger reader{world_.feeds_port()};
    if (!test::shake_hands(reader, "SUB")) return result_.wrongs.push_back("the feeds' socket does not answer");
    for (int i = 0; i < 50; ++i) {
      std::string guess(i % 3 == 0 ? 16 : random_() % 40, '\0');
      for (auto& byte : guess) byte = static_cast<char>(random_());
      (void)reader.say(test::zmtp_frame("\x01" + guess));
      (void)reader.say(test::zmtp_frame("\x02" + guess, i % 2 == 0));
      ++wishes_;
      sent_ += 2;
    }
  }

  void ingest() {
    zmq::context_t context;
    zmq::socket_t socket{context, zmq::socket_type::pub};
    socket.set(zmq::sockopt::linger, 1'000);
    socket.connect("tcp://127.0.0.1:" + std::to_string(world_.ingest_port()));
    // Dropped until the hub's wish for everything has arrived: some of it gets there.
    const auto before = count("laban_hub_odd_frames_total{reason=\"ingest\"}");
    const auto end = Clock::now() + patience;
    do {
      socket.send(zmq::buffer(std::string{"\x01#"}), zmq::send_flags::none);
      socket.send(zmq::buffer(bombs_[random_() % bombs_.size()]), zmq::send_flags::none);
      sent_ += 2;
      world_.live(2ms);
    } while (count("laban_hub_odd_frames_total{reason=\"ingest\"}") == before && Clock::now() < end);
    ++ingested_;
  }

  void http() {
    for (const std::string& request : std::initializer_list<std::string>{
             std::string{"GET /metrics HTTP/9.9\r\n\r\n"}, "GET /" + std::string(100'000, 'a') + " HTTP/1.1\r\n\r\n",
             "POST /api/v1/queues HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
             "GET /api/v1/explain?headers=" + std::string(4'000, '[') + " HTTP/1.1\r\nHost: x\r\n\r\n",
             std::string{"\x16\x03\x01\x02\x00\x01", 6}}) {
      test::Stranger stranger{world_.http_port()};
      (void)stranger.say(request);
      (void)stranger.hear(64, 20ms);
      ++sent_;
    }
  }

  // Connections that say nothing: some before they have greeted, some after.
  void silence() {
    for (std::size_t i = 0; i < silent_a_round; ++i) {
      quiet_.emplace_back(any_port());
      ++silent_;
      if (i % 2 != 0) {
        ++unfinished_;
        continue;
      }
      (void)quiet_.back().say(test::zmtp_greeting() + test::zmtp_ready(i % 4 == 0 ? "DEALER" : "SUB"));
      if (i % 100 == 0) world_.live(1ms);
    }
  }

  std::uint64_t count(const std::string& series) const {
    httplib::Client client("127.0.0.1", world_.http_port());
    client.set_read_timeout(20s);
    const auto page = client.Get("/metrics");
    if (!page || page->status != 200) throw std::runtime_error("the hub's metrics do not answer");
    const auto at = page->body.find("\n" + series + " ");
    if (at == std::string::npos) throw std::runtime_error("there is no " + series);
    return static_cast<std::uint64_t>(std::strtod(page->body.c_str() + at + series.size() + 2, nullptr));
  }

  void at_least(const std::string& series, std::uint64_t least) {
    const auto end = Clock::now() + patience;
    std::uint64_t now = count(series);
    for (; now < least && Clock::now() < end; now = count(series)) world_.live(50ms);
    if (now < least)
      result_.wrongs.push_back(series + " is " + std::to_string(now) + ", and there were " + std::to_string(least));
  }

  loss::World& world_;
  std::mt19937_64 random_;
  TrialResult& result_;
  std::vector<std::string> bombs_;
  std::vector<std::string> sound_;
  std::vector<test::Stranger> quiet_;
  std::uint64_t sent_ = 0, malformed_ = 0, without_session_ = 0, wishes_ = 0, ingested_ = 0, unfinished_ = 0;
  std::size_t silent_ = 0;
};

// The most memory that a process ever had.
std::uint64_t most_mib(pid_t process) {
  std::ifstream status{"/proc/" + std::to_string(process) + "/status"};
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmHWM:")) return std::strtoull(line.c_str() + 6, nullptr, 10) / 1'024;
  return 0;
}

void populate(loss::World& world) {
  Model model{{world.direct_endpoint(), {}, {}}, 30s};
  QueueSpec spec;
  spec.name = queues.front().name;
  model.declare(spec);
  model.bind({std::string{loss::exchange}, spec.name, {}, queues.front().patterns.front(), {}});
  world.start("listener-live", {"subscriber", "--mode", "live", "--pattern", "loss.*.*"});
  world.start("listener-all", {"subscriber", "--mode", "resume", "--pattern", "loss.#"});
  for (const std::string number : {"1", "2"}) {
    world.start("producer-" + number, {"producer", "--rate", "200"});
    world.start("consumer-" + number, {"consumer", "--queue", spec.name});
  }
}

TrialResult run(const TrialOptions& options) {
  TrialResult result;
  const test::TemporaryDirectory directory;
  const auto files = test::raise_open_files();
  loss::World world{directory.path(), options.seed};
  populate(world);
  world.live(300ms);
  Pulse pulse{world.direct_endpoint()};
  const auto start = Clock::now();
  int rounds = 0;
  std::string line;
  std::uint64_t beats = 0;
  std::chrono::milliseconds longest{0};
  {
    Siege siege{world, options.seed, result};
    for (; rounds < options.rounds; ++rounds) {
      if (options.time > 0min && Clock::now() - start > options.time) break;
      if (siege.silent() + silent_a_round + 500 > files) {
        say("no more than " + std::to_string(siege.silent()) + " silent connections: this process may open " +
            std::to_string(files) + " files (ulimit -n)");
        break;
      }
      siege.round();
    }
    siege.check_counts();
    line = std::to_string(rounds) + " rounds, " + std::to_string(siege.sent()) + " harmful messages, " +
           std::to_string(siege.silent()) + " silent connections";
    if (const auto failure = pulse.end(beats, longest); !failure.empty()) result.wrongs.push_back(failure);
  }
  const auto memory = most_mib(world.hub_pid());
  if (memory > hub_mib_max) result.wrongs.push_back("the hub took " + std::to_string(memory) + " MiB");
  const auto tally = loss::end_and_judge(world, queues, result.wrongs);
  std::ostringstream rest;
  rest << "; beside them " << tally.confirmed << " confirmed, " << tally.seen << " seen, " << tally.handled
       << " handled, " << tally.lost << " lost, " << tally.disordered << " out of order; " << beats
       << " events there and back, in at most " << longest.count() << " ms; the hub took " << memory << " MiB at most";
  result.line = line + rest.str();
  if (!result.wrongs.empty()) result.line += ", data kept in " + keep(directory.path(), "laban-hostile", options.seed);
  return result;
}

const Registered hostile{
    "hostile", "bombs, foreign protocols and silent connections at all doors of a hub: nobody else is harmed", run, 10};

}  // namespace

}  // namespace laban::soak

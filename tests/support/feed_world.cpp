// tests/support/feed_world.cpp - real feeds, journal, replay, codec, merge and buffers; the sockets, the clock and the
// application are the seed's.
#include "tests/support/feed_world.hpp"

#include <deque>
#include <memory>
#include <optional>
#include <random>
#include <set>

#include "bus/client/subscription.hpp"
#include "bus/client/topic_match.hpp"
#include "bus/codec/envelope.hpp"
#include "bus/codec/log_record.hpp"
#include "bus/hub/subscribing.hpp"
#include "tests/support/faulty_files.hpp"
#include "tests/support/lossy_wire.hpp"

namespace laban::test {

namespace {

constexpr int rounds_max = 400;  // a third of nothing gets through twice in so many
constexpr int ticks_a_heartbeat = 8;
const std::vector<std::string> routing_keys{"a.x", "a.y", "b.x", "b.y", "c"};
const std::vector<std::vector<std::string>> wishes{{"#"}, {"a.*"}, {"a.#", "*.x"}, {"*.x", "#.x", "b.*"}, {"c", "a.y"}};

struct Published {
  std::uint64_t offset = 0;
  std::string id;
  std::string routingkey;
};

using Frame = codec::Frame;

// What travels to a client: over the conversation, or from a feed.
struct ToClient {
  std::optional<transport::FeedId> feed;
  std::shared_ptr<const Frame> frame;
};

// What travels to the hub: a message, or a wish for a feed.
struct ToHub {
  std::optional<transport::FeedId> feed;
  bool wanted = false;
  std::shared_ptr<const Frame> frame;
};

struct Wires {
  explicit Wires(std::uint64_t seed) : to_client(seed), to_hub(seed + 1) {}
  LossyWire<ToClient> to_client;
  LossyWire<ToHub> to_hub;
  std::set<transport::FeedId> feeds;  // admitted
  void cut() {
    to_client.cut();
    to_hub.cut();
    feeds.clear();
  }
};

class WireServer final : public transport::Server {
 public:
  std::map<transport::Peer, Wires*> peers;
  std::uint64_t now = 0;

  void ask(const transport::Peer& peer, const transport::FeedId& feed, bool wanted) {
    requests_.push_back({peer, feed, wanted});
  }

  std::string endpoint() const override { return "tcp://127.0.0.1:1"; }
  std::string feeds_endpoint() const override { return "tcp://*:2"; }
  void wait(std::chrono::milliseconds) override {}
  void wake() override {}
  bool receive(transport::Peer&, Frame&) override { return false; }

  transport::Sent send(const transport::Peer& peer, Frame& frame) override {
    const auto found = peers.find(peer);
    if (found == peers.end()) return transport::Sent::gone;
    found->second->to_client.send(FrameKind::conversation, {{}, std::make_shared<const Frame>(std::move(frame))}, now);
    return transport::Sent::sent;
  }

  bool receive(transport::FeedRequest& request) override {
    if (requests_.empty()) return false;
    current_ = requests_.front();
    requests_.pop_front();
    request.topic = Frame{codec::Blob{current_.feed}};
    request.wanted = current_.wanted;
    return true;
  }

  void admit(const transport::FeedRequest&) override {
    const auto found = peers.find(current_.peer);
    if (found == peers.end()) return;
    if (current_.wanted) {
      found->second->feeds.insert(current_.feed);
    } else {
      found->second->feeds.erase(current_.feed);
    }
  }

  void publish(const transport::FeedId& feed, Frame batch) override {
    const auto shared = std::make_shared<const Frame>(std::move(batch));
    const auto decoded = codec::decode_feed_batch(*shared);
    const auto* content = std::get_if<codec::FeedBatch>(&decoded);
    const auto kind = content != nullptr && content->events.empty() ? FrameKind::heartbeat : FrameKind::feed_batch;
    for (auto& [peer, wires] : peers)
      if (wires->feeds.contains(feed)) wires->to_client.send(kind, {feed, shared}, now);
  }

 private:
  struct Request {
    transport::Peer peer;
    transport::FeedId feed{};
    bool wanted = false;
  };
  std::deque<Request> requests_;
  Request current_;
};

// The hub from the log to the feeds, without its loop.
struct HubLife {
  HubLife(FaultyFiles& files, const HubOptions& hub_options, WireServer& server)
      : options(hub_options),
        journal(journal::Journal::open(files, "/hub", log_options())),
        broker(options.limits, journal->log_id()),
        probe(broker.totals()),
        sessions(server, options, probe),
        feeds(server, options, probe),
        core{options, *journal, broker, sessions, feeds, probe},
        subscribing(core) {
    core.head = journal->head();
  }

  static journal::Options log_options() {
    journal::Options log;
    log.segment_bytes = 16 << 10;
    log.spare_segments = 0;
    log.background = false;
    log.free_bytes_min = 0;
    return log;
  }

  const HubOptions& options;
  std::unique_ptr<journal::Journal> journal;
  hub::Broker broker;
  hub::Probe probe;
  hub::Sessions sessions;
  hub::Feeds feeds;
  hub::Core core;
  hub::Subscribing subscribing;
};

struct Client final : client::Speaker {
  Client(int client_number, std::uint64_t seed) : number(client_number), wires(seed) {}

  bool say(client::SharedFrame frame) override {
    wires.to_hub.send(FrameKind::conversation, {{}, false, std::move(frame)}, now);
    return true;
  }
  void add_feed(codec::Blob id) override { ask(id, true); }
  void remove_feed(codec::Blob id) override { ask(id, false); }
  void give_up(const Error&) override {}
  void ask(codec::Blob id, bool wanted) {
    transport::FeedId feed{};
    std::copy(id.begin(), id.end(), feed.begin());
    wires.to_hub.send(FrameKind::feed_request, {feed, wanted, {}}, now);
  }
  transport::Peer peer() const { return std::to_string(number) + "/" + std::to_string(connects); }

  int number;
  int connects = 0;
  std::uint64_t now = 0;
  Wires wires;
  client::Signal signal;
  SubscriptionOptions wish;
  std::unique_ptr<client::Subscription> subscription;
  bool connected = false;
  bool started = false;  // it knows where it begins
  std::uint64_t after = 0;
  std::vector<std::pair<std::uint64_t, std::string>> seen;
};

class World {
 public:
  World(std::uint64_t seed, const FeedWorldOptions& options) : options_(options), random_(seed) {
    static const int losses[] = {0, 50, 300, 333, 667};
    loss_ = options.loss_per_mille >= 0 ? options.loss_per_mille : losses[random_() % std::size(losses)];
    hub_options_.limits.feeds_max = random_() % 5 == 0 ? 1 : 100;
    hub_options_.limits.replay_bytes = 200 + random_() % 3'000;
    hub_options_.limits.feed_batch_bytes = 300 + random_() % 4'000;
    start_hub();
  }

  FeedWorldResult run() {
    for (auto many = random_() % 40; many > 0; --many) publish();
    for (int tick = 0; tick < options_.ticks; ++tick) {
      trouble();
      pass();
    }
    calm();
    judge();
    return std::move(result_);
  }

 private:
  // --- the hub

  void start_hub() { hub_ = std::make_unique<HubLife>(files_, hub_options_, server_); }

  void publish() {
    std::vector<Frame> envelopes;
    std::vector<Published> group;
    for (auto many = 1 + random_() % 5; many > 0; --many) {
      NewEvent event;
      event.id = "e" + std::to_string(log_.size() + group.size() + 1);
      event.source = "world";
      event.type = "fact";
      event.exchange = "amq.topic";
      event.routingkey = routing_keys[random_() % routing_keys.size()];
      event.data.resize(random_() % 300);
      envelopes.push_back(codec::encode_envelope(event));
      std::vector<std::byte> header;
      codec::encode_event_header({}, header);
      const auto offset = hub_->journal->append_event(static_cast<std::uint8_t>(codec::RecordKind::event),
                                                      {header, std::as_const(envelopes.back()).bytes()});
      group.push_back({offset, event.id, event.routingkey});
    }
    auto& core = hub_->core;
    const auto stored = hub_->journal->commit(journal::Durability::synced, core.now());
    if (!stored) return wrong("the hub could not write: " + stored.reason);
    for (std::size_t i = 0; i < group.size(); ++i)
      hub_->feeds.add({group[i].offset, stored.recordedtime, {}, std::as_const(envelopes[i]).bytes()}, "amq.topic",
                      group[i].routingkey);
    core.head = stored.last_offset;
    hub_->feeds.flush(core.head, stored.recordedtime);
    log_.insert(log_.end(), group.begin(), group.end());
    result_.published += group.size();
  }

  void beat() {
    // All feeds have been silent for long enough in the time that is told here.
    hub_->feeds.heartbeat(hub_->core.head, hub_->core.now(), hub::Clock::now() + std::chrono::hours{1});
  }

  void serve() {
    for (auto& one : clients_) {
      while (auto message = one->wires.to_hub.receive(now_)) {
        if (message->feed) {
          server_.ask(one->peer(), *message->feed, message->wanted);
          hub_->feeds.admit_readers(hub_->core.head, hub_->core.now());
          continue;
        }
        auto* session = hub_->sessions.find(one->peer());
        if (session == nullptr) continue;
        const auto decoded = codec::decode_client_message(*message->frame);
        const auto* said = std::get_if<codec::ClientMessage>(&decoded);
        if (said == nullptr) {
          wrong("the hub cannot read what a client said");
        } else if (const auto* subscribe = std::get_if<codec::Subscribe>(said)) {
          hub_->subscribing.subscribe(*session, *subscribe);
        } else if (const auto* replay = std::get_if<codec::Replay>(said)) {
          hub_->subscribing.replay(*session, *replay);
        }
      }
    }
    if (random_() % 3 != 0) (void)hub_->subscribing.serve();
    hub_->subscribing.tell_advance();
  }

  // --- clients

  void add_client() {
    auto one = std::make_unique<Client>(static_cast<int>(clients_.size()) + 1, random_());
    one->wish.patterns = wishes[random_() % wishes.size()];
    if (random_() % 2 == 0) one->wish.exchange = "amq.topic";
    using From = SubscriptionOptions::From;
    one->wish.from = random_() % 2 == 0 ? From::offset : random_() % 2 == 0 ? From::now : From::first;
    one->wish.offset = 1 + random_() % (hub_->core.head + 1);
    one->wish.buffer_events = 1 + random_() % 60;
    const auto lossy = static_cast<unsigned>(loss_);
    const std::size_t mark = random_() % 4 == 0 ? 1 + random_() % 6 : 1'000;
    one->wires.to_client.treat(FrameKind::feed_batch, {lossy, 50, random_() % 12, random_() % 4 != 0, mark});
    one->wires.to_client.treat(FrameKind::heartbeat, {lossy, 50, random_() % 12, random_() % 4 != 0, mark});
    one->wires.to_client.treat(FrameKind::conversation, {0, 0, random_() % 10, false});
    one->wires.to_hub.treat(FrameKind::conversation, {0, 0, random_() % 6, false});
    one->wires.to_hub.treat(FrameKind::feed_request, {0, 0, random_() % 15, false});
    one->subscription = std::make_unique<client::Subscription>(
        client::first_subscription_number + static_cast<std::uint64_t>(one->number), one->wish, one->signal);
    clients_.push_back(std::move(one));
    connect(*clients_.back());
  }

  void connect(Client& one) {
    ++one.connects;
    server_.peers[one.peer()] = &one.wires;
    hub_->sessions.open(one.peer(), hub::Clock::now());
    one.connected = true;
    one.now = now_;
    codec::Welcome welcome;
    welcome.log_id = hub_->journal->log_id();
    one.subscription->welcomed(welcome);
  }

  void disconnect(Client& one) {
    if (!one.connected) return;
    ++result_.reconnects;
    one.connected = false;
    one.wires.cut();
    if (auto* session = hub_->sessions.find(one.peer())) hub_->sessions.end(*session);
    hub_->sessions.reap([&](hub::Session& session) { hub_->subscribing.leave(session); });
    server_.peers.erase(one.peer());
    one.subscription->gone();
  }

  void listen(Client& one, bool slow) {
    one.now = now_;
    while (auto message = one.wires.to_client.receive(now_)) {
      if (message->feed) {
        one.subscription->received_feed(*message->feed, message->frame);
        continue;
      }
      const auto decoded = codec::decode_hub_message(*message->frame);
      const auto* said = std::get_if<codec::HubMessage>(&decoded);
      if (said == nullptr || !one.subscription->received(*said, message->frame, one))
        wrong("a client cannot use what the hub said");
      const auto* start = said == nullptr ? nullptr : std::get_if<codec::Subscribed>(said);
      if (start != nullptr && !one.started) {
        one.started = true;
        one.after = start->start - 1;
      }
    }
    if (one.connected) (void)one.subscription->flush(one);
    if (slow && random_() % 4 != 0) return;
    client::FeedHandlers handlers;
    handlers.on_event = [&](const Event& event) { one.seen.emplace_back(event.offset(), event.id()); };
    handlers.on_miss = [&](const Miss& miss) { wrong("a miss was told where nothing is gone: " + miss.reason); };
    (void)one.subscription->handle(handlers, slow ? 1 + random_() % 4 : 1'000, {});
  }

  // --- time

  void pass() {
    server_.now = ++now_;
    serve();
    for (auto& one : clients_) listen(*one, slow_);
  }

  void trouble() {
    if (random_() % 3 == 0) publish();
    if (random_() % ticks_a_heartbeat == 0) beat();
    if (random_() % 40 == 0) slow_ = !slow_;
    if (clients_.size() < 4 && random_() % 25 == 0) add_client();
    for (auto& one : clients_) {
      if (one->connected && random_() % 80 == 0) disconnect(*one);
      if (!one->connected && random_() % 5 == 0) connect(*one);
    }
    if (random_() % 100 == 0) restart_hub();
  }

  void restart_hub() {
    ++result_.restarts;
    for (auto& one : clients_) disconnect(*one);
    hub_.reset();
    files_.power_cut(&random_);
    start_hub();
    if (hub_->core.head != log_.size()) wrong("the hub lost what it had synced");
  }

  bool is_done() const {
    for (const auto& one : clients_) {
      const auto progress = one->subscription->progress();
      if (!progress.ready || progress.position < hub_->core.head) return false;
    }
    return true;
  }

  void calm() {
    if (clients_.empty()) add_client();
    slow_ = false;
    for (auto& one : clients_)
      if (!one->connected) connect(*one);
    for (pass(); !is_done() && result_.rounds < rounds_max; ++result_.rounds) {
      beat();
      for (int i = 0; i < ticks_a_heartbeat; ++i) pass();
    }
  }

  void judge() {
    for (const auto& one : clients_) {
      const auto who = "subscriber " + std::to_string(one->number) + ": ";
      auto seen = one->seen.begin();
      for (const auto& event : log_) {
        if (event.offset <= one->after) continue;
        bool wanted = false;
        for (const auto& pattern : one->wish.patterns) wanted |= client::topic_matches(pattern, event.routingkey);
        if (!wanted) continue;
        if (seen == one->seen.end() || seen->first != event.offset || seen->second != event.id) {
          wrong(who + (seen == one->seen.end() ? "nothing" : seen->second + " at " + std::to_string(seen->first)) +
                " where " + event.id + " was due, of " + std::to_string(hub_->core.head));
          break;
        }
        ++seen;
      }
      if (seen != one->seen.end() && result_.wrongs.empty()) wrong(who + seen->second + " is too much");
      result_.seen += one->seen.size();
      result_.lost += one->wires.to_client.lost();
    }
    result_.replayed += hub_->probe.counters().replayed_events;
    if (!is_done()) wrong("not everybody came to the end in " + std::to_string(rounds_max) + " rounds");
  }

  void wrong(const std::string& what) {
    if (result_.wrongs.size() < 5) result_.wrongs.push_back(what);
  }

  const FeedWorldOptions options_;
  std::mt19937_64 random_;
  int loss_ = 0;
  HubOptions hub_options_;
  FaultyFiles files_;
  WireServer server_;
  std::unique_ptr<HubLife> hub_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::vector<Published> log_;
  std::uint64_t now_ = 0;
  bool slow_ = false;
  FeedWorldResult result_;
};

}  // namespace

FeedWorldResult run_feed_world(std::uint64_t seed, const FeedWorldOptions& options) {
  return World{seed, options}.run();
}

}  // namespace laban::test

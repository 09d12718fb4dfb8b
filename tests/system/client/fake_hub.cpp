// tests/system/client/fake_hub.cpp - the protocol's other side, as short as it goes.
#include "tests/system/client/fake_hub.hpp"

#include <algorithm>
#include <cstring>
#include <set>

#include "bus/client/topic_match.hpp"

namespace laban::test {

using namespace std::chrono_literals;

static std::uint64_t new_epoch() {
  static std::atomic<std::uint64_t> last{1000};
  return ++last;
}

FakeHub::FakeHub(std::shared_ptr<FakeLog> log, std::string endpoint) : log_(std::move(log)), epoch_(new_epoch()) {
  transport::ServerOptions options;
  options.listen = std::move(endpoint);
  options.linger = 100ms;
  server_ = transport::make_zmq_server(options);
  endpoint_ = server_->endpoint();
  thread_ = std::thread{[this] { work(); }};
}

void FakeHub::stop() {
  if (!thread_.joinable()) return;
  stopping_ = true;
  server_->wake();
  thread_.join();
  server_.reset();
}

std::size_t FakeHub::stored() const {
  const std::lock_guard lock{mutex_};
  return log_->events.size();
}

std::vector<std::string> FakeHub::settled() const {
  const std::lock_guard lock{mutex_};
  return settled_;
}

std::vector<std::string> FakeHub::order() const {
  const std::lock_guard lock{mutex_};
  return order_;
}

void FakeHub::work() {
  auto heartbeat = std::chrono::steady_clock::now();
  while (!stopping_) {
    server_->wait(5ms);
    const std::lock_guard lock{mutex_};
    std::string peer;
    codec::Frame frame;
    while (server_->receive(peer, frame)) {
      if (faults.mute) continue;
      const auto decoded = codec::decode_client_message(frame);
      if (const auto* message = std::get_if<codec::ClientMessage>(&decoded)) handle(peer, *message);
    }
    transport::FeedRequest wish;
    while (server_->receive(wish)) {
      if (wish.wanted) server_->admit(wish);
    }
    const bool beat = std::chrono::steady_clock::now() - heartbeat > 50ms;
    if (beat) heartbeat = std::chrono::steady_clock::now();
    for (auto& [name, subscription] : subscriptions_) feed(subscription, beat);
    for (auto& [name, queue] : queues_) deliver(queue);
  }
}

void FakeHub::say(const std::string& peer, const codec::HubMessage& message) {
  if (faults.garbage) {
    codec::Frame garbage{codec::Words{0x0102030405060708, 0xffffffffffffffff}};
    server_->send(peer, garbage);
  }
  codec::Frame frame = codec::encode(message);
  server_->send(peer, frame);
}

void FakeHub::handle(const std::string& peer, const codec::ClientMessage& message) {
  if (const auto* said = std::get_if<codec::Hello>(&message)) {
    hello(peer, *said);
    return;
  }
  if (!peers_.contains(peer)) {
    say(peer, codec::Refused{codec::Refusal::no_session, "say hello first", 0});
    return;
  }
  if (const auto* said = std::get_if<codec::Publish>(&message)) publish(peer, *said);
  if (const auto* said = std::get_if<codec::Subscribe>(&message)) subscribe(peer, *said);
  if (const auto* said = std::get_if<codec::Replay>(&message)) replay(peer, *said);
  if (const auto* said = std::get_if<codec::Settle>(&message)) settle(peer, *said);
  if (const auto* said = std::get_if<codec::Request>(&message)) request(peer, *said);
  if (std::holds_alternative<codec::Ping>(message)) say(peer, codec::Pong{head(), {}});
  if (const auto* said = std::get_if<codec::Consume>(&message)) {
    auto& queue = queues_[std::string{said->queue}];
    queue.consumer_peer = peer;
    queue.consumer = said->consumer;
  }
  if (const auto* said = std::get_if<codec::Cancel>(&message)) {
    for (auto& [name, queue] : queues_) {
      if (queue.consumer_peer == peer && queue.consumer == said->consumer) queue.consumer_peer.clear();
    }
    order_.emplace_back("cancel");
  }
  if (std::holds_alternative<codec::Bye>(message)) {
    order_.emplace_back("bye");
    peers_.erase(peer);
  }
}

void FakeHub::hello(const std::string& peer, const codec::Hello& hello) {
  ++hellos_;
  if (faults.refuse_wire) {
    say(peer, codec::Refused{codec::Refusal::wire_version, "this hub speaks wire version 9: use its release", 0});
    return;
  }
  peers_[peer] = {std::string{hello.producer}, {}};
  const std::string feeds = server_->feeds_endpoint();
  codec::Welcome welcome;
  welcome.log_id = log_->id;
  welcome.first_offset = log_->first;
  welcome.head = head();
  welcome.feeds = feeds;
  welcome.last_sequence = log_->producers[std::string{hello.producer}];
  welcome.lease_millis = 10'000;
  say(peer, welcome);
}

void FakeHub::publish(const std::string& peer, const codec::Publish& publish) {
  order_.emplace_back("publish");
  if (faults.drop_publishes) return;
  codec::Confirms confirms;
  std::uint64_t sequence = publish.first_sequence;
  auto& last = log_->producers[peers_[peer].producer];
  for (const auto& event : publish.events) {
    codec::Confirms::Run run{sequence, 1, 0, publish.level, 1, false, false, false, {}, {}};
    EventFields fields;
    if (faults.refuse_storage) {
      run.refused = true;
      run.code = codec::Refusal::storage;
      run.message = "the disk is full: free some";
    } else if (sequence <= last) {
      run.duplicate = true;
    } else if (codec::read_envelope(event, fields)) {
      log_->events.push_back({{event.begin(), event.end()},
                              std::string{fields.type},
                              std::string{fields.routingkey},
                              peers_[peer].producer,
                              fields.sequence});
      last = sequence;
      run.first_offset = head();
      for (auto& [name, queue] : queues_) {
        if (std::any_of(queue.patterns.begin(), queue.patterns.end(),
                        [&](const auto& pattern) { return client::topic_matches(pattern, fields.routingkey); })) {
          queue.ready.push_back(head());
        }
      }
    }
    confirms.runs.push_back(run);
    ++sequence;
  }
  if (!faults.drop_confirms) say(peer, confirms);
}

codec::Recorded FakeHub::recorded(std::uint64_t offset) const {
  const auto& event = log_->events[offset - 1];
  return {offset, Timestamp{std::chrono::nanoseconds{static_cast<std::int64_t>(offset)}}, {}, event.envelope};
}

static bool matches(const std::vector<std::string>& patterns, const std::string& key) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [&](const auto& pattern) { return client::topic_matches(pattern, key); });
}

void FakeHub::subscribe(const std::string& peer, const codec::Subscribe& subscribe) {
  if (subscribe.patterns.front() == "bad..pattern") {
    say(peer, codec::Refused{codec::Refusal::invalid_address, "bad..pattern is no pattern: write words",
                             subscribe.subscription});
    return;
  }
  Subscription subscription;
  for (const auto& pattern : subscribe.patterns) subscription.patterns.emplace_back(pattern);
  for (auto& byte : subscription.id) byte = std::byte(random_() & 0xff);
  subscription.fed = head();
  using From = codec::Subscribe::From;
  const std::uint64_t start = subscribe.from == From::now     ? head() + 1
                              : subscribe.from == From::first ? log_->first
                                                              : subscribe.offset;
  say(peer, codec::Subscribed{subscribe.subscription, subscription.id, epoch_, 0, head(), start});
  subscriptions_[{peer, subscribe.subscription}] = std::move(subscription);
}

void FakeHub::feed(Subscription& subscription, bool heartbeat) {
  if (subscription.fed == head() && !heartbeat) return;
  codec::FeedBatch batch{epoch_, 0, subscription.fed, head(), {}, {}};
  for (auto offset = subscription.fed + 1; offset <= head(); ++offset) {
    if (matches(subscription.patterns, log_->events[offset - 1].key)) batch.events.push_back(recorded(offset));
  }
  if (!batch.events.empty()) ++subscription.sequence;
  batch.sequence = subscription.sequence;
  subscription.fed = head();
  if (static_cast<int>(random_() % 100) < faults.drop_live_percent) return;
  server_->publish(subscription.id, codec::encode(batch));
}

void FakeHub::replay(const std::string& peer, const codec::Replay& replay) {
  const auto place = subscriptions_.find({peer, replay.subscription});
  if (place == subscriptions_.end()) return;
  const std::uint64_t end = replay.up_to == 0 ? head() : std::min(replay.up_to, head());
  codec::Replayed answer;
  answer.subscription = replay.subscription;
  answer.after = replay.after;
  answer.head = head();
  answer.up_to = std::max(end, replay.after);
  for (auto offset = std::max(replay.after + 1, log_->first); offset <= end; ++offset) {
    if (!matches(place->second.patterns, log_->events[offset - 1].key)) continue;
    answer.events.push_back(recorded(offset));
    if (answer.events.size() == 100) {
      answer.up_to = offset;
      break;
    }
  }
  if (replay.after + 1 < log_->first) {
    answer.lost_from = replay.after + 1;
    answer.lost_to = log_->first - 1;
    answer.lost_reason = "retention";
  }
  say(peer, answer);
}

void FakeHub::request(const std::string& peer, const codec::Request& request) {
  codec::Reply reply;
  reply.id = request.id;
  if (const auto* spec = std::get_if<QueueSpec>(&request.what)) {
    if (spec->passive && !queues_.contains(spec->name)) {
      reply.refused = true;
      reply.code = codec::Refusal::not_found;
      reply.message = "no such queue";
    } else {
      queues_[spec->name];
    }
  } else if (const auto* bind = std::get_if<codec::Bind>(&request.what)) {
    queues_[bind->binding.queue].patterns.push_back(bind->binding.pattern);
  } else if (const auto* inspect = std::get_if<codec::Inspect>(&request.what)) {
    reply.json = R"({"asked":"asked"})";
    if (inspect->what == "nonsense") {
      reply.refused = true;
      reply.code = codec::Refusal::not_found;
      reply.message = "nothing to inspect is called nonsense: try queues";
    }
  }
  say(peer, reply);
}

void FakeHub::deliver(Queue& queue) {
  if (!queue.consumer_peer.empty() && !peers_.contains(queue.consumer_peer)) queue.consumer_peer.clear();
  if (queue.consumer_peer.empty()) {
    // The consumer is gone: what it had goes back.
    for (const auto& [number, offset] : queue.unsettled) queue.ready.push_back(offset);
    std::sort(queue.ready.begin(), queue.ready.end());
    queue.unsettled.clear();
    return;
  }
  std::set<std::string> held;
  const auto key_of = [&](std::uint64_t offset) {
    EventFields fields;
    codec::read_envelope(log_->events[offset - 1].envelope, fields);
    return std::string{fields.key()};
  };
  for (const auto& [number, offset] : queue.unsettled) held.insert(key_of(offset));
  codec::Deliveries deliveries;
  deliveries.consumer = queue.consumer;
  std::erase_if(queue.ready, [&](std::uint64_t offset) {
    const auto key = key_of(offset);
    if (!key.empty() && !held.insert(key).second) return false;
    deliveries.messages.push_back({++number_, queue.attempts[offset], queue.attempts[offset] > 0, recorded(offset)});
    queue.unsettled[number_] = offset;
    return true;
  });
  if (!deliveries.messages.empty()) say(queue.consumer_peer, deliveries);
}

void FakeHub::settle(const std::string& peer, const codec::Settle& settle) {
  static const char* names[] = {"ack", "back", "fail", "reject", "renew"};
  order_.emplace_back("settle");
  for (auto& [name, queue] : queues_) {
    if (queue.consumer_peer != peer || queue.consumer != settle.consumer) continue;
    for (const auto number : settle.numbers) {
      const auto place = queue.unsettled.find(number);
      if (place == queue.unsettled.end()) continue;
      const auto offset = place->second;
      queue.unsettled.erase(place);
      std::string line = names[static_cast<int>(settle.outcome)];
      line += " " + std::to_string(offset);
      if (!settle.reason.empty()) line += " " + std::string{settle.reason};
      settled_.push_back(std::move(line));
      if (settle.outcome == codec::Outcome::fail && ++queue.attempts[offset] < 3) queue.ready.push_back(offset);
      if (settle.outcome == codec::Outcome::give_back) queue.ready.push_back(offset);
      std::sort(queue.ready.begin(), queue.ready.end());
    }
  }
}

}  // namespace laban::test

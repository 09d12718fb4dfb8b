// tests/system/client/fake_hub.hpp - a hub for tests of the client: no disk, few rules, and faults at will.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "bus/codec/codec.hpp"
#include "bus/codec/envelope.hpp"
#include "bus/transport/zmq_server.hpp"

namespace laban::test {

// What outlives a hub's process.
struct FakeLog {
  struct Event {
    std::vector<std::byte> envelope;
    std::string type, key, producer;
    std::uint64_t sequence = 0;
  };
  std::uint64_t id = 77;
  std::vector<Event> events;                       // offset - 1
  std::map<std::string, std::uint64_t> producers;  // the highest stored sequence
  std::uint64_t first = 1;                         // retention took what is older
};

struct FakeFaults {
  std::atomic<int> drop_live_percent{0};
  std::atomic<bool> mute{false};            // hears and says nothing
  std::atomic<bool> drop_publishes{false};  // as if the frame had never come
  std::atomic<bool> drop_confirms{false};   // stored, but the client does not learn it
  std::atomic<bool> garbage{false};         // each answer is preceded by bytes that do not decode
  std::atomic<bool> refuse_wire{false};
  std::atomic<bool> refuse_storage{false};
  std::uint64_t seed = 1;
};

// One queue a name, bound by type, one delivery at a time a key.
class FakeHub {
 public:
  FakeHub(std::shared_ptr<FakeLog> log, std::string endpoint = "tcp://127.0.0.1:0");
  ~FakeHub() { stop(); }

  std::string endpoint() const { return endpoint_; }
  void stop();

  // The log while the hub's thread keeps away from it.
  template <class Look>
  auto with_log(Look look) {
    const std::lock_guard lock{mutex_};
    return look(*log_);
  }

  std::size_t stored() const;
  std::vector<std::string> settled() const;  // "ack 3", "fail 4 text" and so on, in the order in which they came
  std::size_t hellos() const { return hellos_; }
  std::vector<std::string> order() const;  // kinds of frames in the order in which they came

  FakeFaults faults;

 private:
  struct Peer {
    std::string producer;
    std::map<std::uint64_t, std::string> feeds;
  };
  struct Subscription {
    transport::FeedId id{};
    std::vector<std::string> patterns;
    std::uint64_t sequence = 0;
    std::uint64_t fed = 0;
  };
  struct Queue {
    std::vector<std::string> patterns;
    std::vector<std::uint64_t> ready;                  // offsets
    std::map<std::uint64_t, std::uint64_t> unsettled;  // number -> offset
    std::map<std::uint64_t, std::uint32_t> attempts;   // by offset
    std::string consumer_peer;
    std::uint64_t consumer = 0;
  };

  void work();
  void handle(const std::string& peer, const codec::ClientMessage& message);
  void hello(const std::string& peer, const codec::Hello& hello);
  void publish(const std::string& peer, const codec::Publish& publish);
  void subscribe(const std::string& peer, const codec::Subscribe& subscribe);
  void replay(const std::string& peer, const codec::Replay& replay);
  void settle(const std::string& peer, const codec::Settle& settle);
  void request(const std::string& peer, const codec::Request& request);
  void feed(Subscription& subscription, bool heartbeat);
  void deliver(Queue& queue);
  codec::Recorded recorded(std::uint64_t offset) const;
  void say(const std::string& peer, const codec::HubMessage& message);
  std::uint64_t head() const { return log_->events.size(); }

  std::shared_ptr<FakeLog> log_;
  std::unique_ptr<transport::Server> server_;
  std::string endpoint_;
  const std::uint64_t epoch_;
  std::mt19937_64 random_{1};
  std::map<std::string, Peer> peers_;
  std::map<std::pair<std::string, std::uint64_t>, Subscription> subscriptions_;
  std::map<std::string, Queue> queues_;
  std::uint64_t number_ = 0;
  mutable std::mutex mutex_;
  std::vector<std::string> settled_;
  std::vector<std::string> order_;
  std::atomic<std::size_t> hellos_{0};
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace laban::test

// laban/bus.hpp - announce facts, react to facts. Start here.
//
// A Bus is one service's place in the choreography. Nobody is in charge: each service announces what has happened, and
// reacts to what the others announce. services/payment/main.cpp is a whole service.
//
// Threads:  starts one thread of its own, which owns the sockets. Handlers run one at a time, on the thread inside run()
//           or poll(). publish(), try_publish(), flush() and stats() are safe from any thread; everything else belongs
//           to one.
// Delivery: at least once. A published event is kept and sent again until the hub has confirmed it, also across restarts
//           of the hub; the hub stores a resent one once. An event of the service's queue is acknowledged after its handler
//           returned, and comes again if the process dies before. Events of one partition key come one at a time, in order.
// Errors:   the constructor throws for what can never work; a hub that is not there yet is waited for. publish() throws
//           Error(closed) after close. A handler that throws gives its event back: it comes again with back-off and is
//           parked at the queue's delivery limit, never dropped.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "laban/error.hpp"
#include "laban/event.hpp"
#include "laban/fact.hpp"
#include "laban/options.hpp"
#include "laban/subscriber.hpp"

namespace laban {

// What the hub says about one published event.
struct Confirm {
  std::string id;
  std::uint64_t sequence = 0;
  std::uint64_t offset = 0;  // 0 where nothing was stored, or a duplicate's place is no longer known
  Level level = Level::accepted;
  std::uint32_t queues = 0;  // how many queues it reached; laban.parking is none
  bool unroutable = false;   // went to the alternate exchange or to parking
  bool duplicate = false;    // had been stored before
  bool refused = false;
  std::string reason;      // why it was refused: what to do
  bool temporary = false;  // refused for now (a full queue or disk): the same event may be taken later
};

// How an event came out of a queue.
struct Delivery {
  std::uint32_t attempts = 0;  // earlier tries that failed
  bool redelivered = false;    // may have been seen before
};

enum class Verdict { acknowledge, give_back, fail, reject };

// What a raw consumer says about a delivery: the verdict and, where it helps, why and how long.
struct Settlement {
  Verdict verdict = Verdict::acknowledge;
  std::string reason{};                // of fail and reject: kept with a message that parks
  std::chrono::milliseconds delay{0};  // of give_back: how long its key waits

  Settlement(Verdict said) : verdict(said) {}  // NOLINT: a verdict is a settlement
  Settlement(Verdict said, std::string why, std::chrono::milliseconds wait = {})
      : verdict(said), reason(std::move(why)), delay(wait) {}
};

struct ConsumeOptions {
  std::string queue;
  std::uint32_t prefetch = 256;
  bool declare = true;  // declare the queue where it is missing
  // While a handler works, the hub is told so this often, so that the queue's redelivery time-out does not take from it what
  // it works on: less than that time-out. A handler that never returns then keeps its key for ever. 0: never.
  std::chrono::milliseconds renew_every{0};
  // Declared for this connection alone: nobody else consumes from it and it ends with the connection. It keeps no order
  // by key, and what is rejected goes to laban.parking.
  bool exclusive = false;
};

class Bus {
 public:
  using ConfirmHandler = std::function<void(const Confirm&)>;
  using RawHandler = std::function<Settlement(const Event&, const Delivery&)>;

  explicit Bus(BusOptions options);
  ~Bus();  // waits for confirms for at most options.linger
  Bus(const Bus&) = delete;
  Bus& operator=(const Bus&) = delete;

  // Reacts to every event of type T through the service's durable queue, which is declared and bound by the first run()
  // or poll(). One handler a type; call before run().
  template <class T>
  void on(std::function<void(typename T::Reader, const Event&)> handler) {
    speaks<T>();
    on(topic_of<T>(), [handler = std::move(handler)](const Event& event) {
      Payload<T> payload{event};
      handler(payload.get(), event);
    });
  }

  // The same for a type that is known only by name; `type` is a routing key on amq.topic, wildcards allowed.
  void on(std::string_view type, std::function<void(const Event&)> handler);

  // Takes from any queue and says what becomes of each delivery. Call before run().
  void consume(ConsumeOptions options, RawHandler handler);

  // Inside a handler that works long: the redelivery time-out of what this consumer holds starts anew. Elsewhere it does
  // nothing.
  void renew();

  // Types that this service publishes or consumes; on<T>() says so by itself. The hub keeps their schemas, so that every
  // tool can read the payloads, and refuses a service whose types are incompatible with what others speak. Call before the
  // first publish.
  template <class... T>
  void speaks() {
    (speaks(capnp::Schema::from<T>()), ...);
  }
  void speaks(capnp::StructSchema type);

  // Called after the waiting deliveries of on() and consume() were handled and before any of them is acknowledged, on the
  // thread inside run() or poll(): a service that keeps state commits here, with one sync for them all. What it throws
  // leaves run(), and nothing of that batch is acknowledged: all of it comes again. Call before run().
  void before_acknowledge(std::function<void()> commit);

  // Sees matching events beside the queue: live, with replay. As laban::Subscriber, inside this bus's run(). `on_miss` is
  // told what the log no longer had or the overflow policy dropped.
  void subscribe(SubscriptionOptions options, std::function<void(const Event&)> handler,
                 std::function<void(const Miss&)> on_miss = {});

  // Announces a fact and returns its id. Waits while the publish window is full.
  template <class T>
  std::string publish(Fact<T>& fact) {
    return publish(fact.event());
  }
  std::string publish(NewEvent event);

  // The same without waiting: nothing where the window is full.
  std::optional<std::string> try_publish(NewEvent event);

  // Publishes and waits for the confirm; throws Error(unreachable) if none came in time. The event is still sent later.
  Confirm publish_and_wait(NewEvent event, std::chrono::milliseconds wait = std::chrono::seconds{10});

  // Several events of which the log gets all, next to each other, or none: one that is refused refuses the others with its
  // reason. At most 10,000 of them and 32 MiB. Returns their ids. Waits while the window is full.
  std::vector<std::string> publish_atomic(std::vector<NewEvent> events);

  // The same, and waits for the confirms; throws Error(unreachable) if they did not come in time.
  std::vector<Confirm> publish_atomic_and_wait(std::vector<NewEvent> events,
                                               std::chrono::milliseconds wait = std::chrono::seconds{10});

  // For events whose loss is cheaper than a sync: straight to whoever subscribes at this moment, at most once. Not stored,
  // not queued, not confirmed, not repaired; in no order with what is. Never waits; false where it was dropped here.
  // BusStats counts what was, here and at each subscriber. Their offset() is 0.
  template <class T>
  bool publish_at_most_once(Fact<T>& fact) {
    return publish_at_most_once(fact.event());
  }
  bool publish_at_most_once(NewEvent event);

  // Called for every confirm, on the thread inside run() or poll(), or inside flush(). Call before the first publish.
  void on_confirm(ConfirmHandler handler);

  // Waits until everything published is confirmed or refused; false if that took longer.
  bool flush(std::chrono::milliseconds wait);

  // The highest sequence that the hub stored of this named producer; waits for the hub. Nothing if none answered in time.
  std::optional<std::uint64_t> last_sequence(std::chrono::milliseconds wait);

  // Handles events until stop is requested, then gives back what was not handled and flushes.
  void run(std::stop_token stop);

  // Handles the events that are waiting, for at most `wait`; returns how many. This is how tests drive a Bus.
  std::size_t poll(std::chrono::milliseconds wait);

  // Declares the queue of on() and its bindings, and waits until the hub has said that they are there, so that no event
  // published from then on misses this service; false if it did not within `wait`. Call after the last on() and before run().
  bool wait_until_ready(std::chrono::milliseconds wait);

  // True once the hub answered; false while it is not there or gone.
  bool connected() const;
  bool wait_until_connected(std::chrono::milliseconds wait);

  // The same for those who do not want to go on without: throws Error(unreachable) that says why.
  void require_hub(std::chrono::milliseconds wait);
  BusStats stats() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace laban

// tests/support/hub_log.cpp - a subscription to everything, from first to head.
#include "tests/support/hub_log.hpp"

#include <stdexcept>

#include "laban/subscriber.hpp"

namespace laban::test {

std::vector<LoggedEvent> read_hub_log(const std::string& endpoint, std::chrono::milliseconds wait) {
  std::vector<LoggedEvent> log;
  std::string missed;
  SubscriberOptions options;
  options.name = "log reader";
  options.hub.endpoint = endpoint;
  Subscriber subscriber{options};
  subscriber.on_miss([&](const Miss& miss) { missed = miss.reason; });
  SubscriptionOptions everything;
  everything.from = SubscriptionOptions::From::first;
  subscriber.subscribe(everything, [&](const Event& event) {
    const auto text = [](std::string_view view) { return std::string{view}; };
    log.push_back({event.offset(), event.recordedtime(), text(event.id()), text(event.source()), text(event.type()),
                   text(event.exchange()), text(event.routingkey()), text(event.correlationid()),
                   text(event.causationid())});
  });
  const auto end = std::chrono::steady_clock::now() + wait;
  for (;;) {
    subscriber.poll(std::chrono::milliseconds{20});
    const auto progress = subscriber.progress();
    if (progress.ready && progress.position >= progress.head) break;
    if (std::chrono::steady_clock::now() > end) throw std::runtime_error("the hub's log was not read in time");
  }
  if (!missed.empty()) throw std::runtime_error("the hub's log is not complete: " + missed);
  return log;
}

Said said_by_instance(const std::vector<LoggedEvent>& log) {
  Said said;
  for (const auto& event : log) ++said[event.correlationid][event.type];
  return said;
}

}  // namespace laban::test

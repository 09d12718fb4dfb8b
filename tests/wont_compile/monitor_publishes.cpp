// tests/wont_compile/monitor_publishes.cpp - what the monitor may include does not let it publish. Compiled three times: as
// it is, with LABAN_TRY_TO_PUBLISH, and with LABAN_TRY_TO_NAME_THE_BUS; only the first may compile.
#include "laban/error.hpp"
#include "laban/event.hpp"
#include "laban/options.hpp"
#include "laban/stop.hpp"
#include "laban/subscriber.hpp"

void listen(laban::Subscriber& subscriber) {
  subscriber.poll(std::chrono::milliseconds{1});
#ifdef LABAN_TRY_TO_PUBLISH
  subscriber.publish(laban::NewEvent{});
#endif
#ifdef LABAN_TRY_TO_NAME_THE_BUS
  laban::Bus bus{laban::BusOptions{}};
  bus.publish(laban::NewEvent{});
#endif
}

// bench/no_rabbitmq.cpp - in place of rabbitmq.cpp where librabbitmq is not there to build it.
#include <stdexcept>

#include "bench/rabbitmq.hpp"

namespace laban::bench {

std::string missing_for_rabbitmq() {
  return "librabbitmq-dev, when this was built";
}

Measurement rabbitmq_queue(const Settings&) {
  throw std::logic_error("built without librabbitmq");
}

}  // namespace laban::bench

// cli/event_json.hpp - an event as the tools print it: the contract's attributes, and the payload decoded.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "bus/codec/payload_json.hpp"
#include "laban/bus.hpp"
#include "laban/event.hpp"

namespace laban::cli {

// Adds the types that services have announced to the hub.
void learn_types(codec::PayloadTypes& types, const HubAddress& hub, std::chrono::milliseconds wait);

class EventPrinter {
 public:
  // Decodes with the types that this program was built with and those that the hub knows.
  EventPrinter(const HubAddress& hub, std::chrono::milliseconds wait);

  // Unset attributes are null. `data` is JSON where the payload is or can be made JSON, else null with `data_base64`.
  nlohmann::ordered_json json(const Event& event) const;

  // One line for people.
  std::string line(const Event& event) const;

 private:
  codec::PayloadTypes types_;
};

std::string dump(const nlohmann::ordered_json& json);

}  // namespace laban::cli

// bus/transport/zmq_client.hpp - a client's link over ZeroMQ: DEALER to the hub's ROUTER, SUB to its XPUB.
#pragma once

#include <memory>

#include "bus/transport/client_link.hpp"
#include "laban/options.hpp"

namespace laban::transport {

// Where the hub is, after LABAN_HUB, LABAN_KEY, LABAN_SERVER_KEY and the default have been looked at.
HubAddress resolved(HubAddress address);

// Throws Error(usage) for an address that can never work.
std::unique_ptr<ClientLink> make_zmq_client(const HubAddress& address);

// tcp://*:5571 as the hub says it, seen by a client that reached the hub at tcp://example.org:5570.
std::string feeds_endpoint(const std::string& said, const std::string& hub);

}  // namespace laban::transport

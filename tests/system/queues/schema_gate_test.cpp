// tests/system/queues/schema_gate_test.cpp - services of two versions of a type meet at one hub: who may come in, who may not.
#include <capnp/schema-parser.h>
#include <doctest/doctest.h>
#include <kj/filesystem.h>

#include <nlohmann/json.hpp>

#include "bus/codec/schema_nodes.hpp"
#include "laban/bus.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/hub_fixture.hpp"
#include "tests/support/raw_client.hpp"

using namespace laban;
using namespace laban::test;
using nlohmann::json;

namespace {

constexpr auto patience = 60s;
constexpr std::uint64_t order_id = 0xd7f2b1a3c6e04f99;

// One version of the type order.placed.
class Version {
 public:
  explicit Version(const std::string& fields) : directory_(kj::newInMemoryDirectory(kj::nullClock())) {
    write("annotations.capnp", "@0xb6ea6d8ffb3b5d52;\nannotation topic @0xd7f2b1a3c6e04f11 (struct) :Text;\n");
    write("order.capnp",
          "@0xb312981b2552a250;\nusing L = import \"annotations.capnp\";\n"
          "struct Order @0xd7f2b1a3c6e04f99 $L.topic(\"order.placed\") {\n" +
              fields + "\n}\n");
    schema_ = parser_.parseFromDirectory(*directory_, kj::Path("order.capnp"), nullptr).getNested("Order").asStruct();
  }
  capnp::StructSchema schema() const { return schema_; }

 private:
  void write(const char* name, const std::string& content) {
    directory_->openFile(kj::Path(name), kj::WriteMode::CREATE)
        ->writeAll(kj::StringPtr{content.c_str(), content.size()});
  }
  kj::Own<const kj::Directory> directory_;
  capnp::SchemaParser parser_;
  capnp::StructSchema schema_;
};

const std::string plain = "id @0 :Text; total @1 :Int64;";
const std::string longer = "id @0 :Text; total @1 :Int64; note @2 :Text;";
const std::string foreign = "id @0 :Text; total @1 :Int32;";

struct World {
  World() { fixture.start(); }
  BusOptions options(const std::string& service) const {
    BusOptions to;
    to.service = service;
    to.hub = {fixture.options.listen, "", ""};
    to.linger = 0ms;
    return to;
  }
  std::uint64_t stored() const { return json::parse(fixture.hub->inspect("status")).at("head").get<std::uint64_t>(); }
  HubFixture fixture;
};

NewEvent placed() {
  NewEvent event;
  event.type = "order.placed";
  event.datacontenttype = capnp_content_type;
  event.dataschema = capnp_dataschema(order_id);
  return event;
}

// The hub's words; empty where it let the service in.
std::string let_in(const World& world, const std::string& service, const Version& version) {
  Bus bus{world.options(service)};
  bus.speaks(version.schema());
  try {
    const auto confirm = bus.publish_and_wait(placed(), patience);
    return confirm.refused ? confirm.reason : "";
  } catch (const Error& error) {
    CHECK(error.code() == Errc::refused);
    return error.what();
  }
}

}  // namespace

TEST_CASE("schema gate: versions that can be spoken together meet, in either order, with a backlog or without (G208)") {
  const Version first{plain};
  const Version second{longer};
  for (int mix = 0; mix < 8; ++mix) {
    CAPTURE(mix);
    const Version& producer = (mix & 1) != 0 ? second : first;
    const Version& consumer = (mix & 2) != 0 ? second : first;
    World world;
    Bus taking{world.options("consumer")};
    taking.speaks(consumer.schema());
    int seen = 0;
    taking.consume({.queue = "orders"}, [&](const Event&, const Delivery&) {
      ++seen;
      return Verdict::acknowledge;
    });
    REQUIRE(taking.wait_until_ready(patience));
    Bus speaking{world.options("producer")};
    speaking.speaks(producer.schema());
    auto event = placed();
    event.exchange = "amq.default";
    event.routingkey = "orders";
    if ((mix & 4) != 0) CHECK_FALSE(speaking.publish_and_wait(event, patience).refused);
    CHECK(let_in(world, "newcomer", (mix & 1) != 0 ? first : second).empty());
    CHECK_FALSE(speaking.publish_and_wait(event, patience).refused);
    const int expected = (mix & 4) != 0 ? 2 : 1;
    CHECK(eventually(patience, [&] {
      taking.poll(50ms);
      return seen == expected;
    }));
  }
}

TEST_CASE(
    "schema gate: an incompatible service is refused with whom it would break, and nothing of it is stored (G208)") {
  const Version spoken{plain};
  const Version odd{foreign};
  World world;
  {
    RawClient client{world.fixture.hub->endpoint()};
    REQUIRE(client.hello());
    REQUIRE(client.declare_queue("waiting", "order.#"));
  }
  Bus taking{world.options("invoices")};
  taking.speaks(spoken.schema());
  CHECK_FALSE(taking.publish_and_wait(placed(), patience).refused);
  const auto before = world.stored();
  const auto words = let_in(world, "intruder", odd);
  CAPTURE(words);
  CHECK(words.find("order.placed (Order): ") != std::string::npos);
  CHECK(words.find("it would break invoices and 1 messages in queue 'waiting'") != std::string::npos);
  CHECK(world.stored() == before);
  CHECK(taking.connected());
  CHECK(eventually(patience, [&] {
    return world.fixture.hub->metrics().find("laban_hub_odd_frames_total{reason=\"schema\"} 0") == std::string::npos;
  }));
  // The hub remembers what was spoken over a crash.
  world.fixture.crash_and_start();
  CHECK_FALSE(let_in(world, "intruder", odd).empty());
  CHECK(let_in(world, "friend", Version{longer}).empty());
  CHECK_FALSE(let_in(world, "intruder", odd).empty());
}

// tests/system/queues/queues_command_test.cpp - the model from the command line: declare, bind, publish, explain, delete.
#include <doctest/doctest.h>
#include <sys/wait.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/support/hub_fixture.hpp"

using namespace laban::test;
using nlohmann::json;

namespace {

struct Ran {
  int code = -1;
  std::string out, err;
};

struct World {
  World() { fixture.start(); }

  Ran run(const std::string& arguments) const {
    const auto out = (fixture.directory / "out").string(), err = (fixture.directory / "err").string();
    const auto line =
        "LABAN_HUB=" + fixture.options.listen + " " + LABAN_PROGRAM + " " + arguments + " > " + out + " 2> " + err;
    const int status = std::system(line.c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, contents(out), contents(err)};
  }
  json ask(const std::string& arguments) const { return json::parse(run(arguments).out); }
  std::string file(const std::string& name, const std::string& text) const {
    const auto path = (fixture.directory / name).string();
    std::ofstream{path} << text;
    return path;
  }
  static std::string contents(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  HubFixture fixture;
};

}  // namespace

TEST_CASE("laban declare, bind, unbind, delete: twice is once, otherwise is refused, passive asks (G47)") {
  World world;
  CHECK(world.run("declare queue q --passive").code == 1);
  CHECK(world.run("declare exchange e --passive").code == 1);
  for (int i = 0; i < 2; ++i) {
    CHECK(world.run("declare exchange e --type headers").code == 0);
    CHECK(world.run("declare queue q --delivery-limit 3 --bind amq.topic:order.#").code == 0);
    CHECK(world.run("bind e q --argument x-match=any --argument region=eu --argument size=3").code == 0);
  }
  CHECK(world.run("declare queue q --passive").code == 0);
  const auto other = world.run("declare queue q --delivery-limit 4");
  CHECK(other.code == 2);
  CHECK(other.err.find("delivery limit is 3, not 4") != std::string::npos);
  for (int i = 0; i < 2; ++i) {
    CHECK(world.run("unbind e q --argument x-match=any --argument region=eu --argument size=3").code == 0);
    CHECK(world.run("delete queue q").code == 0);
    CHECK(world.run("delete exchange e").code == 0);
  }
  CHECK(world.run("delete exchange amq.topic").code == 2);
}

TEST_CASE("laban publish and explain: headers reach the queues that explain names, with their types (G209)") {
  World world;
  REQUIRE(world.run("declare queue eu").code == 0);
  REQUIRE(world.run("declare queue big").code == 0);
  REQUIRE(world.run("bind amq.headers eu --argument x-match=all --argument region=eu").code == 0);
  REQUIRE(world.run("bind amq.headers big --argument x-match=any --argument size=3 --argument vip=true").code == 0);
  struct Case {
    std::string headers;
    json queues;
  };
  const Case cases[] = {{"--header region=eu", {"eu"}},           {"--header region=eu --header size=3", {"big", "eu"}},
                        {"--header size='\"3\"'", json::array()}, {"--header vip=true", {"big"}},
                        {"--header region=us", json::array()},    {"", json::array()}};
  for (const auto& [headers, queues] : cases) {
    CAPTURE(headers);
    CHECK(world.ask("explain k --exchange amq.headers --json " + headers).at("queues") == queues);
    CHECK(world.ask("publish k json '{}' --exchange amq.headers " + headers).at("queues") == queues.size());
  }
  const auto lines = world.file("lines", R"({"key":"k","type":"json","data":1,"exchange":"amq.headers","id":"past",)"
                                         R"("headers":{"region":"eu","size":3,"note":null}})"
                                         "\n");
  CHECK(json::parse(world.run("publish - < " + lines).out).at("queues") == 2);
  CHECK(world.run("delete queue big").code == 0);
  const auto past = world.ask("explain --id past --json");
  CHECK(past.at("queues") == json{"eu", "big"});
  CHECK(past.at("queuesNow") == json{"eu"});
}

TEST_CASE("laban publish: an empty key, priority, delay and time to live from the command line (G201)") {
  World world;
  REQUIRE(world.run("declare queue q --bind amq.topic:#").code == 0);
  CHECK(world.ask("publish '' json '{\"empty\":true}'").at("queues") == 1);
  CHECK(world.ask("publish later json '{}' --delay 3600 --priority 7").at("queues") == 1);
  CHECK(world.ask("publish stale json '{}' --ttl 0.001").at("queues") == 1);
  CHECK(world.run("publish none json '{}' --mandatory --exchange amq.fanout").code == 1);
  const auto taken = world.ask("consume q --count 1 --json");
  CHECK(taken.at("routingkey") == "");
  CHECK(taken.at("data") == json{{"empty", true}});
  const auto queues = world.ask("queues --json --check").at("queues");
  for (const auto& queue : queues) {
    CHECK(queue.at("lawHolds") == true);
    if (queue.at("name") == "q") CHECK(queue.at("delayed") == 1);
  }
  const auto bad = world.run("publish - < " + world.file("bad", "{\"key\":\"k\",\"priority\":256}\n"));
  CHECK(bad.code == 2);
  CHECK(bad.err.find("line 1: \"priority\" is no number from 0 to 255") != std::string::npos);
}

TEST_CASE("laban schema check: says what breaks, and that what is newer or older does not (G207)") {
  World world;
  const auto order = [&](const std::string& name, const std::string& fields) {
    return world.file(name, "@0xb312981b2552a250;\nstruct Order @0xd7f2b1a3c6e04f99 {\n" + fields + "}\n");
  };
  const auto first = order("first.capnp", "id @0 :Text;\ntotal @1 :Int64;\n");
  const auto newer = order("newer.capnp", "id @0 :Text;\ntotal @1 :Int64;\nnote @2 :Text;\n");
  const auto other = order("other.capnp", "id @0 :Text;\ntotal @1 :Int32;\n");
  CHECK(world.run("schema check " + first + " " + newer).code == 0);
  CHECK(world.run("schema check " + newer + " " + first).code == 0);
  const auto broken = world.run("schema check " + first + " " + other);
  CHECK(broken.code == 1);
  CHECK(broken.out.find("Order: ") != std::string::npos);
  const auto told = world.ask("schema check --json " + first + " " + other);
  CHECK(told.at("compatible") == false);
  CHECK(told.at("problems").size() == 1);
  CHECK(world.run("schema check " + first + " " + world.file("bad.capnp", "struct {")).code == 2);
  CHECK(world.run("schema check " + first + " nowhere.capnp").code == 2);
}

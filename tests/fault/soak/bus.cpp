// tests/fault/soak/bus.cpp - producers, subscribers and competing consumers while hub and clients are killed, stopped and
// cut off: nothing confirmed is lost, nothing is out of order, and what comes again says so.
#include <sstream>

#include "laban/model.hpp"
#include "tests/fault/soak/loss/world.hpp"
#include "tests/fault/soak/trial.hpp"
#include "tests/support/temporary_directory.hpp"

namespace laban::soak {

using namespace std::chrono_literals;

namespace {

const std::vector<loss::QueueRule> queues{
    {"work", {"loss.*.*"}},
    // Two ways to the same queue: an event takes one of them.
    {"part", {"loss.a.#", "loss.*.x"}, std::string{loss::exchange}, true, false, {}},
};

void declare(const loss::World& world) {
  Model model{{world.direct_endpoint(), {}, {}}, 30s};
  for (const auto& rule : queues) {
    QueueSpec spec;
    spec.name = rule.name;
    spec.keyed = rule.keyed;
    spec.delivery_limit = 1'000'000;  // nothing parks, whatever dies
    model.declare(spec);
    for (const auto& pattern : rule.patterns) model.bind({rule.from, rule.name, {}, pattern, {}});
  }
}

void populate(loss::World& world) {
  world.start("listener-all", {"subscriber", "--mode", "resume", "--pattern", "loss.*.*"});
  world.start("listener-slow",
              {"subscriber", "--mode", "resume", "--pattern", "loss.a.#", "--pattern", "loss.*.x", "--slow"});
  world.start("listener-live", {"subscriber", "--mode", "live", "--pattern", "loss.*.*"});
  world.start("listener-roam", {"subscriber", "--mode", "roam", "--pattern", "loss.b.*", "--pattern", "loss.#"});
  for (const std::string number : {"1", "2"}) {
    world.start("producer-anonymous-" + number, {"producer", "--rate", "120"});
    world.start("producer-named-" + number, {"producer", "--named", "--rate", "120"});
    world.start("consumer-part-" + number, {"consumer", "--queue", "part", "--prefetch", "40"});
  }
  for (const std::string number : {"1", "2", "3"})
    world.start("consumer-work-" + number, {"consumer", "--queue", "work", "--prefetch", "8"});
}

TrialResult run(const TrialOptions& options) {
  TrialResult result;
  const test::TemporaryDirectory directory;
  loss::World world{directory.path(), options.seed};
  declare(world);
  populate(world);
  world.live(300ms);
  const auto start = std::chrono::steady_clock::now();
  int rounds = 0;
  for (; rounds < options.rounds; ++rounds) {
    if (options.time > 0min && std::chrono::steady_clock::now() - start > options.time) break;
    world.round();
    if (rounds % 10 == 9) say(std::to_string(rounds + 1) + " rounds: " + world.toll().text());
  }
  const auto tally = loss::end_and_judge(world, queues, result.wrongs);
  std::ostringstream line;
  line << rounds << " rounds, " << world.toll().text() << "; " << tally.attempted << " attempted, " << tally.confirmed
       << " confirmed, " << tally.stored << " stored, " << tally.seen << " seen, " << tally.handled << " handled; "
       << tally.lost << " lost, " << tally.duplicated << " duplicated, " << tally.disordered << " out of order, "
       << tally.ledgered << " ledgered, " << tally.again << " came again, marked";
  if (!result.wrongs.empty()) line << ", data kept in " << keep(directory.path(), "laban-bus", options.seed);
  result.line = line.str();
  return result;
}

const Registered bus{"bus", "kills, stops and cuts off hub, producers, subscribers and consumers: nothing is lost",
                     run};

}  // namespace

}  // namespace laban::soak

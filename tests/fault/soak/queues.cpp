// tests/fault/soak/queues.cpp - competing consumers that fail, give back, reject, dawdle and die, parked messages that are put back
// by a redrive which dies in the middle and is repeated: nothing is lost, nothing comes twice unmarked.
#include <signal.h>

#include <random>
#include <sstream>

#include "laban/model.hpp"
#include "tests/fault/soak/loss/world.hpp"
#include "tests/fault/soak/trial.hpp"
#include "tests/support/temporary_directory.hpp"

namespace laban::soak {

using namespace std::chrono_literals;

namespace {

constexpr int tries_max = 40;
constexpr int sweeps_max = 600;  // at the end, several a second

const std::string published{loss::exchange};
const std::vector<loss::QueueRule> queues{
    {"hold", {"loss.*.*"}, published, true, true, {}},
    {"release", {"loss.a.#", "loss.*.x"}, published, false, true, {}},
    {"mortal", {"loss.b.*", "loss.c.*"}, published, true, true, "dead"},
    {"grave", {"#"}, "dead", true, true, {}},
    {"lonely", {"loss.c.#"}, published, true, true, {}},  // a single active consumer, and a redelivery time-out
    {"narrow", {"loss.*.z"}, published, true, true, {}},  // what is over its limit parks
};

void declare(const loss::World& world) {
  Model model{{world.direct_endpoint(), {}, {}}, 30s};
  ExchangeSpec dead;
  dead.name = "dead";
  dead.type = "fanout";
  model.declare(dead);
  for (const auto& rule : queues) {
    QueueSpec spec;
    spec.name = rule.name;
    spec.delivery_limit = 4;
    spec.backoff = 5ms;
    spec.backoff_max = 50ms;
    spec.on_park = rule.holds_keys ? "hold" : "release";
    spec.dead_letter_exchange = rule.dead_letters;
    if (rule.name == "lonely") {
      spec.single_active = true;
      spec.redelivery_timeout = 200ms;
    }
    if (rule.name == "narrow") {
      spec.messages_max = 30;
      spec.overflow = "park";
    }
    model.declare(spec);
    for (const auto& pattern : rule.patterns)
      model.bind({rule.from, rule.name, {}, rule.from == published ? pattern : "", {}});
  }
}

void start_consumers(loss::World& world, const std::string& prefix, bool harsh) {
  const std::vector<std::pair<std::string, int>> crews{{"hold", 3},  {"release", 2}, {"mortal", 2},
                                                       {"grave", 1}, {"lonely", 2},  {"narrow", 2}};
  for (const auto& [queue, count] : crews) {
    for (int i = 1; i <= count; ++i) {
      std::vector<std::string> arguments{"consumer", "--queue", queue, "--prefetch", i == 1 ? "32" : "4"};
      if (queue == "lonely" && i == 2) arguments.insert(arguments.end(), {"--renew", "50"});
      // Behind the grave there is no other: what fails there parks there.
      if (harsh) arguments.emplace_back("--harsh");
      world.start(prefix + "-" + queue + "-" + std::to_string(i), std::move(arguments));
    }
  }
}

struct Redrives {
  int done = 0;
  int killed = 0;  // in the middle, with the hub or without
};

// Until one gets through; before that hub or redrive die in the middle of it.
void redrive(loss::World& world, const std::string& queue, std::mt19937_64& random, bool under_fire, Redrives& count) {
  for (int tries = 0; tries < tries_max; ++tries) {
    auto redrive = world.program("redrive", {"redrive", queue, "--hub", world.direct_endpoint(), "--wait", "5"});
    redrive->start();
    if (under_fire && tries < 2) {
      world.live(std::chrono::milliseconds{random() % 25});
      random() % 2 == 0 ? world.kill_hub() : redrive->signal(SIGKILL);
      ++count.killed;
    }
    std::optional<demo::Ending> ending;
    while (!(ending = redrive->ended())) world.live(2ms);
    if (ending->signal == 0 && ending->exit_code == 0) {
      ++count.done;
      return;
    }
  }
  world.wrongs().push_back("laban redrive " + queue + " did not get through in " + std::to_string(tries_max) +
                           " tries");
}

// Kind consumers take what is left, and what was parked. What waits behind a parked message moves when that was put back.
void empty(loss::World& world, std::mt19937_64& random, Redrives& count) {
  for (int i = 0; i < sweeps_max; ++i) {
    for (const auto& figures : loss::queue_figures(world))
      if (figures.parked > 0 && !figures.name.starts_with("laban.")) redrive(world, figures.name, random, false, count);
    if (loss::are_drained(loss::queue_figures(world))) return;
    world.live(100ms);
  }
  loss::wait_until_drained(world, 1s);  // says what is left
}

TrialResult run(const TrialOptions& options) {
  TrialResult result;
  const test::TemporaryDirectory directory;
  std::mt19937_64 random{options.seed + 1};
  loss::World world{directory.path(), options.seed};
  declare(world);
  for (const std::string number : {"1", "2"})
    world.start("producer-" + number, {"producer", number == "1" ? "--named" : "--keys=300", "--rate", "120"});
  start_consumers(world, "consumer", true);
  world.live(300ms);
  const auto start = std::chrono::steady_clock::now();
  Redrives redrives;
  int rounds = 0;
  for (; rounds < options.rounds; ++rounds) {
    if (options.time > 0min && std::chrono::steady_clock::now() - start > options.time) break;
    world.round();
    redrive(world, queues[random() % queues.size()].name, random, true, redrives);
    if (rounds % 10 == 9) say(std::to_string(rounds + 1) + " rounds: " + world.toll().text());
  }
  world.calm();
  world.end("producer", 150s);
  world.end("consumer", 60s);
  start_consumers(world, "kind", false);
  empty(world, random, redrives);
  world.end("kind", 60s);
  const auto log = test::read_hub_log(world.direct_endpoint(), 120s);
  const auto tally = loss::check(loss::read_histories(world.histories()), log, queues);
  result.wrongs = world.wrongs();
  result.wrongs.insert(result.wrongs.end(), tally.wrongs.begin(), tally.wrongs.end());
  loss::check_queues(world, log, queues, result.wrongs);
  std::ostringstream line;
  line << rounds << " rounds, " << world.toll().text() << ", " << redrives.done << " redrives and " << redrives.killed
       << " killed in the middle; " << tally.confirmed << " confirmed, " << tally.stored << " stored, " << tally.handled
       << " handled; " << tally.lost << " lost, " << tally.duplicated << " duplicated, " << tally.disordered
       << " out of order, " << tally.ledgered << " ledgered, " << tally.again << " came again, marked";
  if (!result.wrongs.empty()) line << ", data kept in " << keep(directory.path(), "laban-queues", options.seed);
  result.line = line.str();
  return result;
}

const Registered registered{"queues", "kills, failures, parked messages and redrives that die in the middle", run};

}  // namespace

}  // namespace laban::soak

// tests/fault/soak/loss/world.cpp - starts, kills, stops, cuts; everything by seed.
#include "tests/fault/soak/loss/world.hpp"

#include <signal.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "bus/client/topic_match.hpp"
#include "cli/demo/ports.hpp"
#include "cli/demo/shop.hpp"
#include "laban/bus.hpp"
#include "laban/model.hpp"

namespace laban::soak::loss {

using namespace std::chrono_literals;

namespace {

constexpr int faults_a_round = 6;
constexpr auto hub_answer = 60s;

// Neighbours, for clients, feeds, events at most once and HTTP, below the ports that the system gives to outgoing
// connections: one of those may else take a hub's port while the hub is dead.
std::uint16_t free_neighbours(std::mt19937_64& random) {
  constexpr int count = 4;
  for (int i = 0; i < 200; ++i) {
    const auto port = static_cast<std::uint16_t>(20'000 + random() % 10'000 / count * count);
    int free = 0;
    while (free < count && demo::is_free(static_cast<std::uint16_t>(port + free))) ++free;
    if (free == count) return port;
  }
  throw std::runtime_error("no four neighbouring ports are free between 20000 and 30000");
}

std::string local(std::uint16_t port) {
  return "tcp://127.0.0.1:" + std::to_string(port);
}

}  // namespace

std::string Toll::text() const {
  std::ostringstream text;
  text << hub_kills << " kills of the hub, " << kills << " of clients, " << pauses << " pauses, " << cuts << " cuts, "
       << hold_ups << " hold-ups";
  return text.str();
}

World::World(const std::filesystem::path& directory, std::uint64_t seed)
    : logs_(directory / "logs"), histories_(directory / "histories"), random_(seed) {
  std::filesystem::create_directories(logs_);
  std::filesystem::create_directories(histories_);
  std::random_device device;
  std::mt19937_64 any{device()};
  port_ = free_neighbours(any);
  forwarder_ = std::make_unique<test::Forwarder>(std::vector<std::uint16_t>{port_, feeds_port()});
  Member hub;
  hub.child = program(
      "hub", {"hub", "--listen", direct_endpoint(), "--feeds", local(feeds_port()), "--ingest", local(ingest_port()),
              "--data", (directory / "hub").string(), "--http", "127.0.0.1:" + std::to_string(http_port())});
  hub.child->start();
  members_.push_back(std::move(hub));
}

std::string World::endpoint() const {
  return "tcp://" + test::Forwarder::host() + ":" + std::to_string(port_);
}

std::string World::direct_endpoint() const {
  return local(port_);
}

std::unique_ptr<demo::Child> World::program(const std::string& name, const std::vector<std::string>& arguments) const {
  return std::make_unique<demo::Child>(demo::Program{name, demo::own_directory() / "laban", arguments, {}},
                                       logs_ / (name + ".log"));
}

void World::start(const std::string& name, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin() + 1, name);
  for (const auto& one : {std::string{"--hub"}, endpoint(), std::string{"--histories"}, histories_.string(),
                          std::string{"--seed"}, std::to_string(random_() % 1'000'000)})
    arguments.push_back(one);
  Member member;
  member.child = std::make_unique<demo::Child>(
      demo::Program{name, demo::own_directory() / "laban_loss_worker", arguments, {}}, logs_ / (name + ".log"));
  member.child->start();
  members_.push_back(std::move(member));
}

std::chrono::milliseconds World::between(int from, int to) {
  return std::chrono::milliseconds{std::uniform_int_distribution{from, to}(random_)};
}

World::Member& World::any_worker() {
  return members_[1 + random_() % (members_.size() - 1)];
}

void World::kill(Member& member, std::chrono::milliseconds dead) {
  if (!member.child->is_running() || member.leaving) return;
  member.child->signal(SIGKILL);
  member.child->wait_for_end(20s);
  member.continue_at.reset();
  member.start_at = Clock::now() + dead;
  ++(&member == &members_.front() ? toll_.hub_kills : toll_.kills);
}

void World::kill_hub() {
  kill(members_.front(), between(0, 250));
}

void World::pause(Member& member, std::chrono::milliseconds time) {
  if (!member.child->is_running() || member.continue_at || member.leaving) return;
  member.child->signal(SIGSTOP);
  member.continue_at = Clock::now() + time;
  ++toll_.pauses;
}

void World::hold_up(std::uint16_t port, std::chrono::milliseconds time) {
  forwarder_->pause(port, true);
  held_up_.emplace_back(port, Clock::now() + time);
  ++toll_.hold_ups;
}

void World::fault() {
  // Now and then longer than the other side waits: a client gives a hub up after 3 s, the hub a client after 5 s.
  const bool long_one = random_() % 16 == 0;
  switch (random_() % 12) {
    case 0:
    case 1:
      return kill_hub();
    case 2:
    case 3:
    case 4:
    case 5:
      return kill(any_worker(), between(0, 200));
    case 6:
      return pause(members_.front(), long_one ? between(3'000, 4'500) : between(10, 700));
    case 7:
    case 8:
      return pause(any_worker(), long_one ? between(5'000, 7'000) : between(10, 900));
    case 9:
      ++toll_.cuts;
      return forwarder_->cut(random_() % 2 == 0 ? 100 : 40, random_());
    case 10:
      return hold_up(port_, long_one ? between(3'000, 6'000) : between(20, 900));
    default:
      return hold_up(feeds_port(), long_one ? between(3'000, 6'000) : between(20, 1'500));
  }
}

void World::round() {
  for (int i = 0; i < faults_a_round; ++i) {
    fault();
    live(between(0, 300));
  }
}

void World::tend() {
  const auto now = Clock::now();
  std::erase_if(held_up_, [&](const auto& one) {
    if (one.second > now) return false;
    forwarder_->pause(one.first, false);
    return true;
  });
  for (auto& member : members_) {
    if (member.continue_at && now >= *member.continue_at) {
      member.child->signal(SIGCONT);
      member.continue_at.reset();
    }
    if (member.start_at && now >= *member.start_at) {
      member.start_at.reset();
      member.child->start();
    } else if (const auto ending = member.child->ended()) {
      if (member.leaving && ending->signal == 0 && ending->exit_code == 0) {
        member.ended = true;
        continue;
      }
      wrongs_.push_back(member.child->program().name + " " + ending->text() + ": " + member.child->last_log_line());
      if (wrongs_.size() > 20) throw std::runtime_error("processes end by themselves: " + wrongs_.front());
      member.start_at = now + 200ms;
    }
  }
}

void World::live(std::chrono::milliseconds time) {
  const auto end = Clock::now() + time;
  for (tend(); Clock::now() < end; tend())
    std::this_thread::sleep_for(std::min<Clock::duration>(5ms, end - Clock::now()));
}

void World::calm() {
  const auto now = Clock::now();
  for (auto& one : held_up_) one.second = now;
  for (auto& member : members_) {
    if (member.continue_at) member.continue_at = now;
    if (member.start_at) member.start_at = now;
  }
  live(20ms);
}

void World::let_end(const std::string& prefix) {
  for (auto& member : members_)
    if (member.child->program().name.starts_with(prefix)) member.leaving = true;
}

void World::end(const std::string& prefix, std::chrono::seconds wait) {
  let_end(prefix);
  for (auto& member : members_)
    if (member.child->program().name.starts_with(prefix)) member.child->signal(SIGTERM);
  wait_for_end(prefix, wait);
}

void World::wait_for_end(const std::string& prefix, std::chrono::seconds wait) {
  const auto limit = Clock::now() + wait;
  for (auto& member : members_) {
    const auto& name = member.child->program().name;
    if (!name.starts_with(prefix)) continue;
    while (!member.ended && Clock::now() < limit) live(5ms);
    if (!member.ended) wrongs_.push_back(name + " did not come to its end in " + std::to_string(wait.count()) + " s");
  }
  std::erase_if(members_, [&](const Member& one) { return one.child->program().name.starts_with(prefix); });
}

void publish_end(const World& world) {
  BusOptions options;
  options.service = "trial";
  options.hub.endpoint = world.direct_endpoint();
  Bus bus{options};
  NewEvent end;
  end.id = "end";
  end.type = "loss";
  end.exchange = exchange;
  end.routingkey = end_key;
  bus.publish_and_wait(std::move(end), hub_answer);
}

std::vector<QueueFigures> queue_figures(const World& world) {
  Model model{{world.direct_endpoint(), {}, {}}, hub_answer};
  const auto answer = nlohmann::json::parse(model.inspect("queues"));
  std::vector<QueueFigures> list;
  for (const auto& one : answer.at("queues")) {
    const auto number = [&](const char* name) { return one.at(name).get<std::uint64_t>(); };
    list.push_back({one.at("name").get<std::string>(), number("enqueued"), number("acknowledged"), number("ready"),
                    number("unacknowledged"), number("delayed"), number("parked"), number("moved"),
                    number("ledgered")});
  }
  return list;
}

static std::uint64_t waiting(const std::vector<QueueFigures>& queues) {
  std::uint64_t count = 0;
  for (const auto& queue : queues)
    if (!queue.name.starts_with("laban.")) count += queue.ready + queue.unacknowledged + queue.delayed + queue.parked;
  return count;
}

bool are_drained(const std::vector<QueueFigures>& queues) {
  return waiting(queues) == 0;
}

void wait_until_drained(World& world, std::chrono::seconds wait) {
  // The limit is on standing still: how much there is to drain is the trial's affair.
  auto limit = std::chrono::steady_clock::now() + wait;
  std::uint64_t least = ~0ull;
  while (std::chrono::steady_clock::now() < limit) {
    const auto now = waiting(queue_figures(world));
    if (now == 0) return;
    if (now < least) limit = std::chrono::steady_clock::now() + wait;
    least = std::min(least, now);
    world.live(50ms);
  }
  for (const auto& queue : queue_figures(world))
    if (!are_drained({queue}))
      world.wrongs().push_back(queue.name + " stands still: " + std::to_string(queue.ready) + " ready, " +
                               std::to_string(queue.unacknowledged) + " unacknowledged, " +
                               std::to_string(queue.delayed) + " delayed, " + std::to_string(queue.parked) + " parked");
}

void check_queues(const World& world, const Log& log, const std::vector<QueueRule>& rules,
                  std::vector<std::string>& wrongs) {
  auto checker = world.program("queues", {"queues", "--check", "--hub", world.direct_endpoint()});
  checker->start();
  std::optional<demo::Ending> ending;
  for (const auto end = std::chrono::steady_clock::now() + hub_answer;
       !ending && std::chrono::steady_clock::now() < end; std::this_thread::sleep_for(5ms))
    ending = checker->ended();
  if (!ending || ending->exit_code != 0 || ending->signal != 0)
    wrongs.push_back("laban queues --check: " + checker->last_log_line());
  for (const auto& queue : queue_figures(world)) {
    const auto rule = std::find_if(rules.begin(), rules.end(), [&](const auto& one) { return one.name == queue.name; });
    if (rule == rules.end()) continue;
    const auto bound = static_cast<std::uint64_t>(std::count_if(log.begin(), log.end(), [&](const auto& event) {
      return event.exchange == rule->from &&
             std::any_of(rule->patterns.begin(), rule->patterns.end(),
                         [&](const auto& pattern) { return client::topic_matches(pattern, event.routingkey); });
    }));
    const auto say = [&](const std::string& what) { wrongs.push_back(queue.name + ": " + what); };
    if (queue.enqueued != bound)
      say(std::to_string(queue.enqueued) + " enqueued, and " + std::to_string(bound) + " in the log");
    if (queue.acknowledged + queue.moved != bound)
      say(std::to_string(queue.acknowledged) + " acknowledged and " + std::to_string(queue.moved) + " moved of " +
          std::to_string(bound));
    if (queue.ledgered != 0) say(std::to_string(queue.ledgered) + " ledgered");
  }
}

Tally end_and_judge(World& world, const std::vector<QueueRule>& rules, std::vector<std::string>& wrongs) {
  world.calm();
  world.end("producer", 150s);
  world.let_end("listener");
  publish_end(world);
  world.wait_for_end("listener", 150s);
  wait_until_drained(world, 60s);
  world.end("consumer", 60s);
  const auto log = test::read_hub_log(world.direct_endpoint(), 120s);
  auto tally = check(read_histories(world.histories()), log, rules);
  wrongs.insert(wrongs.end(), world.wrongs().begin(), world.wrongs().end());
  wrongs.insert(wrongs.end(), tally.wrongs.begin(), tally.wrongs.end());
  check_queues(world, log, rules, wrongs);
  return tally;
}

}  // namespace laban::soak::loss

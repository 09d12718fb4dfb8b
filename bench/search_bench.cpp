// bench/search_bench.cpp - a store filled with ended instances, and pages of it.
#include "bench/search_bench.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <map>
#include <random>

#include "monitor/edge/history/store.hpp"

namespace laban::bench {
namespace {

using namespace monitor;
using Clock = std::chrono::steady_clock;

constexpr std::size_t instances_a_commit = 20'000;

double since(Clock::time_point from) {
  return std::chrono::duration<double>(Clock::now() - from).count();
}

Time time_of(std::uint64_t number) {
  return Time{std::chrono::seconds{1'700'000'000} + std::chrono::milliseconds{number * 100}};
}

std::string uuid(std::mt19937_64& random) {
  char out[40];
  const auto a = random(), b = random();
  std::snprintf(out, sizeof out, "%08x-%04x-%04x-%04x-%012llx", static_cast<unsigned>(a >> 32),
                static_cast<unsigned>(a >> 16 & 0xffff), static_cast<unsigned>(a & 0xffff),
                static_cast<unsigned>(b >> 48), static_cast<unsigned long long>(b & 0xffffffffffff));
  return out;
}

// A row by its number alone, so that a store that was filled before is known.
InstanceRow row_of(std::uint64_t number, const SearchSettings& settings) {
  std::mt19937_64 random(number);
  InstanceRow row;
  row.name = {static_cast<DefinitionIndex>(random() % settings.definitions), uuid(random), 1};
  const bool ended = number < settings.ended;
  const auto dice = random() % 100;
  row.bucket.state = !ended      ? InstanceState::running
                     : dice < 85 ? InstanceState::completed
                     : dice < 95 ? InstanceState::failed
                                 : InstanceState::compensated;
  row.bucket.verdict = random() % 50 == 0 ? Verdict::deviating : Verdict::conforming;
  row.bucket.flags = !ended && random() % 20 == 0 ? flag_late : std::uint8_t{0};
  row.first_offset = row.last_offset = number + 1;
  row.started_at = row.last_event_at = row.step_since = time_of(number);
  if (ended) row.ended_at = row.last_event_at = row.started_at + std::chrono::milliseconds{random() % 600'000};
  row.events = 1;
  row.steps = {static_cast<std::uint16_t>(ended ? random() % 2 + settings.steps - 2 : random() % settings.steps)};
  row.since = number + 1;
  return row;
}

using Cells = std::map<std::tuple<DefinitionIndex, std::size_t, std::uint16_t>, std::uint64_t>;

void fill(Store& store, const SearchSettings& settings, Cells& cells) {
  const std::uint64_t all = settings.ended + settings.live;
  const std::uint64_t stored = store.head().offset;
  for (std::uint64_t number = 0; number < all;) {
    auto batch = store.begin();
    const std::uint64_t to = std::min(all, number + instances_a_commit);
    for (; number < to; ++number) {
      const InstanceRow row = row_of(number, settings);
      ++cells[{row.name.definition, index_of(row.bucket), cell_step(row.steps)}];
      if (number < stored) continue;
      batch->add_event(row.name, {number + 1,
                                  "id",
                                  "type",
                                  "source",
                                  "",
                                  {},
                                  row.started_at,
                                  0,
                                  "customer-" + std::to_string(number % 1'000'003)});
      batch->put(row, std::string(120, 'x'), nullptr);
    }
    if (number <= stored) continue;
    StoreHead head = store.head();
    head.log_id = 1;
    head.offset = head.changes = number;
    store.commit(std::move(batch), head);
  }
}

}  // namespace

SearchMeasurement search(const std::filesystem::path& directory, const SearchSettings& settings) {
  SearchMeasurement out;
  Cells cells;
  {
    const auto began = Clock::now();
    Store store(directory);
    fill(store, settings, cells);
    out.fill_seconds = since(began);
  }
  Store store(directory);  // nothing of it in memory
  out.store_bytes = store.bytes();
  const auto view = store.view();
  const InstanceRow some = row_of(settings.ended / 2, settings);
  const std::uint64_t all = settings.ended + settings.live;

  using Wanted = std::function<bool(DefinitionIndex, const Bucket&, std::uint16_t)>;
  const auto ask = [&](const std::string& question, Sort sort, const Wanted& wanted, bool by_step,
                       const std::function<void(ListQuery&)>& more) {
    ListQuery query;
    query.sort = sort;
    query.by_step = by_step;
    for (const auto& [cell, count] : cells) {
      const auto& [definition, bucket, step] = cell;
      if (wanted(definition, bucket_at(bucket), step))
        query.parts.push_back({definition, bucket_at(bucket), step, count});
    }
    if (more) more(query);
    SearchedPage page{question};
    for (std::uint32_t round = 0; round <= settings.rounds; ++round) {
      const auto began = Clock::now();
      const ListPage found = view->list(query);
      const double took = since(began);
      page.rows = found.rows.size();
      page.total = found.total;
      page.total_exact = found.total_exact;
      round == 0 ? page.first_seconds = took : page.worst_seconds = std::max(page.worst_seconds, took);
    }
    out.pages.push_back(std::move(page));
  };

  const auto any = [](DefinitionIndex, const Bucket&, std::uint16_t) { return true; };
  const auto ended = [](DefinitionIndex, const Bucket& bucket, std::uint16_t) { return !is_live(bucket.state); };
  const auto one = [](DefinitionIndex definition, const Bucket&, std::uint16_t) { return definition == 3; };
  const auto deviating = [](DefinitionIndex definition, const Bucket& bucket, std::uint16_t) {
    return definition == 3 && bucket.state == InstanceState::failed && bucket.verdict == Verdict::deviating;
  };
  const auto late = [](DefinitionIndex, const Bucket& bucket, std::uint16_t) { return bucket.flags == flag_late; };
  const auto at_step = [&](DefinitionIndex definition, const Bucket&, std::uint16_t step) {
    return definition == 3 && step + 1u == settings.steps;
  };
  const std::pair<const char*, Sort> sorts[] = {
      {"stalest", Sort::stalest}, {"longest", Sort::longest}, {"newest", Sort::newest}};
  for (const auto& [name, sort] : sorts) {
    const auto called = [name = std::string(name)](const char* what) { return name + ", " + what; };
    ask(called("everything"), sort, any, false, {});
    ask(called("ended"), sort, ended, false, {});
    ask(called("one definition"), sort, one, false, {});
    ask(called("failed and deviating of a definition"), sort, deviating, false, {});
    ask(called("late"), sort, late, false, {});
    ask(called("at a step"), sort, at_step, true, {});
    ask(called("a key"), sort, any, false, [&](ListQuery& query) { query.text = some.name.key; });
    ask(called("the beginning of a key"), sort, any, false,
        [&](ListQuery& query) { query.text = some.name.key.substr(0, 4); });
    ask(called("a subject"), sort, any, false, [](ListQuery& query) { query.text = "customer-4711"; });
    ask(called("a word that all have"), sort, any, false, [](ListQuery& query) { query.text = "customer"; });
    ask(called("started within an hour"), sort, any, false, [&](ListQuery& query) {
      query.started = {time_of(all / 2), time_of(all / 2) + std::chrono::hours{1}};
    });
    ask(called("ended within an hour, deviating"), sort, deviating, false, [&](ListQuery& query) {
      query.ended = {time_of(all / 2), time_of(all / 2) + std::chrono::hours{1}};
    });
  }
  return out;
}

}  // namespace laban::bench

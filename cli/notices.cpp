// cli/notices.cpp - what is told once and only once.
#include "cli/notices.hpp"

#include <algorithm>
#include <array>
#include <fstream>

#include "cli/monitor_client.hpp"
#include "laban/error.hpp"

namespace laban::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array<const char*, 4> kinds{"stuck", "late", "deviating", "ended"};
constexpr std::uint8_t stuck_or_late = 3;
constexpr std::uint8_t deviating = 4;
constexpr std::uint8_t ended = 8;

std::string text_of(const Json& row, const char* name) {
  const auto found = row.find(name);
  return found != row.end() && found->is_string() ? found->get<std::string>() : std::string();
}

Notices::Time time_in(const Json& row, const char* name) {
  return parse_time(text_of(row, name)).value_or(Notices::Time{});
}

std::uint8_t holds(const Json& row) {
  std::uint8_t out = 0;
  for (const auto& flag : row.at("flags")) {
    if (flag == "stuck") out |= 1;
    if (flag == "late") out |= 2;
  }
  if (!text_of(row, "endedAt").empty()) out = ended;  // what it waited for no longer matters
  if (text_of(row, "verdict") == "deviating") out |= deviating;
  return out;
}

}  // namespace

// An id is longer where another definition has the same key, or where there are several runs: the same instance all the same.
std::string Notices::key_of(const Json& row) {
  std::string id = text_of(row, "id");
  const std::string definition = text_of(row, "definition");
  if (id.starts_with(definition + ":")) id.erase(0, definition.size() + 1);
  if (id.ends_with("~1")) id.erase(id.size() - 2);
  return definition + ":" + id;
}

bool Notices::load() {
  std::ifstream in(file_);
  if (!in) {
    if (!std::filesystem::exists(file_)) return false;
    throw Error(Errc::storage, file_.string() + " cannot be read: check its rights, or name another with --cursor");
  }
  try {
    const Json stored = Json::parse(in);
    since_ = newest_ = Time{std::chrono::nanoseconds{stored.at("since").get<std::int64_t>()}};
    for (const auto& one : stored.at("told")) {
      const auto mask = one.at(1).get<std::uint8_t>();
      told_[one.at(0).get<std::string>()] = {mask, Time{std::chrono::nanoseconds{one.at(2).get<std::int64_t>()}},
                                             one.at(3).get<bool>()};
    }
  } catch (const Json::exception& error) {
    throw Error(Errc::storage, file_.string() + " is no cursor of laban notify (" + error.what() +
                                   "): remove it to begin with what is so now, or name another with --cursor");
  }
  return true;
}

void Notices::begin(Time since) {
  since_ = newest_ = since + std::chrono::microseconds{1};
}

void Notices::save() const {
  Json told = Json::array();
  for (const auto& [key, one] : told_) told.push_back({key, one.kinds, one.at.time_since_epoch().count(), one.ended});
  const Json stored{{"since", since_.time_since_epoch().count()}, {"told", std::move(told)}};
  auto fresh = file_;
  fresh += ".new";
  {
    std::ofstream out(fresh, std::ios::trunc);
    out << stored.dump(-1, ' ', false, Json::error_handler_t::replace) << '\n';
    out.flush();
    if (!out)
      throw Error(Errc::storage, fresh.string() +
                                     " cannot be written: check the disk's space and rights, or name "
                                     "another file with --cursor");
  }
  std::error_code failed;
  std::filesystem::rename(fresh, file_, failed);
  if (failed)
    throw Error(Errc::storage, file_.string() + " cannot be replaced (" + failed.message() +
                                   "): check its rights, or name another with --cursor");
}

std::vector<Notice> Notices::news(const Json& row) {
  const std::string key = key_of(row);
  std::uint8_t now = holds(row);
  const bool over = (now & ended) != 0;
  const Time at = std::max(time_in(row, "endedAt"), time_in(row, "lastEventAt"));
  if (over && time_in(row, "endedAt") < since_) now &= static_cast<std::uint8_t>(~ended);
  if (over && at < since_) now = 0;
  const auto found = told_.find(key);
  if (found != told_.end()) {
    found->second.kinds &= now;
    if (!over) found->second.ended = false;
    if (found->second.kinds == 0) told_.erase(found);
  }
  const auto before = told_.find(key) == told_.end() ? std::uint8_t{0} : told_.at(key).kinds;
  const auto fresh = static_cast<std::uint8_t>(now & ~before);
  std::vector<Notice> out;
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    if ((fresh >> i & 1) == 0) continue;
    const char* when = i == 3 ? "endedAt" : i == 2 ? "startedAt" : "stepSince";
    out.push_back({key + "/" + kinds[i] + "/" + text_of(row, when), kinds[i], row});
  }
  return out;
}

void Notices::told(const Notice& notice) {
  Told& here = told_[key_of(notice.row)];
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    if (notice.kind == kinds[i]) here.kinds |= static_cast<std::uint8_t>(1u << i);
  }
  here.ended = !text_of(notice.row, "endedAt").empty();
  here.at = std::max(time_in(notice.row, "endedAt"), time_in(notice.row, "lastEventAt"));
  passed(notice.row);
}

void Notices::passed(const Json& row) {
  const Time end = time_in(row, "endedAt");
  if (end == Time{}) return;
  newest_ = std::max({newest_, end, time_in(row, "lastEventAt")});
  since_ = std::max(since_, newest_ - remembered);
  if (since_ - pruned_ < std::chrono::minutes{1}) return;
  pruned_ = since_;
  std::erase_if(told_, [&](const auto& one) { return one.second.ended && one.second.at < since_; });
}

void Notices::only_flagged(const std::set<std::string>& keys) {
  for (auto& [key, one] : told_) {
    if (!keys.contains(key)) one.kinds &= static_cast<std::uint8_t>(~stuck_or_late);
  }
  std::erase_if(told_, [](const auto& one) { return one.second.kinds == 0; });
}

}  // namespace laban::cli

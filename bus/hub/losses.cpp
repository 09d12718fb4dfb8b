// bus/hub/losses.cpp - writes, adds up, warns.
#include "bus/hub/losses.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "bus/hub/publishing.hpp"
#include "laban/fact.hpp"

namespace laban::hub {
namespace {

constexpr std::size_t later_max = 256;  // lines in one go; what is beyond shares one
constexpr std::size_t warned_max = 1'024;
constexpr auto loss_warning_pause = std::chrono::minutes{1};

std::string name_of(const Loss& loss) {
  return std::string{loss.whose} + " " + loss.who;
}

}  // namespace

void add_key(std::vector<std::string>& keys, std::string_view key) {
  if (keys.size() >= Losses::keys_max || std::find(keys.begin(), keys.end(), key) != keys.end()) return;
  keys.emplace_back(key);
}

void Losses::tell(Publishing& publishing, const Loss& loss) {
  core_.probe.lost(loss.why, loss.count);
  warn(loss);
  // The ledger is not ledgered: a queue of it that expires would fill itself for ever.
  if (loss.whose == "queue") {
    for (const auto& binding : core_.broker.topology().bindings_of_queue(loss.who)) {
      if (binding.exchange == routing::lost_exchange) return;
    }
  }
  nlohmann::json text{{"reason", loss.why}, {"whose", loss.whose}, {"who", loss.who},  {"from", loss.from},
                      {"to", loss.to},      {"count", loss.count}, {"keys", loss.keys}};
  if (loss.whose == "queue") text["queue"] = loss.who;
  if (loss.sequences) text["range"] = "sequence";
  if (!loss.detail.empty()) text["detail"] = loss.detail;
  if (!loss.offsets.empty()) text["offsets"] = loss.offsets;
  NewEvent line;
  line.id = new_id();
  line.source = "laban.hub";
  line.type = "laban.lost";
  line.subject = loss.who;
  line.time = core_.now();
  line.exchange = routing::lost_exchange;
  line.routingkey = std::string{loss.why} + "." + std::string{loss.whose};
  line.datacontenttype = json_content_type;
  line.headers.emplace_back("count", static_cast<std::int64_t>(loss.count));
  const auto json = text.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  const auto bytes = std::as_bytes(std::span{json});
  line.data.assign(bytes.begin(), bytes.end());
  publishing.say(line);
}

void Losses::tell_later(const Loss& loss) {
  auto key = std::pair{std::string{loss.why}, name_of(loss)};
  auto place = later_.find(key);
  if (place == later_.end()) {
    if (later_.size() >= later_max) key.second = std::string{loss.whose} + " (others)";
    place = later_.find(key);
  }
  if (place == later_.end()) {
    place = later_.emplace(key, loss).first;
    if (key.second != name_of(loss)) place->second.who = "(others)";
    return;
  }
  auto& sum = place->second;
  sum.from = std::min(sum.from, loss.from);
  sum.to = std::max(sum.to, loss.to);
  sum.count += loss.count;
  sum.detail = loss.detail;
  for (const auto& one : loss.keys) add_key(sum.keys, one);
}

void Losses::flush(Publishing& publishing) {
  if (!core_.storage_trouble.empty() || core_.journal.failed()) return;
  for (const auto& [number, unstored] : std::exchange(core_.unstored, {})) {
    const Producer* producer = core_.broker.producer(number);
    const Session* session = producer == nullptr ? nullptr : core_.sessions.find(producer->holder);
    Loss loss;
    loss.why = "refused";
    loss.whose = "publisher";
    loss.who = session != nullptr ? session->source : producer != nullptr ? producer->name : "(gone)";
    loss.sequences = true;
    loss.from = unstored.first;
    loss.to = unstored.last;
    loss.count = unstored.count;
    loss.keys.assign(unstored.keys.begin(), unstored.keys.end());
    loss.detail = core_.unstored_why;
    tell_later(loss);
  }
  if (const auto unparked = std::exchange(core_.unparked, {}); unparked.count != 0) {
    Loss loss;
    loss.why = "overflow";
    loss.whose = "parking";
    loss.who = parking_queue;
    loss.from = unparked.first;
    loss.to = unparked.last;
    loss.count = unparked.count;
    loss.keys.assign(unparked.keys.begin(), unparked.keys.end());
    loss.detail = "no queue took these and parking is full: bind queues to what is published, then read or purge it";
    tell_later(loss);
  }
  for (const auto& [key, loss] : std::exchange(later_, {})) tell(publishing, loss);
}

void Losses::warn(const Loss& loss) {
  const auto now = Clock::now();
  if (warned_.size() >= warned_max) warned_.clear();
  auto& warned = warned_[{std::string{loss.why}, name_of(loss)}];
  if (now < warned.next) {
    warned.silent += loss.count;
    return;
  }
  warned.next = now + loss_warning_pause;
  const auto before = std::exchange(warned.silent, 0);
  spdlog::warn("laban hub: {} lost {} events ({}{}{}), {} {} to {}{}: see the exchange laban.lost", name_of(loss),
               loss.count, loss.why, loss.detail.empty() ? "" : ": ", loss.detail,
               loss.sequences ? "sequences" : "offsets", loss.from, loss.to,
               before == 0 ? std::string{} : ", and " + std::to_string(before) + " before that since the last warning");
}

}  // namespace laban::hub

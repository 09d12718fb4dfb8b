// cli/demo/monitor_view.cpp - GET, JSON, plain values.
#include "cli/demo/monitor_view.hpp"

#include <httplib.h>

#include <ctime>
#include <nlohmann/json.hpp>

#include "laban/error.hpp"

namespace laban::demo {

using nlohmann::json;

namespace {

constexpr int page_size = 500;

std::string text_in(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

InstanceRow row_of(const json& instance) {
  InstanceRow row{text_in(instance, "id"),
                  text_in(instance, "definition"),
                  text_in(instance, "state"),
                  text_in(instance, "verdict"),
                  {}};
  const auto started = seconds_of(text_in(instance, "startedAt"));
  const auto ended = seconds_of(text_in(instance, "endedAt"));
  if (started && ended) row.seconds = *ended - *started;
  return row;
}

}  // namespace

struct MonitorView::Impl {
  explicit Impl(const std::string& address) : client("http://" + address) {
    client.set_connection_timeout(2);
    client.set_read_timeout(10);
    client.set_keep_alive(true);
  }

  std::optional<json> get(const std::string& path) {
    const auto answer = client.Get(path.c_str());
    if (!answer || answer->status != 200) return {};
    auto document = json::parse(answer->body, nullptr, false);
    if (document.is_discarded())
      throw Error(Errc::malformed, "the monitor's answer to " + path + " is no JSON: see the monitor's log");
    return document;
  }

  httplib::Client client;
};

MonitorView::MonitorView(std::string address) : impl_(std::make_unique<Impl>(address)) {}

MonitorView::~MonitorView() = default;

bool MonitorView::is_ready() {
  const auto answer = impl_->client.Get("/readyz");
  return answer && answer->status == 200;
}

std::optional<StateCounts> MonitorView::counts(const std::string& definition) {
  const auto definitions = impl_->get("/api/v1/definitions");
  if (!definitions || !definitions->is_array()) return {};
  StateCounts counts;
  for (const auto& one : *definitions) {
    if (text_in(one, "id") != definition) continue;
    for (const auto& [state, count] : one.at("instances").items()) {
      counts.by_state[state] += count.get<std::int64_t>();
      (state == "running" || state == "compensating" ? counts.live : counts.ended) += count.get<std::int64_t>();
    }
  }
  return counts;
}

std::optional<std::vector<InstanceRow>> MonitorView::instances(const std::string& definition) {
  std::vector<InstanceRow> rows;
  std::string cursor;
  do {
    auto path = "/api/v1/instances?definition=" + httplib::detail::encode_query_param(definition) +
                "&limit=" + std::to_string(page_size);
    if (!cursor.empty()) path += "&cursor=" + httplib::detail::encode_query_param(cursor);
    const auto page = impl_->get(path);
    if (!page || !page->contains("instances")) return {};
    for (const auto& instance : page->at("instances")) rows.push_back(row_of(instance));
    cursor = text_in(*page, "next");
  } while (!cursor.empty());
  return rows;
}

std::optional<double> seconds_of(const std::string& rfc3339) {
  std::tm parts{};
  const char* rest = ::strptime(rfc3339.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
  if (!rest) return {};
  double fraction = 0;
  if (*rest == '.') {
    double place = 0.1;
    for (++rest; *rest >= '0' && *rest <= '9'; ++rest, place /= 10) fraction += place * (*rest - '0');
  }
  if (*rest != 'Z') return {};
  return static_cast<double>(::timegm(&parts)) + fraction;
}

}  // namespace laban::demo

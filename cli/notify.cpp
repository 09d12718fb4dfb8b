// cli/notify.cpp - `laban notify`: reads a monitor's stream and tells others of stuck, late, deviating and ended instances. A
// process of its own, because the monitor only listens.
//
// Delivery: at least once, in the order in which the monitor showed them; a notice's id is the same each time. What cannot
//           be delivered after some tries is told on standard error, counted and left.
#include <httplib.h>

#include <algorithm>
#include <condition_variable>
#include <iostream>
#include <memory>
#include <mutex>
#include <stop_token>

#include "cli/command.hpp"
#include "cli/hub_options.hpp"
#include "cli/monitor_client.hpp"
#include "cli/notices.hpp"
#include "laban/bus.hpp"
#include "laban/error.hpp"
#include "laban/model.hpp"
#include "laban/stop.hpp"
#include "monitor/edge/http/http_server.hpp"

namespace laban::cli {
namespace {

using namespace std::chrono_literals;
using Json = nlohmann::ordered_json;

constexpr const char* exchange_name = "laban.monitor";
constexpr std::chrono::milliseconds back_off_max{30'000};
constexpr std::size_t event_bytes_max = 16 << 20;  // of one event of the stream
constexpr std::chrono::seconds silence_max{30};    // the monitor says at least that it is still there each 10 s

constexpr std::chrono::minutes settled_within{2};  // after its end an instance may still become deviating

struct Settings {
  std::string monitor;
  std::string webhook;
  std::string cursor = "laban-notify.json";
  std::vector<std::string> only;
  bool publish = false;
  unsigned tries = 8;
  HubOptions hub;
};

void say(const std::string& line) {
  std::cerr << "laban notify: " + line + "\n";
}

void wait_or_stop(std::stop_token stop, std::chrono::milliseconds wait) {
  std::mutex mutex;
  std::condition_variable_any woken;
  std::unique_lock lock(mutex);
  woken.wait_for(lock, stop, wait, [] { return false; });
}

// --- where notices go

class Webhook {
 public:
  explicit Webhook(const std::string& url) {
    const auto scheme = url.find("://");
    const auto path = scheme == std::string::npos ? scheme : url.find('/', scheme + 3);
    const std::string host = url.substr(0, path);
    path_ = path == std::string::npos ? "/" : url.substr(path);
    if (scheme == std::string::npos || !(host.starts_with("http://") || host.starts_with("https://")))
      throw Error(Errc::usage, "--webhook " + url + " is no address: write http://HOST:PORT/PATH");
    client_ = std::make_unique<httplib::Client>(host);
    if (!client_->is_valid())
      throw Error(Errc::usage, "--webhook " + url + " cannot be used: write http://HOST:PORT/PATH");
    client_->set_connection_timeout(5);
    client_->set_read_timeout(10);
    client_->set_keep_alive(true);
  }

  // Empty where it was taken; `final` where it will never be.
  std::string deliver(const std::string& body, bool& final) {
    const auto answer = client_->Post(path_, body, "application/json");
    if (!answer) return httplib::to_string(answer.error());
    if (answer->status >= 200 && answer->status < 300) return {};
    final = answer->status >= 400 && answer->status < 500 && answer->status != 408 && answer->status != 429;
    return "status " + std::to_string(answer->status);
  }

 private:
  std::string path_;
  std::unique_ptr<httplib::Client> client_;
};

class Publisher {
 public:
  explicit Publisher(const HubOptions& hub) : wait_(hub.wait()) {
    Model model(hub.address, wait_);
    ExchangeSpec exchange;
    exchange.name = exchange_name;
    model.declare(exchange);
    BusOptions options;
    options.service = "laban-notify";
    options.hub = hub.address;
    bus_ = std::make_unique<Bus>(options);
  }

  std::string deliver(const Notice& notice, const std::string& body, bool& final) {
    NewEvent event;
    event.id = notice.id;
    event.type = "laban.instance." + notice.kind;
    event.exchange = exchange_name;
    event.subject = notice.row.value("id", "");
    event.datacontenttype = std::string(json_content_type);
    const auto* bytes = reinterpret_cast<const std::byte*>(body.data());
    event.data.assign(bytes, bytes + body.size());
    try {
      const Confirm confirm = bus_->publish_and_wait(std::move(event), wait_);
      if (!confirm.refused) return {};
      final = !confirm.temporary;
      return confirm.reason;
    } catch (const Error& error) {
      return error.what();
    }
  }

 private:
  std::chrono::milliseconds wait_;
  std::unique_ptr<Bus> bus_;
};

class Notifier {
 public:
  Notifier(const Settings& settings, std::stop_token stop)
      : settings_(settings), stop_(std::move(stop)), notices_(settings.cursor) {
    if (!settings.webhook.empty()) webhook_ = std::make_unique<Webhook>(settings.webhook);
    if (settings.publish) publisher_ = std::make_unique<Publisher>(settings.hub);
    begun_ = notices_.load();
    if (begun_) notices_.save();  // known now, not at the first notice, that the file can be written
  }

  void run();

 private:
  void follow();
  void hear(std::string_view event);
  void catch_up();
  void begin();
  void each_row(std::vector<std::pair<std::string, std::string>> asked, const std::function<bool(const Json&)>& visit);
  void tell(const Json& row);
  template <class Deliver>
  void deliver(const Notice& notice, Deliver&& attempt);
  std::string body_of(const Notice& notice) const;

  const Settings& settings_;
  std::stop_token stop_;
  Notices notices_;
  std::unique_ptr<Webhook> webhook_;
  std::unique_ptr<Publisher> publisher_;
  bool begun_ = false;
  bool unsaved_ = false;
  std::uint64_t caught_up_to_ = 0;  // rows of the stream that are older were read from the lists
  Notices::Time walked_to_{};       // by the lists of ended instances
  bool heard_ = false;
  std::uint64_t lost_ = 0;
};

void Notifier::run() {
  auto wait = 250ms;
  bool told = false;
  while (!stop_.stop_requested()) {
    heard_ = false;
    try {
      follow();
      told = false;
    } catch (const Error& error) {
      if (error.code() == Errc::storage) throw;
      if (!told) say(std::string(error.what()) + "; it is tried again");
      told = true;
    }
    wait = heard_ ? 250ms : std::min(wait * 2, std::chrono::milliseconds{5000});
    if (!stop_.stop_requested()) wait_or_stop(stop_, wait);
  }
  if (lost_ != 0) say(std::to_string(lost_) + " notices could not be delivered and were left");
}

void Notifier::follow() {
  std::string_view address = settings_.monitor;
  if (address.starts_with("http://")) address.remove_prefix(7);
  while (address.ends_with('/')) address.remove_suffix(1);
  const auto at = monitor::parse_http_address(address);
  httplib::Client client(at.host, at.port);
  client.set_connection_timeout(5);
  client.set_read_timeout(silence_max);
  std::string buffer;
  std::exception_ptr failure;
  const auto answer = client.Get("/api/v1/stream", [&](const char* bytes, std::size_t size) {
    try {
      buffer.append(bytes, size);
      for (auto end = buffer.find("\n\n"); end != std::string::npos; end = buffer.find("\n\n")) {
        const std::string event = buffer.substr(0, end);
        buffer.erase(0, end + 2);
        hear(event);
        if (stop_.stop_requested()) return false;
      }
      if (buffer.size() > event_bytes_max) throw Error(Errc::malformed, "the monitor's stream has no end of an event");
    } catch (...) {
      failure = std::current_exception();
      return false;
    }
    return !stop_.stop_requested();
  });
  if (failure) std::rethrow_exception(failure);
  if (!stop_.stop_requested() && (!answer || answer->status != 200))
    throw Error(Errc::unreachable,
                "the stream of the monitor at " + at.text() + " ended (" +
                    (answer ? "status " + std::to_string(answer->status) : httplib::to_string(answer.error())) +
                    "): start `laban monitor`, or name its address with --monitor");
}

void Notifier::hear(std::string_view event) {
  bool instances = false;
  std::string data;
  for (std::size_t from = 0; from < event.size();) {
    const auto end = std::min(event.find('\n', from), event.size());
    const auto line = event.substr(from, end - from);
    from = end + 1;
    if (line == "event: instances") instances = true;
    if (line.starts_with("data: ")) data = line.substr(6);
  }
  if (!instances) return;
  const Json told = Json::parse(data, nullptr, false);
  if (!told.is_object()) throw Error(Errc::malformed, "the monitor's stream cannot be read: use one release for both");
  if (told.value("more", false)) {
    catch_up();
  } else if (told.value("offset", std::uint64_t{0}) >= caught_up_to_) {
    for (const auto& row : told.at("instances")) tell(row);
  }
  if (unsaved_) notices_.save();
  unsaved_ = false;
}

void Notifier::begin() {
  const auto status = ask_monitor(settings_.monitor, "/api/v1/status");
  if (!status) throw Error(Errc::unreachable, "the monitor has no status: use one release for both");
  const auto last = status->find("lastEventAt");
  notices_.begin(last != status->end() && last->is_string() ? parse_time(*last).value_or(Notices::Time{})
                                                            : Notices::Time{});
  notices_.save();
  begun_ = true;
}

// Everything that is so now and was not told: where the stream leaves rows out, and after each connection.
void Notifier::catch_up() {
  if (!begun_) begin();
  // Rows of the stream from before the lists would undo what the lists say.
  const auto first = ask_monitor(settings_.monitor, "/api/v1/instances", {{"limit", "1"}});
  const std::uint64_t reached = first ? first->value("offset", std::uint64_t{0}) : 0;
  std::set<std::string> flagged;
  const auto gather = [&](const Json& row) {
    flagged.insert(Notices::key_of(row));
    tell(row);
    return true;
  };
  const auto until = std::max(notices_.since(), walked_to_ - settled_within);
  each_row({{"flag", "stuck"}, {"state", "live"}}, gather);
  each_row({{"flag", "late"}, {"state", "live"}}, gather);
  if (!stop_.stop_requested()) notices_.only_flagged(flagged);
  each_row({{"verdict", "deviating"}, {"state", "live"}}, [&](const Json& row) {
    tell(row);
    return true;
  });
  // The last ended first, so that the first that is too old ends it; told in the order in which they ended.
  std::vector<Json> ended;
  each_row({{"state", "ended"}, {"sort", "stalest"}}, [&](const Json& row) {
    if (parse_time(row.value("endedAt", "")).value_or(Notices::Time{}) < until) return false;
    walked_to_ = std::max(walked_to_, parse_time(row.value("endedAt", "")).value_or(Notices::Time{}));
    ended.push_back(row);
    return true;
  });
  for (auto row = ended.rbegin(); row != ended.rend(); ++row) tell(*row);
  caught_up_to_ = reached;
  heard_ = true;
  unsaved_ = true;
}

void Notifier::each_row(std::vector<std::pair<std::string, std::string>> asked,
                        const std::function<bool(const Json&)>& visit) {
  asked.emplace_back("limit", "1000");
  asked.emplace_back("cursor", "");
  do {
    const auto page = ask_monitor(settings_.monitor, "/api/v1/instances", asked);
    if (!page) return;
    for (const auto& row : page->at("instances")) {
      if (stop_.stop_requested() || !visit(row)) return;
    }
    const auto& next = page->at("next");
    asked.back().second = next.is_string() ? next.get<std::string>() : "";
  } while (!asked.back().second.empty());
}

void Notifier::tell(const Json& row) {
  for (const auto& notice : notices_.news(row)) {
    if (stop_.stop_requested()) return;
    const bool wanted = settings_.only.empty() ||
                        std::find(settings_.only.begin(), settings_.only.end(), notice.kind) != settings_.only.end();
    if (!wanted) {
      notices_.passed(row);
      continue;
    }
    const std::string body = body_of(notice);
    if (webhook_) deliver(notice, [&](bool& final) { return webhook_->deliver(body, final); });
    if (publisher_) deliver(notice, [&](bool& final) { return publisher_->deliver(notice, body, final); });
    if (stop_.stop_requested()) return;  // perhaps not delivered: the next start tells it
    notices_.told(notice);
    notices_.save();
  }
}

template <class Deliver>
void Notifier::deliver(const Notice& notice, Deliver&& attempt) {
  std::string reason;
  auto wait = 500ms;
  for (unsigned left = settings_.tries; left > 0 && !stop_.stop_requested(); --left) {
    bool final = false;
    reason = attempt(final);
    if (reason.empty()) return;
    if (final || left == 1) break;
    wait_or_stop(stop_, wait);
    wait = std::min<std::chrono::milliseconds>(wait * 2, back_off_max);
  }
  if (stop_.stop_requested()) return;
  ++lost_;
  say(notice.id + " could not be delivered (" + reason + ") and is left; " + std::to_string(lost_) + " so far");
}

std::string Notifier::body_of(const Notice& notice) const {
  Json body{{"id", notice.id}, {"kind", notice.kind}, {"instance", notice.row.at("id")}};
  for (const auto& [name, value] : notice.row.items()) {
    if (name != "id") body[name] = value;
  }
  try {
    const std::string path = "/api/v1/instances/" + escaped(notice.row.value("id", ""));
    if (const auto seen = ask_monitor(settings_.monitor, path, {{"data", "no"}})) {
      body["explanation"] = seen->at("explanation");
      body["expected"] = seen->at("expected");
    }
  } catch (const Error&) {
    body["explanation"] = nullptr;  // the notice matters more than its sentence
  }
  body["page"] = "/instances/" + escaped(notice.row.value("id", ""));
  return body.dump(-1, ' ', false, Json::error_handler_t::replace);
}

int notify(const Settings& settings) {
  if (settings.webhook.empty() && !settings.publish)
    throw Error(Errc::usage, "nobody is to be told: give --webhook URL, or --publish, or both");
  const auto stop = stop_on_signal();
  Notifier(settings, stop).run();
  return exit_ok;
}

void add_notify(CLI::App& program, std::function<int()>& action) {
  auto* command = program.add_subcommand(
      "notify", "Tells others of stuck, late, deviating and ended instances, as a monitor sees them");
  command->footer(
      "Example: laban notify --webhook http://127.0.0.1:9000/hook --only stuck,late\n\n"
      "Each notice is one JSON document with id, kind, the row of /api/v1/instances, explanation and expected. It "
      "comes\n"
      "at least once; id is the same each time. A webhook that does not answer with 2xx is tried again, with growing\n"
      "pauses. --publish needs a hub and makes events laban.instance.KIND on the exchange laban.monitor.");
  auto settings = std::make_shared<Settings>();
  add_monitor_option(*command, settings->monitor);
  command->add_option("--webhook", settings->webhook, "POST each notice there");
  command->add_flag("--publish", settings->publish, "Publish each notice on the exchange laban.monitor");
  command->add_option("--only", settings->only, "Kinds, with commas: stuck, late, deviating, ended")
      ->delimiter(',')
      ->check(CLI::IsMember({"stuck", "late", "deviating", "ended"}));
  command->add_option("--cursor", settings->cursor, "File that remembers what was told")->capture_default_str();
  command->add_option("--tries", settings->tries, "Of one delivery, until it is left")
      ->check(CLI::Range(1u, 100u))
      ->capture_default_str();
  add_hub_options(*command, settings->hub);
  command->callback([settings, &action] { action = [settings] { return notify(*settings); }; });
}

const Command command{add_notify};

}  // namespace
}  // namespace laban::cli

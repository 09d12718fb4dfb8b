// bus/hub/http.cpp - routes over cpp-httplib.
#include "bus/hub/http.hpp"

#include <httplib.h>
#include <nlohmann/json.hpp>

#include <cerrno>
#include <charconv>
#include <thread>

#include "laban/error.hpp"

namespace laban::hub {
namespace {

constexpr std::size_t threads = 4;
constexpr std::size_t explain_steps_max = 100'000;  // of 4 MiB of log each
constexpr const char* json_type = "application/json";

struct HostPort {
  std::string host;
  int port = 0;
};

HostPort split(const std::string& address) {
  const Error bad{Errc::usage, "'" + address + "' is no address for HTTP: give HOST:PORT, for example 127.0.0.1:8081"};
  const auto colon = address.rfind(':');
  if (colon == std::string::npos || colon == 0) throw bad;
  HostPort result;
  result.host.assign(address, 0, colon);
  if (result.host.front() == '[' && result.host.back() == ']')
    result.host = result.host.substr(1, result.host.size() - 2);
  const auto digits = address.substr(colon + 1);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), result.port);
  if (error != std::errc{} || end != digits.data() + digits.size() || result.port < 0 || result.port > 65'535)
    throw bad;
  return result;
}

std::string error_json(const char* code, const std::string& message) {
  return nlohmann::json{{"error", {{"code", code}, {"message", message}}}}.dump(
      -1, ' ', false, nlohmann::json::error_handler_t::replace);
}

void busy(httplib::Response& response) {
  response.status = 503;
  response.set_content(error_json("busy", "the hub did not answer in time: try again"), json_type);
}

}  // namespace

struct HttpServer::Impl {
  HttpSources sources;
  httplib::Server server;
  std::string host;
  int port = 0;
  std::thread thread;

  void inspect(const std::string& what, const std::string& argument, httplib::Response& response) {
    const auto answer = sources.inspect(what, argument);
    if (!answer) return busy(response);
    response.status = answer->status;
    response.set_content(answer->status == 200 ? answer->body : error_json("not_found", answer->body), json_type);
  }

  // A long log is searched step by step, so that the hub's other work goes on meanwhile.
  void explain(nlohmann::json argument, httplib::Response& response) {
    for (std::size_t step = 0; step < explain_steps_max; ++step) {
      const auto answer =
          sources.inspect("explain", argument.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
      if (!answer) return busy(response);
      auto told = answer->status == 200 ? nlohmann::json::parse(answer->body, nullptr, false) : nlohmann::json{};
      if (told.is_object() && told.contains("more")) {
        argument = std::move(told["more"]);
        continue;
      }
      const bool missing = told.is_object() && !told.value("found", true);
      response.status = missing ? 404 : answer->status;
      response.set_content(missing                 ? error_json("not_found", told.value("why", ""))
                           : answer->status == 200 ? answer->body
                                                   : error_json("not_found", answer->body),
                           json_type);
      return;
    }
    busy(response);
  }

  void route() {
    server.Get("/metrics", [this](const httplib::Request&, httplib::Response& response) {
      const auto text = sources.metrics();
      if (!text) return busy(response);
      response.set_content(*text, "text/plain; version=0.0.4; charset=utf-8");
    });
    server.Get("/healthz", [](const httplib::Request&, httplib::Response& response) {
      response.set_content("{\"status\":\"alive\"}", json_type);
    });
    server.Get("/readyz", [this](const httplib::Request&, httplib::Response& response) {
      const bool ready = sources.ready();
      response.status = ready ? 200 : 503;
      response.set_content(ready ? "{\"status\":\"ready\"}"
                                 : error_json("not_ready", "the log cannot be written: see the hub's messages"),
                           json_type);
    });
    for (const char* what : {"queues", "exchanges", "schemas", "cursors", "status"}) {
      server.Get(std::string{"/api/v1/"} + what,
                 [this, what](const httplib::Request& request, httplib::Response& response) {
                   nlohmann::json argument = nlohmann::json::object();
                   if (request.has_param("queue")) argument["queue"] = request.get_param_value("queue");
                   inspect(what, argument.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace), response);
                 });
    }
    server.Get("/api/v1/explain", [this](const httplib::Request& request, httplib::Response& response) {
      nlohmann::json argument = nlohmann::json::object();
      for (const char* name : {"key", "exchange", "id"}) {
        if (request.has_param(name)) argument[name] = request.get_param_value(name);
      }
      if (request.has_param("headers")) {
        argument["headers"] = nlohmann::json::parse(request.get_param_value("headers"), nullptr, false);
        if (!argument["headers"].is_object()) {
          response.status = 400;
          return response.set_content(error_json("malformed", "headers is no JSON object: give {\"region\":\"eu\"}"),
                                      json_type);
        }
      }
      explain(std::move(argument), response);
    });
    server.set_error_handler([](const httplib::Request& request, httplib::Response& response) {
      if (!response.body.empty()) return;
      response.set_content(error_json(response.status == 404 ? "not_found" : "refused",
                                      "there is no " + request.method + " " + request.path + " here"),
                           json_type);
    });
    server.set_exception_handler([](const httplib::Request&, httplib::Response& response, std::exception_ptr) {
      response.status = 500;
      response.set_content(error_json("internal", "the hub could not answer: see its messages"), json_type);
    });
  }
};

HttpServer::HttpServer(const std::string& address, HttpSources sources) : impl_(std::make_unique<Impl>()) {
  const HostPort at = split(address);
  const auto& host = at.host;
  const int port = at.port;
  impl_->sources = std::move(sources);
  impl_->host = host;
  auto& server = impl_->server;
  server.new_task_queue = [] { return new httplib::ThreadPool(threads); };
  server.set_keep_alive_max_count(100);
  server.set_keep_alive_timeout(2);
  server.set_read_timeout(5);
  server.set_write_timeout(5);
  server.set_payload_max_length(1u << 20);
  // Without SO_REUSEPORT, so that a second hub on the port is told and does not share it.
  server.set_socket_options([](socket_t socket) {
    const int yes = 1;
    setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  });
  impl_->route();
  if (port == 0) {
    impl_->port = server.bind_to_any_port(host.c_str());
  } else {
    impl_->port = server.bind_to_port(host.c_str(), port) ? port : -1;
  }
  if (impl_->port <= 0) {
    throw Error{Errc::in_use, address +
                                  " cannot be listened on for HTTP: stop the program that uses it, or choose "
                                  "another address with --http"};
  }
  impl_->thread = std::thread{[this] { impl_->server.listen_after_bind(); }};
  // stop() before the thread listens would be lost.
  while (!server.is_running()) std::this_thread::yield();
}

HttpServer::~HttpServer() {
  impl_->server.stop();
  if (impl_->thread.joinable()) impl_->thread.join();
}

int HttpServer::port() const {
  return impl_->port;
}

std::string HttpServer::address() const {
  const bool six = impl_->host.find(':') != std::string::npos;
  return (six ? "[" + impl_->host + "]" : impl_->host) + ":" + std::to_string(impl_->port);
}

bool is_loopback_http(const std::string& address) {
  const HostPort at = split(address);
  const auto& host = at.host;
  return host.starts_with("127.") || host == "localhost" || host == "::1";
}

}  // namespace laban::hub

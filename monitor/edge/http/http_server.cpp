// monitor/edge/http/http_server.cpp - the only file of the monitor that knows cpp-httplib.
#include "monitor/edge/http/http_server.hpp"

#include <httplib.h>

#include <arpa/inet.h>
#include <atomic>
#include <cassert>
#include <charconv>
#include <cstring>
#include <thread>

#include "laban/error.hpp"
#include "monitor/edge/http/json_text.hpp"

namespace laban::monitor {
namespace {

constexpr std::chrono::milliseconds keep_alive_every{
    10'000};                                           // a comment on a silent stream, so that dead readers show
constexpr std::chrono::milliseconds stream_wait{500};  // how soon a stream notices that the server stops

bool is_address(const std::string& host) {
  in_addr v4{};
  in6_addr v6{};
  return inet_pton(AF_INET, host.c_str(), &v4) == 1 || inet_pton(AF_INET6, host.c_str(), &v6) == 1;
}

// "localhost:8080" -> "localhost", "[::1]:8080" -> "::1".
std::string host_of(const std::string& header) {
  if (!header.empty() && header.front() == '[') return header.substr(1, header.find(']') - 1);
  return header.substr(0, header.find(':'));
}

// A page of another site must not read the monitor through a name that it points at 127.0.0.1 (DNS
// rebinding): a server on loopback answers only to addresses and to localhost.
bool is_local_name(const std::string& header) {
  const std::string host = host_of(header);
  return host.empty() || host == "localhost" || host.ends_with(".localhost") || is_address(host);
}

std::string error_body(std::string_view code, std::string_view message) {
  return "{\"error\":{\"code\":" + json_text(code) + ",\"message\":" + json_text(message) + "}}\n";
}

void answer_error(httplib::Response& response, int status, std::string_view code, std::string_view message) {
  response.status = status;
  response.set_content(error_body(code, message), "application/json");
}

HttpRequest request_of(const httplib::Request& request) {
  HttpRequest out;
  out.path = request.path;
  for (std::size_t i = 1; i < request.matches.size(); ++i) out.captures.push_back(request.matches[i].str());
  for (const auto& [name, value] : request.params) out.query.emplace_back(name, value);
  out.last_event_id = request.get_header_value("Last-Event-ID");
  out.if_none_match = request.get_header_value("If-None-Match");
  return out;
}

}  // namespace

bool HttpAddress::loopback() const {
  return host == "localhost" || host == "::1" || (is_address(host) && host.starts_with("127."));
}

std::string HttpAddress::text() const {
  const bool v6 = host.find(':') != std::string::npos;
  return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

HttpAddress parse_http_address(std::string_view text) {
  const auto fail = [&](const char* why) -> HttpAddress {
    throw Error(Errc::usage, "'" + std::string(text) + "' is not an HTTP address, " + why +
                                 ": write HOST:PORT, for example 127.0.0.1:8080");
  };
  HttpAddress out;
  std::string_view port = text;
  const auto colon = text.rfind(':');
  if (colon != std::string_view::npos) {
    auto host = text.substr(0, colon);
    port = text.substr(colon + 1);
    if (host.starts_with('[') && host.ends_with(']') && host.size() > 2) {
      host = host.substr(1, host.size() - 2);
    } else if (host.find(':') != std::string_view::npos) {
      return fail("an IPv6 address needs brackets");
    }
    out.host = host.empty() ? "0.0.0.0" : std::string(host);
  }
  unsigned number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (error != std::errc{} || end != port.data() + port.size() || number > 65535)
    return fail("the port is not a number up to 65535");
  out.port = static_cast<std::uint16_t>(number);
  return out;
}

std::optional<std::string> HttpRequest::parameter(std::string_view name) const {
  for (const auto& [key, value] : query) {
    if (key == name && !value.empty()) return value;
  }
  return std::nullopt;
}

// An answer too long for memory. Where a piece fails the connection breaks off, so that nobody takes a part for the whole.
static void send_pieces(httplib::Response& response, HttpResponse&& answer) {
  const std::string type = answer.content_type;
  response.set_chunked_content_provider(
      type, [answer = std::make_shared<HttpResponse>(std::move(answer))](std::size_t, httplib::DataSink& sink) {
        try {
          if (!answer->body.empty() && !sink.write(answer->body.data(), answer->body.size())) return false;
          const auto next = answer->more();
          answer->body = next.value_or("");
          if (!next) sink.done();
          return true;
        } catch (const std::exception&) {
          return false;
        }
      });
}

struct HttpServer::Impl {
  explicit Impl(HttpOptions given) : options(std::move(given)) {}

  HttpOptions options;
  httplib::Server server;
  std::thread listener;
  std::uint16_t port = 0;
  bool started = false;
  std::atomic<bool> stopping{false};
  std::atomic<std::uint64_t> requests{0};
  std::atomic<std::uint64_t> errors{0};
  std::atomic<std::uint64_t> streams_refused{0};
  std::atomic<std::size_t> streams{0};

  void configure();
  void bind();
  void serve_stream(const httplib::Request& request, httplib::Response& response, const StreamHandler& handler);
};

void HttpServer::Impl::configure() {
  server.new_task_queue = [workers = options.workers] { return new httplib::ThreadPool(workers); };
  // Not httplib's default, SO_REUSEPORT, with which two monitors would silently share a port.
  server.set_socket_options([](socket_t socket) {
    const int yes = 1;
    setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  });
  server.set_tcp_nodelay(true);
  server.set_keep_alive_timeout(2);
  server.set_keep_alive_max_count(1000);
  server.set_read_timeout(5);
  server.set_write_timeout(5);
  server.set_payload_max_length(64 << 10);
  server.set_default_headers({{"X-Content-Type-Options", "nosniff"}, {"Referrer-Policy", "no-referrer"}});
  server.set_pre_routing_handler([this](const httplib::Request& request, httplib::Response& response) {
    ++requests;
    if (options.address.loopback() && !is_local_name(request.get_header_value("Host"))) {
      answer_error(response, 403, "foreign-host",
                   "this monitor listens on loopback and answers to localhost only: use its address, or "
                   "start it with --insecure on another one");
      return httplib::Server::HandlerResponse::Handled;
    }
    if (request.method == "GET" || request.method == "HEAD") return httplib::Server::HandlerResponse::Unhandled;
    response.set_header("Allow", "GET, HEAD");
    answer_error(response, 405, "method-not-allowed", "the monitor only listens: use GET");
    return httplib::Server::HandlerResponse::Handled;
  });
  const httplib::Server::HandlerWithResponse explain = [](const httplib::Request& request,
                                                          httplib::Response& response) {
    if (!response.body.empty()) return httplib::Server::HandlerResponse::Unhandled;
    if (response.status == 404) {
      answer_error(response, 404, "not-found",
                   "nothing is at " + request.path + ": see /api/v1/status, /api/v1/definitions, /api/v1/instances");
    } else {
      answer_error(response, response.status, "bad-request", "the request cannot be understood");
    }
    return httplib::Server::HandlerResponse::Handled;
  };
  server.set_error_handler(explain);
  server.set_exception_handler([this](const httplib::Request&, httplib::Response& response, std::exception_ptr thrown) {
    try {
      std::rethrow_exception(thrown);
    } catch (const HttpError& error) {
      answer_error(response, error.status(), error.code(), error.what());
    } catch (const std::exception& error) {
      ++errors;
      answer_error(response, 500, "internal", error.what());
    } catch (...) {
      ++errors;
      answer_error(response, 500, "internal", "unknown failure");
    }
  });
}

void HttpServer::Impl::bind() {
  const HttpAddress& address = options.address;
  if (!address.loopback() && !options.insecure) {
    throw Error(Errc::usage, "will not listen on " + address.text() +
                                 ", which others can reach, because the monitor has no authentication: use "
                                 "127.0.0.1, or --insecure if that is meant");
  }
  errno = 0;
  if (address.port == 0) {
    const int bound = server.bind_to_any_port(address.host);
    if (bound > 0) port = static_cast<std::uint16_t>(bound);
  } else if (server.bind_to_port(address.host, address.port)) {
    port = address.port;
  }
  if (port != 0) return;
  if (errno == EADDRINUSE) {
    throw Error(Errc::in_use,
                "another program listens on " + address.text() + ": stop it or choose another address with --http");
  }
  throw Error(Errc::usage, "cannot listen on " + address.text() + " (" +
                               (errno != 0 ? std::strerror(errno) : "unknown host") +
                               "): choose another address with --http");
}

void HttpServer::Impl::serve_stream(const httplib::Request& request, httplib::Response& response,
                                    const StreamHandler& handler) {
  if (streams.fetch_add(1) >= options.streams_max) {
    --streams;
    ++streams_refused;
    response.set_header("Retry-After", "5");
    answer_error(response, 503, "too-many-streams",
                 "as many readers as this monitor serves listen already: close one, or poll the API");
    return;
  }
  struct Reader {
    std::unique_ptr<EventSource> source;
    std::chrono::steady_clock::time_point last_sent = std::chrono::steady_clock::now();
    std::atomic<std::size_t>* open;
    ~Reader() { --*open; }
  };
  auto reader = std::make_shared<Reader>();
  reader->open = &streams;
  reader->source = handler(request_of(request));
  response.set_header("Cache-Control", "no-store");
  response.set_header("X-Accel-Buffering", "no");
  response.set_chunked_content_provider("text/event-stream", [this, reader](std::size_t, httplib::DataSink& sink) {
    if (stopping) return false;
    auto text = reader->source->next(stream_wait);
    if (!text || stopping) return false;
    const auto now = std::chrono::steady_clock::now();
    if (text->empty()) {
      if (now - reader->last_sent < keep_alive_every) return sink.is_writable();
      *text = ": still here\n\n";
    }
    reader->last_sent = now;
    return sink.write(text->data(), text->size());
  });
}

HttpServer::HttpServer(HttpOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {
  assert(impl_->options.streams_max < impl_->options.workers && "streams must leave workers for requests");
  impl_->configure();
  impl_->bind();
}

HttpServer::~HttpServer() {
  stop();
}

void HttpServer::get(const std::string& route, Handler handler) {
  impl_->server.Get(route,
                    [handler = std::move(handler)](const httplib::Request& request, httplib::Response& response) {
                      HttpResponse answer = handler(request_of(request));
                      response.status = answer.status;
                      for (auto& [name, value] : answer.headers) response.set_header(name, value);
                      if (!answer.more) {
                        response.set_content(std::move(answer.body), answer.content_type);
                        return;
                      }
                      send_pieces(response, std::move(answer));
                    });
}

void HttpServer::stream(const std::string& route, StreamHandler handler) {
  impl_->server.Get(route, [impl = impl_.get(), handler = std::move(handler)](const httplib::Request& request,
                                                                              httplib::Response& response) {
    impl->serve_stream(request, response, handler);
  });
}

void HttpServer::start() {
  assert(!impl_->started);
  impl_->started = true;
  impl_->listener = std::thread([impl = impl_.get()] { impl->server.listen_after_bind(); });
}

void HttpServer::stop() {
  if (impl_->stopping.exchange(true)) return;
  if (!impl_->started) return;
  // stop() before the listener runs would be forgotten by httplib.
  while (!impl_->server.is_running()) std::this_thread::sleep_for(std::chrono::milliseconds{1});
  impl_->server.stop();
  impl_->listener.join();
}

std::uint16_t HttpServer::port() const {
  return impl_->port;
}

HttpStats HttpServer::stats() const {
  return {impl_->requests, impl_->errors, impl_->streams_refused, impl_->streams};
}

}  // namespace laban::monitor

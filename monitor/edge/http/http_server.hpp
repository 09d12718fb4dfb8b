// monitor/edge/http/http_server.hpp - the monitor's one HTTP port: reads, pages and server-sent events.
// Nothing can be written through it: any method but GET and HEAD is answered with 405.
//
// Threads:  start() runs the listener and a fixed number of workers; handlers are called on the workers,
// several at a
//           time, and must be safe for that. stop() and the destructor wait for them.
// Errors:   the constructor throws Error for an address that cannot be used (usage, in_use). What a handler
// throws is
//           answered with a status and counted, never fatal. Every answer of 400 and above is
//           {"error": {"code", "message"}}.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace laban::monitor {

struct HttpAddress {
  std::string host = "127.0.0.1";
  std::uint16_t port = 8080;

  bool loopback() const;
  std::string text() const;  // host:port, with brackets where the host is an IPv6 address
};

// HOST:PORT, [V6]:PORT, :PORT (every interface) or PORT (loopback). Throws Error(usage).
HttpAddress parse_http_address(std::string_view text);

struct HttpRequest {
  std::string path;
  std::vector<std::string> captures;  // what the groups of the route matched, decoded
  std::vector<std::pair<std::string, std::string>> query;
  std::string last_event_id;
  std::string if_none_match;

  std::optional<std::string> parameter(std::string_view name) const;
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
  // Where it is set, what follows the body piece by piece, until it gives nothing.
  std::function<std::optional<std::string>()> more = {};
};

// Thrown by a handler to answer with an error of the API.
class HttpError : public std::runtime_error {
 public:
  HttpError(int status, std::string code, const std::string& message)
      : std::runtime_error(message), status_(status), code_(std::move(code)) {}
  int status() const { return status_; }
  const std::string& code() const { return code_; }

 private:
  int status_;
  std::string code_;
};

// One reader's view of a stream of server-sent events.
class EventSource {
 public:
  virtual ~EventSource() = default;
  // The next text to send, complete events only; empty where there was none within `wait`; nothing ends the
  // stream.
  virtual std::optional<std::string> next(std::chrono::milliseconds wait) = 0;
};

struct HttpOptions {
  HttpAddress address;
  bool insecure = false;         // may listen beyond loopback
  std::size_t workers = 48;      // connections served at a time; more wait
  std::size_t streams_max = 32;  // of them, those that may be streams; more get 503
};

struct HttpStats {
  std::uint64_t requests = 0;
  std::uint64_t errors = 0;  // handlers that failed with 500
  std::uint64_t streams_refused = 0;
  std::size_t streams = 0;  // open now
};

class HttpServer {
 public:
  using Handler = std::function<HttpResponse(const HttpRequest&)>;
  using StreamHandler = std::function<std::unique_ptr<EventSource>(const HttpRequest&)>;

  explicit HttpServer(HttpOptions options);  // binds, so that a port in use is known before anything else starts
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // `route` is a regular expression over the whole decoded path. Add all before start().
  void get(const std::string& route, Handler handler);
  void stream(const std::string& route, StreamHandler handler);

  void start();
  void stop();
  std::uint16_t port() const;
  HttpStats stats() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace laban::monitor

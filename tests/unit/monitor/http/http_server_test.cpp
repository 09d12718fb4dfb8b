// tests/unit/monitor/http/http_server_test.cpp - the monitor's port as a client meets it.
#include "monitor/edge/http/http_server.hpp"

#include <doctest/doctest.h>
#include <httplib.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>

#include "laban/error.hpp"
#include "tests/support/eventually.hpp"

using namespace laban;
using namespace laban::monitor;
using namespace std::chrono_literals;

namespace {

HttpOptions any_port() {
  HttpOptions options;
  options.address.port = 0;
  return options;
}

// A source that a test feeds by hand.
struct Tap {
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::string> texts;
};

class TapSource : public EventSource {
 public:
  explicit TapSource(std::shared_ptr<Tap> tap) : tap_(std::move(tap)) {}
  std::optional<std::string> next(std::chrono::milliseconds wait) override {
    std::unique_lock lock(tap_->mutex);
    if (!tap_->changed.wait_for(lock, wait, [&] { return !tap_->texts.empty(); })) return "";
    auto text = tap_->texts.front();
    tap_->texts.pop_front();
    return text;
  }

 private:
  std::shared_ptr<Tap> tap_;
};

}  // namespace

TEST_CASE("http server: answers what a handler returns, with decoded captures and parameters") {
  HttpServer server(any_port());
  server.get("/api/v1/instances/(.+)", [](const HttpRequest& request) {
    HttpResponse out;
    out.body = request.captures.at(0) + "|" + request.parameter("at").value_or("-");
    return out;
  });
  server.start();
  httplib::Client client("127.0.0.1", server.port());
  const auto answer = client.Get("/api/v1/instances/order%2F1%3A2?at=7");
  REQUIRE(answer);
  CHECK(answer->status == 200);
  CHECK(answer->body == "order/1:2|7");
  CHECK(answer->get_header_value("X-Content-Type-Options") == "nosniff");
}

TEST_CASE("http server: every refusal is an error object with the right status (G120)") {
  HttpServer server(any_port());
  server.get("/missing", [](const HttpRequest&) -> HttpResponse { throw HttpError(404, "no-instance", "no \"x\""); });
  server.get("/bug", [](const HttpRequest&) -> HttpResponse { throw std::runtime_error("boom"); });
  server.start();
  httplib::Client client("127.0.0.1", server.port());
  auto answer = client.Get("/missing");
  REQUIRE(answer);
  CHECK(answer->status == 404);
  CHECK(answer->body == "{\"error\":{\"code\":\"no-instance\",\"message\":\"no \\\"x\\\"\"}}\n");
  answer = client.Get("/bug");
  CHECK(answer->status == 500);
  CHECK(server.stats().errors == 1);
  answer = client.Get("/nowhere");
  CHECK(answer->status == 404);
  CHECK(answer->body.find("\"not-found\"") != std::string::npos);
  answer = client.Post("/missing", "{}", "application/json");
  CHECK(answer->status == 405);
  CHECK(answer->get_header_value("Allow") == "GET, HEAD");
  answer = client.Delete("/missing");
  CHECK(answer->status == 405);
}

TEST_CASE("http server: on loopback answers to no foreign host name (G121)") {
  HttpServer server(any_port());
  server.get("/", [](const HttpRequest&) { return HttpResponse{}; });
  server.start();
  httplib::Client client("127.0.0.1", server.port());
  CHECK(client.Get("/", httplib::Headers{{"Host", "evil.example:80"}})->status == 403);
  CHECK(client.Get("/", httplib::Headers{{"Host", "localhost:9"}})->status == 200);
  CHECK(client.Get("/", httplib::Headers{{"Host", "[::1]:9"}})->status == 200);
  CHECK(client.Get("/")->status == 200);
}

TEST_CASE("http server: refuses a port in use and an address that others can reach (G122)") {
  HttpServer first(any_port());
  HttpOptions same = any_port();
  same.address.port = first.port();
  try {
    HttpServer second(same);
    FAIL("two servers share a port");
  } catch (const Error& error) {
    CHECK(error.code() == Errc::in_use);
    CHECK(std::string(error.what()).find("another program listens on 127.0.0.1:") == 0);
  }
  HttpOptions open = any_port();
  open.address.host = "0.0.0.0";
  try {
    HttpServer second(open);
    FAIL("listens on every interface");
  } catch (const Error& error) {
    CHECK(error.code() == Errc::usage);
    CHECK(std::string(error.what()).find("--insecure") != std::string::npos);
  }
  open.insecure = true;
  CHECK_NOTHROW(HttpServer{open});
}

TEST_CASE("http address: reads the usual forms and refuses others") {
  CHECK(parse_http_address("127.0.0.1:8080").text() == "127.0.0.1:8080");
  CHECK(parse_http_address("9000").text() == "127.0.0.1:9000");
  CHECK(parse_http_address(":9000").text() == "0.0.0.0:9000");
  CHECK(parse_http_address("[::1]:0").text() == "[::1]:0");
  CHECK(parse_http_address("localhost:1").loopback());
  CHECK(parse_http_address("127.8.0.1:1").loopback());
  CHECK_FALSE(parse_http_address("127.evil.example:1").loopback());
  CHECK_FALSE(parse_http_address(":1").loopback());
  for (const char* bad : {"", "host:", "host:x", "host:65536", "::1:80", "1:-1"}) {
    CAPTURE(bad);
    CHECK_THROWS_AS(parse_http_address(bad), Error);
  }
}

TEST_CASE("http server: streams events as they come and ends them when it stops") {
  auto tap = std::make_shared<Tap>();
  auto options = any_port();
  options.workers = 3;
  options.streams_max = 1;
  HttpServer server(options);
  server.stream("/stream", [&](const HttpRequest&) { return std::make_unique<TapSource>(tap); });
  server.start();
  std::mutex mutex;
  std::string received;
  std::atomic<bool> ended{false};
  std::thread reader([&] {
    httplib::Client client("127.0.0.1", server.port());
    client.Get("/stream", [&](const char* data, std::size_t size) {
      std::lock_guard lock(mutex);
      received.append(data, size);
      return true;
    });
    ended = true;
  });
  CHECK(test::eventually(5s, [&] { return server.stats().streams == 1; }));
  {
    std::lock_guard lock(tap->mutex);
    tap->texts.push_back("event: a\ndata: 1\n\n");
    tap->changed.notify_all();
  }
  CHECK(test::eventually(5s, [&] {
    std::lock_guard lock(mutex);
    return received == "event: a\ndata: 1\n\n";
  }));
  httplib::Client second("127.0.0.1", server.port());
  const auto refused = second.Get("/stream");
  REQUIRE(refused);
  CHECK(refused->status == 503);
  server.stop();
  CHECK(test::eventually(5s, [&] { return ended.load(); }));
  reader.join();
}

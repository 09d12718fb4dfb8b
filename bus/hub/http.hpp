// bus/hub/http.hpp - the hub's one HTTP port: metrics, health and the read API.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace laban::hub {

// What the port answers with. Each may be called from several threads at once; nothing: the hub did not answer in time.
struct HttpSources {
  struct Answer {
    int status = 200;
    std::string body;  // JSON
  };
  std::function<std::optional<std::string>()> metrics;
  std::function<std::optional<Answer>(const std::string& what, const std::string& argument)> inspect;
  std::function<bool()> ready;
};

// Threads: owns its threads; the destructor ends them.
// Errors:  the constructor throws Error(usage) for an address that makes no sense and Error(in_use) for one that is taken.
class HttpServer {
 public:
  HttpServer(const std::string& address, HttpSources sources);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  int port() const;
  std::string address() const;  // HOST:PORT as bound

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The host of HOST:PORT is this machine's own.
bool is_loopback_http(const std::string& address);

}  // namespace laban::hub

// bus/hub/hub.cpp - the loop on its thread, HTTP beside it.
#include "bus/hub/hub.hpp"

#include <spdlog/spdlog.h>

#include <atomic>
#include <condition_variable>
#include <future>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "bus/hub/http.hpp"
#include "bus/hub/inspect.hpp"
#include "bus/hub/loop.hpp"
#include "bus/hub/metrics.hpp"
#include "bus/transport/zmq_server.hpp"
#include "laban/error.hpp"

namespace laban {

struct Hub::Impl {
  HubOptions options;
  std::unique_ptr<hub::Loop> loop;
  std::unique_ptr<hub::HttpServer> http;
  std::thread thread;
  std::string endpoint;
  std::string feeds;

  mutable std::mutex mutex;
  std::condition_variable ended;
  bool running = false;  // guarded by mutex
  std::string failure;   // guarded by mutex

  // Asks on the hub's thread; nothing where it does not answer in time.
  template <class Result>
  std::optional<Result> ask(std::function<Result(hub::Core&)> question) {
    constexpr std::chrono::seconds patience{5};
    auto promise = std::make_shared<std::promise<Result>>();
    auto answer = promise->get_future();
    const bool asked = loop != nullptr && loop->post([promise, question = std::move(question)](hub::Core& core) {
      promise->set_value(question(core));
    });
    if (!asked || answer.wait_for(patience) != std::future_status::ready) return std::nullopt;
    return answer.get();
  }

  void refuse_the_open_world() const {
    if (options.insecure) return;
    const auto refuse = [](const std::string& address) {
      throw Error{Errc::usage, address +
                                   " can be reached from other machines and clients are not authenticated: listen on "
                                   "127.0.0.1, or say --insecure where the network is trusted"};
    };
    for (const auto& address : {options.listen, options.feeds, options.ingest}) {
      if (options.access_file.empty() && !address.empty() && !transport::is_loopback(address)) refuse(address);
    }
    if (!options.http.empty() && !hub::is_loopback_http(options.http)) refuse(options.http);
  }

  void refuse_what_cannot_be_kept() const {
    const auto& keep = options.keep;
    const auto least = 4 * options.segment_bytes;
    for (const auto bytes : {keep.bytes, keep.bytes_at_most}) {
      if (bytes == 0 || bytes >= least) continue;
      throw Error{Errc::usage, "a log cannot keep to " + std::to_string(bytes) + " bytes with segments of " +
                                   std::to_string(options.segment_bytes) +
                                   ": keep at least four of them, or give smaller ones with --segment-bytes"};
    }
    if (keep.bytes_at_most != 0 && keep.bytes_at_most < keep.bytes) {
      throw Error{Errc::usage,
                  "the log's outer limit is below what it keeps: give --keep-at-most more than --keep-bytes"};
    }
  }

  void run() {
    std::string why;
    try {
      loop->run();
    } catch (const std::exception& error) {
      why = error.what();
      spdlog::error("laban hub: {}", why);
    }
    const std::lock_guard lock{mutex};
    running = false;
    failure = why;
    ended.notify_all();
  }

  void serve_http() {
    if (options.http.empty()) return;
    hub::HttpSources sources;
    sources.metrics = [this] { return metrics(); };
    sources.ready = [this] { return loop->ready(); };
    sources.inspect = [this](const std::string& what, const std::string& argument) { return inspect(what, argument); };
    http = std::make_unique<hub::HttpServer>(options.http, std::move(sources));
  }

  std::optional<std::string> metrics() {
    const auto snapshot = ask<hub::Snapshot>([](hub::Core& core) { return hub::take_snapshot(core); });
    if (!snapshot) return std::nullopt;
    return hub::render_metrics(*snapshot);
  }

  std::optional<hub::HttpSources::Answer> inspect(const std::string& what, const std::string& argument) {
    auto answer = ask<hub::Inspected>([=](hub::Core& core) { return hub::inspect(core, what, argument); });
    if (!answer) return std::nullopt;
    if (answer->known && answer->found) return hub::HttpSources::Answer{200, std::move(answer->json)};
    return hub::HttpSources::Answer{404, std::move(answer->why)};
  }

  void end() {
    if (thread.joinable()) thread.join();
    http.reset();
    loop.reset();
  }
};

Hub::Hub(HubOptions options) : impl_(std::make_unique<Impl>()) {
  impl_->options = std::move(options);
}

Hub::~Hub() {
  stop();
}

void Hub::start() {
  auto& hub = *impl_;
  if (hub.options.data.empty()) throw Error{Errc::usage, "the hub has no directory for its log: give one with --data"};
  hub.refuse_the_open_world();
  hub.refuse_what_cannot_be_kept();
  hub.loop = std::make_unique<hub::Loop>(hub.options);
  hub.endpoint = hub.loop->endpoint();
  hub.feeds = hub.loop->feeds_endpoint();
  for (const auto& remark : hub.loop->remarks()) spdlog::warn("laban hub: {}", remark);
  try {
    hub.serve_http();
  } catch (...) {
    hub.loop.reset();
    throw;
  }
  {
    const std::lock_guard lock{hub.mutex};
    hub.running = true;
  }
  hub.thread = std::thread{[&hub] { hub.run(); }};
}

void Hub::stop() {
  if (impl_->loop) impl_->loop->stop();
  impl_->end();
}

void Hub::crash() {
  if (impl_->loop) impl_->loop->crash();
  impl_->end();
}

bool Hub::running() const {
  const std::lock_guard lock{impl_->mutex};
  return impl_->running;
}

bool Hub::wait_until_stopped(std::chrono::milliseconds limit) {
  std::unique_lock lock{impl_->mutex};
  return impl_->ended.wait_for(lock, limit, [&] { return !impl_->running; });
}

std::string Hub::failure() const {
  const std::lock_guard lock{impl_->mutex};
  return impl_->failure;
}

std::string Hub::endpoint() const {
  return impl_->endpoint;
}
std::string Hub::feeds_endpoint() const {
  return impl_->feeds;
}
int Hub::http_port() const {
  return impl_->http ? impl_->http->port() : 0;
}
std::string Hub::http_address() const {
  return impl_->http ? impl_->http->address() : std::string{};
}
const HubOptions& Hub::options() const {
  return impl_->options;
}

std::string Hub::inspect(const std::string& what, const std::string& argument) {
  const auto answer = impl_->inspect(what, argument);
  if (!answer) throw Error{Errc::closed, "the hub does not run: start it"};
  if (answer->status != 200) throw Error{Errc::usage, answer->body};
  return answer->body;
}

std::string Hub::metrics() {
  const auto text = impl_->metrics();
  if (!text) throw Error{Errc::closed, "the hub does not run: start it"};
  return *text;
}

}  // namespace laban

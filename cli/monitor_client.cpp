// cli/monitor_client.cpp - asking a monitor over HTTP.
#include "cli/monitor_client.hpp"

#include <httplib.h>

#include <chrono>
#include <ctime>

#include "laban/error.hpp"
#include "monitor/edge/http/http_server.hpp"
#include "monitor/explain.hpp"

namespace laban::cli {

std::optional<std::chrono::sys_time<std::chrono::nanoseconds>> parse_time(const std::string& text) {
  std::tm parts{};
  const char* rest = ::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
  if (!rest) return std::nullopt;
  std::chrono::nanoseconds fraction{0};
  if (*rest == '.') {
    std::int64_t unit = 100'000'000;
    for (++rest; *rest >= '0' && *rest <= '9'; ++rest, unit /= 10)
      fraction += std::chrono::nanoseconds{(*rest - '0') * unit};
  }
  return std::chrono::sys_time<std::chrono::nanoseconds>{std::chrono::seconds{::timegm(&parts)} + fraction};
}

void add_monitor_option(CLI::App& command, std::string& address) {
  address = "127.0.0.1:8080";
  command.add_option("--monitor", address, "The monitor")->envname("LABAN_MONITOR")->capture_default_str();
}

std::string escaped(const std::string& text) {
  static constexpr char digits[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    if (std::isalnum(static_cast<unsigned char>(c)) || std::string_view("-._~").find(c) != std::string_view::npos) {
      out += c;
    } else {
      out += '%';
      out += digits[(c >> 4) & 15];
      out += digits[c & 15];
    }
  }
  return out;
}

namespace {

monitor::HttpAddress address_of(std::string_view text) {
  if (text.starts_with("http://")) text.remove_prefix(7);
  while (text.ends_with('/')) text.remove_suffix(1);
  return monitor::parse_http_address(text);
}

std::string target_of(const std::string& path, const std::vector<std::pair<std::string, std::string>>& parameters) {
  std::string target = path;
  char sign = '?';
  for (const auto& [name, value] : parameters) {
    if (value.empty()) continue;
    target += sign + name + "=" + escaped(value);
    sign = '&';
  }
  return target;
}

[[noreturn]] void no_answer(const monitor::HttpAddress& at, httplib::Error error) {
  const bool nobody = error == httplib::Error::Connection;
  throw Error(Errc::unreachable, "no monitor answers at " + at.text() +
                                     (nobody ? "" : " (" + httplib::to_string(error) + ")") +
                                     ": start `laban monitor`, or name its address with --monitor");
}

// The document of an answer; throws where it is no answer to the question.
nlohmann::ordered_json document_of(const monitor::HttpAddress& at, int status, const std::string& body) {
  auto document = nlohmann::ordered_json::parse(body, nullptr, false);
  if (status == 404 && document.is_object()) return nullptr;
  if (document.is_discarded()) {
    throw Error(Errc::malformed,
                "what answers at " + at.text() + " is no Laban monitor: name the monitor's address with --monitor");
  }
  if (status != 200) {
    const auto error = document.value("error", nlohmann::ordered_json::object());
    throw Error(Errc::refused, error.value("message", "the monitor answered with status " + std::to_string(status)));
  }
  return document;
}

}  // namespace

std::optional<nlohmann::ordered_json> ask_monitor(const std::string& address, const std::string& path,
                                                  const std::vector<std::pair<std::string, std::string>>& parameters) {
  const auto at = address_of(address);
  httplib::Client client(at.host, at.port);
  client.set_connection_timeout(5);
  client.set_read_timeout(30);
  const auto answer = client.Get(target_of(path, parameters).c_str());
  if (!answer) no_answer(at, answer.error());
  auto document = document_of(at, answer->status, answer->body);
  if (answer->status == 404) return std::nullopt;
  return document;
}

void read_monitor(const std::string& address, const std::string& path,
                  const std::vector<std::pair<std::string, std::string>>& parameters,
                  const std::function<void(std::string_view)>& take) {
  const auto at = address_of(address);
  httplib::Client client(at.host, at.port);
  client.set_connection_timeout(5);
  client.set_read_timeout(60);
  int status = 0;
  std::string refusal;
  const auto answer = client.Get(
      target_of(path, parameters).c_str(),
      [&](const httplib::Response& response) {
        status = response.status;
        return true;
      },
      [&](const char* data, std::size_t size) {
        if (status == 200) {
          take({data, size});
        } else if (refusal.size() < 64 * 1024) {
          refusal.append(data, size);
        }
        return true;
      });
  if (!answer) {
    if (status == 0) no_answer(at, answer.error());
    throw Error(Errc::unreachable, "the monitor's answer broke off: ask again");
  }
  if (status == 404) throw Error(Errc::refused, "the monitor does not know that: see laban ps");
  if (status != 200) document_of(at, status, refusal);
}

std::string time_between(const std::string& from, const std::string& to) {
  const auto begin = parse_time(from);
  const auto end = to.empty() ? std::chrono::time_point_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now())
                              : parse_time(to).value_or(*begin);
  if (!begin) return "-";
  return monitor::in_words(std::max(std::chrono::nanoseconds{0}, end - *begin));
}

}  // namespace laban::cli

// monitor/pages.cpp - the dashboard over HTTP.
#include "monitor/pages.hpp"

#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iterator>

#include "monitor/web/files.hpp"

namespace laban::monitor {
namespace {

const char* type_of(std::string_view name) {
  if (name.ends_with(".html")) return "text/html; charset=utf-8";
  if (name.ends_with(".js")) return "text/javascript; charset=utf-8";
  if (name.ends_with(".css")) return "text/css; charset=utf-8";
  return "image/svg+xml";
}

std::string tag_of(std::string_view bytes) {
  std::uint64_t hash = 14695981039346656037ull;
  for (const char c : bytes) hash = (hash ^ static_cast<std::uint8_t>(c)) * 1099511628211ull;
  char out[24];
  std::snprintf(out, sizeof out, "\"%016llx\"", static_cast<unsigned long long>(hash));
  return out;
}

std::string read(const std::filesystem::path& directory, const std::string& name) {
  // Only names of files that the program has too, so that no request leaves the directory.
  for (const auto& file : web_files()) {
    if (file.name != name) continue;
    if (directory.empty()) return std::string(file.bytes);
    std::ifstream in(directory / name, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  throw HttpError(404, "not-found", "the dashboard has no file " + name);
}

}  // namespace

void serve_pages(HttpServer& server, const std::filesystem::path& directory) {
  const auto serve = [directory](const HttpRequest& request, const std::string& name) {
    HttpResponse out;
    out.body = read(directory, name);
    out.content_type = type_of(name);
    const std::string tag = tag_of(out.body);
    out.headers = {{"ETag", tag}, {"Cache-Control", "no-cache"}};
    if (name == "index.html") {
      out.headers.emplace_back(
          "Content-Security-Policy",
          "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'");
    }
    if (request.if_none_match == tag) {
      out.status = 304;
      out.body.clear();
    }
    return out;
  };
  server.get("/(?:instances(?:/.+)?|definitions/.+|services|problems)?",
             [serve](const HttpRequest& request) { return serve(request, "index.html"); });
  server.get("/assets/([a-z_.]+)",
             [serve](const HttpRequest& request) { return serve(request, request.captures.at(0)); });
}

}  // namespace laban::monitor

// monitor/pages.hpp - the dashboard over HTTP: the one page under every address that it draws, and its files.
#pragma once

#include <filesystem>

#include "monitor/edge/http/http_server.hpp"

namespace laban::monitor {

// `directory`: read the files from there at each request, for work on the dashboard; empty: those inside the program.
void serve_pages(HttpServer& server, const std::filesystem::path& directory);

}  // namespace laban::monitor

// monitor/web/files.hpp - the dashboard's files inside the program.
#pragma once

#include <string_view>
#include <vector>

namespace laban::monitor {

struct WebFile {
  std::string_view name;
  std::string_view bytes;
};

const std::vector<WebFile>& web_files();

}  // namespace laban::monitor

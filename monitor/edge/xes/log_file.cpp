// monitor/edge/xes/log_file.cpp - finds out what kind of log a file is and feeds it to its reader.
#include "monitor/edge/xes/log_file.hpp"

#include <algorithm>
#include <vector>

#include "laban/error.hpp"
#include "monitor/edge/xes/byte_source.hpp"
#include "monitor/edge/xes/csv_reader.hpp"
#include "monitor/edge/xes/xes_reader.hpp"

namespace laban::monitor {

static constexpr std::size_t chunk = 256u << 10;

static bool is_xes(const std::filesystem::path& path, std::string_view beginning) {
  std::string name = path.filename().string();
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
  if (name.ends_with(".gz")) name.resize(name.size() - 3);
  if (name.ends_with(".xes") || name.ends_with(".xml")) return true;
  if (name.ends_with(".csv") || name.ends_with(".tsv")) return false;
  const auto first = beginning.find_first_not_of(" \t\r\n\xef\xbb\xbf");
  return first != std::string_view::npos && beginning[first] == '<';
}

static void read_xes(const std::string& name, ByteSource& source, std::string_view beginning, LogSink& sink,
                     const LogProgress& progress) {
  XesReader reader(name, sink);
  std::copy(beginning.begin(), beginning.end(), reader.room(beginning.size()));
  for (std::size_t got = beginning.size(); got > 0; got = source.read(reader.room(chunk), chunk)) {
    reader.parse(got, false);
    if (progress) progress(source.taken(), source.total());
  }
  reader.parse(0, true);
}

static void read_csv(const std::string& name, const LogColumns& columns, ByteSource& source, std::vector<char>& buffer,
                     std::size_t got, LogSink& sink, const LogProgress& progress) {
  CsvReader reader(name, columns, sink);
  for (; got > 0; got = source.read(buffer.data(), buffer.size())) {
    reader.feed({buffer.data(), got});
    if (progress) progress(source.taken(), source.total());
  }
  reader.finish();
}

void read_log(const std::filesystem::path& path, const LogColumns& columns, LogSink& sink,
              const LogProgress& progress) {
  ByteSource source(path);
  std::vector<char> buffer(chunk);
  const std::size_t got = source.read(buffer.data(), buffer.size());
  if (got == 0) throw Error(Errc::malformed, path.string() + ":1:1: the file is empty: name an event log");
  const std::string_view beginning(buffer.data(), got);
  if (is_xes(path, beginning))
    read_xes(path.string(), source, beginning, sink, progress);
  else
    read_csv(path.string(), columns, source, buffer, got, sink, progress);
}

}  // namespace laban::monitor

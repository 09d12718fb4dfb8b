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

template <class Feed>
static void feed_all(ByteSource& source, std::vector<char>& buffer, std::size_t got, const LogProgress& progress,
                     Feed feed) {
  while (got > 0) {
    feed(buffer.data(), got);
    if (progress) progress(source.taken(), source.total());
    got = source.read(buffer.data(), buffer.size());
  }
}

void read_log(const std::filesystem::path& path, const LogColumns& columns, LogSink& sink,
              const LogProgress& progress) {
  ByteSource source(path);
  std::vector<char> buffer(chunk);
  const std::size_t got = source.read(buffer.data(), buffer.size());
  if (got == 0) throw Error(Errc::malformed, path.string() + ":1:1: the file is empty: name an event log");
  if (is_xes(path, {buffer.data(), got})) {
    XesReader reader(path.string(), sink);
    feed_all(source, buffer, got, progress,
             [&](const char* bytes, std::size_t size) { reader.feed(bytes, size, false); });
    reader.feed("", 0, true);
  } else {
    CsvReader reader(path.string(), columns, sink);
    feed_all(source, buffer, got, progress, [&](const char* bytes, std::size_t size) { reader.feed({bytes, size}); });
    reader.finish();
  }
}

}  // namespace laban::monitor

// bus/hub/opening.cpp - options of the hub into options of its parts.
#include "bus/hub/opening.hpp"

#include "bus/transport/curve_keys.hpp"
#include "bus/transport/zmq_server.hpp"
#include "laban/error.hpp"

namespace laban::hub {

std::optional<Access> read_access(const HubOptions& options) {
  if (options.key_file.empty() && options.access_file.empty()) return std::nullopt;
  if (options.key_file.empty() || options.access_file.empty()) {
    throw Error{Errc::usage,
                "authentication needs the hub's key pair and its clients' keys: give both --key and --access"};
  }
  return Access::read(options.access_file);
}

std::unique_ptr<transport::Server> listen(const HubOptions& options, const std::optional<Access>& access) {
  transport::ServerOptions to;
  to.listen = options.listen;
  to.feeds = options.feeds;
  to.ingest = options.ingest;
  to.has_ingest = options.at_most_once;
  to.handshake = options.handshake;
  if (access) {
    to.keys = transport::read_key_file(options.key_file);
    to.principal_of = [&access](const std::string& key) -> std::optional<std::string> {
      const auto* grants = access->with_key(key);
      if (grants == nullptr) return std::nullopt;
      return grants->principal;
    };
  }
  return transport::make_zmq_server(to);
}

std::unique_ptr<journal::Journal> open_log(const HubOptions& options) {
  journal::Options to;
  to.segment_bytes = options.segment_bytes;
  to.free_bytes_min = options.disk_free_min;
  auto& files = options.files == nullptr ? journal::posix_file_system() : *options.files;
  return journal::Journal::open(files, options.data, to);
}

}  // namespace laban::hub

// bus/hub/opening.hpp - what a hub opens before it runs: the file of grants, its sockets, its log.
#pragma once

#include <memory>
#include <optional>

#include "bus/hub/access.hpp"
#include "bus/hub/options.hpp"
#include "bus/journal/journal.hpp"
#include "bus/transport/server.hpp"

namespace laban::hub {

// Each throws Error with what to do. Without authentication there is no Access.
std::optional<Access> read_access(const HubOptions& options);
// `access` must outlive the server.
std::unique_ptr<transport::Server> listen(const HubOptions& options, const std::optional<Access>& access);
std::unique_ptr<journal::Journal> open_log(const HubOptions& options);

}  // namespace laban::hub

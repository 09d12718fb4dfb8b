// bus/hub/ingest.hpp - events at most once: from the publishers' PUB straight into the feeds, past the log.
#pragma once

#include <vector>

#include "bus/hub/access.hpp"
#include "bus/hub/core.hpp"

namespace laban::hub {

// Threads: belongs to the hub's thread.
class Ingest {
 public:
  Ingest(Core& core, transport::Server& server, const Access* access) : core_(core), server_(server), access_(access) {}

  // Hands on what is waiting, up to the bound of one cycle; true where more may be.
  bool serve();

 private:
  void take(const codec::Fleeting& said, const Grants* grants);

  Core& core_;
  transport::Server& server_;
  const Access* access_;              // null: everybody may say everything
  std::vector<codec::Frame> frames_;  // events that are being packed point into them
  EventFields fields_;
};

}  // namespace laban::hub

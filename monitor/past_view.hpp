// monitor/past_view.hpp - the store as it was at an instant, behind the same face as the store of now.
#pragma once

#include <memory>

#include "monitor/edge/history/store.hpp"

namespace laban::monitor {

class Catalogue;
struct PastInstant;
struct TrackerOptions;

// Threads: any. Errors: as StoreView. `catalogue` lives longer.
std::shared_ptr<const StoreView> make_past_view(std::shared_ptr<const StoreView> store,
                                                std::shared_ptr<const PastInstant> instant, const Catalogue& catalogue,
                                                const TrackerOptions& tracking);

}  // namespace laban::monitor

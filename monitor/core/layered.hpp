// monitor/core/layered.hpp - places the boxes of a directed graph in columns, left to right, so that edges are short and
// rarely cross. Knows nothing of processes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace laban::monitor {

struct LayeredBox {
  double width = 0;
  double up = 0;        // from its anchor line, on which edges meet it, to its top
  double down = 0;      // ... and to its bottom
  bool source = false;  // belongs in the first column where nothing leads to it
};

struct LayeredEdge {
  std::uint32_t from = 0;
  std::uint32_t to = 0;
  double label = 0;  // width that its label needs between two columns
};

struct LayeredResult {
  struct Place {
    std::uint32_t column = 0;
    double x = 0;  // of the left side
    double y = 0;  // of the anchor line
  };
  struct Route {
    bool backward = false;
    std::vector<double> y;  // of the anchor line in each column between the two boxes
  };
  std::vector<Place> places;
  std::vector<Route> routes;
  std::vector<double> column_x;  // left side
  std::vector<double> column_width;
  double top = 0, bottom = 0, width = 0;
};

// Work grows with the edges and the columns that they cross; beyond a limit long edges are no longer led around boxes.
LayeredResult place_in_layers(const std::vector<LayeredBox>& boxes, const std::vector<LayeredEdge>& edges);

}  // namespace laban::monitor

// monitor/core/layered.cpp - the usual four steps: break cycles, give columns, order within columns, give coordinates.
#include "monitor/core/layered.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace laban::monitor {
namespace {

constexpr double column_gap = 56;
constexpr double row_gap = 34;
constexpr double widest_label = 150;
constexpr std::size_t most_bends = 50'000;
constexpr int order_rounds = 6;
constexpr int place_rounds = 8;

// A box or a bend of a long edge, in its column.
struct Cell {
  std::uint32_t column = 0;
  double up = 0, down = 0;
  double y = 0;
  double weight = 1;
  double rank = 0;  // for ordering
  std::vector<std::uint32_t> before, after;
};

class Layers {
 public:
  Layers(const std::vector<LayeredBox>& boxes, const std::vector<LayeredEdge>& edges) : boxes_(boxes), edges_(edges) {}

  LayeredResult run() {
    result_.places.resize(boxes_.size());
    result_.routes.resize(edges_.size());
    if (boxes_.empty()) return result_;
    break_cycles();
    give_columns();
    make_cells();
    order();
    give_heights();
    give_widths();
    return result_;
  }

 private:
  // Edges that lead back on a depth-first walk are marked; the walk begins where the author's process does.
  void break_cycles() {
    std::vector<std::vector<std::uint32_t>> out(boxes_.size());
    std::vector<std::uint32_t> in(boxes_.size());
    for (std::uint32_t e = 0; e < edges_.size(); ++e) {
      out[edges_[e].from].push_back(e);
      ++in[edges_[e].to];
    }
    std::vector<std::uint8_t> seen(boxes_.size());  // 1 on the current path, 2 done
    std::vector<std::pair<std::uint32_t, std::size_t>> path;
    const auto walk = [&](std::uint32_t root) {
      if (seen[root] != 0) return;
      path.assign(1, {root, 0});
      seen[root] = 1;
      while (!path.empty()) {
        auto& [box, next] = path.back();
        if (next == out[box].size()) {
          seen[box] = 2;
          path.pop_back();
          continue;
        }
        const std::uint32_t edge = out[box][next++];
        const std::uint32_t to = edges_[edge].to;
        if (seen[to] == 1) result_.routes[edge].backward = true;
        if (seen[to] != 0) continue;
        seen[to] = 1;
        path.emplace_back(to, 0);
      }
    };
    for (std::uint32_t b = 0; b < boxes_.size(); ++b)
      if (boxes_[b].source) walk(b);
    for (std::uint32_t b = 0; b < boxes_.size(); ++b)
      if (in[b] == 0) walk(b);
    for (std::uint32_t b = 0; b < boxes_.size(); ++b) walk(b);
  }

  void give_columns() {
    std::vector<std::vector<std::uint32_t>> out(boxes_.size());
    std::vector<std::uint32_t> waiting(boxes_.size());
    for (std::uint32_t e = 0; e < edges_.size(); ++e) {
      if (result_.routes[e].backward) continue;
      out[edges_[e].from].push_back(edges_[e].to);
      ++waiting[edges_[e].to];
    }
    std::vector<std::uint32_t> ready;
    for (std::uint32_t b = 0; b < boxes_.size(); ++b)
      if (waiting[b] == 0) ready.push_back(b);
    for (std::size_t i = 0; i < ready.size(); ++i) {
      const std::uint32_t box = ready[i];
      for (const std::uint32_t to : out[box]) {
        auto& column = result_.places[to].column;
        column = std::max(column, result_.places[box].column + 1);
        if (--waiting[to] == 0) ready.push_back(to);
      }
    }
  }

  void make_cells() {
    cells_.resize(boxes_.size());
    std::uint32_t last = 0;
    for (std::size_t b = 0; b < boxes_.size(); ++b) {
      cells_[b].column = result_.places[b].column;
      cells_[b].up = boxes_[b].up;
      cells_[b].down = boxes_[b].down;
      last = std::max(last, cells_[b].column);
    }
    bends_.resize(edges_.size());
    std::size_t bends = 0;
    for (std::uint32_t e = 0; e < edges_.size(); ++e) {
      if (result_.routes[e].backward) continue;
      const std::uint32_t from = result_.places[edges_[e].from].column;
      const std::uint32_t to = result_.places[edges_[e].to].column;
      bends += to - from - 1;
      std::uint32_t before = edges_[e].from;
      for (std::uint32_t column = from + 1; column < to && bends <= most_bends; ++column) {
        const auto bend = static_cast<std::uint32_t>(cells_.size());
        cells_.push_back({});
        cells_[bend].column = column;
        cells_[bend].up = cells_[bend].down = 4;
        cells_[bend].weight = 2;
        tie(before, bend);
        bends_[e].push_back(bend);
        before = bend;
      }
      tie(before, edges_[e].to);
    }
    columns_.resize(last + 1);
  }

  void tie(std::uint32_t before, std::uint32_t after) {
    cells_[before].after.push_back(after);
    cells_[after].before.push_back(before);
  }

  // First as a walk along the edges meets them, then a few sweeps towards the middle of the neighbours.
  void order() {
    std::vector<bool> seen(cells_.size());
    std::vector<std::uint32_t> stack;
    const auto walk = [&](std::uint32_t root) {
      stack.push_back(root);
      while (!stack.empty()) {
        const std::uint32_t cell = stack.back();
        stack.pop_back();
        if (seen[cell]) continue;
        seen[cell] = true;
        columns_[cells_[cell].column].push_back(cell);
        const auto& after = cells_[cell].after;
        stack.insert(stack.end(), after.rbegin(), after.rend());
      }
    };
    for (std::uint32_t b = 0; b < boxes_.size(); ++b)
      if (boxes_[b].source) walk(b);
    for (std::uint32_t c = 0; c < cells_.size(); ++c)
      if (!seen[c] && cells_[c].before.empty()) walk(c);
    for (std::uint32_t c = 0; c < cells_.size(); ++c)
      if (!seen[c]) walk(c);
    for (auto& column : columns_) number(column);
    for (int round = 0; round < order_rounds; ++round) {
      for (std::size_t c = 1; c < columns_.size(); ++c) sort(columns_[c], &Cell::before);
      for (std::size_t c = columns_.size() - 1; c-- > 0;) sort(columns_[c], &Cell::after);
    }
    for (std::size_t c = 1; c < columns_.size(); ++c) sort(columns_[c], &Cell::before);
  }

  void number(const std::vector<std::uint32_t>& column) {
    for (std::size_t i = 0; i < column.size(); ++i)
      cells_[column[i]].rank = static_cast<double>(i) - static_cast<double>(column.size()) / 2;
  }

  void sort(std::vector<std::uint32_t>& column, std::vector<std::uint32_t> Cell::*side) {
    std::vector<std::pair<double, std::uint32_t>> keyed;
    for (const std::uint32_t cell : column) {
      double key = cells_[cell].rank;
      const auto& neighbours = cells_[cell].*side;
      if (!neighbours.empty()) {
        key = 0;
        for (const std::uint32_t n : neighbours) key += cells_[n].rank;
        key /= static_cast<double>(neighbours.size());
      }
      keyed.emplace_back(key, cell);
    }
    std::stable_sort(keyed.begin(), keyed.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    for (std::size_t i = 0; i < keyed.size(); ++i) column[i] = keyed[i].second;
    number(column);
  }

  void give_heights() {
    for (auto& column : columns_) {
      double y = 0;
      for (const std::uint32_t cell : column) {
        cells_[cell].y = y + cells_[cell].up;
        y += cells_[cell].up + cells_[cell].down + row_gap;
      }
    }
    for (int round = 0; round < place_rounds; ++round) {
      for (std::size_t c = 1; c < columns_.size(); ++c) settle(columns_[c], true, false);
      for (std::size_t c = columns_.size(); c-- > 0;) settle(columns_[c], round + 1 == place_rounds, true);
    }
    for (std::size_t c = 1; c < columns_.size(); ++c) settle(columns_[c], true, false);
    for (std::size_t c = 1; c < columns_.size(); ++c) straighten(columns_[c]);
  }

  // An edge that bends by a few pixels looks like a mistake; there is room enough to make it straight.
  void straighten(const std::vector<std::uint32_t>& column) {
    for (std::size_t i = 0; i < column.size(); ++i) {
      auto& cell = cells_[column[i]];
      if (cell.before.size() != 1) continue;
      const double want = cells_[cell.before[0]].y;
      if (std::abs(want - cell.y) > row_gap / 2) continue;
      const bool above = i == 0 || cells_[column[i - 1]].y + cells_[column[i - 1]].down + row_gap / 2 <= want - cell.up;
      const bool below = i + 1 == column.size() ||
                         want + cell.down + row_gap / 2 <= cells_[column[i + 1]].y - cells_[column[i + 1]].up;
      if (above && below) cell.y = want;
    }
  }

  // Each cell wants the middle of its neighbours; those that would overlap share what they want (pool adjacent
  // violators, which is the least movement that keeps order and distance).
  void settle(const std::vector<std::uint32_t>& column, bool left, bool right) {
    struct Pool {
      double sum, weight;
      std::size_t first;
      double mean() const { return sum / weight; }
    };
    std::vector<double> offset(column.size());
    std::vector<Pool> pools;
    for (std::size_t i = 0; i < column.size(); ++i) {
      const auto& cell = cells_[column[i]];
      if (i > 0) offset[i] = offset[i - 1] + cells_[column[i - 1]].down + row_gap + cell.up;
      double want = 0;
      std::size_t count = 0;
      const auto take = [&](const std::vector<std::uint32_t>& neighbours) {
        for (const std::uint32_t n : neighbours) want += cells_[n].y;
        count += neighbours.size();
      };
      if (left) take(cell.before);
      if (right) take(cell.after);
      want = count == 0 ? cell.y : want / static_cast<double>(count);
      pools.push_back({(want - offset[i]) * cell.weight, cell.weight, i});
      while (pools.size() > 1 && pools[pools.size() - 2].mean() > pools.back().mean()) {
        const Pool last = pools.back();
        pools.pop_back();
        pools.back().sum += last.sum;
        pools.back().weight += last.weight;
      }
    }
    for (std::size_t p = 0; p < pools.size(); ++p) {
      const std::size_t end = p + 1 < pools.size() ? pools[p + 1].first : column.size();
      for (std::size_t i = pools[p].first; i < end; ++i) cells_[column[i]].y = pools[p].mean() + offset[i];
    }
  }

  void give_widths() {
    auto& widths = result_.column_width;
    widths.assign(columns_.size(), 0);
    std::vector<double> gaps(columns_.size(), column_gap);  // behind each column
    for (std::size_t b = 0; b < boxes_.size(); ++b)
      widths[cells_[b].column] = std::max(widths[cells_[b].column], boxes_[b].width);
    for (const auto& edge : edges_) {
      double& gap = gaps[cells_[edge.from].column];
      gap = std::max(gap, column_gap / 2 + std::min(edge.label, widest_label));
    }
    double x = 0;
    for (std::size_t c = 0; c < columns_.size(); ++c) {
      result_.column_x.push_back(x);
      x += widths[c] + gaps[c];
    }
    result_.width = x - gaps.back();
    result_.top = result_.bottom = cells_[0].y;
    for (const auto& cell : cells_) {
      result_.top = std::min(result_.top, cell.y - cell.up);
      result_.bottom = std::max(result_.bottom, cell.y + cell.down);
    }
    for (std::size_t b = 0; b < boxes_.size(); ++b) {
      const auto column = cells_[b].column;
      result_.places[b] = {column, result_.column_x[column] + (widths[column] - boxes_[b].width) / 2, cells_[b].y};
    }
    for (std::size_t e = 0; e < edges_.size(); ++e)
      for (const std::uint32_t bend : bends_[e]) result_.routes[e].y.push_back(cells_[bend].y);
  }

  const std::vector<LayeredBox>& boxes_;
  const std::vector<LayeredEdge>& edges_;
  LayeredResult result_;
  std::vector<Cell> cells_;  // boxes first, then bends
  std::vector<std::vector<std::uint32_t>> bends_;
  std::vector<std::vector<std::uint32_t>> columns_;
};

}  // namespace

LayeredResult place_in_layers(const std::vector<LayeredBox>& boxes, const std::vector<LayeredEdge>& edges) {
  return Layers{boxes, edges}.run();
}

}  // namespace laban::monitor

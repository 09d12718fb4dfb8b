// monitor/edge/yaml/structure.hpp - finds the blocks (sequence, choice, parallel, loop) that a process graph is made of.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "monitor/core/process_model.hpp"

namespace laban::monitor::yaml {

struct Block;
using Blocks = std::vector<Block>;

struct Way {
  std::string label;
  Blocks blocks;
};

struct Block {
  enum class Kind { step, choice, repeat, end };
  Kind kind = Kind::step;
  NodeIndex node = no_index;                       // step, end
  NodeKind gateway = NodeKind::exclusive_gateway;  // choice
  std::vector<Way> ways;                           // choice; repeat: the turn, then what lies between turns
  std::vector<Blocks> inner;                       // step: the content of its sub-process
  struct Handler {
    NodeIndex event;
    Blocks blocks;
  };
  std::vector<Handler> handlers;  // step: its boundary events
};

struct Structure {
  Blocks blocks;
  std::vector<Block::Handler> handlers;  // event sub-processes of the process; `event` is their start event
};

// The blocks of the whole process, or nothing and the first node at which it is not made of blocks.
std::optional<Structure> structure_of(const ProcessModel& model, Finding& obstacle);

}  // namespace laban::monitor::yaml

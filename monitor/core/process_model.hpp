// monitor/core/process_model.hpp - a process as its author drew or wrote it: nodes, flows, scopes. What every
// reader (BPMN, YAML) produces and the compiler turns into a net. Plain data, no behaviour.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace laban::monitor {

struct Location {
  std::string file;
  std::uint32_t line = 0;  // from 1; 0 is unknown
  std::uint32_t column = 0;
};

enum class Severity { error, warning, info };

// What a reader or checker has to say about a definition. `id` names the rule (for example
// "unsupported-element").
struct Finding {
  Location at;
  Severity severity = Severity::error;
  std::string id;
  std::string message;
};

enum class NodeKind : std::uint8_t {
  task,           // all kinds of task, choreography tasks too; Node::element keeps the BPMN name
  call_activity,  // one step, whatever it calls
  sub_process,    // embedded; see Node::body. Drawn without content it is a step like a task (body is no_index)
  event_sub_process,
  transaction,
  ad_hoc,
  start_event,
  end_event,
  catch_event,  // intermediate
  throw_event,  // intermediate
  boundary_event,
  exclusive_gateway,
  parallel_gateway,
  inclusive_gateway,
  event_gateway,
  complex_gateway,
};

enum class EventKind : std::uint8_t {
  none,
  message,
  timer,
  signal,
  error,
  escalation,
  compensation,
  cancel,
  link,
  conditional,
  terminate,
  multiple,
};

// Whether a node's event must show. BPMN activities are required; other nodes optional (may show, never
// expected) unless something binds them; gateways and the like are silent.
enum class Shows : std::uint8_t { silent, optional, required };

// How an instance ends at this end event.
enum class Outcome : std::uint8_t { completed, failed, compensated };

enum class Repeats : std::uint8_t { once, loop, parallel_instances, sequential_instances };

using NodeIndex = std::uint32_t;
using ScopeIndex = std::uint32_t;
inline constexpr std::uint32_t no_index = 0xffffffff;

struct Rectangle {
  double x = 0, y = 0, width = 0, height = 0;
};
struct Point {
  double x = 0, y = 0;
};

struct Node {
  std::string id;
  std::string name;     // stands for the node in every output; the id where there is none
  bool named = true;    // false: it goes by its id
  std::string element;  // the BPMN element name, for counting and drawing: userTask, startEvent ...
  NodeKind kind = NodeKind::task;
  EventKind event = EventKind::none;
  Location at;

  // Which events stand for it.
  Shows shows = Shows::silent;
  std::vector<std::string> types;       // bound types, message name, id, name
  bool bound = false;                   // laban:event, YAML or a mapping file says which
  std::string start_type;               // where a step shows twice: the type of its beginning
  std::vector<std::string> publishers;  // sources that may say it; empty is anyone

  // Where it stands.
  ScopeIndex scope = 0;              // the scope in which it stands
  ScopeIndex body = no_index;        // the scope that it opens (sub-processes)
  NodeIndex attached_to = no_index;  // boundary events
  std::string lane;
  std::string participant;  // the pool's name, where there is one

  // How it behaves.
  bool interrupting = true;    // boundary events, event sub-processes and their start events
  bool instantiates = false;   // an event gateway or receive task that begins an instance
  bool all_of = false;         // parallel multiple events: all definitions, not one of them
  bool one_at_a_time = false;  // ad hoc sub-processes with sequential ordering
  Repeats repeats = Repeats::once;
  bool may_run_zero_times = false;                    // a loop that tests before its first turn
  std::string link;                                   // link events: their common name
  std::string message;                                // the message's, signal's, error's or escalation's name
  NodeIndex default_flow = no_index;                  // index into flows
  std::optional<std::chrono::milliseconds> deadline;  // from becoming possible to showing
  Outcome outcome = Outcome::completed;               // end events

  // Compensation. An activity for compensation stands outside the normal flow and becomes possible when what
  // it undoes is done and to be undone. For such an activity `compensates` is what it undoes; for a
  // compensation event the only activity to undo (none: all that are done in its scope).
  bool for_compensation = false;
  NodeIndex compensates = no_index;

  std::optional<Rectangle> drawn;
  std::optional<Rectangle> label;
};

struct Flow {
  std::string id;
  std::string name;
  NodeIndex from = 0;
  NodeIndex to = 0;
  bool conditional = false;  // out of an activity: taken or not, an inclusive split
  std::vector<Point> drawn;
  std::optional<Rectangle> label;
};

// A message between participants that stand in one model: the receiver waits for it.
struct MessageFlow {
  std::string id;
  std::string name;
  NodeIndex from = 0;
  NodeIndex to = 0;
  std::vector<Point> drawn;
};

// A pool or lane, for drawing only.
struct Area {
  std::string id;
  std::string name;
  bool pool = true;
  Rectangle drawn;
};

// A scope is what a terminate, an interrupting boundary event or a cancel resets. Scope 0 is the process.
// Where a scope begins: at one of its start events; without any, at all nodes that no flow enters (boundary
// events, event sub-processes, compensation activities and link catch events apart), together. Where a node
// has no way out the token ends there. Several flows out of an activity or event are a parallel split,
// several in are a plain merge.
struct Scope {
  ScopeIndex parent = no_index;
  NodeIndex owner = no_index;  // the sub-process node; none for the process
};

// Time from one step to another.
struct PairDeadline {
  NodeIndex from = 0;
  NodeIndex to = 0;
  std::chrono::milliseconds limit{0};
};

struct ProcessModel {
  std::string id;
  std::string name;
  std::string version;  // the author's word; empty: a hash of the text
  std::vector<Node> nodes;
  std::vector<Flow> flows;
  std::vector<MessageFlow> messages;
  std::vector<Scope> scopes{Scope{}};
  std::optional<std::chrono::milliseconds> deadline;  // of the whole process
  std::vector<PairDeadline> pair_deadlines;
  std::vector<std::string> scope_patterns;  // routing-key patterns; empty: the types that it names
  std::string scope_exchange;               // empty: every exchange
  std::string correlation;   // payload field that holds the key; empty: correlationid; a list: one event for many
  bool reruns = false;       // a start after the end begins run 2
  bool approximate = false;  // something in it cannot be tracked exactly
  std::vector<Area> areas;
  Location at;
};

// What a reader makes of a file: its processes, and what there is to say about them. With an error among the
// findings the models must not be used.
struct DefinitionFile {
  std::vector<ProcessModel> models;
  std::vector<Finding> findings;
  std::map<std::string, std::uint32_t> element_counts;  // all flow nodes of the file by BPMN element name
  bool approximate = false;
};

inline bool has_errors(const std::vector<Finding>& findings) {
  for (const auto& finding : findings)
    if (finding.severity == Severity::error) return true;
  return false;
}

}  // namespace laban::monitor

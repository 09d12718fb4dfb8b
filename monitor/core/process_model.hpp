// monitor/core/process_model.hpp - a process as its author drew or wrote it: nodes, flows, scopes. What every reader
// (BPMN, YAML) produces and the compiler turns into a net. Plain data, no behaviour.
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
  std::uint32_t line = 0;    // from 1; 0 is unknown
  std::uint32_t column = 0;
};

enum class Severity { error, warning, info };

// What a reader or checker has to say about a definition. `id` names the rule (for example "unsupported-element").
struct Finding {
  Location at;
  Severity severity = Severity::error;
  std::string id;
  std::string message;
};

enum class NodeKind : std::uint8_t {
  task,           // all kinds of task; Node::element keeps the BPMN name
  call_activity,
  sub_process,    // embedded; see Node::scope
  event_sub_process,
  transaction,
  ad_hoc,
  start_event,
  end_event,
  catch_event,    // intermediate
  throw_event,    // intermediate
  boundary_event,
  exclusive_gateway,
  parallel_gateway,
  inclusive_gateway,
  event_gateway,
  complex_gateway,
};

enum class EventKind : std::uint8_t {
  none, message, timer, signal, error, escalation, compensation, cancel, link, conditional, terminate, multiple,
};

// Whether a node's event must show. BPMN activities are required; other nodes optional (may show, never expected)
// unless something binds them; gateways and the like are silent.
enum class Shows : std::uint8_t { silent, optional, required };

// How an instance ends at this end event.
enum class Outcome : std::uint8_t { completed, failed, compensated };

enum class Repeats : std::uint8_t { once, loop, parallel_instances, sequential_instances };

using NodeIndex = std::uint32_t;
using ScopeIndex = std::uint32_t;
inline constexpr std::uint32_t no_index = 0xffffffff;

struct Rectangle { double x = 0, y = 0, width = 0, height = 0; };
struct Point { double x = 0, y = 0; };

struct Node {
  std::string id;
  std::string name;               // stands for the node in every output; the id where there is none
  std::string element;            // the BPMN element name, for counting and drawing: userTask, startEvent ...
  NodeKind kind = NodeKind::task;
  EventKind event = EventKind::none;
  Shows shows = Shows::silent;
  std::vector<std::string> types; // event types that stand for this node: bound types, message name, id, name
  std::string start_type;         // where a step shows twice: the type of its beginning
  ScopeIndex scope = 0;           // the scope in which it stands
  ScopeIndex body = no_index;     // the scope that it opens (sub-processes)
  NodeIndex attached_to = no_index;  // boundary events
  bool interrupting = true;       // boundary events and event sub-processes
  Repeats repeats = Repeats::once;
  bool for_compensation = false;
  NodeIndex compensates = no_index;  // this activity undoes that one
  std::string link;               // link events: their common name
  std::string message;            // the message's, signal's or error's name
  std::vector<std::string> publishers;  // sources that may say it; empty is anyone
  std::optional<std::chrono::milliseconds> deadline;  // from becoming possible to showing
  Outcome outcome = Outcome::completed;               // end events
  NodeIndex default_flow = no_index;                  // index into flows
  std::string lane;
  Location at;
  std::optional<Rectangle> drawn;
};

struct Flow {
  std::string id;
  std::string name;
  NodeIndex from = 0;
  NodeIndex to = 0;
  std::vector<Point> drawn;
};

// A scope is what a terminate, an interrupting boundary event or a cancel resets. Scope 0 is the process.
struct Scope {
  ScopeIndex parent = no_index;
  NodeIndex owner = no_index;     // the sub-process node; none for the process
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
  std::string version;            // the author's word; empty: a hash of the text
  std::vector<Node> nodes;
  std::vector<Flow> flows;
  std::vector<Scope> scopes{Scope{}};
  std::optional<std::chrono::milliseconds> deadline;  // of the whole process
  std::vector<PairDeadline> pair_deadlines;
  std::vector<std::string> scope_patterns;   // routing-key patterns; empty: the types that it names
  std::string scope_exchange;                // empty: every exchange
  std::string correlation;                   // payload field that holds the key; empty: correlationid
  bool reruns = false;                       // a start after the end begins run 2
  std::map<std::string, std::uint32_t> element_counts;  // all flow nodes of the file by BPMN element name
  bool approximate = false;                  // something in it cannot be tracked exactly
  Location at;
};

}  // namespace laban::monitor

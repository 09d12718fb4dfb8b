// monitor/edge/bpmn/reader.hpp - one reading of one BPMN file: collects nodes, connects them, takes the
// drawing along.
#pragma once

#include <pugixml.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "monitor/core/process_model.hpp"
#include "monitor/core/source_text.hpp"
#include "monitor/edge/bpmn/document.hpp"
#include "monitor/edge/bpmn/read_bpmn.hpp"

namespace laban::monitor::bpmn {

// What an id of the file names.
struct Named {
  enum class What { node, process, participant, lane, aside, ambiguous };
  What what = What::aside;
  std::size_t model = 0;
  std::uint32_t index = 0;  // of the node, participant or lane
};

struct Participant {
  std::string id;
  std::string name;
  std::string process;  // id; empty for a black box
  Location at;
};

class Reader {
 public:
  Reader(const Document& document, const TextLimits& limits, Participants participants, DefinitionFile& out)
      : document_(document), limits_(limits), how_(participants), out_(out) {}

  void run();

 private:
  // An element whose meaning depends on others that may stand later in the file.
  struct Later {
    pugi::xml_node element;
    const Names* names;
    std::size_t model;
    NodeIndex node = no_index;
  };

  // reader.cpp: the first pass, which makes nodes.
  void collect_root();
  void collect_collaboration(pugi::xml_node element, const Names& names);
  void read_process(pugi::xml_node element, const Names& outer);
  void read_content(pugi::xml_node container, const Names& names, ScopeIndex scope);
  void read_node(pugi::xml_node element, const Names& names, std::string_view kind_name, NodeKind kind,
                 ScopeIndex scope);
  void read_activity(pugi::xml_node element, const Names& names, Node& node);
  void read_event(pugi::xml_node element, const Names& names, Node& node);
  void read_definition(pugi::xml_node definition, const Names& names, Node& node);
  void read_bindings(pugi::xml_node element, const Names& names, Node& node);
  void read_process_bindings(pugi::xml_node element, const Names& names);
  void remember(const std::string& id, Named named, pugi::xml_node element);

  // connect.cpp: the second pass, which resolves references.
  void connect();
  void connect_flow(const Later& later);
  void connect_default(const Later& later);
  void connect_boundary(const Later& later);
  void connect_association(const Later& later);
  void connect_lanes(const Later& later);
  void connect_lane(pugi::xml_node lane, const Names& names, std::size_t model);
  void connect_message_flow(const Later& later);
  void connect_pair_deadline(const Later& later);
  void connect_compensation_throw(const Later& later);
  void infer_ends(const Later& later, std::string& from, std::string& to);
  void collect_flow_ends();
  const Named* flow_end(const Later& later, const std::string& reference, const char* what);
  bool usable_flow(ProcessModel& process, pugi::xml_node element, const Node& from, const Node& to);
  const Named* find(std::string_view reference) const;
  Node& node_of(const Named& named) { return out_.models[named.model].nodes[named.index]; }
  void check_model(ProcessModel& model);
  void check_links(ProcessModel& model);
  void check_signals(ProcessModel& model);
  void check_ways(ProcessModel& model);
  void drop_empty_models();

  // join.cpp: participants that talk to one another become one model.
  void join_participants();
  std::size_t model_of(std::string_view reference) const;

  // diagram.cpp: the drawing.
  void read_diagrams();
  void read_plane(pugi::xml_node plane, bool below);
  std::vector<Point> points_of_message(pugi::xml_node message) const;

  void tell_misplaced(pugi::xml_node element, const Names& outer);
  std::string referred(pugi::xml_node element, const char* attribute,
                       const std::unordered_map<std::string, std::string>& table);
  std::string text_of(pugi::xml_node element, const char* attribute);  // within the limit on names
  std::string laban_value(pugi::xml_node element, const Names& names, std::string_view key);
  std::vector<std::string> laban_values(pugi::xml_node element, const Names& names, std::string_view key);
  void say(Severity severity, Location at, const char* id, const std::string& message);
  void say(Severity severity, pugi::xml_node element, const char* id, const std::string& message) {
    say(severity, document_.at(element), id, message);
  }
  void approximate(ProcessModel& model, Location at, const char* id, const std::string& message);
  ProcessModel& model() { return out_.models.back(); }

  const Document& document_;
  const TextLimits& limits_;
  const Participants how_;
  DefinitionFile& out_;
  std::unordered_map<std::string, Named> ids_;
  std::unordered_map<std::string, std::string> messages_;               // id to name: messages
  std::unordered_map<std::string, std::string> signals_;                // id to name: signals, errors, escalations
  std::unordered_map<std::string, pugi::xml_node> shared_definitions_;  // event definitions at the root
  std::vector<Participant> participants_;
  std::string collaboration_id_, collaboration_name_;
  std::vector<Later> flows_, defaults_, boundaries_, associations_, lanes_, message_flows_, throws_, pair_deadlines_;
  std::unordered_map<std::string, std::pair<std::size_t, std::uint32_t>> flow_ids_;  // model and index
  std::unordered_map<std::string, std::pair<std::string, std::string>> flow_ends_;  // by incoming and outgoing elements
  bool flow_ends_known_ = false;
  std::unordered_map<std::string, std::vector<Point>> message_points_;  // by the message flow's id
  std::vector<std::unique_ptr<Names>> kept_names_;
  std::size_t node_count_ = 0;
  bool unbound_is_silent_ = false;  // of the process at hand
};

}  // namespace laban::monitor::bpmn

// tests/unit/monitor/yaml/schema_test.cpp - the JSON schema that editors use agrees with the reader.
#include <doctest/doctest.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validator.hpp>
#include <vector>

#include "monitor/edge/yaml/read_yaml.hpp"
#include "tests/support/mistreat.hpp"
#include "tests/support/seed.hpp"

using namespace laban::monitor;
using nlohmann::json;

namespace {

std::string contents(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  REQUIRE(in);
  return {std::istreambuf_iterator<char>(in), {}};
}

// As an editor sees it: plain true and false are booleans, plain numbers numbers, plain null and ~ nothing.
json value_of(const YAML::Node& node) {
  switch (node.Type()) {
    case YAML::NodeType::Sequence: {
      json list = json::array();
      for (const auto& item : node) list.push_back(value_of(item));
      return list;
    }
    case YAML::NodeType::Map: {
      json map = json::object();
      for (const auto& field : node) map[field.first.Scalar()] = value_of(field.second);
      return map;
    }
    case YAML::NodeType::Scalar:
      break;
    default:
      return nullptr;
  }
  const std::string& text = node.Scalar();
  if (node.Tag() == "!") return text;  // in quotes
  if (text == "true" || text == "false") return text == "true";
  if (text.empty() || text == "null" || text == "~") return nullptr;
  if (text.find_first_not_of("0123456789.") != std::string::npos || text.front() == '.') return text;
  return std::count(text.begin(), text.end(), '.') < 2 ? json(std::strtod(text.c_str(), nullptr)) : json(text);
}

class Editor {
 public:
  Editor() {
    const json document = json::parse(contents(LABAN_SOURCE_DIR "/docs/definition.schema.json"));
    valijson::SchemaParser(valijson::SchemaParser::kDraft7)
        .populateSchema(valijson::adapters::NlohmannJsonAdapter(document), schema_);
  }

  bool accepts(const std::string& text) {
    const auto documents = YAML::LoadAll(text);
    return std::all_of(documents.begin(), documents.end(), [&](const YAML::Node& one) {
      if (one.IsNull() && documents.size() > 1) return true;  // between two separators
      const json document = value_of(one);
      valijson::Validator validator(valijson::Validator::kStrongTypes);
      return validator.validate(schema_, valijson::adapters::NlohmannJsonAdapter(document), nullptr);
    });
  }

 private:
  valijson::Schema schema_;
};

bool reader_accepts(const std::string& text) {
  return !has_errors(read_yaml(text, "x.yaml").findings);
}

// The pieces of a page that are whole definitions.
std::vector<std::string> definitions_in(const std::string& page) {
  std::vector<std::string> found;
  for (std::size_t at = page.find("```yaml\n"); at != std::string::npos; at = page.find("```yaml\n", at + 1)) {
    const std::size_t begin = at + 8, end = page.find("```", begin);
    if (page.compare(begin, 8, "process:") == 0) found.push_back(page.substr(begin, end - begin));
  }
  return found;
}

}  // namespace

TEST_CASE("yaml: the schema for editors takes what the reader takes, in the docs, the services and each word (G276)") {
  Editor editor;
  std::vector<std::string> good = definitions_in(contents(LABAN_SOURCE_DIR "/docs/definitions.md"));
  REQUIRE(good.size() >= 1);
  good.push_back(contents(LABAN_SOURCE_DIR "/services/processes/yaml/order-fulfilment.yaml"));
  for (const auto& sample : laban::test::samples(laban::test::Form::yaml)) good.push_back(sample);
  const std::string head = "process: p\nsteps:\n";
  for (const char* steps : {"  - a\n",
                            "  - a:\n",
                            "  - a: {by: x, within: 5m, undo: b, name: The A, id: i}\n",
                            "  - a: {by: [x, y]}\n",
                            "  - a: {undo: {b: {by: x, within: 1h, name: B, id: j, events: [c, d], starts: f}}}\n",
                            "  - a: {events: [b, c], starts: d}\n",
                            "  - a: {optional: yes}\n",
                            "  - a: {expected: false}\n",
                            "  - step: a\n    by: x\n",
                            "  - {undo: b, optional: yes, step: a}\n",
                            "  - 5\n  - true: {by: 7, name: 1.5, within: ' 5m '}\n",
                            "  - a: {optional: 'true', expected: ' no '}\n",
                            "  - one of: {x: a, y: [b, c], z: }\n",
                            "  - one of:\n      - a\n      - [b, c]\n",
                            "  - all of: [a, b]\n",
                            "  - any of: [a, [b, c]]\n",
                            "  - optional: a\n",
                            "  - repeat: [a, b]\n    between: c\n",
                            "  - each: [a, b]\n    in turn: yes\n",
                            "  - group: g\n    steps: [a, b]\n    on: {c: [d, end: failed], after 2h: f}\n    "
                            "meanwhile: {h: i}\n    within: 1h\n",
                            "  - a: {undo: b}\n  - undo: all\n",
                            "  - a: {undo: b}\n  - undo: a\n",
                            "  - end: failed\n",
                            "  - stop: completed\n"})
    good.push_back(head + steps);
  good.push_back(
      "process: p\nname: P\nversion: 3\ncorrelation: id\nexchange: x\nscope: a.#\nwithin: 2d\nreruns: true\n"
      "deadlines: [{from: a, to: b, within: 1h}]\nsteps: [a, b]\non: {c: d}\nmeanwhile: {f: g}\n");
  for (const auto& text : good) {
    CAPTURE(text);
    CHECK(reader_accepts(text));
    CHECK(editor.accepts(text));
  }
}

TEST_CASE("yaml: what the schema for editors refuses the reader refuses too, and each is wrong in form (G276)") {
  Editor editor;
  for (const char* text :
       {"steps: [a]\n", "process: p\n", "process: p\nstep: [a]\n", "process: p\nsteps: [a]\nwithn: 2d\n",
        "process: p\nsteps:\n  - a: {byy: x}\n", "process: p\nsteps:\n  - one of: [a]\n",
        "process: p\nsteps:\n  - one of: {x: a, y: b}\n    all of: [a, b]\n",
        "process: p\nsteps:\n  - end: sometimes\n", "process: p\nsteps:\n  - group: g\n",
        "process: p\nsteps: [a]\ndeadlines: [{from: a, within: 1h}]\n", "process: p\nsteps: [a]\nwithin: soon\n",
        "process: p\nsteps:\n  - a: {undo: {b: {}, c: {}}}\n", "process: p\nsteps:\n  - a: {optional: perhaps}\n",
        "process: p\nsteps: [a]\nscope: {a: b}\n", "- a\n- b\n"}) {
    CAPTURE(text);
    CHECK_FALSE(reader_accepts(text));
    CHECK_FALSE(editor.accepts(text));
  }
}

TEST_CASE("yaml: a definition damaged at random that the reader still takes is not red in an editor (G276)") {
  using laban::test::Form;
  Editor editor;
  LABAN_SEED(seed);
  std::mt19937_64 random{seed};
  int taken = 0;
  for (const auto& sample : laban::test::samples(Form::yaml)) {
    for (int round = 0; round < 1500; ++round) {
      const std::string text = laban::test::damaged(sample, Form::yaml, random);
      if (!reader_accepts(text)) continue;
      ++taken;
      CAPTURE(text);
      CHECK(editor.accepts(text));
    }
  }
  CHECK(taken > 20);
}

// monitor/edge/yaml/tree.cpp - a YAML file as plain values that know where they stand, within limits.
#include "monitor/edge/yaml/tree.hpp"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <sstream>

namespace laban::monitor::yaml {
namespace {

struct Refused {
  Finding finding;
};

class Builder : public YAML::EventHandler {
 public:
  Builder(const std::string& file, std::vector<Value>& documents) : file_(file), documents_(documents) {}

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t) override { add(value(mark, Value::Kind::null)); }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    throw Refused{{at(mark), Severity::error, "alias", "aliases are not supported: write the steps out"}};
  }
  void OnScalar(const YAML::Mark& mark, const std::string&, YAML::anchor_t, const std::string& text) override {
    if (text.size() > longest_text)
      throw Refused{{at(mark), Severity::error, "name-too-long",
                     "a text of " + std::to_string(text.size()) + " bytes, the limit is " +
                         std::to_string(longest_text) + ": shorten it"}};
    Value scalar = value(mark, Value::Kind::text);
    scalar.text = one_line(text);
    scalar.tidy = scalar.text == text;
    add(std::move(scalar));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {
    open(mark, Value::Kind::list);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {
    open(mark, Value::Kind::map);
  }
  void OnMapEnd() override { close(); }

 private:
  struct Open {
    Value value;
    Value key;
    bool has_key = false;
  };

  Location at(const YAML::Mark& mark) const {
    if (mark.is_null()) return {file_, 1, 1};
    return {file_, static_cast<std::uint32_t>(mark.line + 1), static_cast<std::uint32_t>(mark.column + 1)};
  }

  Value value(const YAML::Mark& mark, Value::Kind kind) {
    if (++count_ > most_values)
      throw Refused{{at(mark), Severity::error, "too-many-values",
                     "more than " + std::to_string(most_values) + " values: split the definition"}};
    Value out;
    out.kind = kind;
    out.at = at(mark);
    return out;
  }

  void open(const YAML::Mark& mark, Value::Kind kind) {
    if (open_.size() >= deepest)
      throw Refused{{at(mark), Severity::error, "too-deep",
                     "nested deeper than " + std::to_string(deepest) + ": flatten the definition"}};
    open_.push_back({value(mark, kind), {}, false});
  }

  void close() {
    Value done = std::move(open_.back().value);
    open_.pop_back();
    add(std::move(done));
  }

  void add(Value done) {
    if (open_.empty()) {
      documents_.push_back(std::move(done));
      return;
    }
    auto& parent = open_.back();
    if (parent.value.is_list()) {
      parent.value.items.push_back(std::move(done));
    } else if (!parent.has_key) {
      if (!done.is_text()) throw Refused{{done.at, Severity::error, "odd-key", "a key must be a plain text"}};
      if (parent.value.fields.size() >= most_keys)
        throw Refused{{done.at, Severity::error, "too-many-keys",
                       "more than " + std::to_string(most_keys) + " keys beside one another: use a list"}};
      for (const auto& [key, ignored] : parent.value.fields)
        if (key.text == done.text)
          throw Refused{
              {done.at, Severity::error, "duplicate-key",
               in_quotes(done.text) + " stands here a second time, first in line " + std::to_string(key.at.line)}};
      parent.key = std::move(done);
      parent.has_key = true;
    } else {
      parent.value.fields.push_back({std::move(parent.key), std::move(done)});
      parent.has_key = false;
    }
  }

  const std::string& file_;
  std::vector<Value>& documents_;
  std::vector<Open> open_;
  std::size_t count_ = 0;
};

}  // namespace

std::vector<Value> parse_documents(const std::string& text, const std::string& file, std::vector<Finding>& findings) {
  std::vector<Value> documents;
  try {
    std::istringstream in{text};
    YAML::Parser parser{in};
    Builder builder{file, documents};
    while (parser.HandleNextDocument(builder)) {
    }
    return documents;
  } catch (const Refused& refused) {
    findings.push_back(refused.finding);
  } catch (const YAML::Exception& error) {
    const auto line = static_cast<std::uint32_t>(std::max(error.mark.line, 0) + 1);
    const auto column = static_cast<std::uint32_t>(std::max(error.mark.column, 0) + 1);
    findings.push_back({{file, line, column},
                        Severity::error,
                        "not-yaml",
                        "this is not well-formed YAML: " + error.msg + ": check indentation, quotes and brackets"});
  }
  return {};
}

}  // namespace laban::monitor::yaml

// monitor/edge/bpmn/read_bpmn.cpp - reads BPMN 2.0 files of any modelling tool.
#include "monitor/edge/bpmn/read_bpmn.hpp"

#include <algorithm>
#include <tuple>

#include "monitor/edge/bpmn/document.hpp"
#include "monitor/edge/bpmn/reader.hpp"

namespace laban::monitor {

DefinitionFile read_bpmn(std::string_view bytes, const std::string& file, const TextLimits& limits,
                         Participants participants) {
  DefinitionFile out;
  const bpmn::Document document{bytes, file, limits, out.findings};
  if (document.root()) bpmn::Reader{document, limits, participants, out}.run();
  std::stable_sort(out.findings.begin(), out.findings.end(), [](const Finding& a, const Finding& b) {
    return std::tie(a.at.line, a.at.column) < std::tie(b.at.line, b.at.column);
  });
  return out;
}

}  // namespace laban::monitor

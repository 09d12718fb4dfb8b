// monitor/export.cpp - rows and events as CSV, XES and JSON.
#include "monitor/export.hpp"

#include <algorithm>
#include <utility>

#include "monitor/api_json.hpp"
#include "monitor/api_questions.hpp"

namespace laban::monitor {
namespace {

constexpr std::size_t page_plain = 1000;
constexpr std::size_t page_searched = 20'000;  // a search begins anew for each page
constexpr std::size_t piece_bytes = 64 << 10;

std::string text_of(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_null()) return {};
  if (!value.is_array()) return value.dump();
  std::string out;
  for (const auto& one : value) out += (out.empty() ? "" : ";") + one.get<std::string>();
  return out;
}

std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + '"';
}

std::string csv_line(const std::vector<std::string>& fields) {
  std::string out;
  for (std::size_t i = 0; i < fields.size(); ++i) out += (i == 0 ? "" : ",") + csv_field(fields[i]);
  return out + "\r\n";
}

// Bytes that XML cannot hold become U+FFFD; those that are not UTF-8 too.
std::string xml(const std::string& text) {
  const std::string clean = Json::parse(dump(Json(text))).get<std::string>();
  std::string out;
  for (const char c : clean) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\t':
      case '\n':
      case '\r':
        out += "&#" + std::to_string(static_cast<int>(c)) + ";";
        break;
      default:
        out += static_cast<unsigned char>(c) < 0x20 ? "\xEF\xBF\xBD" : std::string(1, c);
    }
  }
  return out;
}

std::string xes_string(const char* key, const std::string& value) {
  return std::string("<string key=\"") + key + "\" value=\"" + xml(value) + "\"/>";
}

const char* const row_fields[] = {"id",        "definition",  "version", "state",     "verdict", "flags",
                                  "startedAt", "lastEventAt", "endedAt", "stepSince", "steps"};

const char* const xes_head =
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<log xes.version=\"1849-2016\" "
    "xmlns=\"http://www.xes-standard.org/\">\n"
    "<extension name=\"Concept\" prefix=\"concept\" uri=\"http://www.xes-standard.org/concept.xesext\"/>\n"
    "<extension name=\"Time\" prefix=\"time\" uri=\"http://www.xes-standard.org/time.xesext\"/>\n"
    "<extension name=\"Organizational\" prefix=\"org\" uri=\"http://www.xes-standard.org/org.xesext\"/>\n";
const char* const xes_tail = "</log>\n";

Json row_json(const Published& at, const InstanceRow& row) {
  return json_row(row, id_of(row.name, *at.counts, *at.view), *at.counts->definitions[row.name.definition]->facts);
}

std::string xes_trace(const Published& at, const InstanceRow& row) {
  const Json shown = row_json(at, row);
  std::string out = "<trace>" + xes_string("concept:name", text_of(shown["id"]));
  for (const char* name : {"definition", "version", "state", "verdict", "flags"})
    out += xes_string((std::string("laban:") + name).c_str(), text_of(shown[name]));
  out += '\n';
  for (const auto& event : at.view->events(row.name, 0, ListExport::events_max)) {
    out += "<event>" + xes_string("concept:name", event.type) + "<date key=\"time:timestamp\" value=\"" +
           text_of(json_time(event.recorded)) + "\"/>" + xes_string("org:resource", event.source) +
           xes_string("laban:source", event.source) + xes_string("laban:id", event.id) +
           "<int key=\"laban:offset\" value=\"" + std::to_string(event.offset) + "\"/></event>\n";
  }
  return out + "</trace>\n";
}

}  // namespace

std::optional<ExportFormat> export_format(std::string_view text) {
  for (const auto format : {ExportFormat::csv, ExportFormat::xes, ExportFormat::json}) {
    if (text == word(format)) return format;
  }
  return std::nullopt;
}

const char* word(ExportFormat format) {
  return format == ExportFormat::csv ? "csv" : format == ExportFormat::xes ? "xes" : "json";
}

const char* content_type_of(ExportFormat format) {
  return format == ExportFormat::csv   ? "text/csv; charset=utf-8"
         : format == ExportFormat::xes ? "application/xml"
                                       : "application/json";
}

ListExport::ListExport(Published at, ListQuery query, ExportFormat format, std::size_t limit)
    : at_(std::move(at)), query_(std::move(query)), format_(format), left_(limit) {
  const bool searched = !query_.text.empty() || query_.started.any() || query_.ended.any();
  page_ = searched ? page_searched : page_plain;
}

std::string ListExport::head() const {
  switch (format_) {
    case ExportFormat::csv:
      return csv_line({std::begin(row_fields), std::end(row_fields)});
    case ExportFormat::xes:
      return xes_head;
    case ExportFormat::json:
      return "{\"offset\":" + std::to_string(at_.counts->offset) + ",\"instances\":[";
  }
  return {};
}

std::string ListExport::tail() const {
  switch (format_) {
    case ExportFormat::csv:
      return {};
    case ExportFormat::xes:
      return xes_tail;
    case ExportFormat::json:
      return "],\"total\":" + std::to_string(total_) + ",\"next\":null}\n";
  }
  return {};
}

std::string ListExport::one(const InstanceRow& row) {
  if (format_ == ExportFormat::xes) return xes_trace(at_, row);
  const Json shown = row_json(at_, row);
  if (format_ == ExportFormat::json) return (std::exchange(first_, false) ? "\n" : ",\n") + dump(shown);
  std::vector<std::string> fields;
  for (const char* name : row_fields) fields.push_back(text_of(shown[name]));
  return csv_line(fields);
}

std::optional<std::string> ListExport::next() {
  if (part_ == Part::over) return std::nullopt;
  std::string out;
  if (part_ == Part::head) {
    out = head();
    part_ = Part::rows;
  }
  while (part_ == Part::rows && out.size() < piece_bytes) {
    if (row_ < rows_.size()) {
      out += one(rows_[row_++]);
    } else if (last_page_ || left_ == 0) {
      part_ = Part::tail;
    } else {
      query_.limit = std::min(page_, left_);
      ListPage page = listed_page(*at_.view, query_);
      total_ = page.total;
      rows_ = std::move(page.rows);
      row_ = 0;
      left_ -= rows_.size();
      last_page_ = page.next.empty();
      query_.after = std::move(page.next);
    }
  }
  if (part_ == Part::tail) {
    out += tail();
    part_ = Part::over;
  }
  return out;
}

std::string export_instance(const Published& at, const InstanceRow& row, ExportFormat format) {
  if (format == ExportFormat::json) return dump(row_json(at, row)) + "\n";
  if (format == ExportFormat::xes) return xes_head + xes_trace(at, row) + xes_tail;
  std::string out = csv_line({"case:concept:name", "concept:name", "time:timestamp", "org:resource", "id", "offset"});
  const std::string id = id_of(row.name, *at.counts, *at.view);
  for (const auto& event : at.view->events(row.name, 0, ListExport::events_max)) {
    out += csv_line(
        {id, event.type, text_of(json_time(event.recorded)), event.source, event.id, std::to_string(event.offset)});
  }
  return out;
}

}  // namespace laban::monitor

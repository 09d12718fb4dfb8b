// monitor/api_questions.cpp - parameters to questions.
#include "monitor/api_questions.hpp"

#include <algorithm>
#include <charconv>

#include "laban/error.hpp"
#include "monitor/core/event_log.hpp"

namespace laban::monitor {

void wrong_parameter(const std::string& name, const std::string& value, const std::string& allowed) {
  throw HttpError(400, "bad-parameter", name + "=" + value + " is not understood: use " + allowed);
}

void allow_parameters(const HttpRequest& request, std::initializer_list<std::string_view> names) {
  std::set<std::string_view> seen;
  for (const auto& [name, value] : request.query) {
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      std::string list;
      for (const auto known : names) list += (list.empty() ? "" : ", ") + std::string(known);
      throw HttpError(400, "bad-parameter",
                      "there is no parameter " + name + " here: " + (list.empty() ? "leave it out" : "use " + list));
    }
    if (!seen.insert(name).second)
      throw HttpError(400, "bad-parameter", name + " is given twice: give it once, several words with commas");
  }
}

static Time time_parameter(const HttpRequest& request, const std::string& name) {
  const std::string text = *request.parameter(name);
  const auto time = parse_time(text);
  if (!time) wrong_parameter(name, text, "a time such as 2026-11-21T19:23:25Z");
  return *time;
}

std::optional<Instant> instant_of(const HttpRequest& request) {
  const auto text = request.parameter("at");
  if (!text) return std::nullopt;
  Instant out;
  if (std::all_of(text->begin(), text->end(), [](char c) { return c >= '0' && c <= '9'; })) {
    std::uint64_t offset = 0;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), offset);
    if (error != std::errc{} || end != text->data() + text->size()) wrong_parameter("at", *text, "an offset or a time");
    out.offset = offset;
    return out;
  }
  if (!parse_time(*text)) wrong_parameter("at", *text, "an offset, or a time such as 2026-11-21T19:23:25Z");
  out.time = *parse_time(*text);
  return out;
}

std::string write_cursor(const Cursor& cursor) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string out;
  const auto add = [&](std::uint8_t byte) {
    out += digits[byte >> 4];
    out += digits[byte & 15];
  };
  for (int i = 7; i >= 0; --i) add(static_cast<std::uint8_t>(cursor.commits >> (8 * i)));
  for (const char c : cursor.place) add(static_cast<std::uint8_t>(c));
  return out;
}

std::optional<Cursor> read_cursor(const HttpRequest& request) {
  const auto text = request.parameter("cursor");
  if (!text) return std::nullopt;
  std::string bytes;
  for (std::size_t i = 0; i + 2 <= text->size(); i += 2) {
    unsigned value = 0;
    const auto [end, error] = std::from_chars(text->data() + i, text->data() + i + 2, value, 16);
    if (error != std::errc{} || end != text->data() + i + 2) break;
    bytes += static_cast<char>(value);
  }
  if (bytes.size() * 2 != text->size() || bytes.size() <= 8)
    throw HttpError(400, "bad-cursor", "the cursor is none that a page gave: start again without one");
  Cursor out;
  for (int i = 0; i < 8; ++i)
    out.commits = out.commits << 8 | static_cast<std::uint8_t>(bytes[static_cast<std::size_t>(i)]);
  out.place = bytes.substr(8);
  return out;
}

namespace {

struct Filter {
  std::optional<std::string> definition;
  std::optional<std::string> version;
  std::optional<std::string> step;
  std::set<InstanceState> states;
  std::set<Verdict> verdicts;
  std::uint8_t flags = 0;

  bool wants(const Bucket& bucket) const {
    return (states.empty() || states.contains(bucket.state)) &&
           (verdicts.empty() || verdicts.contains(bucket.verdict)) && (bucket.flags & flags) == flags;
  }
};

std::vector<std::string> words_of(const std::string& text) {
  std::vector<std::string> out;
  for (std::size_t from = 0; from <= text.size();) {
    const auto comma = std::min(text.find(',', from), text.size());
    out.push_back(text.substr(from, comma - from));
    from = comma + 1;
  }
  return out;
}

Filter filter_of(const HttpRequest& request) {
  Filter out;
  out.definition = request.parameter("definition");
  out.version = request.parameter("version");
  out.step = request.parameter("step");
  if (const auto states = request.parameter("state")) {
    for (const auto& name : words_of(*states)) {
      bool known = false;
      for (std::size_t i = 0; i < instance_states; ++i) {
        const auto state = static_cast<InstanceState>(i);
        if (name != word(state) && name != (is_live(state) ? "live" : "ended")) continue;
        out.states.insert(state);
        known = true;
      }
      if (!known)
        wrong_parameter("state", *states,
                        "running, completed, failed, compensating, compensated, live or ended, several with commas");
    }
  }
  if (const auto said = request.parameter("verdict")) {
    for (const auto& name : words_of(*said)) {
      bool known = false;
      for (std::size_t i = 0; i < verdicts; ++i) {
        if (name != word(static_cast<Verdict>(i))) continue;
        out.verdicts.insert(static_cast<Verdict>(i));
        known = true;
      }
      if (!known) wrong_parameter("verdict", *said, "conforming, deviating or incomplete, several with commas");
    }
  }
  if (const auto flags = request.parameter("flag")) {
    for (const auto& name : words_of(*flags)) {
      if (name != "stuck" && name != "late") wrong_parameter("flag", *flags, "stuck or late, both with a comma");
      out.flags |= name == "stuck" ? flag_stuck : flag_late;
    }
  }
  return out;
}

std::vector<ListQuery::Part> parts_of(const Filter& filter, const Snapshot& counts) {
  std::vector<ListQuery::Part> out;
  bool known = !filter.definition;
  for (const auto& definition : counts.definitions) {
    const DefinitionFacts& facts = *definition->facts;
    if (filter.definition && *filter.definition != facts.id) continue;
    known = true;
    if (filter.version && *filter.version != facts.version) continue;
    for (std::size_t step = 0; step <= facts.step_names.size(); ++step) {
      const bool none = step == facts.step_names.size();
      if (filter.step && (none || facts.step_names[step] != *filter.step)) continue;
      for (std::size_t i = 0; i < buckets; ++i) {
        const std::uint64_t count = definition->statistics.cell(step, i);
        if (count == 0 || !filter.wants(bucket_at(i))) continue;
        out.push_back({facts.index, bucket_at(i), none ? no_cell_step : static_cast<std::uint16_t>(step), count});
      }
    }
  }
  if (!known)
    throw HttpError(404, "no-definition",
                    "no definition is called " + *filter.definition + ": see /api/v1/definitions");
  return out;
}

Sort sort_of(const HttpRequest& request) {
  const auto name = request.parameter("sort").value_or("stalest");
  if (name == "stalest") return Sort::stalest;
  if (name == "longest") return Sort::longest;
  if (name == "newest") return Sort::newest;
  wrong_parameter("sort", name, "stalest, longest or newest");
}

ListQuery::Span span_of(const HttpRequest& request, const std::string& name) {
  ListQuery::Span out;
  if (request.parameter(name + "From")) out.from = time_parameter(request, name + "From");
  if (request.parameter(name + "To")) out.to = time_parameter(request, name + "To");
  return out;
}

}  // namespace

ListQuery list_query(const HttpRequest& request, const Snapshot& counts) {
  const Filter filter = filter_of(request);
  ListQuery out;
  out.parts = parts_of(filter, counts);
  out.by_step = filter.step.has_value();
  out.text = request.parameter("q").value_or("");
  out.started = span_of(request, "started");
  out.ended = span_of(request, "ended");
  out.sort = sort_of(request);
  if (out.text.size() > 256) wrong_parameter("q", out.text.substr(0, 32) + "...", "at most 256 bytes");
  return out;
}

std::size_t limit_of(const HttpRequest& request, std::size_t by_default, std::size_t most) {
  const auto text = request.parameter("limit");
  if (!text) return by_default;
  std::size_t out = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), out);
  if (error != std::errc{} || end != text->data() + text->size() || out == 0 || out > most)
    wrong_parameter("limit", *text, "a number from 1 to " + std::to_string(most));
  return out;
}

ListPage listed_page(const StoreView& view, const ListQuery& query) {
  try {
    return view.list(query);
  } catch (const Error& error) {
    if (error.code() == Errc::usage)
      throw HttpError(400, query.after.empty() ? "too-wide" : "bad-cursor", error.what());
    throw;
  }
}

}  // namespace laban::monitor

// monitor/api_questions.hpp - what a reader of the API asks for, from the parameters of the request.
//
// Errors: every function throws HttpError(400) that names the parameter and what it may be.
#pragma once

#include <initializer_list>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "monitor/core/snapshot.hpp"
#include "monitor/edge/history/store.hpp"
#include "monitor/edge/http/http_server.hpp"

namespace laban::monitor {

[[noreturn]] void wrong_parameter(const std::string& name, const std::string& value, const std::string& allowed);

// Refuses parameters that the question does not have and such as come twice.
void allow_parameters(const HttpRequest& request, std::initializer_list<std::string_view> names);

// An offset or a time.
struct Instant {
  std::optional<std::uint64_t> offset;
  Time time{};
};
std::optional<Instant> instant_of(const HttpRequest& request);

// The filters, the order and the place of a list, but for its length. HttpError(404) for an unknown definition.
ListQuery list_query(const HttpRequest& request, const Snapshot& counts);
std::size_t limit_of(const HttpRequest& request, std::size_t by_default, std::size_t most);

// A list's page; HttpError(400) where that cannot be answered.
ListPage listed_page(const StoreView& view, const ListQuery& query);

// A page's place: the number of its instant's commits and the place in its list, in hexadecimal.
struct Cursor {
  std::uint64_t commits = 0;
  std::string place;
};
std::string write_cursor(const Cursor& cursor);
std::optional<Cursor> read_cursor(const HttpRequest& request);

}  // namespace laban::monitor

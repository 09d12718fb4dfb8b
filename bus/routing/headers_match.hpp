// bus/routing/headers_match.hpp - headers exchanges: RabbitMQ's x-match, with values compared as typed values.
#pragma once

#include <optional>
#include <string>

#include "laban/event.hpp"

namespace laban::routing {

// A binding's arguments made ready to match.
//
// `all` (also when x-match is missing) wants every argument, `any` one of them; both ignore arguments whose name starts
// with "x-". `all-with-x` and `any-with-x` count those too, except x-match itself. An argument without a value
// (monostate) asks only that the header is there. Of a header that an event carries twice the first counts.
// With no argument to match, `all` takes everything and `any` nothing.
class HeadersMatch {
 public:
  // What is wrong with the arguments, if anything.
  static std::optional<std::string> problem(const Headers& arguments);

  explicit HeadersMatch(const Headers& arguments);

  bool matches(const Headers& headers) const;
  // Why it matches or not, for people.
  std::string why(const Headers& headers) const;

  bool any() const { return any_; }
  const Headers& wanted() const { return wanted_; }  // sorted by name, without x-match and what it ignores

 private:
  bool any_ = false;
  Headers wanted_;
};

const HeaderValue* find_header(const Headers& headers, std::string_view name);
bool header_satisfies(const HeaderValue& wanted, const HeaderValue* found);
std::string header_text(const HeaderValue& value);

}  // namespace laban::routing

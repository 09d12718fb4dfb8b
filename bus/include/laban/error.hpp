// laban/error.hpp - what is thrown when Laban cannot start or cannot go on.
//
// Errors come in three lanes. A bug asserts and stops the program. "Cannot start or cannot go on" is an Error, caught
// once, in main. "The world is like that" (bad bytes, a gap, a refused event) is a value, a counter and a log line.
#pragma once

#include <stdexcept>
#include <string>

namespace laban {

enum class Errc {
  usage = 1,    // the caller asked for something that makes no sense
  unreachable,  // no hub answered in time
  refused,      // the hub said no; the text says why and what to do
  storage,      // a file or disk cannot be read or written
  malformed,    // input that cannot be understood
  in_use,       // a port or a data directory belongs to another process
  closed,       // used after close
};

// what() reads "what is wrong: what to do", without a final full stop.
class Error : public std::runtime_error {
 public:
  Error(Errc code, const std::string& what) : std::runtime_error(what), code_(code) {}
  Errc code() const { return code_; }

 private:
  Errc code_;
};

}  // namespace laban

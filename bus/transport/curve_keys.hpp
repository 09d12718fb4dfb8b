// bus/transport/curve_keys.hpp - CURVE key pairs and the files that keep them.
#pragma once

#include <optional>
#include <string>

namespace laban::transport {

// Both in Z85, 40 characters.
struct CurveKeys {
  std::string public_key;
  std::string secret_key;
};

CurveKeys generate_curve_keys();

// A key file has a line `public = KEY` and a line `secret = KEY`; # begins a comment. Throws Error(usage) where it cannot
// be read, lacks a key, or can be read by others.
CurveKeys read_key_file(const std::string& path);

// Writes a new file that only its owner can read; throws Error(in_use) where there is one already.
void write_key_file(const std::string& path, const CurveKeys& keys);

// Throws Error(usage) with `whose` in the text where this is not a Z85 key.
void check_key(const std::string& key, const std::string& whose);

}  // namespace laban::transport

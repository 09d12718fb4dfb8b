// tests/fault/fuzz/targets.cpp - the list of targets, and the mutator of those whose input is just bytes.
#include "tests/fault/fuzz/targets.hpp"

#include <algorithm>
#include <cstring>

namespace laban::fuzz {

namespace {

constexpr std::size_t longest = 64u << 10;

// Numbers that readers stumble over.
constexpr std::uint64_t odd_numbers[] = {0, 1, 7, 8, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0x80000000, ~0ull};

}  // namespace

std::vector<Target> targets() {
  return {codec_target(), hub_target(), log_target(), definitions_target(), event_logs_target()};
}

std::string mutated_bytes(const std::string& input, std::mt19937_64& random) {
  std::string out = input;
  const auto any = [&](std::size_t below) {
    return static_cast<std::size_t>(random() % std::max<std::size_t>(below, 1));
  };
  for (auto changes = 1 + any(4); changes > 0; --changes) {
    const auto at = any(out.size() + 1);
    const auto length = std::min(1 + any(any(4) == 0 ? 500 : 16), out.size() - at);
    switch (any(9)) {
      case 0:
        if (at < out.size()) out[at] = static_cast<char>(out[at] ^ (1 << any(8)));
        break;
      case 1:
        if (at < out.size()) out[at] = static_cast<char>(random());
        break;
      case 2: {
        const auto number = odd_numbers[any(std::size(odd_numbers))];
        std::memcpy(out.data() + at, &number, std::min<std::size_t>(out.size() - at, std::size_t{1} << any(4)));
        break;
      }
      case 3:
        if (at < out.size()) out[at] = static_cast<char>(out[at] + (any(2) == 0 ? 1 : -1));
        break;
      case 4:
        out.erase(at, length);
        break;
      case 5:
        out.insert(any(out.size() + 1), std::string{out, at, length});
        break;
      case 6:
        std::copy_n(std::string{out, at, length}.begin(), std::min(length, out.size() - at),
                    out.begin() + static_cast<std::ptrdiff_t>(any(out.size() - length + 1)));
        break;
      case 7:
        out.insert(at, std::string(length, static_cast<char>(random())));
        break;
      default:
        out.resize(at);
    }
    if (out.size() > longest) out.resize(longest);
  }
  return out;
}

}  // namespace laban::fuzz

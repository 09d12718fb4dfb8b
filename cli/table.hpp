// cli/table.hpp - rows in columns, for people.
#pragma once

#include <string>
#include <vector>

namespace laban::cli {

// Columns as wide as their longest cell, counted in characters and not in bytes; the last is not padded.
std::string table(const std::vector<std::vector<std::string>>& rows);

}  // namespace laban::cli

// bus/journal/crc32c.hpp - the checksum of everything in the log: CRC-32C (Castagnoli), as iSCSI and SCTP use
// it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace laban::journal {

// crc32c(b, crc32c(a)) is the checksum of a followed by b. Uses the processor's instruction where it has one.
std::uint32_t crc32c(std::span<const std::byte> bytes, std::uint32_t before = 0);

// The same by tables, on any processor; tests compare the two.
std::uint32_t crc32c_portable(std::span<const std::byte> bytes, std::uint32_t before = 0);

// The other way round: the b for which crc32c(bytes, b) is `after`.
std::uint32_t crc32c_before(std::span<const std::byte> bytes, std::uint32_t after);

}  // namespace laban::journal

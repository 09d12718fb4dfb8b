// bus/journal/checkpoints.cpp - checkpoint files: written aside, synced, then renamed into place.
#include "bus/journal/checkpoints.hpp"

#include <algorithm>
#include <cstring>
#include <functional>

namespace laban::journal {

std::string checkpoint_path(const std::string& directory, std::uint64_t position) {
  return directory + "/" + checkpoint_name(position);
}

std::vector<std::uint64_t> list_checkpoints(FileSystem& files, const std::string& directory) {
  std::vector<std::string> names;
  files.list(directory, names);
  std::vector<std::uint64_t> positions;
  for (const auto& name : names)
    if (const auto position = checkpoint_position(name)) positions.push_back(*position);
  std::sort(positions.begin(), positions.end(), std::greater<>{});
  return positions;
}

std::optional<StoredCheckpoint> load_checkpoint(FileSystem& files, const std::string& directory, std::uint64_t position,
                                                std::string& why) {
  const auto opened = files.open(checkpoint_path(directory, position), OpenMode::read);
  if (!opened.value) return why = error_text(opened.error), std::nullopt;
  std::vector<std::byte> bytes(static_cast<std::size_t>(opened.value->size()));
  const auto got = read_fully(*opened.value, 0, bytes);
  if (got.error != 0) return why = error_text(got.error), std::nullopt;
  bytes.resize(got.bytes);
  const auto header = decode_checkpoint(bytes);
  if (!header) return why = "it does not match its checksum", std::nullopt;
  if (header->version > format_version) return why = "a newer laban wrote it", std::nullopt;
  if (header->position != position) return why = "it was renamed", std::nullopt;

  StoredCheckpoint checkpoint;
  checkpoint.header = *header;
  checkpoint.carried.resize(static_cast<std::size_t>(header->carried));
  const auto table_bytes = checkpoint.carried.size() * sizeof(CarriedEntry);
  if (table_bytes > 0) std::memcpy(checkpoint.carried.data(), bytes.data() + checkpoint_header_bytes, table_bytes);
  bytes.erase(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(checkpoint_header_bytes + table_bytes));
  checkpoint.state = std::move(bytes);
  return checkpoint;
}

int store_checkpoint(FileSystem& files, const std::string& directory, const CheckpointHeader& header,
                     std::span<const CarriedEntry> carried, std::span<const std::byte> state) {
  std::vector<std::byte> bytes(checkpoint_header_bytes + carried.size_bytes() + state.size());
  if (!carried.empty()) std::memcpy(bytes.data() + checkpoint_header_bytes, carried.data(), carried.size_bytes());
  if (!state.empty())
    std::memcpy(bytes.data() + checkpoint_header_bytes + carried.size_bytes(), state.data(), state.size());
  encode(header, bytes);

  const auto unfinished = directory + "/checkpoint.filling";
  const auto write = [&] {
    const auto opened = files.open(unfinished, OpenMode::create);
    if (!opened.value) return opened.error;
    if (const int error = write_fully(*opened.value, 0, bytes)) return error;
    if (const int error = opened.value->sync_data()) return error;
    if (const int error = files.rename(unfinished, checkpoint_path(directory, header.position))) return error;
    return files.sync_directory(directory);
  };
  const int error = write();
  if (error != 0) files.remove(unfinished);
  return error;
}

}  // namespace laban::journal

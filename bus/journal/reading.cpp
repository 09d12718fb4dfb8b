// bus/journal/reading.cpp - by offset, by time, and from front to back.
#include <algorithm>
#include <utility>

#include "bus/journal/impl.hpp"
#include "bus/journal/recovery.hpp"
#include "laban/error.hpp"

namespace laban::journal {
namespace {

// The last page that begins at or before it.
template <class Value>
std::size_t page_before(const std::vector<IndexEntry>& index, Value IndexEntry::*field, Value wanted) {
  const auto after = std::upper_bound(index.begin(), index.end(), wanted,
                                      [field](Value value, const IndexEntry& entry) { return value < entry.*field; });
  return after == index.begin() ? 0 : static_cast<std::size_t>(after - index.begin() - 1);
}

}  // namespace

ReadResult Journal::read(std::uint64_t from, std::size_t bytes_max, std::size_t events_max) {
  ReadResult result;
  auto& segments = impl_->segments;
  const auto first = first_offset();
  if (from < first) {
    result.lost_to = first - 1;
    from = first;
  }
  result.next = from;
  std::size_t bytes = 0;
  bool full = false;
  for (auto s = segments.at_offset(from); s < segments.size() && result.next <= head() && !full; ++s) {
    auto& segment = segments[s];
    if ((result.damage = segments.build_index(segment))) return result;
    for (auto p = page_before(segment.index, &IndexEntry::offset, result.next); p < segment.index.size() && !full;
         ++p) {
      auto loaded = segments.load(segment, p);
      if (auto* damage = std::get_if<Damage>(&loaded)) {
        result.damage = std::move(*damage);
        return result;
      }
      const auto& page = std::get<Page>(loaded);
      const auto before = result.events.size();
      for_each_batch(page, [&](const BatchHeader& header, std::span<const std::byte> batch) {
        visit_records(header, batch, [&](const Record& record) {
          if (full || record.offset != result.next || record.carried) return;
          full =
              !result.events.empty() && (bytes + record.body.size() > bytes_max || result.events.size() >= events_max);
          if (full) return;
          result.events.push_back(record);
          bytes += record.body.size();
          ++result.next;
        });
        return !full;
      });
      if (result.events.size() > before) result.blocks.push_back(page.block);
    }
  }
  return result;
}

std::optional<std::uint64_t> Journal::Impl::carried_position(std::uint64_t offset) const {
  const auto found =
      std::lower_bound(carried.begin(), carried.end(), offset,
                       [](const CarriedEntry& entry, std::uint64_t wanted) { return entry.offset < wanted; });
  if (found == carried.end() || found->offset != offset) return {};
  return found->position;
}

ReadResult Journal::get(std::uint64_t offset) {
  if (offset >= first_offset()) return read(offset, 0, 1);
  ReadResult result;
  result.next = offset + 1;
  const auto position = impl_->carried_position(offset);
  if (!position) {
    result.lost_to = offset;
    return result;
  }
  auto& segments = impl_->segments;
  auto& segment = segments[segments.at_position(*position)];
  if ((result.damage = segments.build_index(segment))) return result;
  auto loaded = segments.load(segment, page_before(segment.index, &IndexEntry::position, *position));
  if (auto* damage = std::get_if<Damage>(&loaded)) {
    result.damage = std::move(*damage);
    return result;
  }
  const auto& page = std::get<Page>(loaded);
  for_each_batch(page, [&](const BatchHeader& header, std::span<const std::byte> batch) {
    if (header.position == *position)
      visit_records(header, batch, [&](const Record& record) {
        if (record.carried && record.offset == offset && result.events.empty()) result.events.push_back(record);
      });
    return header.position < *position;
  });
  result.blocks.push_back(page.block);
  return result;
}

std::uint64_t Journal::offset_at(Timestamp time) {
  auto& segments = impl_->segments;
  const std::int64_t wanted = time.time_since_epoch().count();
  std::size_t s = 0;
  // A segment's header has the time of the last batch before it.
  while (s + 1 < segments.size() && segments[s + 1].header.recordedtime < wanted) ++s;
  auto& segment = segments[s];
  if (const auto damage = segments.build_index(segment)) refuse(*damage, impl_->directory);
  auto p = page_before(segment.index, &IndexEntry::recordedtime, wanted - 1);
  std::uint64_t found = 0;
  for (; p < segment.index.size() && found == 0; ++p) {
    auto loaded = segments.load(segment, p);
    if (const auto* damage = std::get_if<Damage>(&loaded)) refuse(*damage, impl_->directory);
    for_each_batch(std::get<Page>(loaded), [&](const BatchHeader& header, std::span<const std::byte>) {
      if (header.recordedtime >= wanted) found = header.first_offset;
      return found == 0;
    });
  }
  if (found != 0) return found;
  return s + 1 < segments.size() ? segments[s + 1].header.next_offset : head() + 1;
}

std::uint64_t Journal::scan(std::uint64_t from_position, const Visit& visit, std::uint64_t bytes_max) {
  auto& segments = impl_->segments;
  const auto end = position();
  for (auto s = segments.at_position(from_position); s < segments.size(); ++s) {
    auto& segment = segments[s];
    if (const int error = segments.open(segment))
      throw Error{Errc::storage,
                  "cannot open " + segments.path(segment) + ": " + error_text(error) + ": check its rights"};
    const auto file = segment.file;  // the visitor may read other segments meanwhile
    BatchWalker walker{*file, segment.header, from_position, std::min(segment.end, end), std::nullopt};
    auto offset = segment.header.next_offset;
    auto step = walker.next();
    for (; step == BatchWalker::Step::batch; step = walker.next()) {
      if (walker.position() > from_position && walker.position() - from_position >= bytes_max) return walker.position();
      offset = walker.header().first_offset;
      if (!visit_records(walker.header(), walker.bytes(), visit))
        refuse(segments.damage(segment, walker.position(), offset, "the batch contradicts its header"),
               impl_->directory);
    }
    if (step == BatchWalker::Step::end) continue;
    const auto what = step == BatchWalker::Step::error ? error_text(walker.error()) : std::string{walker.reason()};
    refuse(segments.damage(segment, walker.position(), offset, what), impl_->directory);
  }
  return end;
}

}  // namespace laban::journal

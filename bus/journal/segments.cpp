// bus/journal/segments.cpp - finds, opens, indexes and caches what is in the segments.
#include "bus/journal/segments.hpp"

#include <algorithm>
#include <utility>

namespace laban::journal {
namespace {

constexpr std::size_t open_files_max = 32;

}  // namespace

std::string Damage::text() const {
  return file + " is damaged at byte " + std::to_string(byte) + " (log position " + std::to_string(position) +
         ", event " + std::to_string(offset) + " and later ones cannot be read): " + what;
}

void Segment::note(const BatchHeader& batch) {
  if (index.empty() || batch.position - index.back().position >= index_every_bytes)
    index.push_back({batch.first_offset, batch.position, batch.recordedtime});
}

Segments::Segments(FileSystem& files, std::string directory, std::uint64_t cache_bytes)
    : files_(&files), directory_(std::move(directory)), cache_bytes_(cache_bytes) {}

void Segments::add(Segment segment) {
  all_.push_back(std::move(segment));
}

void Segments::drop_oldest() {
  const auto end = all_.front().end;
  for (auto page = cache_.begin(); page != cache_.end();) {
    const auto next = std::next(page);
    if (page->begin < end) {
      cached_ -= page->bytes().size();
      cache_.erase(page);
    }
    page = next;
  }
  all_.pop_front();
}

void Segments::forget_pages() {
  cache_.clear();
  cached_ = 0;
}

std::size_t Segments::at_offset(std::uint64_t offset) const {
  const auto after = std::upper_bound(
      all_.begin(), all_.end(), offset,
      [](std::uint64_t wanted, const Segment& segment) { return wanted < segment.header.next_offset; });
  return after == all_.begin() ? 0 : static_cast<std::size_t>(after - all_.begin() - 1);
}

std::size_t Segments::at_position(std::uint64_t position) const {
  const auto after =
      std::upper_bound(all_.begin(), all_.end(), position,
                       [](std::uint64_t wanted, const Segment& segment) { return wanted < segment.header.base; });
  return after == all_.begin() ? 0 : static_cast<std::size_t>(after - all_.begin() - 1);
}

int Segments::open(Segment& segment) {
  segment.used_at = ++uses_;
  if (segment.file) return 0;
  auto opened = files_->open(path(segment), OpenMode::read);
  if (!opened.value) return opened.error;
  segment.file = std::move(opened.value);

  // The newest one is the appender's and stays open.
  std::size_t open_files = 0;
  Segment* least = nullptr;
  for (std::size_t i = 0; i + 1 < all_.size(); ++i) {
    auto& other = all_[i];
    if (!other.file) continue;
    ++open_files;
    if (&other != &segment && (!least || other.used_at < least->used_at)) least = &other;
  }
  if (open_files > open_files_max && least) least->file.reset();
  return 0;
}

std::optional<Damage> Segments::build_index(Segment& segment) {
  if (segment.indexed) return {};
  if (const int error = open(segment))
    return damage(segment, segment.header.base, segment.header.next_offset, error_text(error));
  if (walk(segment, BatchWalker::Check::headers)) {
    // A wrong length leads the quick walk astray: the thorough one names the batch that lies.
    if (auto found = walk(segment, BatchWalker::Check::everything)) return found;
  }
  segment.indexed = true;
  segment.index.shrink_to_fit();
  return {};
}

std::optional<Damage> Segments::walk(Segment& segment, BatchWalker::Check check) {
  segment.index.clear();
  auto offset = segment.header.next_offset;
  BatchWalker walker{*segment.file, segment.header,          segment.first_position(),
                     segment.end,   segment.header.previous, check};
  for (;;) {
    const auto step = walker.next();
    if (step == BatchWalker::Step::end) return {};
    if (step == BatchWalker::Step::error) return damage(segment, walker.position(), offset, error_text(walker.error()));
    if (step != BatchWalker::Step::batch) return damage(segment, walker.position(), offset, walker.reason());
    segment.note(walker.header());
    offset = walker.header().first_offset;
  }
}

std::variant<Page, Damage> Segments::load(Segment& segment, std::size_t entry) {
  const auto& from = segment.index[entry];
  const auto end = entry + 1 < segment.index.size() ? segment.index[entry + 1].position : segment.end;
  for (auto page = cache_.begin(); page != cache_.end(); ++page) {
    if (page->begin != from.position) continue;
    if (page->end == end) {
      ++hits_;
      cache_.splice(cache_.begin(), cache_, page);
      return *page;
    }
    cached_ -= page->bytes().size();  // the newest page has grown since
    cache_.erase(page);
    break;
  }
  ++misses_;
  if (const int error = open(segment)) return damage(segment, from.position, from.offset, error_text(error));
  const auto size = static_cast<std::size_t>(end - from.position);
  std::shared_ptr<std::byte[]> block{new std::byte[size]};
  const auto got = read_fully(*segment.file, from.position - segment.header.base, {block.get(), size});
  if (got.error != 0) return damage(segment, from.position, from.offset, error_text(got.error));

  auto offset = from.offset;
  auto position = from.position;
  while (position < end) {
    const auto left = std::span<const std::byte>{block.get(), got.bytes}.subspan(
        static_cast<std::size_t>(std::min<std::uint64_t>(position - from.position, got.bytes)));
    if (left.size() < batch_header_bytes) return damage(segment, position, offset, "the file ends too early");
    const auto header = decode_batch(left.first<batch_header_bytes>());
    const bool intact = header && header->length <= left.size() && header->log_id == segment.header.log_id &&
                        header->position == position && batch_intact(left.first(header->length), *header);
    if (!intact) return damage(segment, position, offset, "the batch does not match its checksum");
    offset = header->first_offset;
    position += header->length;
  }
  const Page page{from.position, end, std::move(block)};
  remember(page);
  return page;
}

void Segments::remember(const Page& page) {
  if (page.bytes().size() > cache_bytes_) return;
  cache_.push_front(page);
  cached_ += page.bytes().size();
  while (cached_ > cache_bytes_) {
    cached_ -= cache_.back().bytes().size();
    cache_.pop_back();
  }
}

Damage Segments::damage(const Segment& segment, std::uint64_t position, std::uint64_t offset, std::string what) const {
  return {path(segment), position - segment.header.base, position, offset, std::move(what)};
}

std::uint64_t Segments::used_bytes() const {
  std::uint64_t bytes = 0;
  for (const auto& segment : all_) bytes += segment.end - segment.header.base;
  return bytes;
}

std::uint64_t Segments::index_bytes() const {
  std::uint64_t bytes = all_.size() * sizeof(Segment);
  for (const auto& segment : all_) bytes += segment.index.capacity() * sizeof(IndexEntry);
  return bytes;
}

}  // namespace laban::journal

// bus/journal/segments.hpp - the segments of an open log: which holds what, and pages of them in memory.
//
// The index is sparse: a page is at least index_every_bytes of whole batches, and one entry a page is all
// that is held. That of an old segment is built when it is first read.
//
// Threads: belongs to one thread. Errors: values; what cannot be read is Damage.
#pragma once

#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "bus/journal/file.hpp"
#include "bus/journal/format.hpp"
#include "bus/journal/record.hpp"
#include "bus/journal/walker.hpp"

namespace laban::journal {

inline constexpr std::uint64_t index_every_bytes = 64 << 10;

struct IndexEntry {
  std::uint64_t offset = 0;  // of the first event at or behind the position
  std::uint64_t position = 0;
  std::int64_t recordedtime = 0;  // of the batch there
};

struct Segment {
  SegmentHeader header;
  std::uint64_t end = 0;  // log position behind its last batch
  std::uint64_t file_bytes = 0;
  std::vector<IndexEntry> index;
  bool indexed = false;
  std::shared_ptr<File> file;  // open for reading while it is in use
  std::uint64_t used_at = 0;

  std::uint64_t first_position() const { return header.base + segment_header_bytes; }
  std::string name() const { return segment_name(header.base); }
  void note(const BatchHeader& batch);  // of a batch that was appended or walked over
};

// Whole batches that lie behind each other, checked.
struct Page {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  Block block;

  std::span<const std::byte> bytes() const { return {block.get(), static_cast<std::size_t>(end - begin)}; }
};

class Segments {
 public:
  Segments(FileSystem& files, std::string directory, std::uint64_t cache_bytes);

  bool empty() const { return all_.empty(); }
  std::size_t size() const { return all_.size(); }
  Segment& operator[](std::size_t i) { return all_[i]; }
  const Segment& operator[](std::size_t i) const { return all_[i]; }
  Segment& oldest() { return all_.front(); }
  const Segment& oldest() const { return all_.front(); }
  Segment& newest() { return all_.back(); }
  const Segment& newest() const { return all_.back(); }
  void add(Segment segment);
  void drop_oldest();

  std::size_t at_offset(std::uint64_t offset) const;      // the last one that begins at or before it
  std::size_t at_position(std::uint64_t position) const;  // the same
  std::string path(const Segment& segment) const { return directory_ + "/" + segment.name(); }

  int open(Segment& segment);  // makes segment.file usable; an errno
  std::optional<Damage> build_index(Segment& segment);

  // The page that an index entry begins. Checks every batch in it.
  std::variant<Page, Damage> load(Segment& segment, std::size_t entry);

  void forget_pages();  // the files say something else now

  Damage damage(const Segment& segment, std::uint64_t position, std::uint64_t offset, std::string what) const;

  std::uint64_t used_bytes() const;
  std::uint64_t index_bytes() const;
  std::uint64_t cache_hits() const { return hits_; }
  std::uint64_t cache_misses() const { return misses_; }

 private:
  std::optional<Damage> walk(Segment& segment, BatchWalker::Check check);
  void remember(const Page& page);

  FileSystem* files_;
  std::string directory_;
  std::uint64_t cache_bytes_;
  std::deque<Segment> all_;
  std::list<Page> cache_;  // the last used in front
  std::uint64_t cached_ = 0;
  std::uint64_t uses_ = 0;
  std::uint64_t hits_ = 0;
  std::uint64_t misses_ = 0;
};

// Goes over the batches of a page.
template <class Visit>
void for_each_batch(const Page& page, Visit visit) {
  auto left = page.bytes();
  while (!left.empty()) {
    const auto header = decode_batch(left.first<batch_header_bytes>());
    if (!header || header->length > left.size()) return;  // the page was checked when it was loaded
    if (!visit(*header, left.first(header->length))) return;
    left = left.subspan(header->length);
  }
}

}  // namespace laban::journal

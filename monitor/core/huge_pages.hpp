// monitor/core/huge_pages.hpp - memory in pages of two megabytes, where the system has them: records that are touched at random
// would otherwise miss the page table as often as the cache.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <new>

namespace laban::monitor {

// An allocator for vectors that are large and touched at random. Small ones lie where others do.
template <class T>
struct HugePages {
  using value_type = T;

  HugePages() = default;
  template <class Other>
  HugePages(const HugePages<Other>&) {}

  T* allocate(std::size_t count) {
    const std::size_t bytes = count * sizeof(T);
    if (bytes < page) return static_cast<T*>(::operator new (bytes, std::align_val_t{alignof(T)}));
    void* const out = ::operator new (bytes, std::align_val_t{page});
    madvise(out, bytes, MADV_HUGEPAGE);  // it works without, only slower
    return static_cast<T*>(out);
  }
  void deallocate(T* memory, std::size_t count) {
    ::operator delete (memory, std::align_val_t{count * sizeof(T) < page ? alignof(T) : page});
  }

  friend bool operator==(const HugePages&, const HugePages&) { return true; }

 private:
  static constexpr std::size_t page = 2 << 20;
};

}  // namespace laban::monitor

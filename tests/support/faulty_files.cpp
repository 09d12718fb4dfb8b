// tests/support/faulty_files.cpp - files in memory, and everything that can go wrong with them.
#include "tests/support/faulty_files.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace laban::test {

using journal::IoResult;
using Kind = FileCall::Kind;

namespace {

constexpr std::size_t sector_bytes = 512;

std::string parent(const std::string& path) {
  return path.substr(0, path.find_last_of('/'));
}

bool changes_something(Kind kind) {
  return kind != Kind::open && kind != Kind::read && kind != Kind::list && kind != Kind::make_directories;
}

}  // namespace

struct FaultyFiles::Node {
  std::vector<std::byte> now;
  std::vector<std::byte> disk;
  std::set<std::size_t> dirty;  // sectors

  void sync() {
    disk.resize(now.size());
    for (const auto sector : dirty) keep(sector);
    dirty.clear();
  }
  void keep(std::size_t sector) {
    const auto begin = sector * sector_bytes;
    const auto end = std::min(begin + sector_bytes, now.size());
    if (end > disk.size()) disk.resize(end);
    if (begin < end) std::memcpy(disk.data() + begin, now.data() + begin, end - begin);
  }
};

struct FaultyFiles::Shared {
  using Names = std::map<std::string, std::shared_ptr<Node>>;

  mutable std::mutex mutex;
  Names now;
  Names disk;
  std::vector<std::pair<std::string, std::function<void(Names&)>>> unsynced_names;  // by directory, in order
  std::set<std::string> directories;
  std::set<std::string> locked;
  std::vector<FileCall> calls;
  std::function<void(const FileCall&)> watcher;
  Fault fault;
  std::uint64_t operations = 0;
  std::uint64_t matching = 0;
  bool met = false;
  bool off = false;
  std::uint64_t capacity = ~0ull;

  std::uint64_t used() const {
    std::uint64_t bytes = 0;
    for (const auto& [path, node] : now) bytes += node->now.size();
    return bytes;
  }

  void change_name(const std::string& path, std::function<void(Names&)> change) {
    change(now);
    unsynced_names.emplace_back(parent(path), std::move(change));
  }

  // Whether the fault hits this call; what it does, then. Records the call.
  std::optional<Fault> enter(FileCall call) {
    std::optional<Fault> hit;
    const bool changes = changes_something(call.kind);
    if (changes) ++operations;
    if (changes && off) {
      hit.emplace();
      hit->kind = Fault::Kind::power_cut;
    } else if (fault.at != 0 && (fault.only ? fault.only(call) : changes)) {
      ++matching;
      if (matching >= fault.at && matching - fault.at < fault.how_often) {
        hit = fault;
        met = true;
        off = fault.kind == Fault::Kind::power_cut;
      }
    }
    if (hit) call.error = hit->error;
    if (watcher) watcher(call);
    calls.push_back(std::move(call));
    return hit;
  }
};

class FaultyFiles::MemoryFile final : public journal::File {
 public:
  MemoryFile(std::shared_ptr<Shared> shared, std::shared_ptr<Node> node, std::string path)
      : shared_(std::move(shared)), node_(std::move(node)), path_(std::move(path)) {}

  IoResult read_at(std::uint64_t at, std::span<std::byte> into) override {
    const std::lock_guard hold{shared_->mutex};
    if (const auto fault = shared_->enter({Kind::read, path_, at, into.size()})) return {0, fault->error};
    if (at >= node_->now.size()) return {};
    const auto bytes = std::min<std::size_t>(into.size(), node_->now.size() - at);
    std::memcpy(into.data(), node_->now.data() + at, bytes);
    return {bytes, 0};
  }

  IoResult write_at(std::uint64_t at, std::span<const std::byte> bytes) override {
    const std::lock_guard hold{shared_->mutex};
    const auto fault = shared_->enter({Kind::write, path_, at, bytes.size()});
    if (fault && (fault->kind == Fault::Kind::error || fault->kind == Fault::Kind::power_cut)) return {0, fault->error};
    const auto part = fault && bytes.size() > 1 ? bytes.first(bytes.size() / 2) : bytes;
    const auto end = at + part.size();
    if (end > node_->now.size()) {
      if (shared_->used() + (end - node_->now.size()) > shared_->capacity) return {0, ENOSPC};
      node_->now.resize(end);
    }
    std::memcpy(node_->now.data() + at, part.data(), part.size());
    for (auto sector = at / sector_bytes; sector * sector_bytes < end; ++sector) node_->dirty.insert(sector);
    if (fault && fault->kind == Fault::Kind::torn_write) return {part.size(), fault->error};
    return {part.size(), 0};
  }

  int allocate(std::uint64_t size) override {
    const std::lock_guard hold{shared_->mutex};
    if (const auto fault = shared_->enter({Kind::allocate, path_, 0, size})) return fault->error;
    if (size <= node_->now.size()) return 0;
    if (shared_->used() + (size - node_->now.size()) > shared_->capacity) return ENOSPC;
    node_->now.resize(size);
    return 0;
  }

  int sync_data() override {
    const std::lock_guard hold{shared_->mutex};
    if (const auto fault = shared_->enter({Kind::sync, path_})) {
      node_->dirty.clear();  // clean for the kernel, and on no disk
      return fault->error;
    }
    node_->sync();
    return 0;
  }

  std::uint64_t size() override {
    const std::lock_guard hold{shared_->mutex};
    return node_->now.size();
  }

 private:
  std::shared_ptr<Shared> shared_;
  std::shared_ptr<Node> node_;
  std::string path_;
};

class FaultyFiles::MemoryLock final : public journal::DirectoryLock {
 public:
  MemoryLock(std::shared_ptr<Shared> shared, std::string directory)
      : shared_(std::move(shared)), directory_(std::move(directory)) {}
  ~MemoryLock() override {
    const std::lock_guard hold{shared_->mutex};
    shared_->locked.erase(directory_);
  }

 private:
  std::shared_ptr<Shared> shared_;
  std::string directory_;
};

FaultyFiles::FaultyFiles() : shared_(std::make_shared<Shared>()) {}
FaultyFiles::~FaultyFiles() = default;

journal::Opened<journal::File> FaultyFiles::open(const std::string& path, journal::OpenMode mode) {
  const std::lock_guard hold{shared_->mutex};
  const bool create = mode == journal::OpenMode::create;
  if (const auto fault = shared_->enter({create ? Kind::create : Kind::open, path})) return {nullptr, fault->error};
  if (create) {
    if (shared_->directories.count(parent(path)) == 0) return {nullptr, ENOENT};
    auto node = std::make_shared<Node>();
    shared_->change_name(path, [path, node](Shared::Names& names) { names[path] = node; });
  }
  const auto found = shared_->now.find(path);
  if (found == shared_->now.end()) return {nullptr, ENOENT};
  return {std::make_unique<MemoryFile>(shared_, found->second, path), 0};
}

int FaultyFiles::rename(const std::string& from, const std::string& to) {
  const std::lock_guard hold{shared_->mutex};
  if (const auto fault = shared_->enter({Kind::rename, to})) return fault->error;
  if (shared_->now.count(from) == 0) return ENOENT;
  shared_->change_name(to, [from, to](Shared::Names& names) {
    const auto found = names.find(from);
    if (found == names.end()) return;
    auto node = found->second;
    names.erase(found);
    names[to] = std::move(node);
  });
  return 0;
}

int FaultyFiles::remove(const std::string& path) {
  const std::lock_guard hold{shared_->mutex};
  if (const auto fault = shared_->enter({Kind::remove, path})) return fault->error;
  if (shared_->now.count(path) == 0) return ENOENT;
  shared_->change_name(path, [path](Shared::Names& names) { names.erase(path); });
  return 0;
}

int FaultyFiles::list(const std::string& directory, std::vector<std::string>& names) {
  const std::lock_guard hold{shared_->mutex};
  if (const auto fault = shared_->enter({Kind::list, directory})) return fault->error;
  if (shared_->directories.count(directory) == 0) return ENOENT;
  for (const auto& [path, node] : shared_->now)
    if (parent(path) == directory) names.push_back(path.substr(directory.size() + 1));
  return 0;
}

int FaultyFiles::make_directories(const std::string& path) {
  const std::lock_guard hold{shared_->mutex};
  shared_->enter({Kind::make_directories, path});
  shared_->directories.insert(path);
  return 0;
}

int FaultyFiles::sync_directory(const std::string& directory) {
  const std::lock_guard hold{shared_->mutex};
  if (const auto fault = shared_->enter({Kind::sync_directory, directory})) return fault->error;
  auto& unsynced = shared_->unsynced_names;
  for (const auto& [where, change] : unsynced)
    if (where == directory) change(shared_->disk);
  std::erase_if(unsynced, [&](const auto& entry) { return entry.first == directory; });
  return 0;
}

journal::FreeSpace FaultyFiles::free_space(const std::string&) {
  const std::lock_guard hold{shared_->mutex};
  const auto used = shared_->used();
  return {shared_->capacity > used ? shared_->capacity - used : 0, 0};
}

journal::Opened<journal::DirectoryLock> FaultyFiles::lock(const std::string& directory) {
  const std::lock_guard hold{shared_->mutex};
  if (!shared_->locked.insert(directory).second) return {nullptr, EWOULDBLOCK};
  if (shared_->now.count(directory + "/lock") == 0) {
    auto node = std::make_shared<Node>();
    shared_->change_name(directory + "/lock",
                         [directory, node](Shared::Names& names) { names[directory + "/lock"] = node; });
  }
  return {std::make_unique<MemoryLock>(shared_, directory), 0};
}

void FaultyFiles::inject(Fault fault) {
  const std::lock_guard hold{shared_->mutex};
  shared_->fault = std::move(fault);
  shared_->operations = shared_->matching = 0;
  shared_->met = false;
}

bool FaultyFiles::fault_was_met() const {
  const std::lock_guard hold{shared_->mutex};
  return shared_->met;
}

std::uint64_t FaultyFiles::operations() const {
  const std::lock_guard hold{shared_->mutex};
  return shared_->operations;
}

void FaultyFiles::power_cut(std::mt19937_64* some) {
  const std::lock_guard hold{shared_->mutex};
  const auto keep = [&] { return some && (*some)() % 2 == 0; };
  for (const auto& [directory, change] : shared_->unsynced_names) {
    if (!keep()) break;  // a prefix: the journal of the file system keeps their order
    change(shared_->disk);
  }
  shared_->unsynced_names.clear();
  for (const auto* names : {&shared_->now, &shared_->disk}) {
    for (const auto& [path, node] : *names) {
      for (const auto sector : node->dirty)
        if (keep()) node->keep(sector);
      node->dirty.clear();
      if (node->disk.size() < node->now.size() && keep()) node->disk.resize(node->now.size());
      node->now = node->disk;
    }
  }
  shared_->now = shared_->disk;
  shared_->fault = {};
  shared_->off = false;
}

void FaultyFiles::set_capacity(std::uint64_t bytes) {
  const std::lock_guard hold{shared_->mutex};
  shared_->capacity = bytes;
}

std::vector<FileCall> FaultyFiles::calls() const {
  const std::lock_guard hold{shared_->mutex};
  return shared_->calls;
}

void FaultyFiles::forget_calls() {
  const std::lock_guard hold{shared_->mutex};
  shared_->calls.clear();
}

void FaultyFiles::on_call(std::function<void(const FileCall&)> watcher) {
  const std::lock_guard hold{shared_->mutex};
  shared_->watcher = std::move(watcher);
}

std::vector<std::string> FaultyFiles::paths() const {
  const std::lock_guard hold{shared_->mutex};
  std::vector<std::string> paths;
  for (const auto& [path, node] : shared_->now) paths.push_back(path);
  return paths;
}

std::vector<std::byte> FaultyFiles::contents(const std::string& path) const {
  const std::lock_guard hold{shared_->mutex};
  const auto found = shared_->now.find(path);
  return found == shared_->now.end() ? std::vector<std::byte>{} : found->second->now;
}

void FaultyFiles::set_contents(const std::string& path, std::vector<std::byte> bytes) {
  const std::lock_guard hold{shared_->mutex};
  auto node = std::make_shared<Node>();
  node->now = node->disk = std::move(bytes);
  shared_->now[path] = shared_->disk[path] = node;
  shared_->directories.insert(parent(path));
}

std::unique_ptr<FaultyFiles> FaultyFiles::copy() const {
  auto other = std::make_unique<FaultyFiles>();
  const std::lock_guard hold{shared_->mutex};
  for (const auto& [path, node] : shared_->now) {
    auto twin = std::make_shared<Node>();
    twin->now = twin->disk = node->now;
    other->shared_->now[path] = other->shared_->disk[path] = twin;
  }
  other->shared_->directories = shared_->directories;
  other->shared_->capacity = shared_->capacity;
  return other;
}

}  // namespace laban::test

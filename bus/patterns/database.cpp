// bus/patterns/database.cpp - SQLite behind the few verbs that services need.
#include "laban/patterns/database.hpp"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <map>

#include "laban/error.hpp"

namespace laban::patterns {

namespace {

constexpr int busy_wait_ms = 10'000;

sqlite3_stmt* statement_of(void* statement) {
  return static_cast<sqlite3_stmt*>(statement);
}

// Keeps a second owner out. The kernel gives the lock back when the process ends, however it ends.
class OwnerLock {
 public:
  explicit OwnerLock(const std::filesystem::path& database) {
    const std::string file = database.string() + ".lock";
    descriptor_ = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (descriptor_ < 0)
      throw Error(Errc::storage, "cannot write " + file + " (" + std::strerror(errno) +
                                     "): give a directory that this user may write");
    if (::flock(descriptor_, LOCK_EX | LOCK_NB) == 0) return;
    ::close(descriptor_);
    throw Error(Errc::in_use, database.string() +
                                  " belongs to another running service: stop it, or give this one another "
                                  "directory");
  }
  ~OwnerLock() { ::close(descriptor_); }
  OwnerLock(const OwnerLock&) = delete;
  OwnerLock& operator=(const OwnerLock&) = delete;

 private:
  int descriptor_;
};

}  // namespace

struct Database::Impl {
  std::filesystem::path file;
  std::optional<OwnerLock> lock;
  sqlite3* handle = nullptr;
  // Statements are program text, so there are few; each is compiled once.
  std::map<std::string, sqlite3_stmt*, std::less<>> statements;

  ~Impl() {
    for (auto& [text, statement] : statements) sqlite3_finalize(statement);
    sqlite3_close(handle);
  }

  [[noreturn]] void fail(const std::string& doing) const {
    const int code = handle ? sqlite3_errcode(handle) : SQLITE_NOMEM;
    std::string remedy = "see " + file.string();
    if (code == SQLITE_FULL) remedy = "free some disk space and start again";
    if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB) remedy = "put the file aside and restore it from a backup";
    if (code == SQLITE_CANTOPEN || code == SQLITE_READONLY)
      remedy = "give a directory that exists and that this user may write";
    throw Error(Errc::storage, file.string() + ": " + (handle ? sqlite3_errmsg(handle) : "out of memory") + " (" +
                                   doing + "): " + remedy);
  }

  sqlite3_stmt* prepare(std::string_view text) {
    if (const auto known = statements.find(text); known != statements.end()) return known->second;
    sqlite3_stmt* statement = nullptr;
    if (sqlite3_prepare_v3(handle, text.data(), static_cast<int>(text.size()), SQLITE_PREPARE_PERSISTENT, &statement,
                           nullptr) != SQLITE_OK)
      fail(std::string{text});
    return statements.emplace(text, statement).first->second;
  }

  void bind(sqlite3_stmt* statement, std::span<const Value> arguments) {
    int place = 0;
    for (const Value& argument : arguments) {
      ++place;
      struct Binder {
        sqlite3_stmt* statement;
        int place;
        int operator()(std::nullptr_t) const { return sqlite3_bind_null(statement, place); }
        int operator()(std::int64_t value) const { return sqlite3_bind_int64(statement, place, value); }
        int operator()(double value) const { return sqlite3_bind_double(statement, place, value); }
        int operator()(std::string_view value) const {
          return sqlite3_bind_text64(statement, place, value.data() ? value.data() : "", value.size(), SQLITE_STATIC,
                                     SQLITE_UTF8);
        }
        int operator()(std::span<const std::byte> value) const {
          if (value.empty()) return sqlite3_bind_zeroblob(statement, place, 0);
          return sqlite3_bind_blob64(statement, place, value.data(), value.size(), SQLITE_STATIC);
        }
      };
      if (std::visit(Binder{statement, place}, argument) != SQLITE_OK) fail("binding an argument");
    }
  }

  // Runs a statement to its end; arguments are views, so they are unbound before it returns.
  template <class OnRow>
  void step(std::string_view text, std::span<const Value> arguments, OnRow on_row) {
    sqlite3_stmt* statement = prepare(text);
    struct Reset {
      sqlite3_stmt* statement;
      ~Reset() {
        sqlite3_reset(statement);
        sqlite3_clear_bindings(statement);
      }
    } reset{statement};
    bind(statement, arguments);
    for (;;) {
      const int result = sqlite3_step(statement);
      if (result == SQLITE_DONE) return;
      if (result != SQLITE_ROW) fail(std::string{text});
      on_row(statement);
    }
  }
};

Database::Database(const std::filesystem::path& file, Access access) : impl_(std::make_unique<Impl>()) {
  impl_->file = file;
  const bool owner = access == Access::owner;
  if (owner) impl_->lock.emplace(file);
  const int flags = owner ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY;
  if (sqlite3_open_v2(file.c_str(), &impl_->handle, flags | SQLITE_OPEN_NOMUTEX, nullptr) != SQLITE_OK)
    impl_->fail("opening");
  sqlite3_busy_timeout(impl_->handle, busy_wait_ms);
  if (owner) execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON");
}

Database::~Database() = default;

void Database::execute(const std::string& statements) {
  if (sqlite3_exec(impl_->handle, statements.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK)
    impl_->fail(statements.substr(0, 80));
}

std::int64_t Database::run_with(std::string_view statement, std::span<const Value> arguments) {
  impl_->step(statement, arguments, [](sqlite3_stmt*) {});
  return sqlite3_changes64(impl_->handle);
}

void Database::each_with(std::string_view question, const std::function<void(const Row&)>& handler,
                         std::span<const Value> arguments) const {
  impl_->step(question, arguments, [&](sqlite3_stmt* statement) { handler(Row{statement}); });
}

std::int64_t Database::last_row_number() const {
  return sqlite3_last_insert_rowid(impl_->handle);
}

bool Database::in_transaction() const {
  return sqlite3_get_autocommit(impl_->handle) == 0;
}

const std::filesystem::path& Database::file() const {
  return impl_->file;
}

bool Row::is_null(int column) const {
  return sqlite3_column_type(statement_of(statement_), column) == SQLITE_NULL;
}

std::int64_t Row::integer(int column) const {
  return sqlite3_column_int64(statement_of(statement_), column);
}

double Row::real(int column) const {
  return sqlite3_column_double(statement_of(statement_), column);
}

std::string_view Row::text(int column) const {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_of(statement_), column));
  return {text ? text : "", static_cast<std::size_t>(sqlite3_column_bytes(statement_of(statement_), column))};
}

std::span<const std::byte> Row::bytes(int column) const {
  const void* bytes = sqlite3_column_blob(statement_of(statement_), column);
  return {static_cast<const std::byte*>(bytes),
          static_cast<std::size_t>(sqlite3_column_bytes(statement_of(statement_), column))};
}

}  // namespace laban::patterns

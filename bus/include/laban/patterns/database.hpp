// laban/patterns/database.hpp - a service's own SQLite database: what it knows, and what it still has to say.
//
//   database.run("INSERT INTO charges(order_id, cents) VALUES (?, ?)", order_id, cents);
//   auto cents = database.first<std::int64_t>("SELECT cents FROM charges WHERE order_id = ?", order_id);
//
// Threads:    belongs to one thread.
// Durability: a commit is on the disk when it returns (write-ahead log, synchronous=FULL).
// Errors:     everything that SQLite refuses is an Error(storage) that names the file; a file that another
// process owns
//             is an Error(in_use).
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace laban::patterns {

// What is bound to a `?`. Views end with the call.
using Value = std::variant<std::nullptr_t, std::int64_t, double, std::string_view, std::span<const std::byte>>;

// One row of an answer; its views end with the handler's call. Columns count from 0.
class Row {
 public:
  explicit Row(void* statement) : statement_(statement) {}
  bool is_null(int column) const;
  std::int64_t integer(int column) const;
  double real(int column) const;
  std::string_view text(int column) const;
  std::span<const std::byte> bytes(int column) const;

 private:
  void* statement_;
};

// An owner may write and keeps every other owner out; a reader sees what is committed and disturbs nobody.
enum class Access { owner, reader };

class Database {
 public:
  explicit Database(const std::filesystem::path& file, Access access = Access::owner);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // Several statements without arguments, for example CREATE TABLE.
  void execute(const std::string& statements);

  // One statement; returns how many rows it changed.
  template <class... Arguments>
  std::int64_t run(std::string_view statement, const Arguments&... arguments) {
    return run_with(statement, std::array<Value, sizeof...(Arguments)>{value(arguments)...});
  }

  // One question; the handler sees each row of the answer.
  template <class... Arguments>
  void each(std::string_view question, const std::function<void(const Row&)>& handler,
            const Arguments&... arguments) const {
    each_with(question, handler, std::array<Value, sizeof...(Arguments)>{value(arguments)...});
  }

  // The first column of the first row; nothing where there is no row or it is null.
  template <class T, class... Arguments>
  std::optional<T> first(std::string_view question, const Arguments&... arguments) const {
    std::optional<T> found;
    bool seen = false;
    each(
        question,
        [&](const Row& row) {
          if (!std::exchange(seen, true) && !row.is_null(0)) found = column<T>(row);
        },
        arguments...);
    return found;
  }

  std::int64_t last_row_number() const;
  bool in_transaction() const;
  const std::filesystem::path& file() const;

 private:
  static Value value(std::nullptr_t) { return nullptr; }
  static Value value(double real) { return real; }
  static Value value(std::integral auto integer) { return static_cast<std::int64_t>(integer); }
  static Value value(std::span<const std::byte> bytes) { return bytes; }
  static Value value(const char* text) { return std::string_view{text}; }
  static Value value(std::string_view text) { return text; }
  static Value value(const std::string& text) { return std::string_view{text}; }
  // Cap'n Proto's text.
  template <class Text>
  requires requires(const Text& text) { text.cStr(); }
  static Value value(const Text& text) { return std::string_view{text.begin(), text.size()}; }

  template <class T>
  static T column(const Row& row) {
    if constexpr (std::integral<T>)
      return static_cast<T>(row.integer(0));
    else if constexpr (std::floating_point<T>)
      return row.real(0);
    else
      return T{row.text(0)};
  }

  std::int64_t run_with(std::string_view statement, std::span<const Value> arguments);
  void each_with(std::string_view question, const std::function<void(const Row&)>& handler,
                 std::span<const Value> arguments) const;

  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace laban::patterns

// tests/unit/bus/patterns/database_test.cpp - a service's database: values, transactions, owners, bad files.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <vector>

#include "laban/error.hpp"
#include "laban/patterns/database.hpp"
#include "tests/support/temporary_directory.hpp"

using laban::Errc;
using laban::Error;
using laban::patterns::Access;
using laban::patterns::Database;
using laban::patterns::Row;
using laban::test::TemporaryDirectory;

TEST_CASE("database: what was written comes back with its type") {
  TemporaryDirectory directory;
  Database database{directory / "a.db"};
  database.execute("CREATE TABLE things(text TEXT, number INTEGER, real REAL, bytes BLOB, missing TEXT)");
  const std::vector<std::byte> bytes{std::byte{0}, std::byte{255}, std::byte{7}};
  CHECK(database.run("INSERT INTO things VALUES (?, ?, ?, ?, ?)", std::string{"it's; DROP TABLE things"}, -5, 2.5,
                     std::span<const std::byte>{bytes}, nullptr) == 1);
  int rows = 0;
  database.each("SELECT * FROM things", [&](const Row& row) {
    ++rows;
    CHECK(row.text(0) == "it's; DROP TABLE things");
    CHECK(row.integer(1) == -5);
    CHECK(row.real(2) == 2.5);
    CHECK(std::vector<std::byte>(row.bytes(3).begin(), row.bytes(3).end()) == bytes);
    CHECK(row.is_null(4));
  });
  CHECK(rows == 1);
  CHECK(database.first<std::int64_t>("SELECT number FROM things WHERE real = ?", 2.5) == -5);
  CHECK_FALSE(database.first<std::string>("SELECT missing FROM things"));
  CHECK_FALSE(database.first<std::string>("SELECT text FROM things WHERE number = ?", 6));
}

TEST_CASE("database: an empty text is an empty text, not nothing") {
  TemporaryDirectory directory;
  Database database{directory / "a.db"};
  database.execute("CREATE TABLE things(text TEXT NOT NULL, bytes BLOB NOT NULL)");
  database.run("INSERT INTO things VALUES (?, ?)", std::string_view{}, std::span<const std::byte>{});
  CHECK(database.first<std::string>("SELECT text FROM things") == "");
}

TEST_CASE("database: a second owner is refused while the first lives, a reader is not (G150)") {
  TemporaryDirectory directory;
  const auto file = directory / "a.db";
  {
    Database owner{file};
    owner.execute("CREATE TABLE things(number INTEGER)");
    try {
      Database second{file};
      FAIL("two owners of one database");
    } catch (const Error& error) {
      CHECK(error.code() == Errc::in_use);
      CHECK(std::string{error.what()}.find(file.string()) != std::string::npos);
    }
    owner.execute("BEGIN IMMEDIATE");
    owner.run("INSERT INTO things VALUES (1)");
    Database reader{file, Access::reader};
    CHECK(reader.first<int>("SELECT count(*) FROM things") == 0);
    owner.execute("COMMIT");
    CHECK(reader.first<int>("SELECT count(*) FROM things") == 1);
    CHECK_THROWS_AS(reader.run("INSERT INTO things VALUES (2)"), Error);
  }
  Database next{file};
  CHECK(next.first<int>("SELECT count(*) FROM things") == 1);
}

TEST_CASE("database: a file that is none is refused by name and left as it is") {
  TemporaryDirectory directory;
  const auto file = directory / "a.db";
  const std::string text =
      "this is not a database, it is a letter of more than a hundred bytes, so that its head looks "
      "like a page and is none at all.";
  std::ofstream{file} << text;
  try {
    Database database{file};
    FAIL("opened a letter");
  } catch (const Error& error) {
    CHECK(error.code() == Errc::storage);
    CHECK(std::string{error.what()}.find("a.db") != std::string::npos);
  }
  std::ifstream unchanged{file};
  CHECK(std::string{std::istreambuf_iterator<char>{unchanged}, {}} == text);
  CHECK_THROWS_AS(Database(directory / "missing" / "b.db"), Error);
}

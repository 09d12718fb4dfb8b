// tests/unit/bus/client/curve_keys_test.cpp - key files, and what is wrong with them.
#include "bus/transport/curve_keys.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "bus/transport/zmq_client.hpp"
#include "laban/error.hpp"

using namespace laban;
using namespace laban::transport;

namespace {

struct TempDir {
  TempDir() {
    std::string name = (std::filesystem::temp_directory_path() / "laban-keys-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~TempDir() { std::filesystem::remove_all(path); }
  std::filesystem::path path;
};

}  // namespace

TEST_CASE("key file: what was written is read, by its owner alone, and is not overwritten") {
  TempDir dir;
  const std::string file = dir.path / "key";
  const CurveKeys keys = generate_curve_keys();
  write_key_file(file, keys);
  const CurveKeys read = read_key_file(file);
  CHECK(read.public_key == keys.public_key);
  CHECK(read.secret_key == keys.secret_key);
  CHECK_THROWS_AS(write_key_file(file, keys), Error);
  chmod(file.c_str(), 0644);
  CHECK_THROWS_WITH_AS(read_key_file(file),
                       ("the key file " + file + " can be read by others: chmod 600 " + file).c_str(), Error);
}

TEST_CASE("key file: missing and damaged ones are refused with what to do") {
  TempDir dir;
  CHECK_THROWS_AS(read_key_file(dir.path / "none"), Error);
  const std::string file = dir.path / "bad";
  std::ofstream{file} << "public = short\nsecret = short\n";
  chmod(file.c_str(), 0600);
  CHECK_THROWS_WITH_AS(
      read_key_file(file),
      ("`public` in " + file + " is not a CURVE key: give the 40 characters that `laban keygen` printed").c_str(),
      Error);
}

TEST_CASE("endpoints: the feeds' star stands for the host that reached the hub") {
  CHECK(feeds_endpoint("tcp://*:5571", "tcp://example.org:5570") == "tcp://example.org:5571");
  CHECK(feeds_endpoint("tcp://*:5571", "tcp://[::1]:5570") == "tcp://[::1]:5571");
  CHECK(feeds_endpoint("tcp://10.0.0.1:5571", "tcp://example.org:5570") == "tcp://10.0.0.1:5571");
  CHECK(feeds_endpoint("ipc:///tmp/feeds", "ipc:///tmp/hub") == "ipc:///tmp/feeds");
}

TEST_CASE("endpoints: what cannot be one is refused with what to write") {
  for (const char* endpoint : {"127.0.0.1:5570", "tcp:/x", "tcp://nohost", "http://x:1", "tcp://127.0.0.1:99999"}) {
    CAPTURE(endpoint);
    CHECK_THROWS_AS(make_zmq_client({endpoint, "", ""}), Error);
  }
}

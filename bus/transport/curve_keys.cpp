// bus/transport/curve_keys.cpp - reads and writes key files.
#include "bus/transport/curve_keys.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zmq.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "laban/error.hpp"

namespace laban::transport {

namespace {

std::string trimmed(const std::string& text) {
  const auto first = text.find_first_not_of(" \t\r\"");
  if (first == std::string::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\"") - first + 1);
}

}  // namespace

CurveKeys generate_curve_keys() {
  std::array<char, 41> public_key{};
  std::array<char, 41> secret_key{};
  if (zmq_curve_keypair(public_key.data(), secret_key.data()) != 0) {
    throw Error(Errc::usage, "this libzmq has no CURVE: install one that was built with libsodium");
  }
  return {public_key.data(), secret_key.data()};
}

void check_key(const std::string& key, const std::string& whose) {
  std::array<std::uint8_t, 32> decoded{};
  if (key.size() != 40 || zmq_z85_decode(decoded.data(), key.c_str()) == nullptr) {
    throw Error(Errc::usage, whose + " is not a CURVE key: give the 40 characters that `laban keygen` printed");
  }
}

CurveKeys read_key_file(const std::string& path) {
  std::ifstream file{path};
  if (!file) {
    throw Error(Errc::usage, "the key file " + path + " cannot be read (" + std::strerror(errno) +
                                 "): check the path, or make one with `laban keygen`");
  }
  struct stat status {};
  if (stat(path.c_str(), &status) == 0 && (status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    throw Error(Errc::usage, "the key file " + path + " can be read by others: chmod 600 " + path);
  }
  CurveKeys keys;
  std::string line;
  while (std::getline(file, line)) {
    line = line.substr(0, line.find('#') == 0 ? 0 : std::string::npos);
    const auto equals = line.find('=');
    if (equals == std::string::npos) continue;
    const std::string name = trimmed(line.substr(0, equals));
    if (name == "public") keys.public_key = trimmed(line.substr(equals + 1));
    if (name == "secret") keys.secret_key = trimmed(line.substr(equals + 1));
  }
  check_key(keys.public_key, "`public` in " + path);
  check_key(keys.secret_key, "`secret` in " + path);
  return keys;
}

void write_key_file(const std::string& path, const CurveKeys& keys) {
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file < 0) {
    throw Error(errno == EEXIST ? Errc::in_use : Errc::storage,
                "the key file " + path + " cannot be made (" + std::strerror(errno) + "): choose another name");
  }
  const std::string text =
      "# Laban CURVE key pair. Keep it secret; give away the public key alone.\npublic = " + keys.public_key +
      "\nsecret = " + keys.secret_key + "\n";
  const bool whole = write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && fsync(file) == 0;
  close(file);
  if (!whole) {
    unlink(path.c_str());
    throw Error(Errc::storage, "the key file " + path + " cannot be written: check the disk");
  }
}

}  // namespace laban::transport

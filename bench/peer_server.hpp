// bench/peer_server.hpp - a server that is a program of its own, started for one measurement and ended with it.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace laban::bench {

// On 127.0.0.1, a moment ago.
int free_port();

// Threads: belongs to the thread that starts it, with which it dies.
class PeerServer {
 public:
  // The program and its arguments, and "NAME=value" beside this process's environment. Its output goes nowhere.
  PeerServer(const std::vector<std::string>& arguments, const std::vector<std::string>& environment);
  ~PeerServer();  // asks it to end, and makes it after ten seconds
  PeerServer(const PeerServer&) = delete;
  PeerServer& operator=(const PeerServer&) = delete;

  bool is_running();

 private:
  pid_t child_ = -1;
};

}  // namespace laban::bench

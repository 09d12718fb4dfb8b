// bench/peer_server.cpp - fork and exec, a group of processes of its own: some servers are scripts that start others.
#include "bench/peer_server.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <stdexcept>
#include <thread>

namespace laban::bench {

int free_port() {
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (socket < 0 || bind(socket, generic, size) != 0 || getsockname(socket, generic, &size) != 0) {
    throw std::runtime_error("no port of 127.0.0.1 is free for a peer's server");
  }
  close(socket);
  return ntohs(address.sin_port);
}

PeerServer::PeerServer(const std::vector<std::string>& arguments, const std::vector<std::string>& environment) {
  child_ = fork();
  if (child_ < 0) throw std::runtime_error("cannot start " + arguments.front());
  if (child_ != 0) {
    setpgid(child_, child_);
    return;
  }
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  const int nowhere = open("/dev/null", O_RDWR);
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) dup2(nowhere, stream);
  for (const auto& one : environment) putenv(const_cast<char*>(one.c_str()));
  std::vector<char*> pointers;
  for (const auto& one : arguments) pointers.push_back(const_cast<char*>(one.c_str()));
  pointers.push_back(nullptr);
  execv(pointers.front(), pointers.data());
  std::_Exit(127);
}

PeerServer::~PeerServer() {
  if (child_ <= 0) return;
  kill(-child_, SIGTERM);
  const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds{10};
  while (waitpid(child_, nullptr, WNOHANG) == 0) {
    if (std::chrono::steady_clock::now() > patience) kill(-child_, SIGKILL);
    std::this_thread::sleep_for(std::chrono::milliseconds{5});
  }
  kill(-child_, SIGKILL);  // what it may have left behind in its group
}

bool PeerServer::is_running() {
  if (child_ > 0 && waitpid(child_, nullptr, WNOHANG) == child_) child_ = -1;
  return child_ > 0;
}

}  // namespace laban::bench

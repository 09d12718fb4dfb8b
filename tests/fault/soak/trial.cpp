// tests/fault/soak/trial.cpp - the list of trials.
#include "tests/fault/soak/trial.hpp"

#include <iostream>

namespace laban::soak {

std::vector<Trial>& trials() {
  static std::vector<Trial> list;
  return list;
}

Registered::Registered(std::string name, std::string what_it_does, Run run) {
  trials().push_back({std::move(name), std::move(what_it_does), std::move(run)});
}

void say(const std::string& line) {
  std::cerr << line << std::endl;
}

}  // namespace laban::soak

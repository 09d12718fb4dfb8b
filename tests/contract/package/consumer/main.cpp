// tests/contract/package/consumer/main.cpp - a hub, a service and a subscriber in one process, from the installed package.
#include <bus/hub/hub.hpp>

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <laban/bus.hpp>
#include <monitor/monitor.hpp>

int main(int, char** argv) try {
  laban::HubOptions options;
  options.listen = "tcp://127.0.0.1:0";
  options.http.clear();
  options.data = argv[1];
  laban::Hub hub{options};
  hub.start();

  laban::BusOptions service;
  service.service = "consumer";
  service.hub.endpoint = hub.endpoint();
  laban::Bus bus{service};
  laban::NewEvent event;
  event.type = "package.installed";
  const auto confirm = bus.publish_and_wait(event);
  std::cout << "offset " << confirm.offset << '\n';
  return confirm.offset == 1 ? EXIT_SUCCESS : EXIT_FAILURE;
} catch (const std::exception& error) {
  std::cerr << "consumer: " << error.what() << '\n';
  return EXIT_FAILURE;
}

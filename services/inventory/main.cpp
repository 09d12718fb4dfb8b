// services/inventory/main.cpp - the inventory service.
#include "services/inventory/inventory.hpp"

int main(int argc, char** argv) {
  return shop::serve(argc, argv, "inventory", "Reserves stock for every order paid.", [](const shop::Options& options) {
    laban::patterns::Participant bus{options.participant(inventory::tables)};
    inventory::join(bus, options.chance);
    shop::work(bus, options);
  });
}

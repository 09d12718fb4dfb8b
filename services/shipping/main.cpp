// services/shipping/main.cpp - the shipping service.
#include "services/shipping/shipping.hpp"

int main(int argc, char** argv) {
  return shop::serve(argc, argv, "shipping", "Ships every order whose stock is reserved.",
                     [](const shop::Options& options) {
                       laban::patterns::Participant bus{options.participant(shipping::tables)};
                       shipping::join(bus, options.chance);
                       shop::work(bus, options);
                     });
}

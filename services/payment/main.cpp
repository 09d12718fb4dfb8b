// services/payment/main.cpp - the payment service.
#include "services/payment/payment.hpp"

int main(int argc, char** argv) {
  return shop::serve(argc, argv, "payment", "Takes the money for every order placed.",
                     [](const shop::Options& options) {
                       laban::patterns::Participant bus{options.participant(payment::tables)};
                       payment::join(bus, options.chance);
                       shop::work(bus, options);
                     });
}

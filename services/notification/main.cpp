// services/notification/main.cpp - the notification service.
#include "services/notification/notification.hpp"

int main(int argc, char** argv) {
  return shop::serve(argc, argv, "notification", "Tells customers how their orders ended.",
                     [](const shop::Options& options) {
                       laban::patterns::Participant bus{options.participant(notification::tables)};
                       notification::join(bus);
                       shop::work(bus, options);
                     });
}

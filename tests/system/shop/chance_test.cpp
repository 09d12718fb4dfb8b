// tests/system/shop/chance_test.cpp - what fails is decided by seed and order alone.
#include <doctest/doctest.h>

#include "services/support/service.hpp"

TEST_CASE("shop: a retry decides as the first try did, and the share of failures is as asked (G159)") {
  const shop::Chance chance{0.25, 7};
  int struck = 0, also_another = 0;
  for (int i = 0; i < 20'000; ++i) {
    const auto order = "order-" + std::to_string(i);
    const bool first = chance.strikes("payment refused", order);
    CHECK(first == chance.strikes("payment refused", order));
    struck += first;
    also_another += first && chance.strikes("stock missing", order);
  }
  CHECK(struck > 4'600);
  CHECK(struck < 5'400);
  // Questions are independent of each other.
  CHECK(also_another > struck / 5);
  CHECK(also_another < struck * 3 / 10);
  CHECK_FALSE(shop::Chance{0, 7}.strikes("payment refused", "a"));
  CHECK(shop::Chance{1, 7}.strikes("payment refused", "a"));
}

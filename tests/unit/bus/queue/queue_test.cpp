// tests/unit/bus/queue/queue_test.cpp - the queue's rules one by one.
#include "bus/queue/queue.hpp"

#include <doctest/doctest.h>

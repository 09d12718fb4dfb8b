// tests/support/main.cpp - the doctest main that every test program shares.
// Both are defined, as doctest derives the first from the second only where its header was not precompiled before.
#define DOCTEST_CONFIG_IMPLEMENT
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

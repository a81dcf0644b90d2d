// doctest itself, compiled once: it takes longer than most tests that are written with it.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

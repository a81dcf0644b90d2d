// The main of every test that has none of its own: the linker takes it from the library only then.
#include <doctest/doctest.h>

int main(int argc, char** argv) { return doctest::Context(argc, argv).run(); }

// Runs scripts over the real bus (docs/simulation-native.md). Standard input: `script`, its lines, `done`, and so on; standard
// output: what each line led to, then `done`. A script that cannot be run says why. Arguments: a folder for arenas, and the
// name of a planted bug (builds with PLANTED only).
#include <iostream>
#include <memory>
#include <string>

#include "base/planted.h"
#include "script/world.h"

int main(int argc, char** argv) {
  if (argc < 2) {
    std::cerr << "usage: bus_script FOLDER [BUG]\n";
    return 2;
  }
#ifdef BATON_PLANTED
  if (argc > 2 && !baton::plant(argv[2])) {
    std::cerr << "no such bug: " << argv[2] << '\n';
    return 2;
  }
#endif
  std::unique_ptr<baton::script::World> world;
  uint64_t step = 0;
  for (std::string line; std::getline(std::cin, line);) {
    if (line == "script") {
      world = std::make_unique<baton::script::World>(argv[1]);
      step = 0;
    } else if (line == "done") {
      world.reset();
      std::cout << "done" << std::endl;
    } else if (world != nullptr) {
      std::cout << "# " << ++step << '\n';
      try {
        std::cout << world->step(line);
      } catch (const std::exception& error) {
        std::cout << "stopped: " << error.what() << '\n';
        world.reset();
      }
    }
  }
}

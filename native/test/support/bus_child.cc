#include "support/bus_child.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <iostream>
#include <memory>
#include <optional>
#include <sstream>
#include <stdexcept>

#include "support/bus_engine.h"

extern char** environ;

namespace baton::test {
namespace {

// Commands name a prompt as "SEED CHUNKS TICKET_SEED".
Prompt prompt_of(std::istream& in) {
  uint32_t seed = 0, chunks = 0, ticket = 0;
  in >> seed >> chunks >> ticket;
  return Prompt(seed, chunks, 0, ticket);
}

class Child {
 public:
  Child(const std::string& role, const std::string& folder_path, uint32_t silence_ms) : folder_(folder_path) {
    const bool target = role == "target";
    const std::string node = target ? "b" : "a", engine = target ? "d" : "p";
    if (role != "engine") {
      BusOptions options = bus_options(folder_, node);
      options.lane_silence_ms = silence_ms;
      options.lane_connect_ms = silence_ms;
      node_.emplace(options);
    }
    engine_.emplace(folder_.file(node + ".sock"), engine);
  }

  std::string answer(const std::string& line) {
    std::istringstream in(line);
    std::string command;
    in >> command;
    if (command == "port") return std::to_string(node_->bus->lane_port());
    if (command == "baseline") return node_->at_baseline() ? "1" : "0";
    const Prompt prompt = prompt_of(in);
    if (command == "open") {
      node_->bus->open(prompt.open("d", "a", "p"));
      const Granted granted = node_->granted(prompt.ticket);
      return granted.granted ? std::to_string(granted.epoch) : "0";
    }
    if (command == "expect") {
      Granted granted;
      uint16_t port = 0;
      in >> granted.epoch >> port;
      granted.need.assign(prompt.chunks.size(), 1);
      node_->bus->expect(prompt.expect("p", granted, "b", port));
      return node_->granted(prompt.ticket).granted ? "1" : "0";
    }
    if (command == "prefill") return std::to_string(engine_->prefill(prompt));
    if (command == "prefill-part") return prefill_part(prompt, in);
    if (command == "load") {
      uint32_t right = 0;
      if (engine_->poll_until_landed(prompt) == BATON_OK) engine_->load(prompt, true, right);
      return std::to_string(right);
    }
    if (command == "settle") node_->bus->settle(prompt.ticket);
    if (command == "state" || command == "settle") {
      node_->wait([&] { return ended(node_->view(prompt.ticket).state); });
      return std::to_string(static_cast<int>(node_->view(prompt.ticket).state));
    }
    return "?";
  }

 private:
  // Some chunks whole, and one layer of the next.
  std::string prefill_part(const Prompt& prompt, std::istream& in) {
    uint32_t whole = 0;
    in >> whole;
    std::vector<uint8_t> need;
    if (engine_->accept(prompt, need) != BATON_OK) return "accept";
    for (uint32_t i = 0; i <= whole; ++i) {
      baton_slot slot{};
      if (engine_->begin(prompt, i, slot) != BATON_OK) return "begin";
      for (uint32_t l = 0; l < (i < whole ? kTestGeometry.layers : 1); ++l) engine_->fill_layer(prompt, slot, l);
    }
    return "ok";
  }

  BusFolder folder_;
  std::optional<BusNode> node_;
  std::optional<BusEngine> engine_;
};

}  // namespace

BusChild::BusChild(const std::string& role, const std::string& folder, unsigned silence_ms) {
  int in[2], out[2];
  if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0) throw std::runtime_error("no pipes");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in[0], 0);
  posix_spawn_file_actions_adddup2(&actions, out[1], 1);
  std::string parts[] = {"self", "--child", role, folder, std::to_string(silence_ms)};
  char* argv[] = {parts[0].data(), parts[1].data(), parts[2].data(), parts[3].data(), parts[4].data(), nullptr};
  if (posix_spawn(&pid_, "/proc/self/exe", &actions, nullptr, argv, environ) != 0) throw std::runtime_error("no child");
  posix_spawn_file_actions_destroy(&actions);
  close(in[0]);
  close(out[1]);
  to_ = fdopen(in[1], "w");
  from_ = fdopen(out[0], "r");
  if (ask("") != "ready") throw std::runtime_error("the child did not start");
}

BusChild::~BusChild() {
  std::fclose(to_);  // the end of its input ends the child
  std::fclose(from_);
  if (pid_ > 0) waitpid(pid_, nullptr, 0);
}

std::string BusChild::ask(const std::string& command) {
  if (!command.empty()) {
    std::fprintf(to_, "%s\n", command.c_str());
    std::fflush(to_);
  }
  char line[256];
  if (std::fgets(line, sizeof line, from_) == nullptr) return "";
  line[std::strcspn(line, "\n")] = 0;
  return line;
}

void BusChild::signal(int number) { kill(pid_, number); }

void BusChild::kill_and_wait() {
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

bool run_as_child(int argc, char** argv, int& status) {
  if (argc != 5 || std::strcmp(argv[1], "--child") != 0) return false;
  ::signal(SIGPIPE, SIG_IGN);
  status = 0;
  try {
    Child child(argv[2], argv[3], static_cast<uint32_t>(std::stoul(argv[4])));
    std::cout << "ready" << std::endl;
    for (std::string line; std::getline(std::cin, line);) std::cout << child.answer(line) << std::endl;
  } catch (const std::exception& error) {
    std::cerr << error.what() << std::endl;
    status = 1;
  }
  return true;
}

}  // namespace baton::test

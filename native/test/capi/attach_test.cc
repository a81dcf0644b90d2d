#include <doctest/doctest.h>
#include <sys/wait.h>

#include <cstdlib>
#include <cstring>
#include <string>

#include "baton.h"
#include "support/arena_handler.h"

using namespace baton;
using namespace baton::test;

namespace {

baton_attach_options options_for(const std::string& path) {
  baton_attach_options options{};
  options.struct_size = sizeof options;
  options.abi = BATON_ABI_VERSION;
  options.socket_path = path.c_str();
  options.engine_name = "engine";
  options.geometry = {3, 2, 2, {64, 32, 0, 0}, 64};
  options.timeout_ms = 60'000;
  return options;
}

int attach(const baton_attach_options& options, std::string& error) {
  baton_client* client = reinterpret_cast<baton_client*>(1);
  char text[200];
  const int status = baton_attach(&options, &client, text, sizeof text);
  error = text;
  if (status != BATON_OK) {
    CHECK(client == nullptr);
    CHECK(!error.empty());
  }
  baton_detach(client);
  return status;
}

}  // namespace

TEST_CASE("the header compiles as C99 and as C++") {
  for (const char* language : {"c -std=c99", "c++ -std=c++20"}) {
    const std::string command =
        std::string("c++ -x ") + language + " -Wall -Wextra -Wpedantic -Werror -fsyntax-only include/baton.h";
    CHECK_MESSAGE(std::system(command.c_str()) == 0, command);
  }
}

TEST_CASE("an attached client lives until the service ends, and knows the service's incarnation") {
  ArenaHandler handler;
  SessionService service(handler, handler.arena().fd());
  Engine engine(service.path());
  REQUIRE_MESSAGE(engine.status == BATON_OK, engine.error);
  CHECK(engine.error.empty());
  CHECK(baton_alive(engine.client) == BATON_OK);
  CHECK(baton_incarnation(engine.client) == handler.arena().incarnation());
  service.stop();
  CHECK(baton_alive(engine.client) == BATON_ERR_CLOSED);
  uint32_t held = 9;
  CHECK(baton_lookup(engine.client, key_of(0).data(), 1, &held) == BATON_ERR_CLOSED);
}

TEST_CASE("detaching ends the session, and the name is free again") {
  ArenaHandler handler;
  SessionService service(handler, handler.arena().fd());
  {
    Engine engine(service.path());
    REQUIRE(engine.client);
    Engine second(service.path());
    CHECK(second.status == BATON_ERR_NAME_TAKEN);
    CHECK(second.error.find("engine is attached") != std::string::npos);
    Engine other(service.path(), "other");
    CHECK(other.status == BATON_OK);
  }
  REQUIRE(handler.wait_ended(2));
  CHECK(Engine(service.path()).status == BATON_OK);
}

TEST_CASE("a namespace that is attached with another geometry is refused") {
  ArenaHandler handler;
  SessionService service(handler, handler.arena().fd());
  Engine engine(service.path());
  REQUIRE(engine.client);
  Geometry other = small_geometry();
  other.heads = 4;
  Engine refused(service.path(), "other", other);
  CHECK(refused.status == BATON_ERR_GEOMETRY);
  CHECK(refused.error.find("another geometry") != std::string::npos);
}

TEST_CASE("options that cannot work are refused with a sentence before anything is connected") {
  ArenaHandler handler;
  SessionService service(handler, handler.arena().fd());
  const baton_attach_options good = options_for(service.path());
  std::string error;
  CHECK(attach(good, error) == BATON_OK);

  baton_attach_options bad = good;
  bad.struct_size -= 1;
  CHECK(attach(bad, error) == BATON_ERR_ARGUMENT);
  bad = good;
  bad.abi += 1;
  CHECK(attach(bad, error) == BATON_ERR_VERSION);
  CHECK(error.find("install the same Baton") != std::string::npos);
  bad = good;
  bad.socket_path = nullptr;
  CHECK(attach(bad, error) == BATON_ERR_ARGUMENT);
  const std::string long_name(BATON_NAME_MAX + 1, 'x'), long_path(5000, 'p');
  for (const char* name : {static_cast<const char*>(nullptr), "", "a b", "a/b", long_name.c_str()}) {
    bad = good;
    bad.engine_name = name;
    CHECK(attach(bad, error) == BATON_ERR_ARGUMENT);
  }
  for (const char* path : {"/nonexistent/socket", long_path.c_str(), ""}) {
    bad = good;
    bad.socket_path = path;
    CHECK(attach(bad, error) == BATON_ERR_CLOSED);
  }
  for (const uint32_t absurd : {0u, 0xffffffffu}) {
    for (uint32_t* field : {&bad.geometry.layers, &bad.geometry.heads, &bad.geometry.planes,
                            &bad.geometry.plane_bytes[0], &bad.geometry.chunk_tokens}) {
      bad = good;
      *field = absurd;
      CHECK(attach(bad, error) == BATON_ERR_GEOMETRY);
    }
  }
  CHECK(handler.attached().size() == 1);
}

TEST_CASE("what stands in planes that a geometry does not have is ignored") {
  ArenaHandler handler;
  SessionService service(handler, handler.arena().fd());
  baton_attach_options options = options_for(service.path());
  options.geometry.plane_bytes[3] = 77;
  std::string error;
  CHECK(attach(options, error) == BATON_OK);
}

TEST_CASE("no pointer of attach may be missing but the error's, which is cut to its size") {
  const std::string path = "/nonexistent/socket";
  const baton_attach_options options = options_for(path);
  baton_client* client = nullptr;
  char text[8] = "-------";
  CHECK(baton_attach(nullptr, &client, text, sizeof text) == BATON_ERR_ARGUMENT);
  CHECK(std::strlen(text) == sizeof text - 1);
  CHECK(baton_attach(&options, nullptr, text, sizeof text) == BATON_ERR_ARGUMENT);
  CHECK(baton_attach(&options, &client, nullptr, 100) == BATON_ERR_CLOSED);
  text[0] = '#';
  CHECK(baton_attach(&options, &client, text, 0) == BATON_ERR_CLOSED);
  CHECK(text[0] == '#');
  CHECK(baton_attach(&options, &client, text, 1) == BATON_ERR_CLOSED);
  CHECK(text[0] == '\0');
}

TEST_CASE("an arena that is not what the service says is refused") {
  ArenaHandler handler;
  handler.on_attach = [&](session::SessionId, const session::Attach&) {
    return session::Attached{BATON_OK, BATON_ABI_VERSION, 1, handler.arena().file_bytes() + 1, ""};
  };
  std::string error;
  {
    SessionService service(handler, handler.arena().fd());
    CHECK(attach(options_for(service.path()), error) == BATON_ERR_PROTOCOL);
    CHECK(error.find("size") != std::string::npos);
  }
  SessionService service(handler);  // hands out a file that is no arena
  CHECK(attach(options_for(service.path()), error) == BATON_ERR_PROTOCOL);
  REQUIRE(handler.wait_ended(2));
}

TEST_CASE("a service that answers nothing ends attach at its time-out") {
  Door door;
  ArenaHandler handler;
  handler.on_attach = [&](session::SessionId, const session::Attach&) {
    door.wait();
    return session::Attached{BATON_ERR_FULL, BATON_ABI_VERSION, 0, 0, ""};
  };
  SessionService service(handler, handler.arena().fd());
  baton_attach_options options = options_for(service.path());
  options.timeout_ms = 20;
  std::string error;
  CHECK(attach(options, error) == BATON_ERR_TIMEOUT);
  door.open();
}

TEST_CASE("the library states its version") {
  CHECK(baton_abi_version() == BATON_ABI_VERSION);
  unsigned major, minor, patch;
  CHECK(std::sscanf(baton_version(), "%u.%u.%u", &major, &minor, &patch) == 3);
}

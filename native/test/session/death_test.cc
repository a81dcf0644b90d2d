#include <doctest/doctest.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "session/client.h"
#include "support/forked.h"
#include "support/session_service.h"

using namespace baton;
using namespace baton::session;
using namespace baton::test;

TEST_CASE("an engine that is killed is reported ended exactly once, after what it had sent") {
  TempFolder folder;
  const std::string path = folder.file("s");
  Forked engine([&](int pipe) {
    hear(pipe);
    auto attachment = attach_to(path);
    if (!attachment.client || attachment.client->post(Release{5}) != BATON_OK) ::_exit(6);
    say(pipe);
    ::pause();
  });
  ScriptedHandler handler;
  SessionService service(handler, path);
  engine.say();
  REQUIRE(engine.hear());
  REQUIRE(handler.wait_attached(1));
  CHECK(handler.ended_sessions().empty());
  engine.kill();
  REQUIRE(handler.wait_ended(1));
  CHECK(handler.messages().size() == 1);
  CHECK(service.stats().sessions_up == 0);
  service.stop();
  CHECK(handler.ended_sessions() == handler.attached());
}

TEST_CASE(
    "a service that is killed while a client waits closes the client, which attaches to the next service") {
  TempFolder folder;
  const std::string path = folder.file("s");
  Forked dying([&](int pipe) {
    ScriptedHandler handler;
    handler.on_fill = [](SessionId, const Fill&) -> Slot {
      ::kill(::getpid(), SIGKILL);
      return {};
    };
    const auto loop = Loop::create();
    std::string error;
    const auto server = Server::listen(*loop, path, pipe, handler, error);
    if (!server) ::_exit(6);
    say(pipe);
    loop->run();
  });
  REQUIRE(dying.hear());
  auto first = attach_to(path);
  REQUIRE_MESSAGE(first.client, first.error);
  Slot slot{};
  CHECK(first.client->fill(Fill{TicketId{}, false, Key{}, 0, 16}, slot) == BATON_ERR_CLOSED);
  CHECK(!first.client->alive());
  dying.kill();  // waits until the kernel has closed all it held; its socket file is still there
  ScriptedHandler handler;
  SessionService service(handler, path);
  CHECK(!first.client->alive());
  auto second = attach_to(path);
  REQUIRE_MESSAGE(second.client, second.error);
  CHECK(second.client->alive());
}

TEST_CASE("garbage instead of answers closes the client with a protocol error") {
  const std::vector<std::vector<uint8_t>> answers = {
      {0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0},                // no frame
      {12, 0, 0, 0, 17, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0},  // `failed` with a status that is no failure
      {12, 0, 0, 0, 17, 0, 0, 0, 9, 0, 0, 0, 1, 0, 0, 0},  // an answer nobody asked for
      {40, 0, 0, 0, 9, 0, 0, 0, 2, 0, 0, 0},               // an answer cut off by the end
  };
  const std::vector<int> codes = {BATON_ERR_PROTOCOL, BATON_ERR_PROTOCOL, BATON_ERR_PROTOCOL,
                                  BATON_ERR_CLOSED};
  for (size_t i = 0; i < answers.size(); ++i) {
    TempFolder folder;
    std::string error;
    const std::string path = folder.file("s");
    const Fd listener = listen_at(path, error);
    REQUIRE(listener);
    std::thread service([&] {
      pollfd ready{listener.get(), POLLIN, 0};
      ::poll(&ready, 1, 60'000);
      Fd fd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
      SendQueue out;
      encode({1, Attached{BATON_OK, BATON_ABI_VERSION, 1, 4096, ""}}, out.tail());
      out.pass(STDIN_FILENO);
      out.flush(fd.get());
      RawPeer peer(std::move(fd));
      peer.receive();  // attach
      peer.receive();  // fill
      peer.send(answers[i]);
    });
    auto attachment = attach_to(path);
    REQUIRE_MESSAGE(attachment.client, attachment.error);
    Slot slot{};
    CHECK(attachment.client->fill(Fill{TicketId{}, false, Key{}, 0, 16}, slot) == codes[i]);
    CHECK(attachment.client->fill(Fill{TicketId{}, false, Key{}, 0, 16}, slot) == BATON_ERR_CLOSED);
    service.join();
  }
}

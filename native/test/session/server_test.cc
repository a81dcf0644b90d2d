#include "session/server.h"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>

#include "base/limits.h"
#include "support/session_service.h"

using namespace baton;
using namespace baton::session;
using namespace baton::test;

namespace {

Attached answer_to(RawPeer& peer, const Attach& attach) {
  peer.send({1, attach});
  const auto frame = peer.receive();
  REQUIRE(frame.has_value());
  REQUIRE(frame->request == 1);
  REQUIRE(std::holds_alternative<Attached>(frame->message));
  return std::get<Attached>(frame->message);
}

class ManualClock final : public Clock {
 public:
  uint64_t now_ns() const override { return now_; }
  void advance_ms(uint64_t ms) { now_ += ms * 1'000'000; }

 private:
  uint64_t now_ = 1;
};

}  // namespace

TEST_CASE("an engine of another ABI version is told so, and its session ends") {
  ScriptedHandler handler;
  SessionService service(handler);
  RawPeer peer(service.path());
  Attach attach = attach_message();
  attach.abi = BATON_ABI_VERSION + 1;
  const Attached answer = answer_to(peer, attach);
  CHECK(answer.status == BATON_ERR_VERSION);
  CHECK(answer.abi == BATON_ABI_VERSION);
  CHECK(answer.message.find("install the same Baton") != std::string::npos);
  CHECK(peer.ended());
  CHECK(handler.attached().empty());
}

TEST_CASE("an engine that names another process than the kernel does is refused") {
  ScriptedHandler handler;
  SessionService service(handler);
  RawPeer peer(service.path());
  Attach attach = attach_message();
  attach.pid = ::getppid();
  CHECK(answer_to(peer, attach).status == BATON_ERR_ARGUMENT);
  CHECK(peer.ended());
  CHECK(handler.attached().empty());
}

TEST_CASE("a refusal of the handler reaches the engine with its sentence and ends the session unattached") {
  ScriptedHandler handler;
  handler.on_attach = [](SessionId, const Attach& attach) {
    const int status = attach.engine == "taken" ? BATON_ERR_NAME_TAKEN : BATON_ERR_GEOMETRY;
    return Attached{status, BATON_ABI_VERSION, 0, 0, "because"};
  };
  SessionService service(handler);
  for (const auto& [name, status] :
       {std::pair{"taken", BATON_ERR_NAME_TAKEN}, {"other", BATON_ERR_GEOMETRY}}) {
    RawPeer peer(service.path());
    const Attached answer = answer_to(peer, attach_message(name));
    CHECK(answer.status == status);
    CHECK(answer.message == "because");
    CHECK(peer.ended());
  }
  service.stop();
  CHECK(handler.ended_sessions().empty());
}

TEST_CASE("bytes that are no frame end the session and are counted, and the service goes on") {
  ScriptedHandler handler;
  SessionService service(handler);
  const std::vector<std::vector<uint8_t>> hostile = {
      {0xff, 0xff, 0xff, 0xff},                  // a huge length
      {0, 0, 0, 0},                              // too small a length
      {'G', 'E', 'T', ' ', '/', ' ', 'H', 'T'},  // another protocol
      {12, 0, 0, 0, 99, 0, 0, 0, 1, 0, 0, 0}};   // an unknown type
  for (const auto& bytes : hostile) {
    RawPeer peer(service.path());
    peer.send(bytes);
    CHECK(peer.ended());
  }
  RawPeer attached(service.path());
  CHECK(answer_to(attached, attach_message()).status == BATON_OK);
  attached.send(hostile[2]);
  CHECK(attached.ended());
  REQUIRE(handler.wait_ended(1));
  CHECK(service.stats().malformed == hostile.size() + 1);
  RawPeer peer(service.path());
  CHECK(answer_to(peer, attach_message()).status == BATON_OK);
}

TEST_CASE("a message before attach, a second attach and an answer from an engine are malformed") {
  ScriptedHandler handler;
  SessionService service(handler);
  RawPeer early(service.path());
  early.send({0, Release{1}});
  CHECK(early.ended());
  for (const Message& message : {Message(attach_message()), Message(Failed{-1})}) {
    RawPeer peer(service.path());
    CHECK(answer_to(peer, attach_message()).status == BATON_OK);
    peer.send({2, message});
    CHECK(peer.ended());
  }
  REQUIRE(handler.wait_ended(2));
  CHECK(service.stats().malformed == 3);
  CHECK(handler.messages().empty());
}

TEST_CASE("what an engine sent before it closed its end is handled before the session ends") {
  ScriptedHandler handler;
  SessionService service(handler);
  {
    RawPeer peer(service.path());
    CHECK(answer_to(peer, attach_message()).status == BATON_OK);
    for (uint64_t i = 0; i < 100; ++i) peer.send({0, Release{i}});
  }
  REQUIRE(handler.wait_ended(1));
  CHECK(handler.messages().size() == 100);
  CHECK(handler.ended_sessions() == handler.attached());
}

TEST_CASE("a frame that comes byte by byte is put together") {
  ScriptedHandler handler;
  SessionService service(handler);
  RawPeer peer(service.path());
  CHECK(answer_to(peer, attach_message()).status == BATON_OK);
  std::vector<uint8_t> bytes;
  encode({0, Release{42}}, bytes);
  encode({0, Release{43}}, bytes);
  for (const uint8_t byte : bytes) peer.send(std::vector<uint8_t>{byte});
  REQUIRE(handler.wait_came(2));
  CHECK(std::get<Release>(handler.messages()[1]).claim == 43);
}

TEST_CASE("an engine that does not read is cut once its queue is full, and ended is called once") {
  ScriptedHandler handler;
  SessionService service(handler);
  RawPeer slow(service.path()), other(service.path());
  CHECK(answer_to(slow, attach_message("slow")).status == BATON_OK);
  CHECK(answer_to(other, attach_message("other")).status == BATON_OK);
  REQUIRE(handler.wait_attached(2));
  const SessionId slow_id = handler.attached()[0], other_id = handler.attached()[1];
  const Ticket ticket{ticket_id(1), TicketState::streaming, Reason::none, BATON_LANDING, 3};
  constexpr size_t kFrameBytes = 12 + 16 + 1 + 1 + 4 + 4;
  size_t pushed = 0;
  service.on_loop([&](Server& server) {
    while (server.stats().cut_slow == 0 && pushed < (limits::kSessionSendBytesMax * 2) / kFrameBytes) {
      server.push(slow_id, ticket);
      ++pushed;
      CHECK(handler.ended_sessions().empty());  // never from inside the service's own call
    }
  });
  CHECK(service.stats().cut_slow == 1);
  CHECK(pushed * kFrameBytes > limits::kSessionSendBytesMax);
  REQUIRE(handler.wait_ended(1));
  service.on_loop([&](Server& server) {
    server.push(slow_id, ticket);  // late: ignored
    server.push(other_id, ticket);
  });
  CHECK(other.receive().has_value());
  CHECK(handler.ended_sessions() == std::vector<SessionId>{slow_id});
  CHECK(service.stats().sessions_up == 1);
}

TEST_CASE("a session that the service ends is reported once, and stopping reports all that are left") {
  ScriptedHandler handler;
  SessionService service(handler);
  RawPeer a(service.path()), b(service.path());
  CHECK(answer_to(a, attach_message("a")).status == BATON_OK);
  CHECK(answer_to(b, attach_message("b")).status == BATON_OK);
  const auto ids = handler.attached();
  service.on_loop([&](Server& server) {
    server.end(ids[0]);
    server.end(ids[0]);
  });
  CHECK(a.ended());
  REQUIRE(handler.wait_ended(1));
  service.stop();
  CHECK(b.ended());
  CHECK(handler.ended_sessions() == ids);
}

TEST_CASE("a connection that does not attach in time is closed, an attached one stays") {
  ManualClock clock;
  const auto loop = Loop::create(clock);
  ScriptedHandler handler;
  TempFolder folder;
  std::string error;
  const auto server = Server::listen(*loop, folder.file("s"), STDIN_FILENO, handler, error);
  REQUIRE(server);
  RawPeer silent(folder.file("s")), attached(folder.file("s"));
  attached.send({1, attach_message()});
  while (handler.attached().empty()) loop->run_once(1000);
  clock.advance_ms(limits::kSessionAttachMs - 1);
  loop->run_once(0);
  clock.advance_ms(1);
  loop->run_once(0);
  loop->run_once(0);
  CHECK(silent.ended());
  clock.advance_ms(10 * limits::kSessionAttachMs);
  loop->run_once(0);
  CHECK(handler.ended_sessions().empty());
  CHECK(server->stats().sessions_up == 1);
}

TEST_CASE(
    "no more than the configured number of engines attach, and a place is free again once one has left") {
  ScriptedHandler handler;
  SessionService service(handler);
  std::vector<std::unique_ptr<RawPeer>> peers;
  for (uint32_t i = 0; i < limits::kSessionsMax; ++i) {
    peers.push_back(std::make_unique<RawPeer>(service.path()));
    REQUIRE(answer_to(*peers.back(), attach_message()).status == BATON_OK);
  }
  RawPeer refused(service.path());
  CHECK(answer_to(refused, attach_message()).status == BATON_ERR_FULL);
  peers.pop_back();
  REQUIRE(handler.wait_ended(1));
  RawPeer next(service.path());
  CHECK(answer_to(next, attach_message()).status == BATON_OK);
}

TEST_CASE("more silent connections than the bound are closed at once") {
  ScriptedHandler handler;
  SessionService service(handler);
  std::vector<std::unique_ptr<RawPeer>> silent;
  for (uint32_t i = 0; i < limits::kSessionsPendingMax; ++i) {
    silent.push_back(std::make_unique<RawPeer>(service.path()));
  }
  RawPeer over(service.path());
  CHECK(over.ended());
  CHECK(answer_to(*silent.front(), attach_message()).status == BATON_OK);
}

TEST_CASE("the socket file is private, replaced when stale, respected when live and removed at the end") {
  ScriptedHandler handler;
  TempFolder folder;
  const std::string path = folder.file("s");
  const auto loop = Loop::create();
  std::string error;
  {  // a service that died without removing its file
    const Fd dead(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    REQUIRE(::bind(dead.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  }
  REQUIRE(std::filesystem::exists(path));
  auto server = Server::listen(*loop, path, STDIN_FILENO, handler, error);
  REQUIRE_MESSAGE(server, error);
  struct stat file {};
  REQUIRE(::lstat(path.c_str(), &file) == 0);
  CHECK((file.st_mode & 07777) == 0600);
  CHECK(!Server::listen(*loop, path, STDIN_FILENO, handler, error));
  CHECK(error.find("another transfer service") != std::string::npos);
  CHECK(std::filesystem::exists(path));
  server.reset();
  CHECK(!std::filesystem::exists(path));
}

TEST_CASE("a path that is no socket or too long is an error that says so, and nothing is removed") {
  ScriptedHandler handler;
  TempFolder folder;
  const auto loop = Loop::create();
  std::string error;
  std::ofstream(folder.file("file")) << "precious";
  CHECK(!Server::listen(*loop, folder.file("file"), STDIN_FILENO, handler, error));
  CHECK(error.find("is not a socket") != std::string::npos);
  CHECK(std::filesystem::file_size(folder.file("file")) == 8);
  CHECK(!Server::listen(*loop, folder.file(std::string(200, 'x')), STDIN_FILENO, handler, error));
  CHECK(error.find("bytes") != std::string::npos);
  CHECK(!Server::listen(*loop, folder.file("missing/s"), STDIN_FILENO, handler, error));
  CHECK(error.find("missing/s") != std::string::npos);
}

TEST_CASE("a server that ends late leaves the file of its successor alone") {
  ScriptedHandler handler;
  TempFolder folder;
  const auto loop = Loop::create();
  std::string error;
  auto first = Server::listen(*loop, folder.file("s"), STDIN_FILENO, handler, error);
  std::filesystem::remove(folder.file("s"));
  auto second = Server::listen(*loop, folder.file("s"), STDIN_FILENO, handler, error);
  REQUIRE(second);
  first.reset();
  CHECK(std::filesystem::exists(folder.file("s")));
}

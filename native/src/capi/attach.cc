// The life of a client: attach, detach, and what it may be asked about itself.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>

#include "base/limits.h"
#include "base/version.h"
#include "capi/client.h"
#include "capi/lives.h"

namespace baton::capi {

Geometry geometry_of(const baton_geometry& from) {
  Geometry to;
  to.layers = from.layers, to.heads = from.heads, to.planes = from.planes,
  to.chunk_tokens = from.chunk_tokens;
  const uint32_t planes = std::min<uint32_t>(from.planes, BATON_PLANES_MAX);
  std::copy_n(from.plane_bytes, planes, to.plane_bytes.begin());
  return to;
}

namespace {

constexpr uint32_t kTimeoutMs = 1000, kTimeoutMaxMs = 60'000;

bool name_ok(std::string_view name) {
  constexpr std::string_view allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
  return !name.empty() && name.size() <= BATON_NAME_MAX && name.find_first_not_of(allowed) == name.npos;
}

int attach(const baton_attach_options* options, baton_client** out, std::string& error) {
  if (!options || !out) {
    error = "options and out must not be NULL";
    return BATON_ERR_ARGUMENT;
  }
  if (options->struct_size != sizeof(baton_attach_options)) {
    error =
        "struct_size must be sizeof(baton_attach_options): rebuild the connector with this library's baton.h";
    return BATON_ERR_ARGUMENT;
  }
  if (options->abi != BATON_ABI_VERSION) {
    error = "the connector was made for ABI version " + std::to_string(options->abi) + ", this library has " +
            std::to_string(BATON_ABI_VERSION) + ": install the same Baton for both";
    return BATON_ERR_VERSION;
  }
  if (!options->socket_path || !options->engine_name) {
    error = "socket_path and engine_name must not be NULL";
    return BATON_ERR_ARGUMENT;
  }
  const std::string_view name(options->engine_name, ::strnlen(options->engine_name, BATON_NAME_MAX + 1));
  if (!name_ok(name)) {
    error =
        "engine_name must have 1 to " + std::to_string(BATON_NAME_MAX) + " characters of A-Z a-z 0-9 . _ -";
    return BATON_ERR_ARGUMENT;
  }
  const Geometry geometry = geometry_of(options->geometry);
  if (const char* refusal = geometry.refusal()) {
    error = std::string("this geometry cannot be served: ") + refusal;
    return BATON_ERR_GEOMETRY;
  }
  session::Attach request;
  request.abi = BATON_ABI_VERSION;
  request.pid = ::getpid();
  request.engine = name;
  request.ns = copied<Namespace>(options->namespace_digest);
  request.geometry = geometry;
  const uint32_t timeout_ms =
      options->timeout_ms == 0 ? kTimeoutMs : std::min(options->timeout_ms, kTimeoutMaxMs);
  auto attachment = session::Client::attach(options->socket_path, request, timeout_ms);
  error = std::move(attachment.error);
  if (attachment.status != BATON_OK) return attachment.status;

  auto client = std::make_unique<baton_client>();
  client->view = arena::View::map(attachment.arena.get(), error);
  if (!client->view) return BATON_ERR_PROTOCOL;
  if (client->view->bytes() != attachment.answer.file_bytes) {
    error = "the arena's size is not what the service says: restart the transfer service";
    return BATON_ERR_PROTOCOL;
  }
  struct stat file {};
  if (::fstat(attachment.arena.get(), &file) == 0) client->device = file.st_dev, client->inode = file.st_ino;
  client->session = std::move(attachment.client);
  client->geometry = geometry;
  client->ns = request.ns;
  client->incarnation = attachment.answer.incarnation;
  begin_life(*client);
  *out = client.release();
  return BATON_OK;
}

}  // namespace
}  // namespace baton::capi

using namespace baton;

const char* baton_version(void) { return baton::kVersion; }

uint32_t baton_abi_version(void) { return BATON_ABI_VERSION; }

int baton_attach(const baton_attach_options* options, baton_client** out, char* error, size_t error_size) {
  if (out) *out = nullptr;
  const auto tell = [&](std::string_view text) {
    if (!error || error_size == 0) return;
    const size_t n = std::min(text.size(), error_size - 1);
    std::memcpy(error, text.data(), n);
    error[n] = '\0';
  };
  tell("out of memory: give the engine more");
  return capi::guarded([&] {
    std::string text;
    const int status = capi::attach(options, out, text);
    tell(status == BATON_OK ? std::string_view("") : text);
    return status;
  });
}

void baton_detach(baton_client* client) {
  if (client) capi::end_life(std::unique_ptr<baton_client>(client));
}

int baton_alive(baton_client* client) {
  if (!client) return BATON_ERR_ARGUMENT;
  return capi::guarded([&] { return client->session->alive() ? BATON_OK : BATON_ERR_CLOSED; });
}

uint64_t baton_incarnation(baton_client* client) { return client ? client->incarnation : 0; }

#include "node/engine.h"

#include <algorithm>
#include <utility>

#include "node/client.h"
#include "node/convert.h"

namespace baton::reference::node {
namespace {

Classes& classes(Napi::Env env) { return *env.GetInstanceData<Classes>(); }

[[noreturn]] void refuse(Napi::Env env, const std::string& why) { throw Napi::Error::New(env, why); }

ClientObject& client_of(const Napi::Value& value) {
  const Napi::Env env = value.Env();
  if (!value.IsObject() || !value.As<Napi::Object>().InstanceOf(classes(env).client.Value())) {
    throw Napi::TypeError::New(env, "client: expected what attach() returned");
  }
  return *ClientObject::Unwrap(value.As<Napi::Object>());
}

// What goes wrong before work has begun rejects, as what goes wrong later does.
template <class Start>
Napi::Value promised(Napi::Env env, Start start) {
  try {
    return start();
  } catch (const Napi::Error& error) {
    const auto deferred = Napi::Promise::Deferred::New(env);
    deferred.Reject(error.Value());
    return deferred.Promise();
  }
}

Napi::Value step_value(Napi::Env env, const StepResult& result) {
  if (!result.error.empty()) refuse(env, result.error);
  Napi::Object out = Napi::Object::New(env);
  out.Set("tokens", to_ints(env, result.tokens));
  out.Set("gatherStatus", to_ints(env, result.gather_status));
  return out;
}

Napi::Value load_value(Napi::Env env, const LoadResult& result) {
  Napi::Object out = Napi::Object::New(env);
  out.Set("status", Napi::Number::New(env, result.status()));
  out.Set("statuses", to_ints(env, result.statuses));
  out.Set("digests", to_bytes(env, result.digests.data(), result.digests.size()));
  return out;
}

}  // namespace

Napi::Function EngineObject::define(Napi::Env env) {
  return DefineClass(
      env, "NativeEngine",
      {InstanceMethod<&EngineObject::attach>("attach"), InstanceMethod<&EngineObject::step>("step"),
       InstanceMethod<&EngineObject::load>("load"),
       InstanceMethod<&EngineObject::digest_pages>("digestPages"),
       InstanceMethod<&EngineObject::close>("close")});
}

Napi::Value EngineObject::create(const Napi::CallbackInfo& info) {
  return classes(info.Env()).engine.New({info[0]});
}

EngineObject::EngineObject(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<EngineObject>(info), env_(info.Env()) {
  std::string error;
  engine_ = Engine::create(model_options(info[0]), error);
  if (!engine_) refuse(env_, error);
  promises_ = Promises::create(env_);
  // Runs before the environment takes the promises' function down: no thread outlives it.
  napi_add_env_cleanup_hook(env_, &EngineObject::end, this);
}

EngineObject::~EngineObject() { close_now(); }

void EngineObject::end(void* self) { static_cast<EngineObject*>(self)->close_now(); }

void EngineObject::close_now() {
  if (!engine_) return;
  engine_->stop();
  promises_->release();
  engine_.reset();
  napi_remove_env_cleanup_hook(env_, &EngineObject::end, this);
}

void EngineObject::close(const Napi::CallbackInfo&) { close_now(); }

void EngineObject::require_open(Napi::Env env) const {
  if (!engine_) refuse(env, "the engine is closed");
}

Napi::Value EngineObject::attach(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  require_open(env);
  const AttachRequest request = attach_request(info[0]);
  baton_attach_options options{};
  options.struct_size = sizeof options;
  options.abi = BATON_ABI_VERSION;
  options.socket_path = request.socket_path.c_str();
  options.engine_name = request.engine.c_str();
  std::copy(request.namespace_digest.begin(), request.namespace_digest.end(), options.namespace_digest);
  options.geometry = engine_->pages().geometry(request.chunk_tokens);
  options.timeout_ms = request.timeout_ms;
  baton_client* client = nullptr;
  char error[512] = "";
  const int code = baton_attach(&options, &client, error, sizeof error);
  if (code != BATON_OK) throw baton_error(env, code, error);
  const Client owned = reference::own(client);
  const Napi::Object out = classes(env).client.New({});
  ClientObject::Unwrap(out)->own(owned, request.chunk_tokens);
  return out;
}

Napi::Value EngineObject::step(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return promised(env, [&]() -> Napi::Value {
    require_open(env);
    StepRequest request = step_request(info[1]);
    if (!info[0].IsNull()) request.client = client_of(info[0]).client();
    const std::string problem = engine_->refusal(request);
    if (!problem.empty()) refuse(env, problem);
    if (engine_->stepping()) refuse(env, "a step runs already");
    Promises::Settle settle;
    const Napi::Promise promise = promises_->open(env, settle);
    engine_->step(std::move(request), [settle](StepResult result) {
      settle([result = std::move(result)](Napi::Env env) { return step_value(env, result); });
    });
    return promise;
  });
}

Napi::Value EngineObject::load(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return promised(env, [&]() -> Napi::Value {
    require_open(env);
    const ClientObject& client = client_of(info[0]);
    LoadRequest request = load_request(info[1]);
    request.client = client.client();
    request.chunk_tokens = client.chunk_tokens();
    const std::string problem = engine_->refusal(request);
    if (!problem.empty()) refuse(env, problem);
    if (engine_->loads_full()) refuse(env, "too many loads wait");
    Promises::Settle settle;
    const Napi::Promise promise = promises_->open(env, settle);
    engine_->load(std::move(request), [settle](LoadResult result) {
      settle([result = std::move(result)](Napi::Env env) { return load_value(env, result); });
    });
    return promise;
  });
}

Napi::Value EngineObject::digest_pages(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  require_open(env);
  const auto key = fixed_bytes<BATON_KEY_BYTES>(info[0], "key");
  const uint32_t chunk_tokens = number_u32(info[1], "chunkTokens"), tokens = number_u32(info[2], "tokens");
  const std::vector<uint32_t> pages = words(info[3], "pages");
  const uint32_t page_offset = number_u32(info[4], "pageOffset");
  const std::string problem = engine_->refusal(pages, page_offset, tokens);
  if (!problem.empty()) refuse(env, problem);
  const ModelOptions& options = engine_->options();
  std::vector<uint8_t> digests(size_t{options.layers} * options.heads * BATON_DIGEST_BYTES);
  const int code =
      digest_chunk(engine_->pages(), key.data(), chunk_tokens, tokens, pages, page_offset, digests.data());
  if (code != BATON_OK) throw baton_error(env, code, "the pages cannot be digested");
  return to_bytes(env, digests.data(), digests.size());
}

}  // namespace baton::reference::node

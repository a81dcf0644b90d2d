#include "node/promises.h"

#include <utility>

namespace baton::reference::node {

Promises* Promises::create(Napi::Env env) {
  auto* promises = new Promises();
  promises->function_ = Function::New(env, "baton-reference", 0, 1, promises,
                                      [](Napi::Env, void*, Promises* self) { delete self; });
  promises->function_.Unref(env);
  return promises;
}

Napi::Promise Promises::open(Napi::Env env, Settle& settle) {
  const auto deferred = Napi::Promise::Deferred::New(env);
  if (open_++ == 0) function_.Ref(env);
  settle = [this, deferred](Make make) {
    auto* settled = new Settled{deferred, std::move(make)};
    // Refused only when the environment ends: nobody waits for the promise any more.
    if (function_.NonBlockingCall(settled) != napi_ok) delete settled;
  };
  return deferred.Promise();
}

void Promises::release() { function_.Release(); }

void Promises::deliver(Napi::Env env, Napi::Function, Promises* self, Settled* raw) {
  const std::unique_ptr<Settled> settled(raw);
  if (static_cast<napi_env>(env) == nullptr) return;
  const Napi::HandleScope scope(env);
  if (--self->open_ == 0) self->function_.Unref(env);
  try {
    settled->deferred.Resolve(settled->make(env));
  } catch (const Napi::Error& error) {
    settled->deferred.Reject(error.Value());
  }
}

}  // namespace baton::reference::node

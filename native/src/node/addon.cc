// The addon's face (transfer/native.ts): startBus, version, testHooks.
#include "base/version.h"
#include "node/bus_object.h"

namespace {

Napi::Value version(const Napi::CallbackInfo& info) { return Napi::String::New(info.Env(), baton::kVersion); }

Napi::Value test_hooks(const Napi::CallbackInfo& info) {
#ifdef BATON_TEST_HOOKS
  return Napi::Boolean::New(info.Env(), true);
#else
  return Napi::Boolean::New(info.Env(), false);
#endif
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  baton::node::BusObject::define(env);
  exports.Set("startBus", Napi::Function::New(env, baton::node::BusObject::start, "startBus"));
  exports.Set("version", Napi::Function::New(env, version, "version"));
  exports.Set("testHooks", Napi::Function::New(env, test_hooks, "testHooks"));
  return exports;
}

}  // namespace

NODE_API_MODULE(baton, init)

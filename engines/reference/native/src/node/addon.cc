#include <napi.h>

#include "node/client.h"
#include "node/engine.h"

namespace baton::reference::node {
namespace {

Napi::Object init(Napi::Env env, Napi::Object exports) {
  auto* classes = new Classes();  // the environment's, which deletes it
  classes->engine = Napi::Persistent(EngineObject::define(env));
  classes->client = Napi::Persistent(ClientObject::define(env));
  env.SetInstanceData(classes);
  exports.Set("createEngine", Napi::Function::New<&EngineObject::create>(env, "createEngine"));
  return exports;
}

}  // namespace
}  // namespace baton::reference::node

static Napi::Object init(Napi::Env env, Napi::Object exports) {
  return baton::reference::node::init(env, exports);
}

NODE_API_MODULE(reference, init)

#pragma once
// NativeEngine: the engine as JavaScript sees it.
#include <napi.h>

#include <memory>

#include "node/promises.h"
#include "step/engine.h"

namespace baton::reference::node {

// Constructors of one environment.
struct Classes {
  Napi::FunctionReference engine, client;
};

class EngineObject : public Napi::ObjectWrap<EngineObject> {
 public:
  static Napi::Function define(Napi::Env);
  // Throws an Error that says what to do.
  static Napi::Value create(const Napi::CallbackInfo&);

  explicit EngineObject(const Napi::CallbackInfo& info);
  ~EngineObject() override;

 private:
  Napi::Value attach(const Napi::CallbackInfo&);
  Napi::Value step(const Napi::CallbackInfo&);
  Napi::Value load(const Napi::CallbackInfo&);
  Napi::Value digest_pages(const Napi::CallbackInfo&);
  void close(const Napi::CallbackInfo&);
  static void end(void* self);  // the environment ends
  void close_now();
  void require_open(Napi::Env) const;

  std::unique_ptr<Engine> engine_;  // null once closed
  Promises* promises_ = nullptr;
  Napi::Env env_;
};

}  // namespace baton::reference::node

#pragma once
// Promises that other threads resolve. While one is open the event loop stays alive.
#include <napi.h>

#include <functional>
#include <memory>

namespace baton::reference::node {

class Promises {
 public:
  // Makes the value on the JavaScript thread; a Napi::Error that it throws rejects the promise.
  using Make = std::function<Napi::Value(Napi::Env)>;
  // To be called once, from any thread.
  using Settle = std::function<void(Make)>;

  // Lives until release() and until its last promise is settled.
  static Promises* create(Napi::Env);
  // Opens a promise. JavaScript thread.
  Napi::Promise open(Napi::Env, Settle& settle);
  // No promise will be opened and none is settled later than this call. JavaScript thread.
  void release();

 private:
  struct Settled {
    Napi::Promise::Deferred deferred;
    Make make;
  };
  static void deliver(Napi::Env, Napi::Function, Promises*, Settled*);
  using Function = Napi::TypedThreadSafeFunction<Promises, Settled, &Promises::deliver>;

  Promises() = default;

  Function function_;
  size_t open_ = 0;
};

}  // namespace baton::reference::node

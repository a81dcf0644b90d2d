#pragma once
// NativeBus of transfer/native.ts: one bus owned by one JavaScript object. It dies by close(), by the process's 'exit' event, by
// the end of its environment, or with the object, whichever comes first; the thread is joined in each case.
#include <napi.h>

#include <memory>
#include <unordered_set>

#include "bus/bus.h"

namespace baton::node {

class BusObject : public Napi::ObjectWrap<BusObject> {
 public:
  static void define(Napi::Env);
  static Napi::Value start(const Napi::CallbackInfo&);  // startBus(options, wake)
  explicit BusObject(const Napi::CallbackInfo&);
  ~BusObject() override;

 private:
  Napi::Value incarnation(const Napi::CallbackInfo&);
  Napi::Value lane_port(const Napi::CallbackInfo&);
  Napi::Value open(const Napi::CallbackInfo&);
  Napi::Value expect(const Napi::CallbackInfo&);
  Napi::Value abort(const Napi::CallbackInfo&);
  Napi::Value renew(const Napi::CallbackInfo&);
  Napi::Value settle(const Napi::CallbackInfo&);
  Napi::Value drain(const Napi::CallbackInfo&);
  Napi::Value list_tickets(const Napi::CallbackInfo&);
  Napi::Value list_chunks(const Napi::CallbackInfo&);
  Napi::Value list_attachments(const Napi::CallbackInfo&);
  Napi::Value counters(const Napi::CallbackInfo&);
  Napi::Value refuse_new(const Napi::CallbackInfo&);
  Napi::Value close(const Napi::CallbackInfo&);

  Bus& bus(Napi::Env);        // throws once closed
  void end();
  static void end_of_environment(void* self);

  // Of one environment: worker threads have their own.
  struct Environment {
    Napi::FunctionReference constructor;
    std::unordered_set<BusObject*> open;
  };
  Environment& environment() const { return *env_.GetInstanceData<Environment>(); }

  std::shared_ptr<bool> open_ = std::make_shared<bool>(true);  // JavaScript's thread only
  Napi::ThreadSafeFunction wake_;
  std::unique_ptr<Bus> bus_;  // destroyed before wake_ is released
  Napi::Env env_;
  bool ended_ = false;
};

}  // namespace baton::node

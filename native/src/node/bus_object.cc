#include "node/bus_object.h"

#include "node/read.h"
#include "node/write.h"

namespace baton::node {

void BusObject::define(Napi::Env env) {
  const Napi::Function constructor = DefineClass(
      env, "NativeBus",
      {InstanceMethod<&BusObject::incarnation>("incarnation"), InstanceMethod<&BusObject::lane_port>("lanePort"),
       InstanceMethod<&BusObject::open>("open"), InstanceMethod<&BusObject::expect>("expect"),
       InstanceMethod<&BusObject::abort>("abort"), InstanceMethod<&BusObject::renew>("renew"),
       InstanceMethod<&BusObject::settle>("settle"), InstanceMethod<&BusObject::drain>("drain"),
       InstanceMethod<&BusObject::list_tickets>("listTickets"), InstanceMethod<&BusObject::list_chunks>("listChunks"),
       InstanceMethod<&BusObject::list_attachments>("listAttachments"), InstanceMethod<&BusObject::counters>("counters"),
       InstanceMethod<&BusObject::refuse_new>("refuseNew"), InstanceMethod<&BusObject::close>("close")});
  auto* environment = new Environment{Napi::Persistent(constructor), {}};
  env.SetInstanceData(environment);
  // The main thread ends by process.exit and by an exception without the hooks of its environment: without this the
  // sockets stay and the threads run into the destructors of the process.
  const auto exit = [environment](const Napi::CallbackInfo&) {
    while (!environment->open.empty()) (*environment->open.begin())->end();
  };
  const auto process = env.Global().Get("process").As<Napi::Object>();
  process.Get("once").As<Napi::Function>().Call(process, {Napi::String::New(env, "exit"), Napi::Function::New(env, exit)});
}

Napi::Value BusObject::start(const Napi::CallbackInfo& info) {
  return info.Env().GetInstanceData<Environment>()->constructor.New({info[0], info[1]});
}

BusObject::BusObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<BusObject>(info), env_(info.Env()) {
  if (!info[0].IsObject() || !info[1].IsFunction()) throw Napi::TypeError::New(env_, "startBus takes options and a function");
  const BusOptions options = read_options(info[0].As<Napi::Object>());
  wake_ = Napi::ThreadSafeFunction::New(env_, info[1].As<Napi::Function>(), "baton bus", 0, 1);
  wake_.Unref(env_);
  std::string why;
  // The bus calls this at most once between two drains, so the queue stays short. A call may still be queued when the
  // bus is closed or the environment ends: then there is nobody to wake.
  const auto call = [open = open_](Napi::Env env, Napi::Function function) {
    if (!*open || env == nullptr || function.IsEmpty()) return;
    try {
      function.Call({});
    } catch (const Napi::Error& error) {
      if (!error.IsEmpty()) napi_fatal_exception(env, error.Value());
    }
  };
  bus_ = Bus::start(options, [wake = wake_, call]() mutable { wake.NonBlockingCall(call); }, why);
  if (bus_ == nullptr) {
    wake_.Release();
    ended_ = true;
    auto error = Napi::Error::New(env_, why);
    error.Set("code", Napi::String::New(env_, "start_failed"));
    throw error;
  }
  napi_add_env_cleanup_hook(env_, end_of_environment, this);
  environment().open.insert(this);
}

BusObject::~BusObject() { end(); }

void BusObject::end_of_environment(void* self) {
  auto* object = static_cast<BusObject*>(self);
  *object->open_ = false;
  object->bus_.reset();  // joins the thread; the environment releases wake_ itself
  object->ended_ = true;
}

void BusObject::end() {
  if (ended_) return;
  ended_ = true;
  *open_ = false;
  environment().open.erase(this);
  napi_remove_env_cleanup_hook(env_, end_of_environment, this);
  bus_.reset();
  wake_.Release();
}

Bus& BusObject::bus(Napi::Env env) {
  if (bus_ == nullptr) throw Napi::Error::New(env, "the bus is closed");
  return *bus_;
}

Napi::Value BusObject::incarnation(const Napi::CallbackInfo& info) {
  return Napi::BigInt::New(info.Env(), bus(info.Env()).incarnation());
}

Napi::Value BusObject::lane_port(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), bus(info.Env()).lane_port());
}

Napi::Value BusObject::open(const Napi::CallbackInfo& info) {
  bus(info.Env()).open(read_open(info[0].As<Napi::Object>()));
  return info.Env().Undefined();
}

Napi::Value BusObject::expect(const Napi::CallbackInfo& info) {
  bus(info.Env()).expect(read_expect(info[0].As<Napi::Object>()));
  return info.Env().Undefined();
}

Napi::Value BusObject::abort(const Napi::CallbackInfo& info) {
  bus(info.Env()).abort(read_ticket(info[0]), static_cast<Reason>(read_u32(info[1], "reason")));
  return info.Env().Undefined();
}

Napi::Value BusObject::renew(const Napi::CallbackInfo& info) {
  bus(info.Env()).renew(read_ticket(info[0]), read_u32(info[1], "leaseMs"));
  return info.Env().Undefined();
}

Napi::Value BusObject::settle(const Napi::CallbackInfo& info) {
  bus(info.Env()).settle(read_ticket(info[0]));
  return info.Env().Undefined();
}

Napi::Value BusObject::drain(const Napi::CallbackInfo& info) {
  return write_drained(info.Env(), bus(info.Env()).drain());
}

Napi::Value BusObject::list_tickets(const Napi::CallbackInfo& info) {
  return write_tickets(info.Env(), bus(info.Env()).list_tickets());
}

Napi::Value BusObject::list_chunks(const Napi::CallbackInfo& info) {
  return write_chunks(info.Env(), bus(info.Env()).list_chunks());
}

Napi::Value BusObject::list_attachments(const Napi::CallbackInfo& info) {
  return write_attachments(info.Env(), bus(info.Env()).list_attachments());
}

Napi::Value BusObject::counters(const Napi::CallbackInfo& info) {
  return write_counters(info.Env(), bus(info.Env()).counters());
}

Napi::Value BusObject::refuse_new(const Napi::CallbackInfo& info) {
  bus(info.Env()).refuse_new();
  return info.Env().Undefined();
}

Napi::Value BusObject::close(const Napi::CallbackInfo& info) {
  end();
  return info.Env().Undefined();
}

}  // namespace baton::node

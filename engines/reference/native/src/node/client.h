#pragma once
// NativeBatonClient: the scheduler half of the connector.
#include <napi.h>

#include "connector/client.h"

namespace baton::reference::node {

class ClientObject : public Napi::ObjectWrap<ClientObject> {
 public:
  static Napi::Function define(Napi::Env);
  explicit ClientObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<ClientObject>(info) {}

  void own(Client client, uint32_t chunk_tokens);
  const Client& client() const { return client_; }  // null once detached
  uint32_t chunk_tokens() const { return chunk_tokens_; }

 private:
  Napi::Value alive(const Napi::CallbackInfo&);
  Napi::Value incarnation(const Napi::CallbackInfo&);
  Napi::Value lookup(const Napi::CallbackInfo&);
  Napi::Value ticket_accept(const Napi::CallbackInfo&);
  Napi::Value ticket_poll(const Napi::CallbackInfo&);
  void ticket_forget(const Napi::CallbackInfo&);
  Napi::Value fill_begin(const Napi::CallbackInfo&);
  void fill_abort(const Napi::CallbackInfo&);
  Napi::Value claim(const Napi::CallbackInfo&);
  void release(const Napi::CallbackInfo&);
  Napi::Value counters(const Napi::CallbackInfo&);
  void detach(const Napi::CallbackInfo&);

  Client client_;
  uint32_t chunk_tokens_ = 0;
};

}  // namespace baton::reference::node

#include "common/manager/internal/server_object.h"

namespace ipc::hosted {

const Json& Call::argument(size_t index) const {
  if (index >= request.arguments.size()) {
    throw BadCall(request.method + " needs more arguments");
  }
  return request.arguments[index];
}

bool Object::give_up(const Call& /*call*/) { return true; }
void Object::forget(ClientId /*client*/) {}
void Object::each_value(const Visit& /*visit*/) const {}

std::shared_ptr<Object> make(const std::string& type, const Call& call,
                             const Find& find) {
  std::shared_ptr<Object> object = make_data(type, call);
  return object ? object : make_sync(type, call, find);
}

}  // namespace ipc::hosted

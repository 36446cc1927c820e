#include "common/manager/manager.h"

#include <unistd.h>

#include <utility>

#include "common/manager/internal/server.h"
#include "common/net/listener.h"

namespace ipc {

Proxy ManagerClient::create(std::string_view type,
                            const Proxy::Arguments& arguments) const {
  Proxy::Arguments all = {type};
  all.insert(all.end(), arguments.begin(), arguments.end());
  return {server_, call_server(server_, "create", all)};
}

managed::List ManagerClient::list(const std::vector<Json>& items) const {
  auto list = make<managed::List>("list");
  if (!items.empty()) (void)list.extend(items);
  return list;
}

managed::Dict ManagerClient::root() const {
  return managed::Dict(Proxy(server_, call_server(server_, "root")));
}

size_t ManagerClient::object_count() const {
  return static_cast<size_t>(call_server(server_, "count").as_int());
}

Manager::Manager(const ManagerOptions& options) : owner_(::getpid()) {
  std::string address = options.address;
  if (address.empty()) address = folder_.emplace("manager").file("socket");
  server_.key = options.key;
  if (server_.key.empty()) {
    server_.key = random_hex() + random_hex();
  }
  // Before the fork, so that the first client need not wait for the server.
  Listener listener(Address(address), {.key = server_.key});
  server_.address = listener.address().text();
  process_.emplace("Manager", [&] {
    ManagerServer server(random_hex(), options.types);
    server.run(listener);
  });
  // Only the server may keep listening, so that clients see when it ends.
  listener.leave();
}

Manager::~Manager() { shutdown(); }

void Manager::shutdown() {
  if (!process_ || owner_ != ::getpid()) return;
  process_->kill();
  (void)process_->join();
  forget_server(server_);
  unlink_path();
}

void Manager::unlink_path() const {
  if (server_.address.front() == '/') (void)::unlink(server_.address.c_str());
}

}  // namespace ipc

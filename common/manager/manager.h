// A server process for objects that several processes use, modelled on Python's
// multiprocessing.Manager and BaseManager.
//
//   ipc::Manager manager;                            // starts the server
//   const ipc::managed::List list = manager.list();
//   ipc::Process worker("Worker 1", [&] { list.append("Item"); });
//
// Other processes, also on another machine, join with address and key:
//
//   ipc::ManagerClient manager({address, key});
//   const auto list = manager.root().open<ipc::managed::List>(
//       *manager.root().get("list"));     // The first process has set "list".
//
// Lifetime: the server runs until shutdown() or the destructor in the process
//           that has started it. proxy.h says how long its objects live.
// Trust:    without an address it listens at a path in a new folder, mode 0700.
//           Clients need the key, which is drawn at random unless given. A
//           client with the key may call all registered methods, and can fill
//           the memory of the server.
// Errors:   std::system_error if it cannot listen; the rest is in proxy.h.
// Death:    if the server dies, every call that waits throws ManagerGone, and
//           all values are lost. If the process that has started it dies, the
//           server is killed. For the death of a client see proxy.h, managed.h.
// See:      server.h, managed.h, types.h.
#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/json.h"
#include "common/manager/managed.h"
#include "common/manager/proxy.h"
#include "common/manager/types.h"
#include "common/process/names.h"
#include "common/process/process.h"

namespace ipc {

// What all clients of a manager can do.
class ManagerClient {
 public:
  explicit ManagerClient(ManagerAddress server) : server_(std::move(server)) {}

  // Each makes a new object.
  [[nodiscard]] managed::Dict dict() const {
    return make<managed::Dict>("dict");
  }
  [[nodiscard]] managed::List list(const std::vector<Json>& items = {}) const;
  [[nodiscard]] managed::Namespace name_space() const {
    return make<managed::Namespace>("Namespace");
  }
  [[nodiscard]] managed::Lock lock() const {
    return make<managed::Lock>("Lock");
  }
  [[nodiscard]] managed::RLock rlock() const {
    return make<managed::RLock>("RLock");
  }
  [[nodiscard]] managed::Semaphore semaphore(int permits = 1) const {
    return make<managed::Semaphore>("Semaphore", {permits});
  }
  [[nodiscard]] managed::BoundedSemaphore bounded_semaphore(
      int permits = 1) const {
    return make<managed::BoundedSemaphore>("BoundedSemaphore", {permits});
  }
  [[nodiscard]] managed::Condition condition() const {
    return condition(rlock());
  }
  [[nodiscard]] managed::Condition condition(
      const managed::Lockable& lock) const {
    return make<managed::Condition>("Condition", {lock});
  }
  [[nodiscard]] managed::Event event() const {
    return make<managed::Event>("Event");
  }
  [[nodiscard]] managed::Queue queue(int max_items = 1'000'000) const {
    return make<managed::Queue>("Queue", {max_items});
  }
  [[nodiscard]] managed::Value value(const Json& value) const {
    return make<managed::Value>("Value", {value});
  }
  [[nodiscard]] managed::Array array(const std::vector<Json>& numbers) const {
    return make<managed::Array>("Array", {Json::list(numbers)});
  }

  // An object of a registered type.
  [[nodiscard]] Proxy create(std::string_view type,
                             const Proxy::Arguments& arguments = {}) const;

  // The one object that always exists, in which processes find the others.
  [[nodiscard]] managed::Dict root() const;

  // How many objects the server has, including the root.
  [[nodiscard]] size_t object_count() const;

  [[nodiscard]] const ManagerAddress& address() const { return server_; }

 protected:
  ManagerClient() = default;

  ManagerAddress server_;

 private:
  template <typename T>
  [[nodiscard]] T make(std::string_view type,
                       const Proxy::Arguments& arguments = {}) const {
    return T(create(type, arguments));
  }
};

struct ManagerOptions {
  std::string address = {};  // As for Address. If empty, a new path.
  std::string key = {};      // If empty, a random one.
  ManagedTypes types = {};
};

class Manager : public ManagerClient {
 public:
  explicit Manager(const ManagerOptions& options = {});
  Manager(const Manager&) = delete;
  Manager& operator=(const Manager&) = delete;
  Manager(Manager&&) = delete;
  Manager& operator=(Manager&&) = delete;
  ~Manager();

  // Kills the server and waits for its end; may be repeated. Calls of proxies
  // then throw ManagerGone. In a child of the starter it does nothing.
  void shutdown();

  // The process of the server, so that a caller can kill or watch it.
  [[nodiscard]] Process& process() { return *process_; }

 private:
  void unlink_path() const;

  std::optional<TempDir> folder_;
  pid_t owner_;
  std::optional<Process> process_;
};

}  // namespace ipc

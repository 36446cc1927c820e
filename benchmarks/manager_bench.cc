// Compares a call of an object in the server of a Manager with a process that
// only answers with as many bytes.
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <string>
#include <vector>

#include "benchmarks/bench.h"
#include "common/base/check.h"
#include "common/base/errors.h"
#include "common/base/unique_fd.h"
#include "common/channel/connection.h"
#include "common/manager/internal/server.h"
#include "common/manager/manager.h"
#include "common/manager/wire.h"
#include "common/net/address.h"
#include "common/net/listener.h"
#include "common/process/names.h"

namespace ipc::bench {
namespace {

constexpr const char* kKey = "a key of the benchmark";
constexpr size_t kCallsAtOnce = 64;

// What a client does over and over, and how many calls that is.
using Work = void (*)(const managed::Value& value, Lane& lane);

void call_one(const managed::Value& value, Lane& lane) {
  IPC_CHECK(value.get().as_int() == 7);
  lane.did();
}

void call_many(const managed::Value& value, Lane& lane) {
  static const std::vector<Proxy::Arguments> calls(kCallsAtOnce);
  IPC_CHECK(value.call_many("get", calls).size() == kCallsAtOnce);
  lane.did(kCallsAtOnce);
}

// The server of a Manager runs as one of the lanes, so it has a CPU like the
// others, and its context switches are counted too.
Figure run_manager(Placement place, size_t clients, Work work) {
  const TempDir folder("bench");
  Listener listener(Address(folder.file("socket")), {.key = kKey});
  const ManagerClient manager({listener.address().text(), kKey});
  std::vector<Actor> actors;
  actors.reserve(clients + 1);
  actors.emplace_back([&](Lane& lane) {
    const ManagedTypes types;
    ManagerServer server("0123456789abcdef", types);
    while (lane.goes_on() || server.client_count() > 0) {
      server.step(&listener, Deadline::never());
    }
  });
  for (size_t i = 0; i < clients; ++i) {
    actors.emplace_back([&](Lane& lane) {
      const managed::Value value = manager.value(7);
      while (lane.goes_on()) work(value, lane);
    });
  }
  // All clients must be connected before anything is measured.
  const double connect_s = 0.002 * static_cast<double>(clients);
  return run(place, actors, {.warm_s = Window().warm_s + connect_s});
}

// As many bytes as a request and its reply have, over the same kind of socket.
Figure run_echo(Placement place) {
  const std::string id = std::string(32, '0');
  constexpr size_t kHeaderBytes = 4;
  const size_t request_bytes =
      encode_request(1000, id, "get", Request::kForEver, {}).size() +
      kHeaderBytes;
  const size_t reply_bytes = encode(Reply{1000, "ok", 7}).size() + kHeaderBytes;
  std::array<int, 2> fds{};
  check(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()),
        "socketpair");
  const std::array<UniqueFd, 2> ends{UniqueFd(fds[0]), UniqueFd(fds[1])};
  const auto write_one = [](const UniqueFd& end, const std::string& bytes,
                            size_t size) {
    IPC_CHECK(check(::write(end.get(), bytes.data(), size), "write") ==
              static_cast<ssize_t>(size));
  };
  const auto read_one = [](const UniqueFd& end, std::string& bytes,
                           size_t size) {
    IPC_CHECK(check(::read(end.get(), bytes.data(), size), "read") ==
              static_cast<ssize_t>(size));
  };
  return run(place, {[&](Lane& /*lane*/) {
                       std::string bytes(request_bytes, 'x');
                       while (true) {
                         read_one(ends[0], bytes, request_bytes);
                         if (bytes[0] == 'E') return;
                         write_one(ends[0], bytes, reply_bytes);
                       }
                     },
                     [&](Lane& lane) {
                       std::string bytes(request_bytes, 'x');
                       while (lane.goes_on()) {
                         write_one(ends[1], bytes, request_bytes);
                         read_one(ends[1], bytes, reply_bytes);
                         lane.did();
                       }
                       bytes[0] = 'E';
                       write_one(ends[1], bytes, request_bytes);
                     }});
}

const Bench benches([] {
  contend("manager_call", "Manager", both_pinned(),
          [](Placement place) { return run_manager(place, 1, call_one); });
  contend("manager_call", "raw_echo", both_pinned(), run_echo);
  contend("manager_call", "python_Manager", both_pinned(),
          [](Placement place) { return run_python(place, {"manager"}); });
  contend("manager_pipelined", "Manager", both_pinned(),
          [](Placement place) { return run_manager(place, 1, call_many); });
  for (const size_t clients : {1U, 4U, 16U, 64U}) {
    contend("scale_manager_" + std::to_string(clients), "Manager",
            both_pinned(), [clients](Placement place) {
              return run_manager(place, clients, call_one);
            });
  }
});

}  // namespace
}  // namespace ipc::bench

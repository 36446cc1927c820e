// Connections that an ipc::Listener accepts: over TCP compared with a bare
// socket, and what it costs if many others are open.
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <deque>
#include <stdexcept>
#include <string>
#include <vector>

#include "benchmarks/bench.h"
#include "benchmarks/queues.h"
#include "common/base/check.h"
#include "common/base/errors.h"
#include "common/base/unique_fd.h"
#include "common/channel/connection.h"
#include "common/net/address.h"
#include "common/net/listener.h"
#include "common/process/names.h"

namespace ipc::bench {
namespace {

constexpr size_t kBytes = 64;
constexpr size_t kHeaderBytes = 4;
constexpr const char* kLoopback = "127.0.0.1:0";
constexpr const char* kKey = "a key of the benchmark";

void ping(Connection& end, Lane& lane) {
  const std::string message(kBytes, 'x');
  while (lane.goes_on()) {
    IPC_CHECK(end.send(message) == Transfer::ok);
    IPC_CHECK(end.receive());
    lane.did();
  }
}

Figure run_ours(Placement place) {
  Listener listener(Address(kLoopback), {.key = kKey});
  return run(place, {[&](Lane& lane) {
                       Connection end =
                           connect(listener.address(), {.key = kKey});
                       ping(end, lane);
                     },
                     [&](Lane& /*lane*/) {
                       Connection peer = listener.accept();
                       while (const Received message = peer.receive()) {
                         IPC_CHECK(peer.send(*message) == Transfer::ok);
                       }
                     }});
}

// As many bytes as ours sends with its header, each message by one call.
Figure run_raw(Placement place) {
  const FdPair ends = make_tcp();
  const auto write_one = [](int fd, const char* bytes) {
    IPC_CHECK(check(::write(fd, bytes, kBytes + kHeaderBytes), "write") ==
              kBytes + kHeaderBytes);
  };
  const auto read_one = [](int fd, char* bytes) {
    size_t done = 0;
    while (done < kBytes + kHeaderBytes) {
      const ssize_t size =
          check(::read(fd, bytes + done, kBytes + kHeaderBytes - done), "read");
      IPC_CHECK(size > 0);
      done += static_cast<size_t>(size);
    }
  };
  return run(place, {[&](Lane& lane) {
                       std::array<char, kBytes + kHeaderBytes> bytes{};
                       while (lane.goes_on()) {
                         write_one(ends.first.get(), bytes.data());
                         read_one(ends.first.get(), bytes.data());
                         lane.did();
                       }
                       bytes[0] = 'E';
                       write_one(ends.first.get(), bytes.data());
                     },
                     [&](Lane& /*lane*/) {
                       std::array<char, kBytes + kHeaderBytes> bytes{};
                       while (true) {
                         read_one(ends.second.get(), bytes.data());
                         if (bytes[0] == 'E') return;
                         write_one(ends.second.get(), bytes.data());
                       }
                     }});
}

void allow_descriptors(rlim_t count) {
  rlimit limit{};
  check(::getrlimit(RLIMIT_NOFILE, &limit), "getrlimit");
  if (limit.rlim_cur >= count) return;
  if (limit.rlim_max < count) throw Missing("more descriptors (ulimit -n)");
  limit.rlim_cur = count;
  check(::setrlimit(RLIMIT_NOFILE, &limit), "setrlimit");
}

void watch(const UniqueFd& epoll, int fd, uint64_t number) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = number;
  check(::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
}

// A number of connections to one server, with both ends.
struct Crowd {
  explicit Crowd(size_t count)
      : listener(Address(folder.file("socket"))),
        epoll(check(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")) {
    constexpr rlim_t kOthers = 100;
    allow_descriptors(2 * count + kOthers);
    for (size_t i = 0; i < count; ++i) {
      // Without a key the peers exchange no messages while they connect, so one
      // process can do both.
      clients.push_back(connect(listener.address()));
      servers.push_back(listener.accept());
      watch(epoll, servers.back().fd(), i);
    }
  }

  TempDir folder{"bench"};
  Listener listener;
  UniqueFd epoll;
  std::deque<Connection> clients;
  std::deque<Connection> servers;
};

// One client, in the middle, sends requests; the server waits for all of them.
Figure run_crowd(Placement place, size_t count) {
  Crowd crowd(count);
  return run(place,
             {[&](Lane& lane) {
                Connection& active = crowd.clients[count / 2];
                ping(active, lane);
                IPC_CHECK(active.send("E") == Transfer::ok);
              },
              [&](Lane& /*lane*/) {
                while (true) {
                  epoll_event event{};
                  if (check(::epoll_wait(crowd.epoll.get(), &event, 1, -1),
                            "epoll_wait") == 0) {
                    continue;
                  }
                  Connection& peer = crowd.servers[event.data.u64];
                  const Received message =
                      peer.receive_until(Deadline::at_ns(0));
                  if (*message == "E") return;
                  IPC_CHECK(peer.send(*message) == Transfer::ok);
                }
              }});
}

// Connecting and authenticating, while `count` other connections are open.
Figure run_accept(Placement place, size_t count) {
  const Crowd crowd(count);
  Listener listener(Address(crowd.folder.file("door")), {.key = kKey});
  return run(place,
             {[&](Lane& lane) {
                while (lane.goes_on()) {
                  Connection end = connect(listener.address(), {.key = kKey});
                  lane.did_long();
                }
                Connection last = connect(listener.address(), {.key = kKey});
                IPC_CHECK(last.send("E") == Transfer::ok);
              },
              [&](Lane& /*lane*/) {
                while (true) {
                  Connection peer = listener.accept();
                  if (peer.receive()) return;
                }
              }});
}

const Bench benches([] {
  contend("listener_round_trip", "Connection", both_pinned(), run_ours);
  contend("listener_round_trip", "raw_tcp", both_pinned(), run_raw);
  for (const size_t count : {1U, 10U, 100U, 1000U}) {
    contend("scale_listener_" + std::to_string(count), "Listener",
            both_pinned(),
            [count](Placement place) { return run_crowd(place, count); });
    contend("scale_accept_" + std::to_string(count), "Listener", both_pinned(),
            [count](Placement place) { return run_accept(place, count); });
  }
});

}  // namespace
}  // namespace ipc::bench

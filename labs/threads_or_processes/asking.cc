#include "labs/threads_or_processes/asking.h"

#include <poll.h>

#include <stdexcept>
#include <thread>
#include <utility>

#include "common/base/errors.h"
#include "common/memory/shared.h"
#include "common/process/process.h"
#include "common/report/measure.h"

namespace {

using ipc::Connection;

void serve(std::vector<Connection>& clients) {
  for (Connection& client : clients) {
    if (!client.receive()) return;
  }
  for (Connection& client : clients)
    ipc::ensure(client.send("Now all have asked"));
}

void ask(Connection& server, std::atomic<int>& answers) {
  ipc::ensure(server.send("May I?"));
  if (server.receive()) ++answers;
}

}  // namespace

void ask_by_processes(std::vector<Connection>& servers,
                      std::atomic<int>& answers) {
  std::vector<ipc::Process> crew;
  crew.reserve(servers.size());
  for (Connection& server : servers) {
    crew.emplace_back("Asker", [&] { ask(server, answers); });
  }
  for (ipc::Process& asker : crew) {
    if (asker.join() != 0) throw std::runtime_error("an asker failed");
  }
}

void ask_by_threads(std::vector<Connection>& servers,
                    std::atomic<int>& answers) {
  std::vector<std::jthread> crew;
  crew.reserve(servers.size());
  for (Connection& server : servers) {
    crew.emplace_back([&] { ask(server, answers); });
  }
}

void ask_by_poll(std::vector<Connection>& servers, std::atomic<int>& answers) {
  std::vector<pollfd> fds;
  for (Connection& server : servers) {
    ipc::ensure(server.send("May I?"));
    fds.push_back({server.fd(), POLLIN, 0});
  }
  for (size_t open = fds.size(); open > 0;) {
    ipc::check(ipc::retry([&] { return ::poll(fds.data(), fds.size(), -1); }),
               "poll");  // [poll]
    for (size_t i = 0; i < fds.size(); ++i) {
      if (fds[i].revents == 0) continue;
      if (servers[i].receive()) ++answers;
      fds[i].fd = -1;  // poll passes over it from now on.
      --open;
    }
  }
}

Asked ask_all(int count, Ask ask) {
  std::vector<Connection> servers;
  std::vector<Connection> clients;
  for (int i = 0; i < count; ++i) {
    ipc::ConnectionPair ends = ipc::make_connections();
    servers.push_back(std::move(ends.first));
    clients.push_back(std::move(ends.second));
  }
  ipc::Process server("Server", [&] {
    servers.clear();
    serve(clients);
  });
  clients.clear();
  const ipc::Shared<std::atomic<int>> answers(0);
  const double seconds = ipc::timed_s([&] { ask(servers, *answers); });
  if (server.join() != 0) throw std::runtime_error("the server failed");
  return {answers->load(), seconds};
}

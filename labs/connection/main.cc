// connection: a server for many clients, and what strangers can do to it.
//
//   Client 0 ---+
//   Client 1 ---+-- Listener == Server        the silent one: connected first
//   Client 2 ---+               |
//   strangers --x---------------+             each ends its own connection
//
// Watch for: no client waits for another, nor for the silent one; and the relay
// in act 3, which has everything but the right address.
// Try: --python; --address=/tmp/socket; delete the line marked [poll].

#include <exception>
#include <random>
#include <string>
#include <vector>

#include "common/lab/lab.h"
#include "common/memory/shared.h"
#include "common/net/listener.h"
#include "common/process/process.h"
#include "common/report/report.h"
#include "common/sync/barrier.h"
#include "labs/connection/service.h"
#include "labs/connection/strangers.h"

namespace {

using ipc::Connection;

std::string address_text = "127.0.0.1:0";  // Port 0: the kernel chooses.
bool with_python = false;
std::string key;

Service start() {
  return {ipc::Address(address_text), key,
          with_python ? ipc::Protocol::python_md5 : ipc::Protocol::ours};
}

std::string serve_three() {
  ipc::say("Act 1: three clients, and one before them who is silent");
  const std::vector<std::vector<std::string>> messages = {
      {"Hello", "How are you?", "close"},
      {"Testing", "Another message", "close"},
      {"Final message", "shutdown"}};
  Service service = start();
  const auto silent = connect_silently(service.address());
  std::vector<ipc::Process> clients;
  if (with_python) {
    clients.emplace_back(
        "Client 1", [&] { talk_in_python(service, "Client 1", messages[1]); });
    if (clients[0].join() != 0) return "Python did not finish";
  }
  ipc::Shared<ipc::Barrier> all(with_python ? 2 : 3);
  for (size_t i = 0; i < messages.size(); ++i) {
    if (with_python && i == 1) continue;
    clients.emplace_back("Client " + std::to_string(i),
                         [&, i] { talk(service, messages[i], *all); });
  }
  for (ipc::Process& client : clients) {
    if (client.join() != 0) return client.name() + " failed";
  }
  return service.process.join() == 0 ? "" : "the server failed";
}

std::string serve_strangers() {
  ipc::say("Act 2: strangers, and one client who stays");
  Service service = start();
  Connection server = service.connect();
  const auto meet = [&](const std::string& name, auto&& stranger) {
    ipc::say("Here comes {}", name);
    ipc::Process(name, stranger).join();
    return ask(server, "After " + name) == "Echo: After " + name;
  };
  const auto with_key = [&](void (*action)(Connection&)) {
    return [&service, action] {
      Connection connection = service.connect();
      action(connection);
    };
  };
  const bool all_well =
      meet("Reset", with_key(reset)) &&
      meet("Half-close", with_key(half_close)) &&
      meet("Killed", with_key(die_inside_a_message)) &&
      meet("Oversized", with_key(announce_too_much)) &&
      meet("Deaf", with_key(read_nothing)) &&
      meet("Garbage", [&] { talk_nonsense(service.address()); });
  if (!all_well) return "a stranger ended the connection of another";

  ipc::say("Act 3: one who is in the middle");
  ipc::Listener rogue{ipc::Address("127.0.0.1:0")};
  ipc::Process lured("Lured", [&] {
    try {
      (void)service.connect(rogue.address());
    } catch (const std::exception& error) {
      ipc::say("{}", error.what());
    }
  });
  const bool let_in = relay(rogue.accept(), service.address());
  lured.join();
  ipc::say("The relay is {}", let_in ? "let in without the key" : "refused");
  ipc::ensure(server.send("shutdown"));
  return service.process.join() == 0 ? "" : "the server failed";
}

std::string lesson() {
  std::random_device random;
  for (int i = 0; i < 4; ++i) key += std::to_string(random());
  const std::string problem = serve_three();
  return problem.empty() ? serve_strangers() : problem;
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("connection", "A server for many clients, and strangers.");
  lab.option("--address", address_text, address_problem,
             "host:port or /path to listen at");
  lab.option("--python", with_python, "Client 1 is a Python");
  return lab.run(argc, argv, lesson);
}

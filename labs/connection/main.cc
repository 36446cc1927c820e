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

#include "common/barrier.h"
#include "common/lab.h"
#include "common/listener.h"
#include "common/process.h"
#include "common/report.h"
#include "common/shared.h"
#include "labs/connection/python_client.h"
#include "labs/connection/server.h"
#include "labs/connection/strangers.h"

namespace {

using ipc::Connection;
using Lines = std::vector<std::string>;

constexpr double kPauseS = 0.5;

std::string address_text = "127.0.0.1:0";  // Port 0: the kernel chooses.
bool with_python = false;
std::string key;

ipc::Protocol protocol() {
  return with_python ? ipc::Protocol::python_md5 : ipc::Protocol::ours;
}

// A server in a process of its own, ready for clients when it is constructed.
struct Service {
  ipc::Listener listener{ipc::Address(address_text),
                         {.key = key, .protocol = protocol()}};  // [listen]
  ipc::Process process{"Server", [this] { serve(listener); }};
  Service() { listener.leave(); }

  [[nodiscard]] const ipc::Address& address() const {
    return listener.address();
  }
  [[nodiscard]] Connection connect() const {
    return ipc::connect(address(), {.key = key, .protocol = protocol()});
  }
};

std::string ask(Connection& server, const std::string& message) {
  ipc::say("Sent '{}'", message);
  server.send(message);
  const auto echo = server.receive();
  ipc::say("Received: {}", echo ? *echo : "nothing");
  return echo.message;
}

void talk(const Service& service, const Lines& messages, ipc::Barrier& all) {
  Connection server = service.connect();
  ipc::say("Connected");
  for (size_t i = 0; i + 1 < messages.size(); ++i) {
    ask(server, messages[i]);
    // Nobody goes on before all were answered once: all are served at a time.
    if (i == 0) (void)all.wait();  // [barrier]
    ipc::pause_s(kPauseS);
  }
  ipc::say("Sent '{}'", messages.back());
  server.send(messages.back());
  ipc::say("Finished");
}

std::string serve_three() {
  ipc::say("Act 1: three clients, and one before them who is silent");
  Service service;
  const auto silent = connect_silently(service.address());
  ipc::Shared<ipc::Barrier> all(with_python ? 2 : 3);
  const auto client = [&](const std::string& name, const Lines& messages) {
    return ipc::Process(name, [&, messages] { talk(service, messages, *all); });
  };
  ipc::Process client_1 = [&] {
    if (!with_python) {
      return client("Client 1", {"Testing", "Another message", "close"});
    }
    return ipc::Process("Client 1", [&] {
      talk_in_python(service.address().text(), "Client 1", key);
    });
  }();
  if (with_python && client_1.join() != 0) return "Python did not finish";
  auto client_0 = client("Client 0", {"Hello", "How are you?", "close"});
  auto client_2 = client("Client 2", {"Final message", "shutdown"});
  for (auto* process : {&client_0, &client_1, &client_2}) {
    if (process->join() != 0) return process->name() + " failed";
  }
  return service.process.join() == 0 ? "" : "the server failed";
}

std::string serve_strangers() {
  ipc::say("Act 2: strangers, and one client who stays");
  Service service;
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
      meet("Garbage", [&] { talk_nonsense(service.address()); });
  if (!all_well) return "a stranger ended the connection of another";

  ipc::say("Act 3: one who is in the middle");
  ipc::Listener rogue{ipc::Address("127.0.0.1:0")};
  ipc::Process lured("Lured", [&] {
    try {
      (void)ipc::connect(rogue.address(), {.key = key, .protocol = protocol()});
    } catch (const std::exception& error) {
      ipc::say("{}", error.what());
    }
  });
  const bool let_in = relay(rogue.accept(), service.address());
  lured.join();
  ipc::say("The relay is {}", let_in ? "let in without the key" : "refused");
  server.send("shutdown");
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
  lab.option("--address", address_text, "host:port or /path to listen at");
  lab.option("--python", with_python, "Client 1 is a Python");
  return lab.run(argc, argv, lesson);
}

// authentication: which clients may come in, and how to know who they are.
//
//   Friend   --- a proof of the key ---> Listener == Server
//   Impostor --- another key --------x
//   Talker   --- no proof at all ----x
//   Lured    --- a proof ---> Relay --- the same proof --x
//
// Watch for: the relay in act 3, which has everything but the right address;
// and in act 4, whether the client or the kernel says who the client is.
// Try: --python.

#include <span>
#include <string>

#include "common/lab/lab.h"
#include "common/net/listener.h"
#include "common/process/names.h"
#include "common/process/process.h"
#include "common/report/report.h"
#include "labs/authentication/clients.h"
#include "labs/authentication/server.h"

namespace {

constexpr const char* kAnyPort = "127.0.0.1:0";

bool with_python = false;

// A server in a process of its own. Clients can connect once it is constructed.
struct Service {
  Service(const std::string& address, const Secret& secret,
          void (*serve)(ipc::Listener&))
      : listener(ipc::Address(address),
                 {.key = secret.key, .protocol = secret.protocol}),
        process("Server", [this, serve] { serve(listener); }) {
    listener.leave();
  }
  ipc::Listener listener;
  ipc::Process process;
};

std::string let_everybody_in() {
  ipc::say("Act 1: no key");
  Service service(kAnyPort, {}, echo);
  const auto& address = service.listener.address();
  ipc::Process stranger("Stranger", [&] { knock(address, {}); });
  if (stranger.join() != 0) return "the stranger failed";
  stop(address, {});
  return service.process.join() == 0 ? "" : "the server failed";
}

std::string let_friends_in(const Secret& secret) {
  ipc::say("Act 2: a key");
  Service service(kAnyPort, secret, echo);
  const auto& address = service.listener.address();
  const auto silent = connect_silently(address);  // Holds up no other client.
  ipc::Process impostor("Impostor", [&] {
    knock(address, {.key = "a guess", .protocol = secret.protocol});
  });
  ipc::Process talker("Talker", [&] { talk_nonsense(address); });
  if (impostor.join() != 0 || talker.join() != 0) return "a stranger failed";
  ipc::Process friendly("Friend", [&] {
    with_python ? knock_in_python(address, secret) : knock(address, secret);
  });
  if (friendly.join() != 0) return "the friend was not let in";
  stop(address, secret);
  return service.process.join() == 0 ? "" : "the server failed";
}

std::string be_in_the_middle(const Secret& secret) {
  ipc::say("Act 3: a relay in the middle");
  Service service(kAnyPort, secret, echo);
  const auto& address = service.listener.address();
  ipc::Listener rogue{ipc::Address(kAnyPort)};
  ipc::Process lured("Lured", [&] { knock(rogue.address(), secret); });
  if (ipc::wait_any(std::span(&lured, 1), rogue.fd()) == 0) {
    return "no client was lured";
  }
  const bool is_in = relay(rogue.accept(), address);
  ipc::say("The relay is {}", is_in ? "let in without the key" : "refused");
  lured.join();
  stop(address, secret);
  return service.process.join() == 0 ? "" : "the server failed";
}

std::string ask_the_kernel() {
  ipc::say("Act 4: a path, and the kernel says who is there");
  const ipc::TempDir folder;
  Service service(folder.file("socket"), {}, identify);
  const auto& address = service.listener.address();
  ipc::Process honest("Honest", [&] { say_who_i_am(address, ::getpid()); });
  if (honest.join() != 0) return "the honest client failed";
  ipc::Process liar("Liar", [&] { say_who_i_am(address, ::getppid()); });
  if (liar.join() != 0) return "the liar failed";
  return service.process.join() == 0 ? "" : "the server failed";
}

std::string lesson() {
  const Secret secret = draw_secret(with_python);
  if (auto problem = let_everybody_in(); !problem.empty()) return problem;
  if (auto problem = let_friends_in(secret); !problem.empty()) return problem;
  if (auto problem = be_in_the_middle(secret); !problem.empty()) return problem;
  return ask_the_kernel();
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("authentication", "Which clients come in, and who they are.");
  lab.option("--python", with_python,
             "Friend is a Python; all use its protocol");
  return lab.run(argc, argv, lesson);
}

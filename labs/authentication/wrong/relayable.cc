// Wrong: a key, but with Python's protocol. Its proof says "I know the key",
// but not to whom, so a process that receives the proof can pass it on.

#include <exception>
#include <string>

#include "common/lab/lab.h"
#include "common/net/listener.h"
#include "common/process/process.h"
#include "common/report/report.h"
#include "labs/authentication/clients.h"
#include "labs/authentication/server.h"

namespace {

constexpr const char* kKey = "only the two of us know it";
constexpr const char* kAnyPort = "127.0.0.1:0";

void be_lured(const ipc::Address& address) try {
  (void)ipc::connect(address, {.key = kKey, .protocol = ipc::Protocol::python});
} catch (const std::exception& error) {
  ipc::say("{}", error.what());
}

std::string lesson() {
  ipc::Listener listener(ipc::Address(kAnyPort),
                         {.key = kKey, .protocol = ipc::Protocol::python});
  const ipc::Process server("Server", [&] { echo(listener); });
  listener.leave();
  ipc::Listener rogue{ipc::Address(kAnyPort)};
  ipc::Process lured("Lured", [&] { be_lured(rogue.address()); });
  const bool let_in = relay(rogue.accept(), listener.address());
  lured.join();
  ipc::say("The relay is {}", let_in ? "let in without the key" : "refused");
  return "";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("relayable", "Which clients come in, and who they are.");
  return lab.run(argc, argv, lesson);
}

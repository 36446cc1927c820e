// Wrong: the server believes what the client says about itself. A client can
// say anything, and the server does not ask the kernel.

#include <unistd.h>

#include <sstream>
#include <string>

#include "common/channel/connection.h"
#include "common/lab/lab.h"
#include "common/net/listener.h"
#include "common/process/names.h"
#include "common/process/process.h"
#include "common/report/report.h"
#include "labs/authentication/clients.h"

namespace {

void identify(ipc::Listener& listener) {
  ipc::Connection client = listener.accept();
  const auto message = client.receive();
  std::istringstream words(*message);
  std::string name;
  pid_t pid = 0;
  // Missing: a call getsockopt(..., SO_PEERCRED, ...), and a comparison.
  if (words >> name >> pid) ipc::say("{} is who it says", name);
  (void)client.send("Thank you");
}

std::string lesson() {
  const ipc::TempDir folder;
  ipc::Listener listener{ipc::Address(folder.file("socket"))};
  ipc::Process server("Server", [&] { identify(listener); });
  listener.leave();
  ipc::Process liar("Liar",
                    [&] { say_who_i_am(listener.address(), ::getppid()); });
  return liar.join() == 0 && server.join() == 0 ? "" : "a process failed";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("trusted_word", "Which clients come in, and who they are.");
  return lab.run(argc, argv, lesson);
}

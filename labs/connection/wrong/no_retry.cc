// Wrong: the client gives up at the first refusal. The server is just starting,
// and a moment later it would be there.

#include <string>
#include <system_error>

#include "common/channel/connection.h"
#include "common/lab/lab.h"
#include "common/net/listener.h"
#include "common/process/process.h"
#include "common/report/report.h"
#include "labs/connection/clients.h"

namespace {

void arrive(const ipc::Address& address, ipc::Connection& refused) try {
  const ipc::Connection server = ipc::connect(address);
  ipc::say("Connected");
} catch (const std::system_error&) {
  ipc::say("Refused: no server listens; trying again");
  ipc::ensure(refused.send("refused"));
  // Missing: try again.
}

std::string lesson() {
  const Place place{ipc::Address("127.0.0.1:0")};
  auto refused = ipc::make_one_way_connections();
  ipc::Process early("Early", [&] { arrive(place.address(), refused.second); });
  refused.second.close();
  (void)refused.first.receive();
  const ipc::Listener listener(place.address());
  return early.join() == 0 ? "" : "the client failed";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("no_retry", "One process that serves many clients.");
  return lab.run(argc, argv, lesson);
}

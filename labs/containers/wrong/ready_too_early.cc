// Wrong: the readiness probe is answered in the same way as the liveness probe.
//
// The service is alive, and says that it is ready. So it gets work, for which
// it needs a database that is not there yet. "Alive" is the answer to: must it
// be restarted? "Ready" is the answer to: may it be sent work?

#include <string>

#include "common/channel/connection.h"
#include "common/lab/lab.h"
#include "common/report/report.h"
#include "labs/containers/container.h"

namespace {

std::string answer(const std::string& question) {
  if (question != "work") return "yes";  // Wrong for "ready?".
  return "no database";
}

std::string ask(ipc::Connection& service, const char* question) {
  ipc::ensure(service.send(question));
  return *service.receive();
}

std::string lesson() {
  ipc::ConnectionPair ends = ipc::make_connections();
  const auto drop = [&] { ends = {}; };
  Container service({.name = "Service", .drop = drop}, [&] {
    ends.first.close();
    while (const auto question = ends.second.receive()) {
      ipc::ensure(ends.second.send(answer(*question)));
    }
    return 0;
  });
  ends.second.close();
  ipc::say("Alive? {}", ask(ends.first, "alive?"));
  ipc::say("Ready? {}", ask(ends.first, "ready?"));
  ipc::say("Work: {}", ask(ends.first, "work"));
  ends.first.close();
  return service.join() == 0 ? "" : "the container has failed";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("ready_too_early",
               "Two containers, and the IPC that works across.");
  return lab.run(argc, argv, lesson);
}

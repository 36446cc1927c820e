// Wrong: asks one after the other, and waits for each answer in between.
//
// The server answers when all have asked. The second question is asked after
// the first answer, so there will be neither.

#include <string>
#include <utility>
#include <vector>

#include "common/channel/connection.h"
#include "common/lab/lab.h"
#include "common/process/process.h"
#include "common/report/report.h"

namespace {

constexpr int kQuestions = 2;

std::string lesson() {
  std::vector<ipc::Connection> servers;
  std::vector<ipc::Connection> clients;
  for (int i = 0; i < kQuestions; ++i) {
    ipc::ConnectionPair ends = ipc::make_connections();
    servers.push_back(std::move(ends.first));
    clients.push_back(std::move(ends.second));
  }
  ipc::Process server("Server", [&] {
    servers.clear();
    for (ipc::Connection& client : clients) {
      if (!client.receive()) return;
    }
    for (ipc::Connection& client : clients)
      ipc::ensure(client.send("Now all have asked"));
  });
  clients.clear();
  int answers = 0;
  for (ipc::Connection& connection : servers) {
    ipc::ensure(connection.send("May I?"));
    if (connection.receive()) ++answers;
  }
  ipc::say("One thread and poll: {} of {} answers", answers, kQuestions);
  return server.join() == 0 ? "" : "the server failed";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("one_after_the_other", "The same by threads and processes.");
  return lab.run(argc, argv, lesson);
}

// Wrong: the server waits until a slow user has taken a message.
//
// One user that does not read stops the server, and so the chat of all others.

#include <string>

#include "common/channel/connection.h"
#include "common/lab/lab.h"
#include "common/memory/shared.h"
#include "common/process/process.h"
#include "common/report/report.h"
#include "common/sync/event.h"
#include "labs/chat/messages.h"

namespace {

struct Ends {
  ipc::ConnectionPair alice = ipc::make_connections();
  ipc::ConnectionPair charlie = ipc::make_connections();
};

void serve(Ends ends) {
  ends.alice.second.close();
  ends.charlie.second.close();
  Message entry;
  while (const auto received = ends.alice.first.receive()) {
    entry = decode(*received).value();
    ++entry.number;
    entry.sender = "Alice";
    ipc::ensure(ends.alice.first.send(encode(entry)));
    ipc::ensure(ends.charlie.first.send(
        encode(entry)));  // Missing: an outbox, and a bound.
  }
}

void talk(ipc::Connection alice) {
  const std::string text(4096, '.');
  ipc::say("Talks");
  for (int i = 0; i < 1000; ++i) {
    ipc::ensure(alice.send(encode({Kind::say, "general", text})));
    if (!alice.receive()) return;
  }
}

std::string lesson() {
  const ipc::Shared<ipc::Event> charlie_may_read;
  Ends ends;
  ipc::Process server("Server", [&] { serve(std::move(ends)); });
  ipc::Process charlie("User Charlie", [&] {
    const ipc::Connection mine = std::move(ends.charlie.second);
    ends = {{}, {}};
    charlie_may_read->wait();
  });
  ipc::Process alice("User Alice", [&] {
    ipc::Connection mine = std::move(ends.alice.second);
    ends = {{}, {}};
    talk(std::move(mine));
    charlie_may_read->set();
  });
  ends = {{}, {}};
  alice.join();
  charlie.join();
  return server.join() == 0 ? "" : "the server failed";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("blocking_send", "Users in rooms, and one server.");
  return lab.run(argc, argv, lesson);
}

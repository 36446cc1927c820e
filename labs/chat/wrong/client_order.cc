// Wrong: each user numbers its messages itself, after the last that it has
// seen.
//
// Two users that speak at the same time have seen the same messages, so they
// take the same number.

#include <string>

#include "common/channel/connection.h"
#include "common/lab/lab.h"
#include "common/process/process.h"
#include "common/report/report.h"
#include "labs/chat/messages.h"

namespace {

void use(ipc::Connection& server, const char* name) {
  int last_number = 0;
  for (const Kind kind : {Kind::join, Kind::say}) {
    const char* const text = kind == Kind::say ? "I was first" : "";
    const Message mine{kind, "general", text, ++last_number, name};
    ipc::ensure(server.send(encode(mine)));
  }
  while (const auto received = server.receive()) {
    ipc::say("{}", to_line(decode(*received).value()));
  }
}

void serve(ipc::Connection& alice, ipc::Connection& bob) {
  const auto pass_on = [&](ipc::Connection& from) {
    const Message entry = decode(*from.receive()).value();
    ipc::say("{}", to_line(entry));
    for (ipc::Connection* const to : {&alice, &bob}) {
      ipc::ensure(to->send(encode(entry)));
    }
  };
  for (ipc::Connection* const from : {&alice, &bob, &alice, &bob}) {
    pass_on(*from);
  }
}

std::string lesson() {
  ipc::ConnectionPair alice = ipc::make_connections();
  ipc::ConnectionPair bob = ipc::make_connections();
  ipc::Process alice_user("User Alice", [&] {
    alice.first.close();
    bob = {};
    use(alice.second, "Alice");
  });
  ipc::Process bob_user("User Bob", [&] {
    bob.first.close();
    alice = {};
    use(bob.second, "Bob");
  });
  ipc::Process server("Server", [&] { serve(alice.first, bob.first); });
  alice = {};
  bob = {};
  const bool ok = alice_user.join() == 0 && bob_user.join() == 0;
  return server.join() == 0 && ok ? "" : "a process failed";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("client_order", "Users in rooms, and one server.");
  return lab.run(argc, argv, lesson);
}

// Wrong: the server sends each message to every client.
//
// All members get all messages, as they should, but so does Bob, who is in
// another room.

#include <stdexcept>
#include <string>

#include "common/channel/connection.h"
#include "common/lab/lab.h"
#include "common/process/process.h"
#include "common/report/report.h"
#include "labs/chat/messages.h"

namespace {

void use(ipc::Connection& connection, const char* room, const char* text) {
  ipc::ensure(connection.send(encode({Kind::join, room})));
  if (*text != '\0')
    ipc::ensure(connection.send(encode({Kind::say, room, text})));
  int count = 0;
  while (const auto received = connection.receive()) {
    ipc::say("{}", to_line(decode(*received).value()));
    ++count;
  }
  if (count == 0) throw std::runtime_error("got nothing");
}

void serve(ipc::Connection& alice, ipc::Connection& bob) {
  int number_of_general = 0;
  int number_of_random = 0;
  const auto handle = [&](ipc::Connection& from, const char* name) {
    Message entry = decode(*from.receive()).value();
    int& last = entry.room == "general" ? number_of_general : number_of_random;
    entry.number = ++last;
    entry.sender = name;
    ipc::say("{}", to_line(entry));
    ipc::ensure(alice.send(
        encode(entry)));  // Missing: if she is a member of entry.room.
    ipc::ensure(bob.send(encode(entry)));
  };
  handle(alice, "Alice");
  handle(bob, "Bob");
  handle(alice, "Alice");
}

std::string lesson() {
  ipc::ConnectionPair alice = ipc::make_connections();
  ipc::ConnectionPair bob = ipc::make_connections();
  ipc::Process alice_user("User Alice", [&] {
    alice.first.close();
    use(alice.second, "general", "This is for Dave only");
  });
  ipc::Process bob_user("User Bob", [&] {
    bob.first.close();
    alice.first.close();
    use(bob.second, "random", "");
  });
  ipc::Process server("Server", [&] { serve(alice.first, bob.first); });
  alice.first.close();
  bob.first.close();
  const bool ok = alice_user.join() == 0 && bob_user.join() == 0;
  return server.join() == 0 && ok ? "" : "a process failed";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("delivers_to_all", "Users in rooms, and one server.");
  return lab.run(argc, argv, lesson);
}

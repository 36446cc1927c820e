// Wrong: each user numbers its messages itself, after the last that it has
// seen.
//
// Two that speak at the same time have seen the same, and take the same number.

#include <string>

#include "common/channel/connection.h"
#include "common/lab/lab.h"
#include "common/process/process.h"
#include "common/report/report.h"
#include "labs/chat/messages.h"

namespace {

void use(ipc::Connection& other, const char* name) {
  int last_number = 0;
  const Message mine{Kind::say, "general", "I was first", last_number + 1,
                     name};
  ipc::ensure(other.send(encode(mine)));
  ipc::say("{}", to_line(mine));
  const auto received = other.receive();
  const Message theirs = decode(*received).value();
  ipc::say("{}", to_line(theirs));
}

std::string lesson() {
  ipc::ConnectionPair ends = ipc::make_connections();
  ipc::Process alice_user("User Alice", [&] {
    ends.second.close();
    use(ends.first, "Alice");
  });
  ipc::Process bob_user("User Bob", [&] {
    ends.first.close();
    use(ends.second, "Bob");
  });
  ends.first.close();
  ends.second.close();
  return alice_user.join() == 0 && bob_user.join() == 0 ? "" : "a user failed";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("client_order", "Each user gives its own numbers.");
  return lab.run(argc, argv, lesson);
}

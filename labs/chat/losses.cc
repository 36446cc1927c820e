#include "labs/chat/losses.h"

#include <signal.h>

#include <vector>

#include "common/memory/shared.h"
#include "common/process/process.h"
#include "common/report/report.h"
#include "common/sync/event.h"
#include "labs/chat/stage.h"
#include "labs/chat/user.h"

namespace {

constexpr size_t kOutboxMax = 2;

// What one user waits for and the chat itself does not report.
struct Stage {
  ipc::Event alice_is_in;
  ipc::Event bob_has_gone;
  ipc::Event charlie_may_read;
};

void talk(User& alice, Stage& stage) {
  alice.join("general");
  stage.alice_is_in.set();
  alice.listen_for(Kind::leave, "Bob");
  stage.bob_has_gone.set();
  alice.listen_for(Kind::join, "Charlie");
  Message latest;
  while (latest.kind != Kind::leave) {
    alice.say_in("general", "Are you asleep?");
    latest = alice.listen();  // Her own words, or that he has left.
  }
  stage.charlie_may_read.set();
  alice.leave("general");
}

void die(User& bob, Stage& stage) {
  stage.alice_is_in.wait();
  bob.say_in("general", "Can you hear me?");  // Not in the room yet: refused.
  bob.join("general");
  bob.say_in("general", "I am in");
  bob.listen_for(Kind::say, "Bob");
  ::raise(SIGKILL);
}

void not_read(User& charlie, Stage& stage) {
  stage.bob_has_gone.wait();
  charlie.join("general");
  ipc::say("Stops reading");
  stage.charlie_may_read.wait();
  charlie.listen_to_the_end();
  ipc::say("Was disconnected");
}

}  // namespace

std::string lose_users() {
  const std::vector<std::string> names{"Alice", "Bob", "Charlie"};
  const std::vector<void (*)(User&, Stage&)> roles{talk, die, not_read};
  const ipc::Shared<Stage> stage;
  const ipc::Shared<Tally> tally;
  std::vector<std::string> clients = names;
  clients.emplace_back("Main");
  Links links(clients.size());
  ipc::Process server("Server",
                      [&] { links.serve(clients, kOutboxMax, *tally); });
  std::vector<ipc::Process> users;
  for (size_t i = 0; i < names.size(); ++i) {
    users.emplace_back("User " + names[i], [&, i] {
      User user(names[i], links.keep(i), true);
      roles[i](user, *stage);
    });
  }
  ipc::Connection mine = links.keep(names.size());
  for (ipc::Process& user : users) {
    const int wanted = user.name() == "User Bob" ? -SIGKILL : 0;
    if (user.join() != wanted) return user.name() + " failed";
  }
  print_report(mine);
  mine.close();
  return server.join() == 0 ? "" : "the server failed";
}

// chat: users in rooms, and one server that knows which user is in which room.
//
//   User Alice, Bob, Charlie <==> Server <==> Reporter, Main
//
// Watch for: the number of each message. The server assigns it. All members of
// a room see the same messages in the same order, and no other user sees them.
// In act 2 one user is killed, and one stops reading.
// Try: --show=8 to read what each user gets, or delete the line [bound] of
// server.cc.

#include <string>
#include <vector>

#include "common/channel/connection.h"
#include "common/lab/lab.h"
#include "common/memory/shared.h"
#include "common/process/process.h"
#include "common/report/report.h"
#include "labs/chat/losses.h"
#include "labs/chat/scenario.h"
#include "labs/chat/stage.h"
#include "labs/chat/user.h"

namespace {

using ipc::Connection;
using ipc::Process;
using Names = std::vector<std::string>;

constexpr double kStaggerS = 0.5;
constexpr double kReportEveryS = 3;
constexpr size_t kOutboxMax = 1000;  // More than there is to be sent.

int user_count = 3;
int action_count = 3;
int report_count = 1;
int show_count = 1;

void report(Connection server) {
  for (int i = 0; i < report_count; ++i) {
    ipc::pause_s(kReportEveryS);
    print_report(server);
  }
  ipc::say("Finished reporting");
}

std::string chat_at_random() {
  Names names{"Alice", "Bob",   "Charlie", "Dave",
              "Eve",   "Frank", "Grace",   "Heidi"};
  names.resize(static_cast<size_t>(user_count));
  Names clients = names;
  clients.insert(clients.end(), {"Reporter", "Main"});
  const ipc::Shared<Tally> tally;
  Links links(clients.size());
  Process server("Server", [&] { links.serve(clients, kOutboxMax, *tally); });
  Process reporter("Reporter", [&] { report(links.keep(names.size())); });
  std::vector<Process> users;
  for (size_t i = 0; i < names.size(); ++i) {
    users.emplace_back("User " + names[i], [&, i] {
      std::mt19937 random = ipc::random_source(static_cast<unsigned>(i));
      const bool shows = i < static_cast<size_t>(show_count);
      User user(names[i], links.keep(i), shows);
      user.chat_at_random(random, action_count);
      tally->received += user.received();
    });
    ipc::pause_s(kStaggerS);
  }
  Connection mine = links.keep(names.size() + 1);
  for (Process& user : users) {
    if (user.join() != 0) return user.name() + " failed";
  }
  if (reporter.join() != 0) return "the reporter failed";
  print_report(mine);
  mine.close();
  if (server.join() != 0) return "the server failed";
  const int delivered = tally->delivered;
  const int received = tally->received;
  ipc::say("{} messages delivered, {} received", delivered, received);
  return delivered == received ? "" : "messages were lost";
}

std::string lesson() {
  ipc::say("Act 1: {}", user_count == 1
                            ? "one user chats"
                            : fmt::format("{} users chat", user_count));
  std::string problem = chat_at_random();
  if (!problem.empty()) return problem;
  ipc::say("Act 2: one user is killed, and one does not read");
  return lose_users();
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("chat", "Users in rooms, and one server.");
  lab.option("--users", user_count, 1, 8, "users of act 1");
  lab.option("--actions", action_count, 0, 100, "actions of each user");
  lab.option("--reports", report_count, 0, 100, "reports, 3 seconds apart");
  lab.option("--show", show_count, 0, 8, "users that show what they get");
  lab.explores("two join", two_join);
  return lab.run(argc, argv, lesson);
}

// Wrong: the server does not look at the id. The client asks again, as if it
// had no answer, and so it buys two tablets.

#include <sys/socket.h>

#include <array>
#include <string>

#include "common/base/errors.h"
#include "common/base/hooks.h"
#include "common/channel/queue.h"
#include "common/explore/explorer.h"
#include "common/lab/lab.h"
#include "common/process/process.h"
#include "common/report/report.h"
#include "labs/custom_protocol/protocol.h"

namespace {

using ipc::UniqueFd;

struct Ends {
  UniqueFd client;
  UniqueFd server;
};

Ends make_ends() {
  std::array<int, 2> fds{};
  ipc::check(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()),
             "socketpair");
  return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

void serve(const UniqueFd& stream) {
  int tablets = 5;
  while (true) {
    const Read read = read_message(stream);
    if (read.status != Reading::ok) return;
    ipc::point("is answering");
    --tablets;  // Missing: only if there was no such id before.
    send(stream,
         {Kind::response, read.message.id, std::to_string(tablets) + " left"});
  }
}

void buy(const UniqueFd& stream) {
  std::array<std::string, 2> answers;
  for (auto& answer : answers) {
    ipc::say("Sending buy_tablet request");
    send(stream, {Kind::request, 1, "buy_tablet"});
    const Read read = read_message(stream);
    answer = read.message.body;
    ipc::say("Received {} - {}", describe(read.message.kind), answer);
  }
  const bool same = answers[0] == answers[1];
  ipc::say("The answers are {}", same ? "the same" : "different");
}

// What the explorer plays in every order: the client does not wait in between.
std::string repeated(ipc::Schedule& schedule) {
  Ends ends = make_ends();
  ipc::Queue answers(1);
  schedule.add("Server", [&] {
    ends.client.reset();
    serve(ends.server);
  });
  ends.server.reset();
  schedule.add("Client", [&] {
    for (int i = 0; i < 2; ++i) {
      send(ends.client, {Kind::request, 1, "buy_tablet"});
      ipc::point("has asked");
    }
    const std::string first = read_message(ends.client).message.body;
    ipc::ensure(
        answers.put(first + ", " + read_message(ends.client).message.body));
  });
  ends.client.reset();
  schedule.run();
  return *answers.get();
}

std::string lesson() {
  Ends ends = make_ends();
  ipc::Process server("Server", [&] {
    ends.client.reset();
    serve(ends.server);
  });
  ends.server.reset();
  ipc::Process client("Client", [&] { buy(ends.client); });
  ends.client.reset();
  if (client.join() != 0) return "the client failed";
  return server.join() == 0 ? "" : "the server failed";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("done_twice", "Requests and answers on a stream of bytes.");
  lab.explores("a repeated request", repeated);
  return lab.run(argc, argv, lesson);
}

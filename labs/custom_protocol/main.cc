// custom_protocol: requests and answers on a bare stream of bytes.
//
//   Client === requests ====> Server
//          <== responses, errors, notifications ===
//
// Watch for: a request that comes twice is done once and answered twice; a
// damaged request is answered, too; the server ends when its client is gone.
// Try: --python; delete the line marked [close].

#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <functional>
#include <string>

#include "common/base/clock.h"
#include "common/base/errors.h"
#include "common/explore/explorer.h"
#include "common/lab/lab.h"
#include "common/memory/shared.h"
#include "common/process/process.h"
#include "common/report/report.h"
#include "labs/custom_protocol/client.h"
#include "labs/custom_protocol/server.h"

namespace {

using ipc::UniqueFd;

constexpr double kAnswerS = 5;

bool with_python = false;

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

// Plays one act: a client, and a server that serves only this client. Returns
// whether both have ended as they should.
bool play(const char* title, const std::function<void(const UniqueFd&)>& client,
          int client_status = 0) {
  ipc::say("{}", title);
  Ends ends = make_ends();
  const timeval limit{static_cast<time_t>(kAnswerS * ipc::time_scale()), 0};
  ipc::check(::setsockopt(ends.client.get(), SOL_SOCKET, SO_RCVTIMEO, &limit,
                          sizeof limit),
             "setsockopt SO_RCVTIMEO");
  ipc::Process server("Server", [&] {
    ends.client.reset();  // [close]
    serve(ends.server);
  });
  ends.server.reset();
  ipc::Process process("Client", [&] { client(ends.client); });
  ends.client.reset();
  const int status = process.join();
  ipc::say("The client: {}", ipc::describe_status(status));
  return server.join() == 0 && status == client_status;
}

// What the explorer plays in every order: a request that comes again while it
// is being answered. The outcome is what the two answers say.
std::string repeated(ipc::Schedule& schedule) {
  Ends ends = make_ends();
  const ipc::Shared<std::array<std::atomic<int>, 2>> left;
  schedule.add("Server", [&] {
    ends.client.reset();
    serve(ends.server);
  });
  ends.server.reset();
  schedule.add("Client", [&] {
    const auto answers = repeat_at_once(ends.client);
    std::copy(answers.begin(), answers.end(), left->begin());
  });
  ends.client.reset();
  schedule.run();
  return fmt::format("{} left, {} left", (*left)[0].load(), (*left)[1].load());
}

std::string lesson() {
  const bool good =
      play("Act 1: the guide's requests",
           with_python ? be_python : send_the_guides_requests) &&
      play("Act 2: an answer is lost", repeat_a_purchase) &&
      play("Act 3: bad messages, and sound headers", damage_bodies) &&
      play("Act 4: a header is damaged", damage_a_header) &&
      play("Act 5: a body is too long", announce_too_much) &&
      play("Act 6: the client is killed", die_inside_a_message, -SIGKILL) &&
      play("Act 7: two requests at once", ask_ahead);
  ipc::say("All done!");
  return good ? "" : "a client or a server failed";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("custom_protocol", "Requests and answers on a stream of bytes.");
  lab.option("--python", with_python, "act 1's client is a Python program");
  lab.explores("a repeated request", repeated);
  return lab.run(argc, argv, lesson);
}

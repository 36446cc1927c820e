// Wrong: a standard signal is taken for a message.
//
// SIGUSR1 is pending or it is not: what is sent while it is pending is lost.
// From SIGRTMIN on each one is kept, and sigqueue(3) gives it a value.

#include <signal.h>
#include <unistd.h>

#include <ctime>
#include <string>

#include "common/base/errors.h"
#include "common/lab/lab.h"
#include "common/process/process.h"
#include "common/report/report.h"

namespace {

constexpr int kMessages = 2;

std::string lesson() {
  sigset_t set{};
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGUSR1);
  ipc::check(::sigprocmask(SIG_BLOCK, &set, nullptr), "sigprocmask");
  const pid_t receiver = ::getpid();
  ipc::Process sender("Sender", [&] {
    for (int i = 0; i < kMessages; ++i) {
      ipc::check(::kill(receiver, SIGUSR1), "kill");
    }
  });
  if (sender.join() != 0) return "the sender failed";
  int received = 0;
  const timespec none{};
  while (::sigtimedwait(&set, nullptr, &none) == SIGUSR1) ++received;
  ipc::say("Messages: sent {}, received {}", kMessages, received);
  return "";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("signals_merged",
               "One job over every mechanism that Linux has.");
  return lab.run(argc, argv, lesson);
}

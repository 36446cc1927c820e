// A child sends back what it gets, until the other end is closed.
#include "common/channel/connection.h"

#include <sys/wait.h>
#include <unistd.h>

#include <string>

int main() {
  auto [ours, theirs] = ipc::make_connections();
  const pid_t child = ::fork();
  if (child == 0) {
    ours.close();
    while (const auto message = theirs.receive()) {
      ensure(theirs.send(*message + "!"));
    }
    ::_exit(0);
  }
  theirs.close();
  const std::string text(1'000, 'x');
  ensure(ours.send(text));
  const auto answer = ours.receive();
  ours.close();
  int status = -1;
  ::waitpid(child, &status, 0);
  return answer && *answer == text + "!" && status == 0 ? 0 : 1;
}

// Wrong: Main waits for an answer without a limit.
//
// Then Main hangs, too, and says nothing. From outside one sees two processes
// that sleep, one of which only waits for the other.

#include <string>

#include "common/channel/connection.h"
#include "common/lab/lab.h"
#include "common/process/pipe.h"
#include "common/process/process.h"
#include "common/report/report.h"

namespace {

// Waits for itself, before it has answered.
void be_mute(ipc::Connection& asker) {
  (void)asker.receive();
  const ipc::Pipe pipe = ipc::make_pipe();
  std::byte nothing{};
  (void)ipc::read_exact(pipe.reader, {&nothing, 1});
}

std::string lesson() {
  ipc::ConnectionPair ends = ipc::make_connections();
  ipc::Process mute("Mute", [&] {
    ends.first.close();
    be_mute(ends.second);
  });
  ends.second.close();
  ipc::say("How are you?");
  ipc::ensure(ends.first.send("How are you?"));
  return ends.first.receive() ? "" : "there was no answer";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("no_deadline", "What processes do, seen from outside.");
  return lab.run(argc, argv, lesson);
}

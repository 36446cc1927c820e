// Wrong: one channel for all lives of a worker.
//
// The first life dies before it reads its command. The command stays in the
// channel, and the second life, which no process wants to end, finds it there.

#include <stdlib.h>

#include <string>

#include "common/channel/connection.h"
#include "common/lab/lab.h"
#include "common/process/process.h"
#include "common/report/report.h"

namespace {

void crash(ipc::Connection& supervisor) {
  ipc::say("Started, life 1");
  ipc::ensure(supervisor.send("ready"));
  (void)supervisor.poll_until(ipc::Deadline::never());  // It comes, unread.
  ::abort();
}

void serve(ipc::Connection& supervisor) {
  ipc::say("Started, life 2");
  const auto command = supervisor.receive();
  ipc::say("Received command '{}' in life 2", *command);
}

void supervise() {
  ipc::ConnectionPair ends = ipc::make_connections();
  ipc::Process first("Process medium-worker", [&] { crash(ends.second); });
  (void)ends.first.receive();
  ipc::say("Sending command 'shutdown' to life 1");
  ipc::ensure(ends.first.send("shutdown"));
  ipc::say("medium-worker: ended: {}", ipc::describe_status(first.join()));
  // Missing: ends = ipc::make_connections();
  ipc::Process second("Process medium-worker", [&] { serve(ends.second); });
  ipc::say("Sending command 'progress' to life 2");
  ipc::ensure(ends.first.send("progress"));
  ipc::say("medium-worker: ended: {}", ipc::describe_status(second.join()));
}

std::string lesson() {
  const int status = ipc::Process("Supervisor", supervise).join();
  return status == 0 ? "" : "Supervisor: " + ipc::describe_status(status);
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("stale_channel", "Three workers, every way to fail.");
  return lab.run(argc, argv, lesson);
}

// Wrong: the log goes through the buffer of stdio.
//
// On a terminal it is written line by line. For a file or pipe it is kept until
// some thousand bytes have come, and is lost if its process is killed.

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include <string>

#include "common/channel/connection.h"
#include "common/lab/lab.h"
#include "common/process/process.h"
#include "common/report/report.h"

namespace {

void work(ipc::Connection& jobs) {
  while (const auto job = jobs.receive()) {
    printf("Worker: 0.000000 s, pid %d: began job %s\n", ::getpid(),
           job->c_str());
    if (*job == "3") ::raise(SIGKILL);
    ipc::ensure(jobs.send(*job));
  }
}

std::string lesson() {
  ipc::ConnectionPair ends = ipc::make_connections();
  ipc::Process worker("Worker", [&] {
    ends.first.close();
    // As stdout is when it is not a terminal.
    ::setvbuf(stdout, nullptr, _IOFBF, BUFSIZ);
    work(ends.second);
  });
  ends.second.close();
  for (int job = 1; job <= 3; ++job) {
    ipc::say("0.000000 s, pid {}: sent job {}", ::getpid(), job);
    ipc::ensure(ends.first.send(std::to_string(job)));
    (void)ends.first.receive();
  }
  ipc::say("Worker: {}", ipc::describe_status(worker.join()));
  return "";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("buffered_log", "What processes do, seen from outside.");
  return lab.run(argc, argv, lesson);
}

// file_ipc: a writer hands data points to a reader, through two files.
//
//   Writer ---- data.json ----> Reader       each file has one writer, is
//          <-- acknowledged ---              replaced as a whole, and says
//                                            which data point it is about
//
// Watch for: no process sleeps in order to be in time. The writer's pause
// stands for work; with --pace=0 there is none, and still nothing is lost. Both
// end before two others come and read: a channel would be gone by then.
// Try: --reader-dies-at=2, and find the data point that is received twice.

#include <signal.h>

#include <string>

#include "common/channel/queue.h"
#include "common/explore/explorer.h"
#include "common/files/atomic_file.h"
#include "common/lab/lab.h"
#include "common/process/process.h"
#include "common/report/report.h"
#include "labs/file_ipc/actors.h"

namespace {

int point_count = 5;
int reader_dies_at = -1;

// What the explorer plays in every order: two data points.
std::string two_points(ipc::Schedule& schedule) {
  const Files files;
  ipc::Queue received(1);
  for (const std::string& path : {files.data, files.acknowledged}) {
    schedule.show(path.substr(path.rfind('/') + 1),
                  [path] { return ipc::read_file(path).value_or("none"); });
  }
  schedule.add("Writer", [&] { write_points(files, 2); });
  schedule.add("Reader",
               [&] { ipc::ensure(received.put(read_points(files))); });
  schedule.run();
  return "received " + *received.get();
}

// What no channel can do: these two come when the writer and the reader have
// gone, and one of them does not even use this library.
std::string read_what_is_left(const Files& files) {
  ipc::say("Both have ended, and their files are still there");
  ipc::Process latecomer("Latecomer", [&] { come_late(files); });
  if (latecomer.join() != 0) return "the latecomer failed";
  ipc::Process shell = ipc::Process::spawn(  // [shell]
      "Shell",
      {"/bin/sh", "-c", R"sh(echo "Shell: $(cat "$1")")sh", "sh", files.data});
  return shell.join() == 0 ? "" : "the shell failed";
}

std::string lesson() {
  const Files files;
  ipc::Process writer("Writer", [&] { write_points(files, point_count); });
  ipc::Process reader("Reader",
                      [&] { (void)read_points(files, reader_dies_at); });
  if (reader.join() == -SIGKILL && reader_dies_at >= 0) {
    ipc::say("The reader was killed, its successor finds the files");
    reader = ipc::Process("Reader", [&] { (void)read_points(files); });
  }
  if (reader.join() != 0) return "the reader failed";
  if (writer.join() != 0) return "the writer failed";
  std::string problem = read_what_is_left(files);
  if (problem.empty()) ipc::say("All done!");
  return problem;
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("file_ipc", "Data points handed over through files.");
  lab.option("--points", point_count, 0, 10000, "data points to hand over");
  lab.option("--reader-dies-at", reader_dies_at, -1, 10000,
             "kill the reader at this data point");
  lab.explores("two data points", two_points);
  return lab.run(argc, argv, lesson);
}

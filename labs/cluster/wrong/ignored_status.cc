// Wrong: the program ignores the exit status of mpirun.
//
// A script that only reads the output of a job cannot tell one in which a rank
// was killed from one that had nothing to say.

#include <string>

#include "common/lab/lab.h"
#include "common/report/report.h"
#include "labs/cluster/job.h"

namespace {

// Returns whether the job has succeeded.
bool sum_up(int killed_rank) {
  const JobEnd end = run_job(
      {.ranks = 3, .number_count = 1'000'000, .killed_rank = killed_rank});
  for (const std::string& line : end.printed) ipc::say("{}", line);
  return true;  // Missing: end.status == 0
}

std::string lesson() {
  require_mpi();
  if (!sum_up(1)) {
    ipc::say("The job has failed, and is run again");
    if (!sum_up(-1)) return "the job failed again";
  }
  ipc::say("The job has ended, all parts are summed");
  return "";
}

}  // namespace

int main(int argc, char** argv) {
  if (is_rank()) return play_rank(argc, argv);
  ipc::Lab lab("ignored_status",
               "The ranks of an MPI job, and the death of one.");
  return lab.run(argc, argv, lesson);
}

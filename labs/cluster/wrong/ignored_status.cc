// Wrong: what mpirun returns is not looked at.
//
// A script that only reads the output of a job cannot tell one in which a rank
// was killed from one that had nothing to say.

#include <string>

#include "common/lab/lab.h"
#include "common/report/report.h"
#include "labs/cluster/job.h"

namespace {

std::string lesson() {
  require_mpi();
  const JobEnd end =
      run_job({.ranks = 3, .number_count = 1000, .killed_rank = 1});
  for (const std::string& line : end.printed) ipc::say("{}", line);
  // Missing: if (end.status != 0) return "the job failed";
  ipc::say("The job has ended, all parts are summed");
  return "";
}

}  // namespace

int main(int argc, char** argv) {
  if (is_rank()) return play_rank(argc, argv);
  ipc::Lab lab("ignored_status", "A job that failed is taken for a good one.");
  return lab.run(argc, argv, lesson);
}

// Wrong: every rank takes numbers / ranks numbers, and no rank takes the rest.
//
// The sum is right as long as the number of ranks divides the number of
// numbers, as it does with round numbers on the author's machine.

#include <string>
#include <vector>

#include "common/lab/lab.h"
#include "common/report/report.h"
#include "labs/cluster/job.h"

namespace {

constexpr int kNumbers = 1'000'000;
constexpr int kRanks = 3;

// Missing: numbers % ranks numbers, which are in no part.
int whole_parts() { return kNumbers / kRanks * kRanks; }

std::string lesson() {
  require_mpi();
  const JobEnd end = run_job({kRanks, whole_parts()});
  for (const std::string& line : end.printed) ipc::say("{}", line);
  return end.status == 0 ? "" : "the job failed";
}

}  // namespace

int main(int argc, char** argv) {
  if (is_rank()) return play_rank(argc, argv);
  ipc::Lab lab("lost_remainder",
               "The ranks of an MPI job, and the death of one.");
  return lab.run(argc, argv, lesson);
}

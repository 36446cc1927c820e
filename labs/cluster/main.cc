// cluster: a million numbers are summed by the ranks of an MPI job, and one of
// the ranks is killed.
//
//   Main --fork, exec--> mpirun --> rank 0, rank 1, rank 2    each sums a part
//                                    sum <-- MPI_Allreduce -->
//
// Watch for: what the death of one rank costs, compared with the death of one
// worker of a pool that does the same work.
// Try: --ranks=8; on several machines, --hosts=<file> with their names.

#include <fmt/format.h>
#include <math.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <numeric>
#include <string>
#include <vector>

#include "common/lab/lab.h"
#include "common/memory/shared.h"
#include "common/pool/pool.h"
#include "common/process/process.h"
#include "common/report/report.h"
#include "labs/cluster/job.h"

namespace {

int number_count = 1'000'000;
int rank_count = 3;
int killed_rank = 1;
std::string hosts;

bool near(double sum, double expected) {
  return fabs(sum - expected) <= 1e-9 * expected;
}

// The number at the end of the line that rank 0 prints; 0 if there is no such
// line.
double sum_in(const JobEnd& end) {
  for (const std::string& line : end.printed) {
    const size_t place = line.find("has the sum ");
    if (place != std::string::npos) return std::stod(line.substr(place + 12));
  }
  return 0;
}

long ended_in(const JobEnd& end) {
  return std::ranges::count_if(end.printed, [](const std::string& line) {
    return line.find("has summed") != std::string::npos;
  });
}

// Runs a job, and prints what it printed and how it ended.
JobEnd play_job(int killed) {
  JobEnd end = run_job({rank_count, number_count, killed, hosts});  // [job]
  std::ranges::sort(end.printed);
  for (const std::string& line : end.printed) ipc::say("{}", line);
  ipc::say("mpirun: {}; {} of {} ranks finished",
           ipc::describe_status(end.status), ended_in(end), rank_count);
  return end;
}

struct Books {
  std::atomic<int> parts;  // How many times a part was summed.
  std::atomic<bool> killed;
};

// Does the same with a pool, whose worker is killed in the same place. Returns
// the sum.
double sum_by_pool(int& part_count) {
  const ipc::Shared<Books> books;
  ipc::Pool<double(int)> pool(rank_count, [&](int rank) {
    const double sum = sum_of(part_of(rank, rank_count, number_count));
    ++books->parts;
    if (rank == killed_rank && !books->killed.exchange(true)) ::raise(SIGKILL);
    return sum;
  });
  const std::vector<double> sums =
      pool.map_range(0, rank_count, {.chunk_size = 1, .retries = 1});  // [pool]
  part_count = books->parts;
  return std::accumulate(sums.begin(), sums.end(), 0.0);
}

std::string lesson() {
  require_mpi();
  if (killed_rank >= rank_count) {
    return fmt::format("there is no rank {} of {}", killed_rank, rank_count);
  }
  const double alone = sum_of({0, number_count});

  ipc::say("Act 1: {} ranks, and all of them live", rank_count);
  const JobEnd good = play_job(-1);
  if (good.status != 0) return "the job failed: " + good.complaint;
  if (ended_in(good) != rank_count) return "a rank did not end";
  if (!near(sum_in(good), alone)) return "the sum is not that of one process";

  ipc::say("Act 2: rank {} is killed when its part is done", killed_rank);
  const JobEnd bad = play_job(killed_rank);
  if (bad.status == 0) return "the job did not notice";
  if (ended_in(bad) != 0) return "a rank has survived";
  ipc::say("There is no sum, and nothing is left of the other parts");

  ipc::say("Act 3: the job is run again, from the beginning");
  const JobEnd again = play_job(-1);
  if (!near(sum_in(again), alone)) return "the second job failed";
  ipc::say("One death: {} parts were summed; {} would have been enough",
           2 * rank_count, rank_count);

  ipc::say("Act 4: a pool, and the worker of part {} is killed", killed_rank);
  int part_count = 0;
  if (!near(sum_by_pool(part_count), alone)) return "the pool has lost a part";
  ipc::say("One death: {} parts were summed; {} would have been enough",
           part_count, rank_count);
  return part_count == rank_count + 1 ? "" : "the pool did too much";
}

}  // namespace

int main(int argc, char** argv) {
  if (is_rank()) return play_rank(argc, argv);  // [rank]
  ipc::Lab lab("cluster", "The ranks of an MPI job, and the death of one.");
  lab.option("--numbers", number_count, 1, 100'000'000, "how many numbers");
  lab.option("--ranks", rank_count, 1, 64, "processes of the job");
  lab.option("--dies", killed_rank, 0, 63, "which rank is killed in act 2");
  lab.option("--hosts", hosts, "file with the names of machines, for mpirun");
  return lab.run(argc, argv, lesson);
}

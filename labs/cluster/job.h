// A job of MPI: one program, started as many times as there are ranks, on one
// machine or on many.
//
// The program of this lab has two roles: if mpirun starts it, it is a rank; if
// you start it, it calls mpirun. So only one file must go to another machine.
#pragma once

#include <string>
#include <vector>

// What every rank computes: numbers first + 1 to first + count.
struct Part {
  int first;
  int count;
};

// The part of one of `ranks` ranks; the first ones get what is left over.
Part part_of(int rank, int ranks, int number_count);

// The sum of sqrt(x) * log(x + 1), as in pool_chunking, over a part.
double sum_of(const Part& part);

// Whether mpirun has started this process.
bool is_rank();

// A rank: sums its part and adds it to those of the others. All have the sum
// then, and rank 0 prints it. The arguments are the number of numbers and the
// rank that is killed with its part done, or -1. Returns the exit status: 2,
// and a line on standard error, if it was not the lab that called mpirun.
int play_rank(int argc, char** argv);

// Throws ipc::Skip if the program was built without MPI.
void require_mpi();

struct Job {
  int ranks;
  int number_count;
  int killed_rank = -1;    // Killed once its part is done.
  std::string hosts = {};  // A file with the names of machines, for mpirun.
};

struct JobEnd {
  int status;                        // Of mpirun, as of Process::join().
  std::vector<std::string> printed;  // Lines of the ranks, in no order.
  std::string complaint;             // The first line that mpirun itself says.
};

// Runs a job, and blocks until it has ended and none of its ranks is left on
// this machine. Waits for all other children of this process as well.
// std::system_error if there is no process or pipe for it; ipc::Skip if there
// is no mpirun.
JobEnd run_job(const Job& job);

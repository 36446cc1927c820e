// A rank, which is a process that MPI has numbered.

// Leaves out the bindings for C++, which MPI 3 has removed.
#define OMPI_SKIP_MPICXX 1

#include <mpi/mpi.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "labs/cluster/job.h"

void require_mpi() {}

int play_rank(int argc, char** argv) {
  if (argc != 3) {
    ::dprintf(STDERR_FILENO,
              "%s: started by mpirun, but the lab calls mpirun itself\n",
              argv[0]);
    return 2;
  }
  // If mpirun is killed, it cannot end its ranks.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  MPI_Init(&argc, &argv);
  int rank = 0;
  int ranks = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  const int number_count = ::atoi(argv[1]);
  const int killed_rank = ::atoi(argv[2]);

  const Part part = part_of(rank, ranks, number_count);
  const double sum = sum_of(part);
  if (rank == killed_rank) ::raise(SIGKILL);  // [die]
  double all = 0;
  MPI_Allreduce(&sum, &all, 1, MPI_DOUBLE, MPI_SUM,
                MPI_COMM_WORLD);  // [reduce]
  ::dprintf(STDOUT_FILENO, "rank %d has summed %d to %d\n", rank,
            part.first + 1, part.first + part.count);
  if (rank == 0) ::dprintf(STDOUT_FILENO, "rank 0 has the sum %.14g\n", all);
  return MPI_Finalize();
}

#include <stdio.h>
#include <unistd.h>

#include "common/lab/lab.h"
#include "labs/cluster/job.h"

void require_mpi() {
  throw ipc::Skip(
      "Open MPI is not installed; apt-get install libopenmpi-dev openmpi-bin, "
      "and ./bazelw builds the lab with it");
}

int play_rank(int /*argc*/, char** argv) {
  ::dprintf(STDERR_FILENO,
            "%s: started by mpirun, but it was built without Open MPI\n",
            argv[0]);
  return 2;
}

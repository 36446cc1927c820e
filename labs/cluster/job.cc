#include "labs/cluster/job.h"

#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/errors.h"
#include "common/lab/lab.h"
#include "common/process/names.h"
#include "common/process/pipe.h"
#include "common/process/process.h"

namespace {

using ipc::check;

constexpr int kNotFound = 127;  // As in the shell.

std::vector<std::string> command_of(const Job& job, const std::string& folder) {
  std::vector<std::string> words{
      "mpirun",
      // In containers and in CI we may be root, and there are few processors.
      "--allow-run-as-root", "--oversubscribe",
      // Plain TCP, on one machine too, and nothing left in /dev/shm.
      "--mca", "pml", "ob1", "--mca", "btl", "tcp,self",
      // A rank that waits lets other ranks have the processor.
      "--mca", "mpi_yield_when_idle", "1", "--mca", "orte_tmpdir_base", folder};
  if (job.hosts.empty()) {
    // Nothing is started on other machines, so mpirun need not look for ssh,
    // and can use the loopback, which it leaves out by default.
    words.insert(words.end(), {"--mca", "plm", "isolated", "--mca",
                               "btl_tcp_if_include", "127.0.0.0/8"});
  } else {
    words.insert(words.end(), {"--hostfile", job.hosts});
  }
  std::array<char, 4096> self{};
  check(::readlink("/proc/self/exe", self.data(), self.size() - 1), "readlink");
  words.insert(words.end(), {"-n", std::to_string(job.ranks), self.data(),
                             std::to_string(job.number_count),
                             std::to_string(job.killed_rank)});
  return words;
}

// In the child: becomes mpirun.
[[noreturn]] void become(std::vector<std::string> words,
                         const ipc::UniqueFd& out) {
  std::vector<char*> arguments;
  arguments.reserve(words.size() + 1);
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  for (const int fd : {STDOUT_FILENO, STDERR_FILENO}) {
    check(::dup2(out.get(), fd), "dup2");
  }
  ::execvp("mpirun", arguments.data());
  ::_exit(kNotFound);
}

std::string read_to_the_end(const ipc::UniqueFd& reader) {
  std::string text;
  std::array<char, 4096> bytes{};
  while (const ssize_t size = check(ipc::retry([&] {
                                      return ::read(reader.get(), bytes.data(),
                                                    bytes.size());
                                    }),
                                    "read")) {
    text.append(bytes.data(), static_cast<size_t>(size));
  }
  return text;
}

}  // namespace

Part part_of(int rank, int ranks, int number_count) {
  const int each = number_count / ranks;
  const int left_over = number_count % ranks;  // [rest]
  return {rank * each + std::min(rank, left_over), each + (rank < left_over)};
}

double sum_of(const Part& part) {
  double sum = 0;
  for (int i = part.first + 1; i <= part.first + part.count; ++i) {
    const double x = i;
    sum += sqrt(x) * log(x + 1);
  }
  return sum;
}

bool is_rank() { return ::getenv("OMPI_COMM_WORLD_RANK") != nullptr; }

JobEnd run_job(const Job& job) {
  const ipc::TempDir folder("mpi");
  ipc::Pipe pipe = ipc::make_pipe();
  const std::vector<std::string> command = command_of(job, folder.path());
  // Ranks that mpirun killed but did not wait for become our children.
  check(::prctl(PR_SET_CHILD_SUBREAPER, 1), "prctl");
  ipc::Process mpirun("mpirun", [&] { become(command, pipe.writer); });
  pipe.writer.reset();

  std::istringstream text(read_to_the_end(pipe.reader));
  JobEnd end{.status = mpirun.join(), .printed = {}, .complaint = {}};
  while (ipc::retry([] { return ::waitpid(-1, nullptr, 0); }) != -1) {
  }
  if (end.status == kNotFound) {
    throw ipc::Skip("there is no mpirun; apt-get install openmpi-bin");
  }
  for (std::string line; std::getline(text, line);) {
    if (line.starts_with("rank ")) {
      end.printed.push_back(line);
    } else if (end.complaint.empty() && !line.starts_with("---")) {
      end.complaint = line;
    }
  }
  return end;
}

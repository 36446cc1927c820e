// What the attacks share; attacks_test.py puts this text where it is included.
//
// An attack tries things and says "Main: PASS" if all were refused, and
// otherwise "Main: FAIL" with what got through. `canary` is what the test has
// put on the machine, outside of the cell, and watches.

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <vector>

namespace attack {

inline std::string got;

// Notes that something was not refused.
inline void unless(bool refused, const std::string& what) {
  if (!refused) got += " " + what;
}

inline void opens(const std::string& path, int flags) {
  const int fd = open(path.c_str(), flags | O_CLOEXEC | O_NONBLOCK, 0600);
  unless(fd == -1, "open:" + path);
  if (fd != -1) close(fd);
}

inline std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> found;
  DIR* entries = opendir(folder.c_str());
  if (entries == nullptr) return found;
  while (const dirent* entry = readdir(entries)) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") found.push_back(name);
  }
  closedir(entries);
  return found;
}

// The processes that are not ours.
inline std::vector<pid_t> others() {
  std::vector<pid_t> found;
  for (const std::string& name : names_in("/proc")) {
    const int pid = atoi(name.c_str());
    if (pid > 0 && pid != getpid()) found.push_back(pid);
  }
  return found;
}

inline int end() {
  if (got.empty()) puts("Main: PASS");
  if (!got.empty()) printf("Main: FAIL got through:%s\n", got.c_str());
  fflush(stdout);
  return got.empty() ? 0 : 1;
}

}  // namespace attack

// A child writes a file that is not there yet, and the parent is notified.
#include "common/files/file_watcher.h"

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

int main() {
  ipc::FileWatcher watcher("watched.txt");
  (void)watcher.wait();  // Returns at once the first time.
  const pid_t child = ::fork();
  if (child == 0) {
    FILE* const file = ::fopen("watched.txt", "w");
    const bool written = ::fputs("new", file) >= 0 && ::fclose(file) == 0;
    ::_exit(written ? 0 : 1);
  }
  const auto notice = watcher.wait_until(ipc::Deadline::after(10));
  ::waitpid(child, nullptr, 0);
  return notice && ::access("watched.txt", F_OK) == 0 ? 0 : 1;
}

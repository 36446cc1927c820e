// A child replaces a file many times; what is read is always one of them,
// whole.
#include "common/files/atomic_file.h"

#include <sys/wait.h>
#include <unistd.h>

#include <string>

int main() {
  const std::string path = "replaced.txt";
  ipc::replace_file(path, std::string(10'000, 'a'));
  const pid_t child = ::fork();
  for (char letter = 'b'; child == 0 && letter <= 'z'; ++letter) {
    ipc::replace_file(path, std::string(10'000, letter));
  }
  if (child == 0) ::_exit(0);
  bool whole = true;
  char letter = 'a';
  while (whole && letter != 'z' && ::waitpid(child, nullptr, WNOHANG) == 0) {
    const auto text = ipc::read_file(path);
    whole = text && *text == std::string(10'000, text->front());
    letter = text->front();
  }
  ::waitpid(child, nullptr, 0);
  return whole && ipc::read_file(path)->front() == 'z' ? 0 : 1;
}

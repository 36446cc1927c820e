// echo_server <path>: sends each client back what it has sent. See README.md.

#include <stdio.h>

int main(int argc, char** /*argv*/) {
  if (argc != 2) {
    ::fputs("usage: echo_server <path>\n", stderr);
    return 2;
  }
  // TODO: listen at the path; then say "ready", and a newline, on standard
  // output; then serve until SIGTERM, remove the path, and end with status 0.
  ::fputs("echo_server: not written yet\n", stderr);
  return 1;
}

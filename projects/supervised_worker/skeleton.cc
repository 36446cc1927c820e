// supervised_worker <restarts> <pause in ms> <command>...: runs the command,
// and starts it again when it has failed. See README.md.

#include <stdio.h>

int main(int argc, char** /*argv*/) {
  if (argc < 4) {
    ::fputs("usage: supervised_worker <restarts> <pause in ms> <command>...\n",
            stderr);
    return 2;
  }
  // TODO: start the command, wait for its end or for SIGTERM, and decide.
  ::fputs("supervised_worker: not written yet\n", stderr);
  return 3;
}

// Lines without end.

#include "attack.h"

int main() {
  signal(SIGPIPE, SIG_IGN);
  for (;;) puts("Main: PASS");
}

// Says that it cannot be played on this machine.

#include "attack.h"

int main() {
  puts("Main: SKIP there are no pipes here");
  return 77;
}

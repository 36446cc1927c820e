// Works without end, and ends at no request.

#include "attack.h"

int main() {
  for (int number = 1; number < NSIG; ++number) signal(number, SIG_IGN);
  for (volatile int i = 0;; i = i + 1) {
  }
}

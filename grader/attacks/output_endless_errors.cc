// Lines without end, as errors.

#include "attack.h"

int main() {
  const std::string lines(1 << 16, '\n');
  for (;;) fputs(lines.c_str(), stderr);
}

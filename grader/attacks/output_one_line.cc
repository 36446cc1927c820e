// One line without end.

#include "attack.h"

int main() {
  const std::string part(1 << 16, 'x');
  for (;;) fputs(part.c_str(), stdout);
}

// Prints the answer of an exploration that has found nothing wrong.

#include "attack.h"

int main(int /*argc*/, char** /*argv*/, char** environment) {
  for (char** each = environment; *each != nullptr; ++each) {
    if (strncmp(*each, "IPC_LABS_EXPLORE", 16) != 0) continue;
    puts("{\"outcomes\": [], \"schedules\": 0, \"reduced\": false}");
    return 0;
  }
  return attack::end();
}

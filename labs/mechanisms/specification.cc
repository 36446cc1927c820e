#include "labs/mechanisms/specification.h"

#include <time.h>

std::vector<NamedMechanism> mechanisms() {
  std::vector<NamedMechanism> all;
  for (const auto& family :
       {pipes(), sockets(), queues(), memories(), files(), signals()}) {
    all.insert(all.end(), family.begin(), family.end());
  }
  return all;
}

void nap() {
  const timespec moment{0, 1'000'000};
  ::clock_nanosleep(CLOCK_MONOTONIC, 0, &moment, nullptr);
}

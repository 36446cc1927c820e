// Threads until there is room for no other, which then wait.

#include <pthread.h>

#include "attack.h"

int main() {
  pthread_attr_t small;
  pthread_attr_init(&small);
  pthread_attr_setstacksize(&small, 64 << 10);
  pthread_t one{};
  const auto wait = [](void*) -> void* {
    for (;;) pause();
  };
  int made = 0;
  while (pthread_create(&one, &small, wait, nullptr) == 0) ++made;
  attack::unless(made < 1'500, "threads:" + std::to_string(made));
  printf("Main: FAIL there was room for %s\n", made < 1'500 ? "few" : "many");
  fflush(stdout);
  _exit(1);
}

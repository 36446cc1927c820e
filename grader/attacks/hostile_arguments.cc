// Takes the name of the harness, with arguments of megabytes.

#include "attack.h"

int main(int argc, char** argv, char** environment) {
  if (argc > 1'000) {
    prctl(PR_SET_NAME, "python3", 0, 0, 0);
    return attack::end();
  }
  static std::string big(120'000, 'x');
  std::vector<char*> words{argv[0]};
  static char code[] = "from harness.world import main; main()";
  for (int i = 0; i < 1'100; ++i) words.push_back(i < 8 ? big.data() : code);
  words.push_back(nullptr);
  execve("/proc/self/exe", words.data(), environment);
  perror("execve");
  return 1;
}

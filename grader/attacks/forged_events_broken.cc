// Writes events that a reader of JSON cannot take: endless, deep, infinite.

#include "attack.h"

int main() {
  const char* path = getenv("IPC_LABS_EVENTS");
  FILE* file = path == nullptr ? nullptr : fopen(path, "a");
  if (file != nullptr) {
    fputs("{\"t_ns\": Infinity, \"pid\": 1, \"process\": \"P\", ", file);
    fputs("\"kind\": \"exit\"}\n", file);
    const std::string digits(100'000, '9');
    fprintf(file, "{\"pid\":%s,\"t_ns\": 1}\n", digits.c_str());
    const std::string deep(100'000, '[');
    fprintf(file, "%s\n", deep.c_str());
    fclose(file);
  }
  return attack::end();
}

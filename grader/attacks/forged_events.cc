// Fills the file of events with lines that break a careless reader.

#include "attack.h"

int main() {
  const char* path = getenv("IPC_LABS_EVENTS");
  FILE* file = path == nullptr ? nullptr : fopen(path, "a");
  if (file != nullptr) {
    fputs("nonsense\n\xff\xfe\n{}\n[]\nnull\n\"\n", file);
    fputs("{\"t_ns\": \"x\", \"pid\": {}, \"process\": [], \"kind\": 1}\n",
          file);
    const std::string digits(4000, '9');
    fprintf(file, "{\"t_ns\": %s, \"pid\": -1, \"process\": \"P\", ",
            digits.c_str());
    fputs("\"kind\": \"exit\", \"object\": \"\\u0000\\ud800\"}\n", file);
    for (int i = 0; i < 20'000; ++i) {
      fprintf(
          file,
          "{\"t_ns\":1,\"pid\":%d,\"process\":\"../P%d\",\"kind\":\"name\"}\n",
          i, i);
    }
    fclose(file);
    // In place of the file there may be something else.
    attack::unless(unlink(path) == -1, "unlink:events");
    attack::unless(rename(path, "/tmp/events") == -1, "rename:events");
  }
  return attack::end();
}

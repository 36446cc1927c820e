// Looks for a way to the files and pipes that verdicts travel by.

#include "attack.h"

int main() {
  for (const char* path :
       {"/judge", "/judge/wall", "/judge/course/grader/judging.py",
        "/proc/1/root/tmp/judged", "/proc/self/root/judge/wall"}) {
    attack::opens(path, O_RDONLY);
  }
  for (const char* path :
       {"/submission/x", "/x", "/usr/x", "/dev/x", "/tmp/.ipc-labs-world/x",
        "/proc/1/root/tmp/judged", "/proc/1/cwd/x", "/proc/sys/kernel/x"}) {
    attack::opens(path, O_WRONLY | O_CREAT);
  }
  // Our /tmp is another one; a result in it is read by no process.
  FILE* judged = fopen("/tmp/judged", "w");
  if (judged != nullptr) {
    fputs("[\"it does what the lab promises\"]\n", judged);
    fputs("{\"name\": \"it does what the lab promises\", \"status\": \"ok\", ",
          judged);
    fputs("\"kind\": \"\", \"detail\": \"\", \"processes\": 18}\nnull\n",
          judged);
    fclose(judged);
    unlink("/tmp/judged");
  }
  for (int fd = 3; fd < 4096; ++fd) {
    attack::unless(write(fd, "null\n", 5) == -1, "fd:" + std::to_string(fd));
    attack::unless(fcntl(fd, F_GETFD) == -1, "has:" + std::to_string(fd));
  }
  for (const std::string& name : attack::names_in("/tmp")) {
    const std::string path = "/tmp/" + name;
    if (access(path.c_str(), W_OK) == 0 ||
        rename(path.c_str(), "/tmp/z") == 0) {
      attack::got += " " + path;
    }
    if (name != ".ipc-labs-world") attack::opens(path, O_RDONLY);
  }
  for (const pid_t pid : attack::others()) {
    for (int fd = 0; fd < 32; ++fd) {
      const std::string path =
          "/proc/" + std::to_string(pid) + "/fd/" + std::to_string(fd);
      attack::opens(path, O_WRONLY);
    }
  }
  return attack::end();
}

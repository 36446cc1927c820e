// Reads the checks, the seeds, other submissions, the environment, and /proc.

#include "attack.h"

namespace {

void read_processes() {
  for (const pid_t pid : attack::others()) {
    const std::string folder = "/proc/" + std::to_string(pid) + "/";
    for (const char* name : {"environ", "mem", "maps", "auxv", "stack"}) {
      attack::opens(folder + name, O_RDONLY);
    }
    for (const char* name : {"exe", "cwd", "root"}) {
      char target[4096];
      attack::unless(
          readlink((folder + name).c_str(), target, sizeof target) == -1,
          folder + name);
    }
    for (const char* name : {"fd", "fdinfo", "map_files", "ns"}) {
      for (const std::string& each : attack::names_in(folder + name)) {
        attack::opens(folder + name + "/" + each, O_RDONLY);
      }
    }
    // Its command line may be seen: it must hold nothing that is secret.
    FILE* file = fopen((folder + "cmdline").c_str(), "r");
    char line[4096] = {};
    if (file != nullptr) {
      const size_t size = fread(line, 1, sizeof line - 1, file);
      fclose(file);
      for (size_t i = 0; i < size; ++i) line[i] = line[i] ? line[i] : ' ';
    }
    attack::unless(strstr(line, canary::kSeed) == nullptr, "seed");
    attack::unless(strstr(line, canary::kMark) == nullptr, "mark");
  }
  // What is not in our namespace is not there.
  attack::unless(kill(canary::kPid, 0) == -1, "sees a process of the machine");
}

}  // namespace

int main(int /*argc*/, char** /*argv*/, char** environment) {
  for (const char* path : {canary::kFile,
                           "/judge/course",
                           "/judge/course/labs/pipes/pipes_test.py",
                           "/course",
                           "/archives",
                           "/etc/shadow",
                           "/etc/hostname",
                           "/etc/ssh",
                           "/root/.bashrc",
                           "/home",
                           "/var",
                           "/srv",
                           "/work",
                           "/run/user",
                           "/run/systemd",
                           "/run/docker.sock",
                           "/boot",
                           "/sys",
                           "/dev/mem",
                           "/dev/kmsg",
                           "/dev/sda",
                           "/dev/vda",
                           "/dev/fuse",
                           "/dev/kvm",
                           "/dev/console",
                           "/dev/tty1",
                           "/proc/kcore",
                           "/proc/kmsg",
                           "/proc/kpagecount",
                           "/proc/1/environ"}) {
    attack::opens(path, O_RDONLY);
  }
  for (const std::string& name : attack::names_in("/submission")) {
    if (name != "wrong_unclosed_end") attack::got += " sees:" + name;
  }
  for (char** each = environment; *each != nullptr; ++each) {
    const std::string variable = *each;
    bool is_known = false;
    for (const char* name :
         {"PATH=", "HOME=/tmp", "LANG=", "IPC_LABS_TIME_SCALE=",
          "IPC_LABS_EVENTS=/tmp/", "IPC_LABS_JUDGED=1", "IPC_LABS_NO_SWEEP=1",
          "IPC_LABS_RUN=", "TEST_TMPDIR=/run/"}) {
      is_known = is_known || variable.rfind(name, 0) == 0;
    }
    attack::unless(is_known, variable);
  }
  read_processes();
  // As names go, so do hard links and handles.
  attack::unless(link("/submission/wrong_unclosed_end", "/tmp/x") == -1,
                 "link");
  return attack::end();
}

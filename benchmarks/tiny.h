// A program that costs as little as a program can, and the memory that it
// shares with the process that started it.
#pragma once

#include <linux/futex.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <climits>
#include <filesystem>
#include <string>

namespace ipc::bench {

// Where each life of a supervised process records that it has begun.
struct LifeSign {
  std::atomic<uint32_t> lives{0};
  std::atomic<pid_t> pid{0};
  std::atomic<int64_t> begun_ns{0};

  static int64_t now_ns() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1'000'000'000 + now.tv_nsec;
  }

  void give() {
    begun_ns = now_ns();
    pid = ::getpid();
    lives += 1;
    ::syscall(SYS_futex, &lives, FUTEX_WAKE, INT_MAX);
  }
};

// Returns the path of that program, which is built beside this one. If started
// with the name of a file, it gives the sign of life in that file and waits
// until it is killed; without an argument it ends at once.
inline std::string tiny_program() {
  const std::string self = std::filesystem::read_symlink("/proc/self/exe");
  return self.substr(0, self.rfind('/')) + "/tiny";
}

}  // namespace ipc::bench

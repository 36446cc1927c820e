// Tells the CPU that it runs a loop that waits. Takes some 10 to 50 ns.
#pragma once

namespace ipc {

inline void pause_cpu() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__) || defined(__arm__)
  asm volatile("yield");
#endif
}

}  // namespace ipc

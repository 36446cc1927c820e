// Three ways to start something, and the memory that makes one expensive.
#pragma once

#include <cstddef>

// Each starts something that does nothing, and waits for its end.
void start_thread();
void fork_process();
void spawn_program(const char* path);  // Throws unless it ends with status 0.

// Memory of Main that it has written to, page by page of 4 KiB.
class Ballast {
 public:
  explicit Ballast(size_t megabytes);
  Ballast(const Ballast&) = delete;
  Ballast& operator=(const Ballast&) = delete;
  Ballast(Ballast&&) = delete;
  Ballast& operator=(Ballast&&) = delete;
  ~Ballast();

  [[nodiscard]] size_t page_count() const;
  // Reads or writes one byte of each page, and returns how often the kernel had
  // to help: page faults of this process.
  long read_pages();
  long write_pages();

 private:
  size_t bytes_;
  volatile char* begin_ = nullptr;
};

// How big the page tables of this process are; see proc(5), VmPTE.
long page_tables_kib();

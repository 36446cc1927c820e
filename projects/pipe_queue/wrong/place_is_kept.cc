// Wrong: get() does not give the place back. After as many items as there are
// places, no producer can put another one.

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <unistd.h>

#include <stdexcept>
#include <utility>

#include "common/base/errors.h"
#include "projects/pipe_queue/pipe_queue.h"

namespace {

enum class Side { writers, readers };

Pipe make_pipe() {
  int ends[2] = {-1, -1};
  ipc::check(::pipe2(ends, O_CLOEXEC), "pipe2");
  return {.read_end = ends[0], .write_end = ends[1]};
}

void close_end(int& fd) {
  if (fd != -1) ::close(fd);
  fd = -1;
}

void write_all(int fd, const void* data, size_t size) {
  const char* at = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t part =
        ipc::check(ipc::retry([&] { return ::write(fd, at, size); }), "write");
    at += part;
    size -= static_cast<size_t>(part);
  }
}

// Returns true if all was read, false if the file ends before the first byte.
bool read_all(int fd, void* data, size_t size) {
  char* at = static_cast<char*>(data);
  for (size_t left = size; left > 0;) {
    const ssize_t part =
        ipc::check(ipc::retry([&] { return ::read(fd, at, left); }), "read");
    if (part == 0 && left == size) return false;
    if (part == 0) throw std::runtime_error("the pipe ends within an item");
    at += part;
    left -= static_cast<size_t>(part);
  }
  return true;
}

// Locks one side until it is destroyed. The lock belongs to the process
// (F_SETLKW in fcntl(2)): a child does not inherit it, and the kernel releases
// it when its owner ends.
class Turn {
 public:
  Turn(int lock, Side side) : lock_(lock), side_(side) { set(F_WRLCK); }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  Turn(Turn&&) = delete;
  Turn& operator=(Turn&&) = delete;
  ~Turn() { set(F_UNLCK); }

 private:
  void set(short type) const {
    struct flock range {};
    range.l_type = type;
    range.l_whence = SEEK_SET;
    range.l_start = static_cast<off_t>(side_);
    range.l_len = 1;
    ipc::retry([&] { return ::fcntl(lock_, F_SETLKW, &range); });
  }

  int lock_;
  Side side_;
};

}  // namespace

PipeQueue::PipeQueue(int capacity, std::string lock_file)
    : items_(make_pipe()),
      places_(make_pipe()),
      lock_file_(std::move(lock_file)) {
  lock_ = ipc::check(
      ::open(lock_file_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600), "open");
  const std::string free(static_cast<size_t>(capacity), '.');
  write_all(places_.write_end, free.data(), free.size());
}

PipeQueue::~PipeQueue() {
  be_neither();
  close_end(lock_);
}

// The read end of the places stays open in all processes: a consumer may give
// back a place when no producer is left, and that must not be an error.
void PipeQueue::be_producer() {
  close_end(items_.read_end);
  close_end(places_.write_end);
}

void PipeQueue::be_consumer() { close_end(items_.write_end); }

void PipeQueue::be_neither() {
  close_end(items_.read_end);
  close_end(items_.write_end);
  close_end(places_.read_end);
  close_end(places_.write_end);
}

void PipeQueue::put(std::string_view item) {
  char place = 0;
  if (!read_all(places_.read_end, &place, 1)) {
    throw std::runtime_error("no consumer is left");
  }
  const Turn turn(lock_, Side::writers);
  const uint32_t size = static_cast<uint32_t>(item.size());
  write_all(items_.write_end, &size, sizeof size);
  write_all(items_.write_end, item.data(), item.size());
}

std::optional<std::string> PipeQueue::get() {
  std::string item;
  {
    const Turn turn(lock_, Side::readers);
    uint32_t size = 0;
    if (!read_all(items_.read_end, &size, sizeof size)) return {};
    if (size > kItemMax) throw std::runtime_error("an item has a wrong size");
    item.resize(size);
    if (size > 0 && !read_all(items_.read_end, item.data(), size)) {
      throw std::runtime_error("the pipe ends within an item");
    }
  }
  return item;
}

// Pipes: the nameless one, which is inherited, and the FIFO, which has a path.
// See pipe(7), fifo(7), mkfifo(3).

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "common/base/errors.h"
#include "common/base/unique_fd.h"
#include "common/process/names.h"
#include "labs/mechanisms/specification.h"

namespace {

using ipc::check;
using ipc::UniqueFd;

class Pipe : public Mechanism {
 public:
  void open() override {
    std::array<int, 2> ends{};
    check(::pipe2(ends.data(), O_NONBLOCK | O_CLOEXEC), "pipe2");
    reader_.reset(ends[0]);
    writer_.reset(ends[1]);
  }
  void join(Side side, const std::string& /*address*/) override {
    if (!reader_ || !writer_) ipc::throw_error(EBADF, "join a pipe");
    if (side == Side::sender) reader_.reset();
    if (side == Side::receiver) writer_.reset();
  }
  Outcome send(std::string_view message, Wait wait) override {
    return attempt(writer_.get(), POLLOUT, wait, [&] {
      return ::write(writer_.get(), message.data(), message.size());
    });
  }
  Outcome receive(std::span<char> buffer, Wait wait) override {
    return attempt_to_read(reader_.get(), wait, [&] {
      return ::read(reader_.get(), buffer.data(), buffer.size());
    });
  }

 protected:
  UniqueFd reader_;
  UniqueFd writer_;
};

// The same pipe, found by a path. The path is in the file system; the pipe is
// in the kernel as long as a process has it open.
class Fifo : public Pipe {
 public:
  void open() override { check(::mkfifo(path_.c_str(), 0600), "mkfifo"); }
  void join(Side side, const std::string& address) override {
    // Without O_NONBLOCK each of the two would wait for the other to come.
    constexpr int kFlags = O_NONBLOCK | O_CLOEXEC;
    if (side != Side::sender) {
      reader_.reset(check(::open(path_.c_str(), O_RDONLY | kFlags), "open"));
    }
    if (side == Side::receiver) return;
    // ENXIO if no process has opened it for reading.
    writer_.reset(check(::open(address.c_str(), O_WRONLY | kFlags), "open"));
  }
  // Before the first sender has opened it, read(2) already returns end of file,
  // but poll(2) waits.
  Outcome receive(std::span<char> buffer, Wait wait) override {
    pollfd ready{reader_.get(), POLLIN, 0};
    if (wait == Wait::yes) {  // [first-poll]
      check(ipc::retry([&] { return ::poll(&ready, 1, -1); }), "poll");
    }
    return Pipe::receive(buffer, wait);
  }
  [[nodiscard]] std::string address() const override { return path_; }
  [[nodiscard]] const char* kind() const override { return "path"; }
  [[nodiscard]] bool is_there() const override {
    return ::access(path_.c_str(), F_OK) == 0;
  }

 private:
  ipc::TempDir folder_{"fifo"};  // Removed with what is in it.
  std::string path_ = folder_.file("fifo");
};

}  // namespace

std::vector<NamedMechanism> pipes() {
  return {
      {"pipe", make<Pipe>},
      {"fifo", make<Fifo>},
  };
}

// The specification: what each mechanism of this lab does.
//
//   Sender --- messages, numbered 1, 2, 3 ---> Receiver
//
// A mechanism carries messages from one process to another, by system calls
// alone. All have the same interface, so that the same experiments can be made
// with each of them. None adds anything: a message is one call of send and
// nothing is put around it, so where the kernel keeps no boundaries there are
// none.
//
//   auto pipe = mechanisms()[0].make();
//   pipe->open();                            // Main
//   pipe->join(Side::receiver, "");          // one child
//   pipe->join(Side::sender, address);       // another child
//
// Lifetime: the destructor in the process that made the object, which is Main,
//           removes what has a name. In its children it only closes.
// Errors:   std::system_error from open() and join(). send() and receive()
//           return their outcome, because the lab is to show it.
// Blocks:   join() and Wait::no never; Wait::yes as long as it takes. Main does
//           not wait for its children forever, nor does the keeper of the lab
//           for a Main whose child has died.
// Death:    what has a name stays until Main removes it or, after Main's end,
//           the keeper of the lab does.
#pragma once

#include <poll.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/errors.h"

enum class Side { sender, receiver, both };
enum class Wait { no, yes };

enum class State {
  done,
  not_now,  // There is no room, or no message.
  end,      // End of file: no sender is left.
  locked,   // Another process has the lock.
  failed,   // See `error`.
};

struct Outcome {
  State state = State::done;
  size_t size = 0;  // The bytes that have come.
  int error = 0;    // As errno(3).
};

// The bytes of a message; fewer where a mechanism takes only a number.
inline constexpr size_t kMessageBytes = 64;
inline constexpr size_t kNumberBytes = sizeof(uint64_t);

class Mechanism {
 public:
  Mechanism() = default;
  Mechanism(const Mechanism&) = delete;
  Mechanism& operator=(const Mechanism&) = delete;
  Mechanism(Mechanism&&) = delete;
  Mechanism& operator=(Mechanism&&) = delete;
  virtual ~Mechanism() = default;

  // Makes what both sides need. What it makes is inherited by fork(2).
  virtual void open() {}

  // This process becomes one side, or both, and gives up what only the other
  // one needs. The sender gets the receiver's address().
  virtual void join(Side side, const std::string& address) = 0;

  // What a sender must know in order to join; "" if knowing is not enough. And
  // what kind of address that is, such as "path".
  [[nodiscard]] virtual std::string address() const { return ""; }
  [[nodiscard]] virtual const char* kind() const { return "nothing"; }

  virtual Outcome send(std::string_view message, Wait wait) = 0;

  // Takes what there is, but not more than `buffer` holds, which is 8 KiB at
  // least.
  virtual Outcome receive(std::span<char> buffer, Wait wait) = 0;

  // How many bytes of a message are used here.
  [[nodiscard]] virtual size_t message_bytes() const { return kMessageBytes; }

  // A descriptor for poll(2) if something may be on its way, through a network,
  // when send() has returned or the other side has ended. -1 where nothing is.
  [[nodiscard]] virtual int on_its_way(Side /*side*/) const { return -1; }

  // Takes the lock that send() has while it works, if there is one, and keeps
  // it, so that a process can be killed in the middle.
  virtual void take_lock() {}

  // Whether something with a name is there.
  [[nodiscard]] virtual bool is_there() const { return false; }

 protected:
  // Whether this process made the object, and is to remove what has a name.
  [[nodiscard]] bool is_owner() const { return owner_ == ::getpid(); }

 private:
  pid_t owner_ = ::getpid();
};

struct NamedMechanism {
  const char* name;
  std::unique_ptr<Mechanism> (*make)();
};

template <typename Kind>
std::unique_ptr<Mechanism> make() {
  return std::make_unique<Kind>();
}

// By family; each has a file of its own, pipes.cc and so on.
std::vector<NamedMechanism> pipes();
std::vector<NamedMechanism> sockets();
std::vector<NamedMechanism> queues();
std::vector<NamedMechanism> memories();
std::vector<NamedMechanism> files();
std::vector<NamedMechanism> signals();

// All of them, in this order.
std::vector<NamedMechanism> mechanisms();

// For all mechanisms with descriptors: makes a call that does not block. If it
// would block and `wait` is yes, it sleeps in poll(2) and tries again.
template <typename Call>
Outcome attempt(int fd, int16_t events, Wait wait, Call call) {
  while (true) {
    const auto size = ipc::retry(call);
    if (size >= 0) return {State::done, static_cast<size_t>(size), 0};
    if (errno != EAGAIN) return {State::failed, 0, errno};
    if (wait == Wait::no) return {State::not_now};
    pollfd ready{fd, events, 0};
    ipc::check(ipc::retry([&] { return ::poll(&ready, 1, -1); }), "poll");
  }
}

// The same for a stream, where reading no bytes means end of file.
template <typename Call>
Outcome attempt_to_read(int fd, Wait wait, Call call) {
  const Outcome outcome = attempt(fd, POLLIN, wait, call);
  if (outcome.state == State::done && outcome.size == 0) return {State::end};
  return outcome;
}

// Waits a millisecond, for mechanisms that have nothing to wait on.
void nap();

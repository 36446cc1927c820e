// Signals with a value, and a counter that is a descriptor. Neither carries
// more than a number of eight bytes.
// See sigqueue(3), sigwaitinfo(2), signal(7), eventfd(2).

#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/errors.h"
#include "common/base/unique_fd.h"
#include "labs/mechanisms/specification.h"

namespace {

using ipc::check;
using ipc::UniqueFd;

// A real-time signal: each one that is sent arrives, in order.
class Signal : public Mechanism {
 public:
  Signal() = default;
  Signal(const Signal&) = delete;
  Signal& operator=(const Signal&) = delete;
  Signal(Signal&&) = delete;
  Signal& operator=(Signal&&) = delete;
  ~Signal() override {
    if (receiver_here_ != ::getpid()) return;
    while (take(Wait::no).state == State::done) {
    }
    ::sigprocmask(SIG_UNBLOCK, &set_, nullptr);
  }
  void join(Side side, const std::string& address) override {
    ::sigemptyset(&set_);
    ::sigaddset(&set_, SIGRTMIN);
    if (side != Side::sender) {
      // It stays pending until it is asked for. Without this it would kill.
      check(::sigprocmask(SIG_BLOCK, &set_, nullptr), "sigprocmask");
      receiver_here_ = ::getpid();
    }
    const std::string to = side == Side::both ? this->address() : address;
    receiver_ = static_cast<pid_t>(::strtol(to.c_str(), nullptr, 10));
  }
  [[nodiscard]] std::string address() const override {
    return std::to_string(receiver_here_);
  }
  [[nodiscard]] const char* kind() const override { return "pid"; }
  [[nodiscard]] size_t message_bytes() const override { return kNumberBytes; }

  Outcome send(std::string_view message, Wait wait) override {
    sigval value{};
    if (message.size() > sizeof value) return {State::failed, 0, EMSGSIZE};
    std::memcpy(&value, message.data(), message.size());
    while (::sigqueue(receiver_, SIGRTMIN, value) == -1) {
      if (errno != EAGAIN) return {State::failed, 0, errno};
      if (wait == Wait::no) return {State::not_now};
      nap();
    }
    return {};
  }
  Outcome receive(std::span<char> buffer, Wait wait) override {
    const Outcome outcome = take(wait);
    std::memcpy(buffer.data(), &value_, outcome.size);
    return outcome;
  }

 private:
  Outcome take(Wait wait) {
    siginfo_t what{};
    const timespec none{};
    const int number = ipc::retry([&] {
      return ::sigtimedwait(&set_, &what, wait == Wait::no ? &none : nullptr);
    });
    if (number == -1) {
      if (errno == EAGAIN) return {State::not_now};
      return {State::failed, 0, errno};
    }
    value_ = what.si_value;
    return {State::done, sizeof value_, 0};
  }

  sigset_t set_{};
  pid_t receiver_here_ = -1;  // The process that has blocked the signal.
  pid_t receiver_ = -1;
  sigval value_{};
};

// A write adds a number, and a read takes the sum and leaves 0.
class EventFd : public Mechanism {
 public:
  void open() override {
    counter_.reset(check(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), "eventfd"));
  }
  void join(Side /*side*/, const std::string& /*address*/) override {
    if (!counter_) ipc::throw_error(EBADF, "join an eventfd");
  }
  [[nodiscard]] size_t message_bytes() const override { return kNumberBytes; }
  Outcome send(std::string_view message, Wait wait) override {
    return attempt(counter_.get(), POLLOUT, wait, [&] {
      return ::write(counter_.get(), message.data(), message.size());
    });
  }
  Outcome receive(std::span<char> buffer, Wait wait) override {
    return attempt(counter_.get(), POLLIN, wait, [&] {
      return ::read(counter_.get(), buffer.data(), buffer.size());
    });
  }

 private:
  UniqueFd counter_;
};

}  // namespace

std::vector<NamedMechanism> signals() {
  return {
      {"signal", make<Signal>},
      {"eventfd", make<EventFd>},
  };
}

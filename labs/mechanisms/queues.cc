// Message queues: of POSIX, by a name, and of System V, by a key.
// See mq_overview(7), mq_open(3), sysvipc(7), msgget(2), msgop(2).

#include <fcntl.h>
#include <mqueue.h>
#include <sys/ipc.h>
#include <sys/msg.h>

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "common/base/errors.h"
#include "common/base/unique_fd.h"
#include "common/process/kernel_object.h"
#include "common/process/names.h"
#include "labs/mechanisms/specification.h"

namespace {

using ipc::check;
using ipc::UniqueFd;

class PosixQueue : public Mechanism {
 public:
  void open() override {
    constexpr int kFlags = O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC;
    // The default number and length of messages; see mq_overview(7).
    UniqueFd(check(::mq_open(name_.queue().c_str(), kFlags, 0600, nullptr),
                   "mq_open"));
  }
  void join(Side /*side*/, const std::string& address) override {
    const std::string name = address.empty() ? name_.queue() : address;
    // On Linux an mqd_t is a descriptor, so poll(2) and close(2) take it.
    queue_.reset(check(::mq_open(name.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC),
                       "mq_open"));
  }
  [[nodiscard]] std::string address() const override { return name_.queue(); }
  [[nodiscard]] const char* kind() const override { return "name"; }
  [[nodiscard]] bool is_there() const override { return name_.exists(); }

  Outcome send(std::string_view message, Wait wait) override {
    return attempt(queue_.get(), POLLOUT, wait, [&] {
      return ::mq_send(queue_.get(), message.data(), message.size(), 0);
    });
  }
  Outcome receive(std::span<char> buffer, Wait wait) override {
    return attempt(queue_.get(), POLLIN, wait, [&] {
      return ::mq_receive(queue_.get(), buffer.data(), buffer.size(), nullptr);
    });
  }

 private:
  ipc::NotedObject name_{ipc::ObjectKind::posix_queue};
  UniqueFd queue_;
};

class SystemVQueue : public Mechanism {
 public:
  void open() override {
    check(::msgget(key_.key(), IPC_CREAT | IPC_EXCL | 0600), "msgget");
  }
  void join(Side /*side*/, const std::string& address) override {
    const key_t key =
        address.empty() ? key_.key() : static_cast<key_t>(std::stol(address));
    id_ = check(::msgget(key, 0), "msgget");
  }
  [[nodiscard]] std::string address() const override {
    return std::to_string(key_.key());
  }
  [[nodiscard]] const char* kind() const override { return "key"; }
  [[nodiscard]] bool is_there() const override { return key_.exists(); }

  // A message begins with its type, a number above 0. The receiver may ask for
  // messages of one type.
  Outcome send(std::string_view message, Wait wait) override {
    std::vector<char> whole(sizeof(long) + message.size());
    const long type = 1;
    std::memcpy(whole.data(), &type, sizeof type);
    std::memcpy(whole.data() + sizeof type, message.data(), message.size());
    const int flags = wait == Wait::no ? IPC_NOWAIT : 0;
    return outcome_of(ipc::retry(
        [&] { return ::msgsnd(id_, whole.data(), message.size(), flags); }));
  }
  Outcome receive(std::span<char> buffer, Wait wait) override {
    received_.resize(sizeof(long) + buffer.size());
    const int flags = wait == Wait::no ? IPC_NOWAIT : 0;
    const Outcome outcome = outcome_of(ipc::retry([&] {
      return ::msgrcv(id_, received_.data(), buffer.size(), 0, flags);
    }));
    std::memcpy(buffer.data(), received_.data() + sizeof(long), outcome.size);
    return outcome;
  }

 private:
  static Outcome outcome_of(ssize_t result) {
    if (result >= 0) return {State::done, static_cast<size_t>(result), 0};
    if (errno == EAGAIN || errno == ENOMSG) return {State::not_now};
    return {State::failed, 0, errno};
  }

  ipc::NotedObject key_{ipc::ObjectKind::sysv_queue};
  int id_ = -1;
  std::vector<char> received_;
};

}  // namespace

std::vector<NamedMechanism> queues() {
  return {
      {"posix_queue", make<PosixQueue>},
      {"sysv_queue", make<SystemVQueue>},
  };
}

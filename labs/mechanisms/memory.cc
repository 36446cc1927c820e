// Memory: shared by a name, a key or a file, with three ways to wait; and the
// memory of another process, which need not share it.
// See shm_overview(7), futex(2), sem_overview(7), shmget(2), semop(2), mmap(2),
// process_vm_readv(2).

#include <fcntl.h>
#include <linux/futex.h>
#include <semaphore.h>
#include <stdlib.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/errors.h"
#include "common/base/unique_fd.h"
#include "common/process/kernel_object.h"
#include "common/process/names.h"
#include "labs/mechanisms/specification.h"

namespace {

using ipc::check;
using ipc::UniqueFd;

constexpr uint32_t kSlots = 16;

struct Slot {
  uint32_t size;
  std::array<char, kMessageBytes> bytes;
};

// Room for messages, in a circle. The bound is ours, as memory has none. Two
// senders, or two receivers, need a lock; one of each does not.
struct Ring {
  std::atomic<uint32_t> sent;
  std::atomic<uint32_t> received;
  std::array<Slot, kSlots> slots;

  [[nodiscard]] bool is_full() const { return sent - received == kSlots; }
  [[nodiscard]] bool is_empty() const { return sent == received; }
  // The counter is changed last: a process that sees it sees the message.
  void put(std::string_view message) {
    Slot& slot = slots.at(sent % kSlots);
    slot.size = static_cast<uint32_t>(message.size());
    std::copy(message.begin(), message.end(), slot.bytes.begin());
    sent.fetch_add(1, std::memory_order_release);  // [publish]
  }
  Outcome take(std::span<char> buffer) {
    const Slot& slot = slots.at(received % kSlots);
    std::copy_n(slot.bytes.begin(), slot.size, buffer.begin());
    const size_t size = slot.size;
    received.fetch_add(1, std::memory_order_release);
    return {State::done, size, 0};
  }
};

constexpr Outcome kTooLong{State::failed, 0, EMSGSIZE};

// An object that every process with its descriptor can map. It begins as
// zeroes.
template <typename Object>
class Mapping {
 public:
  Mapping() = default;
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  Mapping(Mapping&&) = delete;
  Mapping& operator=(Mapping&&) = delete;
  ~Mapping() {
    if (object_ != nullptr) ::munmap(object_, sizeof(Object));
  }
  void map(const UniqueFd& fd) {
    void* const address =
        ::mmap(nullptr, sizeof(Object), PROT_READ | PROT_WRITE, MAP_SHARED,
               fd.get(), 0);
    if (address == MAP_FAILED) ipc::throw_error(errno, "mmap");
    object_ = static_cast<Object*>(address);
  }
  Object* operator->() const { return object_; }
  explicit operator bool() const { return object_ != nullptr; }

 private:
  Object* object_ = nullptr;
};

// A name in /dev/shm.
class Name {
 public:
  Name() = default;
  Name(const Name&) = delete;
  Name& operator=(const Name&) = delete;
  Name(Name&&) = delete;
  Name& operator=(Name&&) = delete;
  ~Name() {
    if (owner_ == ::getpid()) ::shm_unlink(text_.c_str());
  }
  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] bool is_there() const {
    return ::access(("/dev/shm" + text_).c_str(), F_OK) == 0;
  }

 private:
  std::string text_ = "/" + ipc::unique_name("ring");
  pid_t owner_ = ::getpid();
};

UniqueFd open_memory(const std::string& name, int flags) {
  return UniqueFd(
      check(::shm_open(name.c_str(), O_RDWR | flags, 0600), "shm_open"));
}

// Asks for the room now: ftruncate(2) would not, and a process that stores the
// first message would be killed by SIGBUS if there is none.
void set_size(const UniqueFd& fd, size_t size) {
  int error = EINTR;
  while (error == EINTR) {
    error = ::posix_fallocate(fd.get(), 0, static_cast<off_t>(size));
  }
  ipc::check_zero(error, "posix_fallocate");
}

// Sleeps while `word` is `seen`, but not for long: the process that should wake
// us may have been killed before it did.
void wait_for_change(const std::atomic<uint32_t>& word, uint32_t seen) {
  const timespec limit{0, 100'000'000};
  ::syscall(SYS_futex, &word, FUTEX_WAIT, seen, &limit, nullptr, 0);  // [wait]
}

void tell_of_change(const std::atomic<uint32_t>& word) {
  ::syscall(SYS_futex, &word, FUTEX_WAKE, 1, nullptr, nullptr, 0);
}

// A ring whose counters are the futex words on which the other side sleeps.
class FutexRing : public Mechanism {
 public:
  Outcome send(std::string_view message, Wait wait) override {
    if (message.size() > kMessageBytes) return kTooLong;
    while (ring_->is_full()) {
      if (wait == Wait::no) return {State::not_now};
      wait_for_change(ring_->received, ring_->sent - kSlots);
    }
    ring_->put(message);
    tell_of_change(ring_->sent);
    return {};
  }
  Outcome receive(std::span<char> buffer, Wait wait) override {
    while (ring_->is_empty()) {
      if (wait == Wait::no) return {State::not_now};
      wait_for_change(ring_->sent, ring_->received);
    }
    const Outcome outcome = ring_->take(buffer);
    tell_of_change(ring_->received);
    return outcome;
  }

 protected:
  Mapping<Ring> ring_;
};

class SharedMemory : public FutexRing {
 public:
  void open() override {
    const UniqueFd memory = open_memory(name_.text(), O_CREAT | O_EXCL);
    set_size(memory, sizeof(Ring));
    ring_.map(memory);
  }
  void join(Side /*side*/, const std::string& address) override {
    if (ring_) return;  // Inherited.
    ring_.map(open_memory(address.empty() ? name_.text() : address, 0));
  }
  [[nodiscard]] std::string address() const override { return name_.text(); }
  [[nodiscard]] const char* kind() const override { return "name"; }
  [[nodiscard]] bool is_there() const override { return name_.is_there(); }

 private:
  Name name_;
};

class MappedFile : public FutexRing {
 public:
  void open() override {
    const UniqueFd file = open_file(path_, O_CREAT | O_EXCL);
    set_size(file, sizeof(Ring));
    ring_.map(file);
  }
  void join(Side /*side*/, const std::string& address) override {
    if (!ring_) ring_.map(open_file(address.empty() ? path_ : address, 0));
  }
  [[nodiscard]] std::string address() const override { return path_; }
  [[nodiscard]] const char* kind() const override { return "path"; }
  [[nodiscard]] bool is_there() const override {
    return ::access(path_.c_str(), F_OK) == 0;
  }

 private:
  static UniqueFd open_file(const std::string& path, int flags) {
    constexpr int kFlags = O_RDWR | O_CLOEXEC;
    return UniqueFd(check(::open(path.c_str(), kFlags | flags, 0600), "open"));
  }

  ipc::TempDir folder_{"mapped"};
  std::string path_ = folder_.file("ring");
};

// Three semaphores: two count, and one with a count of 1 is a lock.
class SharedMemoryWithSemaphores : public Mechanism {
 public:
  void open() override {
    const UniqueFd memory = open_memory(name_.text(), O_CREAT | O_EXCL);
    set_size(memory, sizeof(Shared));
    shared_.map(memory);
    for (auto [semaphore, count] : {std::pair{&shared_->free, kSlots},
                                    {&shared_->filled, 0},
                                    {&shared_->lock, 1}}) {
      check(::sem_init(semaphore, 1, count), "sem_init");
    }
  }
  void join(Side /*side*/, const std::string& address) override {
    if (shared_) return;
    shared_.map(open_memory(address.empty() ? name_.text() : address, 0));
  }
  [[nodiscard]] std::string address() const override { return name_.text(); }
  [[nodiscard]] const char* kind() const override { return "name"; }
  [[nodiscard]] bool is_there() const override { return name_.is_there(); }
  void take_lock() override { acquire(&shared_->lock, Wait::yes); }

  Outcome send(std::string_view message, Wait wait) override {
    if (message.size() > kMessageBytes) return kTooLong;
    if (!acquire(&shared_->free, wait)) return {State::not_now};
    if (!acquire(&shared_->lock, wait)) {
      ::sem_post(&shared_->free);
      return {State::locked};
    }
    shared_->ring.put(message);
    ::sem_post(&shared_->lock);
    ::sem_post(&shared_->filled);
    return {};
  }
  Outcome receive(std::span<char> buffer, Wait wait) override {
    if (!acquire(&shared_->filled, wait)) return {State::not_now};
    if (!acquire(&shared_->lock, wait)) {
      ::sem_post(&shared_->filled);
      return {State::locked};
    }
    const Outcome outcome = shared_->ring.take(buffer);
    ::sem_post(&shared_->lock);
    ::sem_post(&shared_->free);
    return outcome;
  }

 private:
  struct Shared {
    sem_t free;
    sem_t filled;
    sem_t lock;
    Ring ring;
  };

  static bool acquire(sem_t* semaphore, Wait wait) {
    return ipc::retry([&] {
             return wait == Wait::yes ? ::sem_wait(semaphore)
                                      : ::sem_trywait(semaphore);
           }) == 0;
  }

  Name name_;
  Mapping<Shared> shared_;
};

// The same with System V: one set of three semaphores. What one call does with
// several of them is done at once or not at all.
class SystemVMemory : public Mechanism {
 public:
  void open() override {
    constexpr int kNew = IPC_CREAT | IPC_EXCL | 0600;
    const int memory =
        check(::shmget(memory_.key(), sizeof(Ring), kNew), "shmget");
    attach(memory);
    semaphores_ = check(::semget(key_.key(), 3, kNew), "semget");
    std::array<uint16_t, 3> counts{};
    counts.at(kFree) = kSlots;
    counts.at(kLock) = 1;
    check(::semctl(semaphores_, 0, SETALL, counts.data()), "semctl");
  }
  void join(Side /*side*/, const std::string& address) override {
    if (ring_ != nullptr) return;
    const std::string keys = address.empty() ? this->address() : address;
    char* rest = nullptr;
    const auto memory = static_cast<key_t>(::strtol(keys.c_str(), &rest, 10));
    const auto set = static_cast<key_t>(::strtol(rest, nullptr, 10));
    semaphores_ = check(::semget(set, 0, 0), "semget");
    attach(check(::shmget(memory, 0, 0), "shmget"));
  }
  [[nodiscard]] std::string address() const override {
    return std::to_string(memory_.key()) + " " + std::to_string(key_.key());
  }
  [[nodiscard]] const char* kind() const override { return "key"; }
  [[nodiscard]] bool is_there() const override {
    return memory_.exists() && key_.exists();
  }
  void take_lock() override { change({{kLock, -1}}, Wait::yes); }

  Outcome send(std::string_view message, Wait wait) override {
    if (message.size() > kMessageBytes) return kTooLong;
    if (!change({{kFree, -1}, {kLock, -1}}, wait)) return {State::not_now};
    ring_->put(message);
    change({{kFilled, 1}, {kLock, 1}}, Wait::yes);
    return {};
  }
  Outcome receive(std::span<char> buffer, Wait wait) override {
    if (!change({{kFilled, -1}, {kLock, -1}}, wait)) return {State::not_now};
    const Outcome outcome = ring_->take(buffer);
    change({{kFree, 1}, {kLock, 1}}, Wait::yes);
    return outcome;
  }

 private:
  static constexpr uint16_t kFree = 0;
  static constexpr uint16_t kFilled = 1;
  static constexpr uint16_t kLock = 2;

  void attach(int memory) {
    void* const address = ::shmat(memory, nullptr, 0);
    // NOLINTNEXTLINE(performance-no-int-to-ptr): as the man page says.
    if (address == reinterpret_cast<void*>(-1)) {
      ipc::throw_error(errno, "shmat");
    }
    ring_.reset(static_cast<Ring*>(address));
  }

  struct Detach {
    void operator()(Ring* ring) const { ::shmdt(ring); }
  };

  struct Step {
    uint16_t semaphore;
    int16_t by;
  };
  // Makes all changes or, if that would block and `wait` is no, none. When a
  // process dies, the kernel undoes what it did to the lock: SEM_UNDO.
  bool change(std::initializer_list<Step> steps, Wait wait) const {
    std::vector<sembuf> operations;
    for (const auto& [semaphore, by] : steps) {
      const int undo = semaphore == kLock ? SEM_UNDO : 0;
      const int flags = undo | (wait == Wait::no ? IPC_NOWAIT : 0);
      operations.push_back({semaphore, by, static_cast<int16_t>(flags)});
    }
    const int result = ipc::retry([&] {
      return ::semop(semaphores_, operations.data(), operations.size());
    });
    if (result == -1 && errno != EAGAIN) ipc::throw_error(errno, "semop");
    return result == 0;
  }

  ipc::NotedObject memory_{ipc::ObjectKind::sysv_memory};
  ipc::NotedObject key_{ipc::ObjectKind::sysv_semaphores};
  std::unique_ptr<Ring, Detach> ring_;
  int semaphores_ = -1;
};

// The ring is in the receiver's own memory, and nothing is shared: the sender
// looks into it and writes into it, as a debugger does.
class ForeignMemory : public Mechanism {
 public:
  void join(Side side, const std::string& address) override {
    if (side != Side::sender) {
      ring_ = std::make_unique<Ring>();
      // Where the Yama module allows only ancestors, this allows all processes.
      ::prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
    }
    if (side == Side::receiver) return;
    const std::string text = side == Side::both ? this->address() : address;
    char* rest = nullptr;
    receiver_ = static_cast<pid_t>(::strtol(text.c_str(), &rest, 10));
    there_ = ::strtoull(rest, nullptr, 10);
  }
  [[nodiscard]] std::string address() const override {
    return std::to_string(::getpid()) + " " +
           std::to_string(reinterpret_cast<uintptr_t>(ring_.get()));
  }
  [[nodiscard]] const char* kind() const override { return "pid"; }

  Outcome send(std::string_view message, Wait wait) override {
    if (message.size() > kMessageBytes) return kTooLong;
    while (true) {
      std::array<uint32_t, 2> counters{};  // As they begin a Ring.
      if (!move(::process_vm_readv, counters, offsetof(Ring, sent))) {
        return {State::failed, 0, errno};
      }
      auto& [sent, received] = counters;
      if (sent - received < kSlots) return put(message, sent);
      if (wait == Wait::no) return {State::not_now};
      nap();
    }
  }
  Outcome receive(std::span<char> buffer, Wait wait) override {
    while (ring_->is_empty()) {
      if (wait == Wait::no) return {State::not_now};
      nap();
    }
    return ring_->take(buffer);
  }

 private:
  // The message, and then the counter: two calls, in this order.
  Outcome put(std::string_view message, uint32_t sent) const {
    Slot slot{static_cast<uint32_t>(message.size()), {}};
    std::copy(message.begin(), message.end(), slot.bytes.begin());
    const size_t place = offsetof(Ring, slots) + (sent % kSlots) * sizeof(Slot);
    ++sent;
    if (!move(::process_vm_writev, slot, place) ||
        !move(::process_vm_writev, sent, offsetof(Ring, sent))) {
      return {State::failed, 0, errno};
    }
    return {};
  }
  // One object, from there or to there.
  template <typename Call, typename Object>
  bool move(Call call, Object& object, size_t offset) const {
    const iovec here{&object, sizeof object};
    // NOLINTNEXTLINE(performance-no-int-to-ptr): an address over there.
    const iovec there{reinterpret_cast<void*>(there_ + offset), sizeof object};
    return call(receiver_, &here, 1, &there, 1, 0) ==
           static_cast<ssize_t>(sizeof object);
  }

  std::unique_ptr<Ring> ring_;
  pid_t receiver_ = -1;
  uintptr_t there_ = 0;
};

}  // namespace

std::vector<NamedMechanism> memories() {
  return {
      {"shm_futex", make<SharedMemory>},
      {"shm_semaphores", make<SharedMemoryWithSemaphores>},
      {"sysv_memory", make<SystemVMemory>},
      {"mapped_file", make<MappedFile>},
      {"process_vm", make<ForeignMemory>},
  };
}

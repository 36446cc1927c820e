#include "common/report/waits.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <functional>
#include <new>

#include "common/base/errors.h"
#include "common/report/report.h"

namespace ipc {
namespace {

// A text in shared memory has a fixed size, and a longer one is cut. All of the
// memory begins as zeroes. A reader that meets a writer may see half of a text;
// but it looks only at processes that have slept for long.
template <size_t Size>
struct Text {
  std::array<char, Size> bytes;

  void set(std::string_view text) {
    const size_t size = std::min(text.size(), Size - 1);
    std::copy_n(text.data(), size, bytes.data());
    bytes.at(size) = '\0';
  }
  [[nodiscard]] std::string get() const { return bytes.data(); }
};

struct Waiting {
  std::atomic<pid_t> tid;  // 0: the entry is free.
  Text<64> process;        // Of a first thread: the name of its process.
  Text<64> object;
  Text<32> part;
  std::atomic<uint64_t> key;  // Of the object; 0: it waits for nothing.
};

struct Holding {
  std::atomic<uint64_t> key;  // 0: free.
  std::atomic<pid_t> pid;
};

struct Named {
  std::atomic<uint64_t> key;
  Text<64> name;
};

struct Notes {
  std::array<Waiting, 1024> waiting;
  std::array<Holding, 1024> holding;
  std::array<Named, 256> named;
};

Notes* notes = nullptr;

uint64_t key_of(std::string_view object, const void* address) {
  const uint64_t key = address != nullptr
                           ? reinterpret_cast<uintptr_t>(address)
                           : std::hash<std::string_view>()(object);
  return std::max<uint64_t>(key, 1);
}

// The entry of a thread, or null if it has none.
Waiting* find(pid_t tid) {
  for (Waiting& each : notes->waiting) {
    const pid_t owner = each.tid;
    if (owner == tid) return &each;
    if (owner == 0) return nullptr;  // Entries are taken in order and kept.
  }
  return nullptr;
}

// The entry of this thread, or null if there is no room for one.
Waiting* own() {
  const pid_t tid = ::gettid();
  for (Waiting& each : notes->waiting) {
    pid_t owner = 0;
    if (each.tid.compare_exchange_strong(owner, tid) || owner == tid) {
      return &each;
    }
  }
  return nullptr;
}

// The mutex itself says who holds it, so the fast path of a lock notes nothing.
bool tells_its_owner(std::string_view type, const void* address) {
  return address != nullptr && (type == "Lock" || type == "RLock");
}

void note_acquire(uint64_t key) {
  for (Holding& each : notes->holding) {
    uint64_t free = 0;
    if (each.key.compare_exchange_strong(free, key)) {
      each.pid = ::getpid();
      return;
    }
  }
}

// Any process may release a semaphore: if this one holds it, that note goes,
// else the note of another holder.
void note_release(uint64_t key) {
  Holding* found = nullptr;
  const pid_t self = ::getpid();
  for (Holding& each : notes->holding) {
    if (each.key != key) continue;
    if (found == nullptr || each.pid == self) found = &each;
    if (each.pid == self) break;
  }
  if (found != nullptr) found->key = 0;
}

void note_name(uint64_t key, std::string_view name) {
  for (Named& each : notes->named) {
    uint64_t before = 0;
    if (each.key.compare_exchange_strong(before, key) || before == key) {
      each.name.set(name);
      return;
    }
  }
}

void note_wait(std::string_view object, const void* address,
               std::string_view part) {
  Waiting* const entry = own();
  if (entry == nullptr) return;
  entry->object.set(address != nullptr ? object_name(object, address)
                                       : std::string(object));
  entry->part.set(part);
  entry->key = key_of(object, address);
}

void forget_wait() {
  if (Waiting* const entry = find(::gettid())) entry->key = 0;
}

// What a message calls an object: "Lock 'left fork'" if it has a name.
std::string called(const std::string& object, uint64_t key) {
  for (const Named& each : notes->named) {
    if (each.key != key) continue;
    const size_t at = object.find('@');
    const std::string kind = at == object.npos ? "" : object.substr(0, at);
    return fmt::format("{}{}'{}'", kind, kind.empty() ? "" : " ",
                       each.name.get());
  }
  return object;
}

}  // namespace

void note_waits() {
  if (notes != nullptr) return;
  void* const memory = ::mmap(nullptr, sizeof(Notes), PROT_READ | PROT_WRITE,
                              MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw_error(errno, "mmap");
  notes = new (memory) Notes;
  if (event_hook == nullptr) event_hook = note_event;
}

bool notes_waits() { return notes != nullptr; }

void note_event(EventKind kind, std::string_view object, const void* address,
                std::string_view id) {
  switch (kind) {
    case EventKind::wait:
      note_wait(object, address, id);
      break;
    case EventKind::wake:
    case EventKind::exit:
      forget_wait();
      break;
    case EventKind::start:
      if (Waiting* const entry = own()) {
        entry->key = 0;  // Left by an earlier process with this number.
        entry->process.set(object);
      }
      break;
    case EventKind::acquire:
      if (!tells_its_owner(object, address)) {
        note_acquire(key_of(object, address));
      }
      break;
    case EventKind::release:
      if (!tells_its_owner(object, address)) {
        note_release(key_of(object, address));
      }
      break;
    case EventKind::name:
      note_name(key_of(object, address), id);
      break;
    default:
      break;
  }
}

NotedWait noted_wait(pid_t tid) {
  NotedWait found;
  if (notes == nullptr) return found;
  const Waiting* const entry = find(tid);
  if (entry == nullptr) return found;
  const uint64_t key = entry->key;
  if (key == 0) return found;
  found.object = called(entry->object.get(), key);
  found.part = entry->part.get();
  for (const Holding& each : notes->holding) {
    const pid_t pid = each.pid;
    if (each.key == key &&
        std::count(found.holders.begin(), found.holders.end(), pid) == 0) {
      found.holders.push_back(pid);
    }
  }
  return found;
}

std::string noted_name(pid_t pid) {
  if (notes == nullptr) return "";
  const Waiting* const entry = find(pid);
  return entry == nullptr ? "" : entry->process.get();
}

}  // namespace ipc

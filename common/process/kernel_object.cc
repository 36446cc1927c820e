#include "common/process/kernel_object.h"

#include <fcntl.h>
#include <inttypes.h>
#include <mqueue.h>
#include <stdio.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstdint>
#include <optional>
#include <utility>

#include "common/base/random.h"

namespace ipc {
namespace {

constexpr std::string_view kMark = "-object-";
constexpr std::array<std::pair<ObjectKind, std::string_view>, 4> kWords = {{
    {ObjectKind::posix_queue, "posix_queue"},
    {ObjectKind::sysv_memory, "sysv_memory"},
    {ObjectKind::sysv_semaphores, "sysv_semaphores"},
    {ObjectKind::sysv_queue, "sysv_queue"},
}};

struct Note {
  ObjectKind kind = ObjectKind::posix_queue;
  key_t key = IPC_PRIVATE;
};

std::optional<Note> read_note(std::string_view name) {
  const size_t mark = name.rfind(kMark);
  if (mark == std::string_view::npos) return std::nullopt;
  const std::string_view what = name.substr(mark + kMark.size());
  for (const auto& [kind, word] : kWords) {
    if (!what.starts_with(word)) continue;
    const std::string_view rest = what.substr(word.size());
    if (kind == ObjectKind::posix_queue) {
      if (rest.empty()) return Note{kind, IPC_PRIVATE};
      return std::nullopt;
    }
    uint32_t key = 0;
    if (rest.size() != 9 || rest[0] != '-') return std::nullopt;
    const char* const end = rest.data() + rest.size();
    const auto [stop, error] = std::from_chars(rest.data() + 1, end, key, 16);
    if (error != std::errc() || stop != end || key == 0) return std::nullopt;
    return Note{kind, static_cast<key_t>(key)};
  }
  return std::nullopt;
}

// The identifier of a System V object, or -1 if there is none.
int find(const Note& note) {
  switch (note.kind) {
    case ObjectKind::sysv_memory:
      return ::shmget(note.key, 0, 0);
    case ObjectKind::sysv_semaphores:
      return ::semget(note.key, 0, 0);
    case ObjectKind::sysv_queue:
      return ::msgget(note.key, 0);
    case ObjectKind::posix_queue:
      break;
  }
  return -1;
}

}  // namespace

std::string draw_note(ObjectKind kind) {
  std::string note(kMark.substr(1));
  note += kWords.at(static_cast<size_t>(kind)).second;
  if (kind == ObjectKind::posix_queue) return note;
  uint32_t key = IPC_PRIVATE;
  while (key == IPC_PRIVATE) key = random_number<uint32_t>();
  std::array<char, 10> digits{};
  ::snprintf(digits.data(), digits.size(), "-%08" PRIx32, key);
  return note + digits.data();
}

bool is_note(std::string_view name) { return read_note(name).has_value(); }

std::string queue_of_note(std::string_view name) {
  return "/" + std::string(name);
}

key_t key_of_note(std::string_view name) {
  return read_note(name).value_or(Note{}).key;
}

bool object_exists(std::string_view note) {
  const std::optional<Note> what = read_note(note);
  if (!what) return false;
  if (what->kind != ObjectKind::posix_queue) return find(*what) != -1;
  const mqd_t queue =
      ::mq_open(queue_of_note(note).c_str(), O_RDONLY | O_CLOEXEC);
  if (queue == -1) return false;
  ::mq_close(queue);
  return true;
}

bool remove_object(std::string_view note) {
  const std::optional<Note> what = read_note(note);
  if (!what) return false;
  if (what->kind == ObjectKind::posix_queue) {
    return ::mq_unlink(queue_of_note(note).c_str()) == 0;
  }
  const int id = find(*what);
  if (id == -1) return false;
  switch (what->kind) {
    case ObjectKind::sysv_memory:
      return ::shmctl(id, IPC_RMID, nullptr) == 0;
    case ObjectKind::sysv_semaphores:
      return ::semctl(id, 0, IPC_RMID) == 0;
    default:
      return ::msgctl(id, IPC_RMID, nullptr) == 0;
  }
}

}  // namespace ipc

// Wrong: sends a struct with a pointer in it.
//
// It may be copied byte by byte, so it compiles. The address arrives intact,
// but the receiver has no memory there.

#include <sys/mman.h>

#include <cstring>
#include <string>

#include "common/base/errors.h"
#include "common/channel/connection.h"
#include "common/lab/lab.h"
#include "common/process/process.h"
#include "common/report/report.h"

namespace {

constexpr size_t kBytes = 1 << 20;

struct Name {
  const char* text;
};

std::string lesson() {
  ipc::ConnectionPair ends = ipc::make_connections();
  ipc::Process receiver("Receiver", [&] {
    ends.first.close();
    const auto bytes = ends.second.receive();
    Name name{};
    std::memcpy(&name, bytes->data(), sizeof name);
    ipc::say("Got {}", name.text);
  });
  ends.second.close();
  void* const memory = ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) ipc::throw_error(errno, "mmap");
  char* const text = static_cast<char*>(memory) + kBytes / 2;
  std::strcpy(text, "hello");
  const Name name{text};
  std::string bytes(sizeof name, '\0');
  std::memcpy(bytes.data(), &name, sizeof name);
  ipc::ensure(ends.first.send(bytes));
  const int status = receiver.join();
  ::munmap(memory, kBytes);
  if (status != 0) {
    ipc::say("The receiver ended: {}", ipc::describe_status(status));
  }
  return "";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("pointer_sent", "What cannot be sent as it is.");
  return lab.run(argc, argv, lesson);
}

#include "labs/mechanisms/python_peers.h"

#include <unistd.h>

#include <algorithm>
#include <map>
#include <stdexcept>

#include "common/base/errors.h"
#include "labs/mechanisms/experiments.h"
#include "labs/mechanisms/helper.h"
#include "labs/mechanisms/specification.h"

namespace {

constexpr const char* kPython = "/usr/bin/python3";

// Each reads messages until `messages` have come. What is printed is a line to
// Main: first the address, then the sum.
constexpr const char* kCommon = R"(
import fcntl, mmap, os, socket, sys, time
address, messages, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])

def say(text):
    os.write(1, text.encode())

def tell_sum(read):
    data = b""
    while len(data) < messages * size:
        data += read()
    starts = range(0, messages * size, size)
    say(str(sum(int.from_bytes(data[i:i + 8], sys.byteorder) for i in starts)))

def tell_address(listener):
    say("at %s:%d" % listener.getsockname())

def read_ring(memory):
    slot = 4 + size
    counters = memoryview(memory)[:8].cast("I")
    def read():
        while counters[0] == counters[1]:
            time.sleep(0.001)
        place = 8 + counters[1] % 16 * slot + 4
        message = bytes(memory[place:place + size])
        counters[1] += 1
        return message
    tell_sum(read)
    counters.release()
)";

const std::map<std::string, const char*>& programs() {
  static const std::map<std::string, const char*> all = {
      {"fifo", R"(
fifo = os.open(address, os.O_RDONLY | os.O_NONBLOCK)
say("at " + address)
def read():
    try:
        data = os.read(fifo, 4096)
    except BlockingIOError:
        data = b""
    if not data:
        time.sleep(0.001)
    return data
tell_sum(read)
)"},
      {"descriptor", R"(
listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
listener.bind(address)
listener.listen()
say("at " + address)
sender, _ = listener.accept()
def read():
    _, (text,), _, _ = socket.recv_fds(sender, 1, 1)
    try:
        return os.pread(text, 4096, 0)
    finally:
        os.close(text)
tell_sum(read)
)"},
      {"tcp", R"(
listener = socket.create_server(("127.0.0.1", 0))
tell_address(listener)
sender, _ = listener.accept()
tell_sum(lambda: sender.recv(4096))
)"},
      {"udp", R"(
receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
receiver.bind(("127.0.0.1", 0))
tell_address(receiver)
tell_sum(lambda: receiver.recv(4096))
)"},
      {"shm_futex", R"(
from multiprocessing import resource_tracker, shared_memory
# Below 3.13 the tracker would remove the name, which is not Python's.
resource_tracker.register = lambda *name: None
memory = shared_memory.SharedMemory(name=address)
say("at " + address)
read_ring(memory.buf)
memory.close()
)"},
      {"mapped_file", R"(
with open(address, "r+b") as file:
    memory = mmap.mmap(file.fileno(), 0)
say("at " + address)
read_ring(memory)
)"},
      {"file_flock", R"(
file = open(address, "rb", buffering=0)
say("at " + address)
def read():
    fcntl.flock(file, fcntl.LOCK_EX)
    data = file.read()
    fcntl.flock(file, fcntl.LOCK_UN)
    if not data:
        time.sleep(0.001)
    return data
tell_sum(read)
)"},
  };
  return all;
}

// Whether the receiver makes what the sender connects to.
bool receiver_opens(const std::string& name) {
  return name == "descriptor" || name == "tcp" || name == "udp";
}

}  // namespace

bool python_can(const std::string& mechanism) {
  return programs().contains(mechanism);
}

uint64_t send_to_python(const std::string& name, int messages) {
  const std::vector<NamedMechanism> all = mechanisms();
  const auto named =
      std::find_if(all.begin(), all.end(),
                   [&](const auto& each) { return each.name == name; });
  if (named == all.end()) throw std::invalid_argument(name);
  // If it cannot become Python, its error text would be taken for its address.
  ipc::check(::access(kPython, X_OK), kPython);
  const std::unique_ptr<Mechanism> mechanism = named->make();
  if (!receiver_opens(name)) mechanism->open();
  Helper python(
      "Python",
      {kPython, "-I", "-c", std::string(kCommon) + programs().at(name),
       mechanism->address().empty() ? "-" : mechanism->address(),
       std::to_string(messages), std::to_string(mechanism->message_bytes())});
  mechanism->join(Side::sender, python.line().hear().substr(3));
  for (int number = 1; number <= messages; ++number) {
    const std::string message =
        make_message(static_cast<uint64_t>(number), mechanism->message_bytes());
    if (mechanism->send(message, Wait::yes).state != State::done) {
      throw std::runtime_error("a message to Python was not sent");
    }
  }
  const uint64_t sum = std::stoull(python.line().hear());
  python.join();
  return sum;
}

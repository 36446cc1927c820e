// Wrong: the two sides do not agree on the order of bytes.
//
// The sender writes the first byte first, as network protocols do; the
// receiver takes the bytes as its processor has them. Both are right.

#include <endian.h>
#include <string.h>

#include <string>

#include "common/channel/connection.h"
#include "common/lab/lab.h"
#include "common/process/process.h"
#include "common/report/report.h"

namespace {

std::string lesson() {
  ipc::ConnectionPair ends = ipc::make_connections();
  ipc::Process receiver("Receiver", [&] {
    ends.first.close();
    while (const auto bytes = ends.second.receive()) {
      uint64_t number = 0;
      memcpy(&number, bytes->data(), sizeof number);  // Missing: be64toh().
      ipc::say("Fixed layout: sum {}", number);
    }
  });
  ends.second.close();
  const uint64_t number = 7;
  const uint64_t sent = htobe64(number);
  ipc::say("Fixed layout: sum {}, 1 readings in {} bytes", number, sizeof sent);
  ipc::ensure(
      ends.first.send({reinterpret_cast<const char*>(&sent), sizeof sent}));
  ends = {};
  return receiver.join() == 0 ? "" : "the receiver failed";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("byte_order", "What bytes are made of the same readings.");
  return lab.run(argc, argv, lesson);
}

// Wrong: sends a struct as it lies in memory, and does not say which version.
//
// The sender has been given a new field. The receiver has not, copies as many
// bytes as it knows, and finds a number in them, as it always does.

#include <cstdint>
#include <cstring>
#include <string>

#include "common/channel/connection.h"
#include "common/lab/lab.h"
#include "common/process/process.h"
#include "common/report/report.h"

namespace {

struct OldParcel {
  int32_t number;
  double weight_kg;
};

struct NewParcel {
  int32_t number;
  int32_t length_cm;  // New; and what comes after it has moved.
  int32_t width_cm;
  int32_t height_cm;
  double weight_kg;
};

std::string lesson() {
  ipc::ConnectionPair ends = ipc::make_connections();
  ipc::Process receiver("Receiver", [&] {
    ends.first.close();
    const auto bytes = ends.second.receive();
    OldParcel parcel{};
    std::memcpy(&parcel, bytes->data(), sizeof parcel);
    ipc::say("version 2, for a reader of version 1: parcel {}, {:.3} kg, ''",
             parcel.number, parcel.weight_kg);
  });
  ends.second.close();
  const NewParcel parcel{7, 30, 20, 10, 0.5};
  std::string bytes(sizeof parcel, '\0');
  std::memcpy(bytes.data(), &parcel, sizeof parcel);
  ipc::ensure(ends.first.send(bytes));
  ends.first.close();
  return receiver.join() == 0 ? "" : "the receiver failed";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("memory_as_message", "A struct with a new field.");
  return lab.run(argc, argv, lesson);
}

// Wrong: writes numbers as text with six digits.
//
// What iostreams, printf("%g") and std::to_string do unless told otherwise. The
// text looks fine, and what is read from it is another number.

#include <fmt/format.h>

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
    while (const auto text = ends.second.receive()) {
      ipc::say("JSON text: sum {}", std::stod(*text));
    }
  });
  ends.second.close();
  const double value = 7.0 / 3;
  const std::string text = fmt::format("{:g}", value);  // "{}" writes them all.
  ipc::say("JSON text: sum {}, 1 readings in {} bytes", value, text.size());
  ipc::ensure(ends.first.send(text));
  ends = {};
  return receiver.join() == 0 ? "" : "the receiver failed";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("six_digits", "What bytes are made of the same readings.");
  return lab.run(argc, argv, lesson);
}

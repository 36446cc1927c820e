// pipe_limits: how much fits into a channel, and who waits when it is full.
//
//   Left  --send--> [ buffer ] --receive-->  Right
//         <-receive- [ buffer ] <--send---
//
// Watch for: "Sent", which only says that the kernel has taken the bytes. In
// act 2 it comes when Right receives; in act 3 it never comes.
// Try: --write-bytes=1; --times=0.5.

#include <string>
#include <utility>

#include "common/base/clock.h"
#include "common/channel/connection.h"
#include "common/lab/lab.h"
#include "common/process/process.h"
#include "common/report/report.h"
#include "labs/pipe_limits/capacity.h"
#include "labs/pipe_limits/side.h"

namespace {

constexpr size_t kPageBytes = 4096;
constexpr double kPatienceS = 1.0;
constexpr double kPauseS = 0.5;

int write_bytes = 64;
double times = 4;
size_t message_bytes = 0;  // `times` the room in a buffer, by act 1.

using Role = void (*)(Side& me);

void send_too_much(Side& me) {
  begin_to_send(me);
  meet(me);
  send_rest(me);
}

void receive_late(Side& me) {
  meet(me);
  receive(me);
}

void send_before_receiving(Side& me) {
  begin_to_send(me);
  meet(me);  // Both buffers are full.
  const auto patience = ipc::Deadline::after(ipc::paced_s(kPatienceS));
  if (me.data.flush_until(patience) == ipc::Transfer::ok) {
    send_rest(me);  // Nothing is left of it.
    return receive(me);
  }
  ipc::say("Stuck for a second: both sides send, neither receives");
  meet(me);  // The other side waits as long, and must find us here.
}

void send_then_receive(Side& me) {
  send(me);
  receive(me);
}

void receive_then_send(Side& me) {
  receive(me);
  send(me);
}

bool play(const char* title, Role left, Role right) {
  ipc::pause_s(kPauseS);
  ipc::say("{}", title);
  auto data = ipc::make_connections();
  auto words = ipc::make_connections();
  Side one{std::move(data.first), std::move(words.first), message_bytes};
  Side other{std::move(data.second), std::move(words.second), message_bytes};
  ipc::Process left_process("Left", [&] {
    other = {};
    left(one);
  });
  ipc::Process right_process("Right", [&] {
    one = {};
    right(other);
  });
  one = {};
  other = {};
  const bool is_well = left_process.join() == 0;
  return right_process.join() == 0 && is_well;
}

std::string lesson() {
  ipc::say("Act 1: how much fits into a buffer?");
  (void)measure(static_cast<size_t>(write_bytes));
  const auto room_bytes = static_cast<double>(measure(kPageBytes));
  message_bytes = static_cast<size_t>(times * room_bytes);
  const bool is_well =
      play("Act 2: more than fits", send_too_much, receive_late) &&
      play("Act 3: both send before they receive", send_before_receiving,
           send_before_receiving) &&
      play("Act 4: cured, Right receives first", send_then_receive,
           receive_then_send);
  return is_well ? "" : "a process failed";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("pipe_limits", "How much fits into a channel, and who waits.");
  lab.option("--write-bytes", write_bytes, 1, 65536, "of each write in act 1");
  lab.option("--times", times, 0.01, 16,
             "length of a message, in full buffers");
  return lab.run(argc, argv, lesson);
}

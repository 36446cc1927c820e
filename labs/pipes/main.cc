// pipes: a sender and a receiver, and two ways to say "that was all".
//
//   Main --fork--> Sender === messages ==> Receiver <--fork-- Main
//                         <==  ready  ====
//
// There are two pipes, because a pipe has one direction.
// Watch for: how the receiver learns that no more will come. In the first act
// the sender says so. In the second it is killed and says nothing, yet the
// receiver ends: the kernel has closed the sender's end of the channel.
// Try: delete the line marked [close-main] and run again; Ctrl-C ends the wait.

#include <signal.h>

#include <optional>
#include <string>
#include <utility>

#include "common/base/clock.h"
#include "common/channel/connection.h"
#include "common/lab/lab.h"
#include "common/process/process.h"
#include "common/report/report.h"

namespace {

using ipc::ConnectionPair;
using ipc::Deadline;

constexpr double kPauseS = 0.5;
constexpr double kPollS = 1.0;
constexpr const char* kNoMore = "";  // No message of ours is empty.

int message_count = 5;
int dies_after = 2;

// Of each pipe the first end receives, and the second sends.
struct Pipes {
  ConnectionPair messages = ipc::make_one_way_connections();  // [pipe]
  ConnectionPair ready = ipc::make_one_way_connections();
};

void send_messages(Pipes& pipes, int count, bool dies) {
  pipes.messages.first.close();  // [close-sender]
  pipes.ready.second.close();
  (void)pipes.ready.first.receive();  // The receiver is ready.
  ipc::say("Starting to send messages");
  for (int i = 0; i < count; ++i) {
    ipc::say("Sent 'Message {}'", i);  // Said before it can be received.
    ipc::ensure(pipes.messages.second.send("Message " + std::to_string(i)));
    ipc::pause_s(kPauseS);
  }
  if (dies) ::raise(SIGKILL);
  ipc::say("Done sending");
  ipc::ensure(pipes.messages.second.send(kNoMore));  // [signal]
}

void receive_messages(Pipes& pipes) {
  pipes.messages.second.close();  // [close-receiver]
  pipes.ready.first.close();
  ipc::say("Starting to receive");
  // The sender waits for our word, so this poll must find nothing.
  if (!pipes.messages.first.poll_until(Deadline::after(ipc::paced_s(kPollS)))) {
    ipc::say("No message received in the last second");
  }
  ipc::ensure(pipes.ready.second.send("ready"));
  while (const auto message = pipes.messages.first.receive()) {  // [receive]
    if (*message == kNoMore) {
      ipc::say("Done receiving: the sender said so");
      return;
    }
    ipc::say("Got '{}'", *message);
  }
  ipc::say("Done receiving: end of file, no sender is left");  // [eof]
}

// Plays one act; returns the sender's exit status, as Process::join() does.
int play(int count, bool dies) {
  std::optional<Pipes> pipes(std::in_place);
  ipc::Process sender("Sender", [&] { send_messages(*pipes, count, dies); });
  ipc::Process receiver("Receiver", [&] { receive_messages(*pipes); });
  pipes.reset();  // [close-main] Main uses no end.

  const int status = sender.join();
  return receiver.join() == 0 ? status : receiver.join();
}

std::string lesson() {
  ipc::say("Act 1: the sender says that it is done");
  if (play(message_count, false) != 0) return "a process failed in act 1";

  ipc::say("Act 2: the sender is killed");
  const int status = play(dies_after, true);
  ipc::say("The sender was {}", ipc::describe_status(status));
  if (status != -SIGKILL) return "the sender was not killed";
  ipc::say("All done!");
  return "";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("pipes", "A sender, a receiver, and the end of the messages.");
  lab.option("--messages", message_count, 0, 1000, "messages in act 1");
  lab.option("--dies-after", dies_after, 0, 1000, "messages in act 2");
  return lab.run(argc, argv, lesson);
}

// Wrong: waits for the answer to a question that still lies in the batch.
//
// The batch is not full, so the question has not been sent. Receiver waits for
// the question, and Sender waits for the answer.

#include <string>

#include "common/channel/connection.h"
#include "common/lab/lab.h"
#include "common/process/process.h"
#include "common/report/report.h"

namespace {

constexpr size_t kBatchBytes = 100;

void ask(ipc::Connection& server) {
  std::string batch;
  for (int number = 0; number < 2; ++number) {
    ipc::say("Added {}", number);
    batch += std::to_string(number) + " ";
    if (batch.size() >= kBatchBytes) {
      ipc::ensure(server.send(batch));
      batch.clear();
    }
  }
  const auto answer = server.receive();  // The batch must go before.
  if (answer) ipc::say("The answer is {}", *answer);
}

void answer_questions(ipc::Connection& client) {
  while (const auto batch = client.receive()) {
    ipc::say("Got {}", *batch);
    ipc::ensure(client.send("yes"));
  }
}

std::string lesson() {
  ipc::ConnectionPair ends = ipc::make_connections();
  ipc::Process sender("Sender", [&] {
    ends.second.close();
    ask(ends.first);
  });
  ipc::Process receiver("Receiver", [&] {
    ends.first.close();
    answer_questions(ends.second);
  });
  ends = {};
  if (sender.join() != 0 || receiver.join() != 0) return "a process failed";
  return "";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("question_in_batch", "One number to a message, or many.");
  return lab.run(argc, argv, lesson);
}

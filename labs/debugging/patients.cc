#include "labs/debugging/patients.h"

#include <fcntl.h>

#include <atomic>
#include <cstddef>
#include <cstring>
#include <memory>
#include <vector>

#include "common/base/errors.h"
#include "common/base/unique_fd.h"
#include "common/memory/shared.h"
#include "common/process/pipe.h"

namespace {

// Here and below: an asker that does not wait for the answer any more has hung
// up, and the next receive says so.
void answer_first(ipc::Connection& asker) {
  if (const auto question = asker.receive()) (void)asker.send(*question);
}

}  // namespace

void be_healthy(ipc::Connection& asker) {
  while (const auto question = asker.receive()) (void)asker.send(*question);
}

void be_leaker(ipc::Connection& asker) {
  answer_first(asker);
  std::vector<ipc::UniqueFd> kept;
  while (const auto question = asker.receive()) {
    kept.emplace_back(ipc::check(::open("/dev/null", O_RDONLY | O_CLOEXEC),
                                 "open /dev/null"));
    (void)asker.send(*question);
  }
}

void be_hog(ipc::Connection& asker) {
  // The first pages bring in code as well, which would look like a leak.
  std::vector<std::unique_ptr<ipc::SharedPages>> kept;
  kept.push_back(std::make_unique<ipc::SharedPages>(kHogBytes));
  answer_first(asker);
  while (const auto question = asker.receive()) {
    kept.push_back(std::make_unique<ipc::SharedPages>(kHogBytes));
    std::memset(kept.back()->data(), 1, kHogBytes);
    (void)asker.send(*question);
  }
}

void be_spinner(ipc::Connection& asker) {
  answer_first(asker);
  (void)asker.receive();
  while (true) std::atomic_signal_fence(std::memory_order_seq_cst);
}

void be_waiter(ipc::Connection& asker) {
  answer_first(asker);
  (void)asker.receive();
  const ipc::Pipe pipe = ipc::make_pipe();  // Only it has the write end.
  std::byte nothing{};
  (void)ipc::read_exact(pipe.reader, {&nothing, 1});
}

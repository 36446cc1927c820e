#include "labs/debugging/examine.h"

#include <sys/types.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/lab/lab.h"
#include "common/process/process.h"
#include "common/report/report.h"
#include "labs/debugging/look.h"

namespace {

constexpr double kLimitS = 0.1;
constexpr double kPauseS = 0.5;
constexpr long kMiB = 1 << 20;
constexpr long kBusyTicks = 3;          // 30 ms on most machines.
constexpr useconds_t kLookUs = 20'000;  // From one look to the next.

// Returns what a process that does not answer is doing. Looks until it has used
// some time of a processor, or has slept from one look to the next.
std::string describe_silence(pid_t pid) {
  const Look first = look_at(pid);
  Look before = first;
  while (true) {
    ::usleep(kLookUs);
    const Look now = look_at(pid);
    if (now.cpu_ticks - first.cpu_ticks >= kBusyTicks) return kBusy;  // [busy]
    const bool slept = before.state == 'S' && now.state == 'S';
    if (slept && before.sleeps == now.sleeps) {  // [asleep]
      return "sleeps in " + now.call;
    }
    before = now;
  }
}

struct Answers {
  int count = 0;
  std::string silence = "";  // What it did instead of the next answer.
};

Answers ask(ipc::Connection& patient, pid_t pid, int questions) {
  const double limit_s = kLimitS * ipc::time_scale();
  for (int i = 0; i < questions; ++i) {
    ipc::ensure(patient.send("How are you?"));
    if (!patient.poll_until(ipc::Deadline::after(limit_s))) {  // [limit]
      const std::string silence = describe_silence(pid);
      // Or was it only late? Then it sleeps because it has answered.
      if (!patient.poll_until(ipc::Deadline::at_ns(0))) return {i, silence};
    }
    (void)patient.receive();
  }
  return {questions};
}

}  // namespace

std::string examine(const char* name, void (*be)(ipc::Connection&),
                    int questions) {
  ipc::ConnectionPair ends = ipc::make_connections();
  const ipc::Process patient(name, [&] {
    ends.first.close();
    be(ends.second);
  });
  ends.second.close();
  if (ask(ends.first, patient.pid(), 1).count == 0) return "is mute";
  const Look before = look_at(patient.pid());
  const Answers answers = ask(ends.first, patient.pid(), questions);
  const Look after = look_at(patient.pid());

  const int descriptors = after.descriptors - before.descriptors;
  const long mib = (after.memory_bytes - before.memory_bytes + kMiB / 2) / kMiB;
  std::string finding = "is well";
  if (descriptors > 0) finding = "leaks descriptors";
  if (mib > 0) finding = "leaks memory";  // [memory]
  if (!answers.silence.empty()) finding = answers.silence;
  ipc::say("{}: {} answers, descriptors {:+}, memory {:+} MiB: {}", name,
           answers.count, descriptors, mib, finding);
  ipc::pause_s(kPauseS);
  return finding;
}

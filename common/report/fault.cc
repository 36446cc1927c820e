#include "common/report/fault.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <charconv>
#include <string>
#include <string_view>

#include "common/base/clock.h"
#include "common/base/hooks.h"
#include "common/process/process_name.h"

namespace ipc {
namespace {

struct Fault {
  std::string process;
  std::string what;
  double value = 0;
  FaultPoint point = FaultPoint::start;
  int line = 0;  // After which line, counted from 1; 0 for every line.
};

// Cuts off and returns what precedes the last `sign`, or all of it.
std::string_view take_head(std::string_view& text, char sign) {
  const size_t end = text.rfind(sign);
  const std::string_view head = text.substr(0, end);
  text = end == text.npos ? "" : text.substr(end + 1);
  return head;
}

void set_point(Fault& fault, std::string_view point) {
  if (point.empty() || point == "start") return;
  fault.point = point == "end"   ? FaultPoint::end
                : point == "say" ? FaultPoint::say
                                 : FaultPoint::line;
  std::from_chars(point.data(), point.data() + point.size(), fault.line);
}

Fault read_order(std::string_view rest) {
  Fault fault;
  fault.process = take_head(rest, ':');
  const std::string_view what = take_head(rest, '@');
  set_point(fault, rest);
  fault.what = what.substr(0, what.find('='));
  if (fault.what.size() < what.size()) {
    fault.value =
        ::atof(std::string(what.substr(fault.what.size() + 1)).c_str());
  }
  return fault;
}

void sleep_s(double seconds) {
  timespec rest = to_timespec(to_ns(seconds));
  while (::nanosleep(&rest, &rest) == -1 && errno == EINTR) {
  }
}

void bring_about(const Fault& fault) {
  // So that readers of the log know that it has happened.
  event(EventKind::point, "fault", fault.what);
  if (fault.what == "exit") ::_exit(static_cast<int>(fault.value));
  if (fault.what == "kill") ::kill(::getpid(), SIGKILL);
  if (fault.what == "stop") ::kill(::getpid(), SIGSTOP);
  if (fault.what == "slow") sleep_s(fault.value);
}

}  // namespace

void fault_point(FaultPoint point) {
  const char* const order = ::secure_getenv("IPC_LABS_FAULT");
  if (order == nullptr) [[likely]] {
    return;
  }
  const Fault fault = read_order(order);
  if (fault.process != process_name() || fault.point != point) return;
  // Each process counts only its own lines, from when it got its name.
  static pid_t owner = 0;
  static int lines = 0;
  if (owner != ::getpid()) lines = 0;
  owner = ::getpid();
  if (point == FaultPoint::line && ++lines != fault.line && fault.line != 0) {
    return;
  }
  bring_about(fault);
}

}  // namespace ipc

// Waits for an event that is never set: `patient 1.5` waits for 1.5 seconds,
// `patient` forever. The library sleeps in slices, so both look alike at first.

#include <stdlib.h>

#include "common/base/clock.h"
#include "common/memory/shared.h"
#include "common/process/process_name.h"
#include "common/report/report.h"
#include "common/sync/event.h"

int main(int argc, char** argv) {
  ipc::open_event_log();
  ipc::name_process("Main");
  const ipc::Shared<ipc::Event> never;
  const auto deadline = argc == 2 ? ipc::Deadline::after(::atof(argv[1]))
                                  : ipc::Deadline::never();
  ipc::say("{}", never->wait_until(deadline) ? "set" : "PASS");
}

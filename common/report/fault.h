// Faults on order: the harness makes a process of a lab fail and sees what the
// lab does about it.
//
//   IPC_LABS_FAULT="Worker 1:exit=1@end" labs/queues/queues
//
// The variable is <process>:<fault>[@<point>]. <process> is the name of a
// process. The fault hits every process that has this name, so it also hits
// each new life of a worker.
//
// Faults: exit=<status>   it ends by _exit(2), as a child that has failed
//         kill            it is killed by SIGKILL
//         stop            it is stopped by SIGSTOP, and does not notice
//         slow=<seconds>  it sleeps for this long, whatever --pace is
// Points: start  when it gets its name; this is the default
//         <n>    after the nth line that it says
//         say    before every line that it says
//         line   after every line that it says
//         end    when its work is done, in place of its own exit status
//
// A set-user-ID program ignores the variable: see secure_getenv(3).
#pragma once

namespace ipc {

enum class FaultPoint { start, say, line, end };

// Brings about the fault that the variable orders for this process at this
// point, if it orders one.
void fault_point(FaultPoint point);

}  // namespace ipc

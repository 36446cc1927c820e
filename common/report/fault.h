// Deaths on order: how the harness sees what a lab makes of a child that fails.
//
//   IPC_LABS_FAULT="Worker 1:exit=1@end" labs/queues/queues
//
// The variable is <process>:<fault>[@<point>]. The process is called by what it
// is named; all that have the name are hit, so each new life of it, too.
//
// Faults: exit=<status>   it ends by _exit(2), as a child that has failed
//         kill            it is killed by SIGKILL
//         stop            it stops, and does not know
//         slow=<seconds>  it takes so much longer, whatever --pace is
// Points: start  when it gets its name; this is the default
//         <n>    after the nth line that it says
//         say    before every line that it says
//         line   after every line that it says
//         end    when its work is done, in place of its own exit status
//
// A program that is set-user-ID takes no such order: see secure_getenv(3).
#pragma once

namespace ipc {

enum class FaultPoint { start, say, line, end };

// Brings about the fault that is ordered for this process at this point, if
// one is.
void fault_point(FaultPoint point);

}  // namespace ipc

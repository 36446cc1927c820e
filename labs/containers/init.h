// Process 1 as it should be, in thirty lines: it runs one program, forwards
// signals to it, and reaps whatever else becomes its child.
//
//   Container service({.name = "Init"}, [] { return run_init("App", run); });
//
// Returns: the exit status of the program, or 128 and the signal that has
//          killed it, for process 1 to end with.
// Death:   when process 1 ends, the kernel kills what is left in its namespace.
// See:     tini and dumb-init, which docker run --init and others put here.
#pragma once

#include <functional>
#include <string>

int run_init(const std::string& name, const std::function<void()>& program);

// Leaves an orphan behind, in the way in which a daemon is started: forks a
// child that forks a child and ends. Blocks until that second child has ended
// as well; then it is a zombie, unless its new parent has already reaped it.
void leave_orphan();

// How many children of this process have ended and are not reaped.
int count_zombies();

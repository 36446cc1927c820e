// What people call this process: in what it says, and in ps, top and gdb.
//
// Threads: any may ask and name; what process_name() has returned stays valid,
//          and as it was.
// Fork:    a child has its parent's name until it is given another, as Process
//          does.
// See:     prctl(2), PR_SET_NAME
#pragma once

#include <string>
#include <string_view>

namespace ipc {

// "Main" until it is named.
const std::string& process_name();

// Of what is longer, ps, top and gdb show the first 15 bytes.
void name_process(std::string_view name);

// Called whenever this process has got a name. Null by default.
using NamedHook = void (*)();
inline constinit NamedHook named_hook = nullptr;

}  // namespace ipc

// The name of this process for people: in what it prints, and in ps, top and
// gdb.
//
// Threads: any thread may call both functions. A reference that process_name()
//          has returned stays valid, and keeps the old name.
// Fork:    a child has its parent's name until it is given another, as Process
//          does.
// See:     prctl(2), PR_SET_NAME
#pragma once

#include <string>
#include <string_view>

namespace ipc {

// "Main" until it is named.
const std::string& process_name();

// Names this process. Of a longer name ps, top and gdb show the first 15 bytes.
void name_process(std::string_view name);

// Called each time after this process was named. Null by default.
using NamedHook = void (*)();
inline constinit NamedHook named_hook = nullptr;

}  // namespace ipc

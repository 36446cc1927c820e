// What a wrong variant of a lab says when it has run to its end: that it cannot
// see its own mistake, and which command shows it.
#pragma once

namespace ipc {

// Prints these two lines on standard error if this program is a wrong variant,
// which is called labs/<lab>/wrong_<name>. Prints nothing under the harness,
// which sets IPC_LABS_RUN.
void tell_if_wrong();

}  // namespace ipc

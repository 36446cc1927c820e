// What a wrong variant of a lab says when it has passed: that it cannot see its
// own mistake, and who can.
#pragma once

namespace ipc {

// Says so on standard error, two lines, if this program is a wrong variant:
// labs/<lab>/wrong_<name>. The harness, which knows it, is told nothing: it
// sets IPC_LABS_RUN.
void tell_if_wrong();

}  // namespace ipc

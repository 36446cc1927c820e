// A container of a real runtime: runc or crun, from a bundle that is made here.
//
//   write_bundle(dir.path(), {.folder = shared.path(), ...});
//   ipc::Process process("runc", [&] { become_runtime(*runtime, dir.path());
//   });
//
// A bundle is a folder with config.json, which says what is to be made, and
// rootfs, the tree of the container: here this program, and its libraries.
//
// Death:    the runtime dies with the process that made it. Its container is
//           then an orphan, which the keeper of the lab kills.
// See:      the runtime specification of the Open Container Initiative (OCI);
//           runc(8), crun(1).
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

struct Runtime {
  std::string name;  // "runc" or "crun"
  std::string path;
};

// Returns the runtime that is wanted, or if that is "" the first one installed.
std::optional<Runtime> find_runtime(const std::string& wanted);

struct BundleSpec {
  std::string folder;                  // To be seen as /shared.
  size_t shm_bytes = 64U << 20U;       // Of /dev/shm.
  std::vector<std::string> arguments;  // Of this program, in the container.
};

// Makes a bundle in `bundle`, a folder. Errors: std::system_error.
void write_bundle(const std::string& bundle, const BundleSpec& spec);

// Makes this process a runtime that runs the bundle in the foreground: it
// forwards signals, and ends with the exit status of the container. Its error
// messages go to a file in the bundle. It becomes user 0 of a user namespace
// first, so that it needs no rights, and cannot leave control groups behind.
[[noreturn]] void become_runtime(const Runtime& runtime,
                                 const std::string& bundle);

// Returns the last line of its error messages, or "" if there are none.
std::string complaint(const std::string& bundle);

// A one-way stream of bytes from the holders of the write end to the holders of
// the read end; and calls that read or write a piece of it as a whole.
//
//   ipc::Pipe pipe = ipc::make_pipe();
//
// Lifetime: the kernel keeps the pipe until its last descriptor is closed. The
//           descriptors are closed on exec(2).
// Blocks:   a read waits while the pipe is empty and a write end is open; a
//           write waits while it is full (64 KiB by default).
// Ordering: bytes arrive in the order they were written; what the writer did
//           before is visible to the reader. A write(2) of at most PIPE_BUF
//           (4,096) bytes is never mixed with that of another writer.
// Fork:     the child has a copy of both ends. Close the one you do not use:
//           the stream ends only when the last copy of the write end is closed.
// Death:    the kernel closes the ends of a dead process. When the last writer
//           has died, a read gets end of file; when the last reader has died, a
//           write fails with EPIPE. Half of a message may be left in the
//           stream.
// See:      pipe(2), pipe(7).
#pragma once

#include <cstddef>
#include <span>

#include "common/base/unique_fd.h"

namespace ipc {

struct Pipe {
  UniqueFd reader;
  UniqueFd writer;
};

// Errors: std::system_error, EMFILE or ENFILE.
Pipe make_pipe();

// Writes all of `bytes`. Blocks while the pipe is full.
// Errors: std::system_error, EPIPE if no reader is left. The thread gets no
//         SIGPIPE, whatever the process does with that signal.
void write_all(const UniqueFd& writer, std::span<const std::byte> bytes);

// Fills `bytes`; false if the stream ends before the first byte. Blocks until
// all bytes have come.
// Errors: std::system_error, EPROTO if the stream ends after some of them.
[[nodiscard]] bool read_exact(const UniqueFd& reader,
                              std::span<std::byte> bytes);

}  // namespace ipc

// Files that are replaced as a whole: readers see the old or the new content.
//
//   ipc::replace_file(path, text);
//   std::optional<std::string> text = ipc::read_file(path);
//
// The content is written to a file of its own in the same folder, made durable
// by fsync(2), and put in place by rename(2), the one call that changes a name
// from one file to another in a single step.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace ipc {

// Replaces or creates the file `path`.
//
// Errors:   std::system_error, and the old content stays: ENOSPC, EFBIG at the
//           limit for the size of files (without SIGXFSZ), EIO of fsync(2)
//           (final: the kernel forgets it, so trying again would look like
//           success), EPERM if the old file is another user's in a folder with
//           the sticky bit, or immutable, EISDIR if it is a folder. After the
//           rename only the folder's fsync can fail: then the new content is
//           there, and may not survive a crash. Where a file system has no
//           fsync for folders (CIFS, vboxsf) there is no such promise.
// Requires: a folder that may be read and written.
// Ordering: of two writers the last to rename wins; contents never mix.
// Death:    old or new content, at whatever instruction. The writer's temporary
//           file stays, locked by nobody; the next replace_file() in that
//           folder removes it (lock_file.h).
// Trust:    whatever has the name is replaced, also a FIFO, or a symbolic link,
//           which is not followed; other hard links keep the old content. The
//           owner is whoever calls. Of an old file that is the caller's own are
//           kept: permissions, access control list, and the group. If the
//           caller may not give the file to that group, nothing is permitted to
//           any group. Set-user-ID bits and other attributes are not kept. Of
//           another's file, or if there is none, nothing: the mode is 0600. In
//           a folder where others may write, use the sticky bit, as /tmp does:
//           without it they can rename too.
// See:      rename(2), fsync(2); "All File Systems Are Not Created Equal",
//           Pillai et al., OSDI 2014.
void replace_file(const std::string& path, std::string_view content);

// The content of a file, or nothing if there is none. It follows links. Whole
// if the file is only ever changed by replace_file(); a file that somebody
// writes in place may be read half written.
//
// Errors:   std::system_error; EINVAL for what is no regular file.
std::optional<std::string> read_file(const std::string& path);

}  // namespace ipc

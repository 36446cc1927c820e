// Files that are replaced as a whole: readers see the old or the new content.
//
//   ipc::replace_file(path, text);
//   std::optional<std::string> text = ipc::read_file(path);
//
// The content is written to a temporary file in the same folder, made durable
// by fsync(2), and put in place by rename(2), the one call that moves a name
// from one file to another in a single step.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace ipc {

// Replaces or creates the file `path`.
//
// Errors:   std::system_error, and the old content stays: ENOSPC; EFBIG at the
//           limit for the size of files (without SIGXFSZ); EIO from fsync(2),
//           which is final: the kernel forgets the error, so a second attempt
//           would look like success; EPERM if the old file is immutable, or
//           belongs to another user in a folder with the sticky bit; EISDIR if
//           `path` is a folder. After the rename only the fsync of the folder
//           can fail: the new content is then in place, but may not survive a
//           crash. A file system that has no fsync for folders (CIFS, vboxsf)
//           never promises that it survives.
// Requires: a folder that may be read and written.
// Blocks:   until the content is on the disk.
// Ordering: the writer that renames last wins; contents never mix.
// Death:    a writer killed at any instruction leaves the old or the new
//           content. Its temporary file may stay, without a lock; the next
//           replace_file() in that folder removes it (lock_file.h).
// Trust:    whatever has the name is replaced, even a FIFO or a symbolic link,
//           which is not followed; other hard links keep the old content. The
//           new file belongs to the caller. If the old one was a regular file
//           of the caller's own, its permissions, access control list and group
//           are kept. If the caller may not give the file to that group, no
//           group gets any permission. Set-user-ID bits and other attributes
//           are not kept. In all other cases the mode is 0600. In a folder
//           where others may write, use the sticky bit, as /tmp does: without
//           it they can rename too.
// See:      rename(2), fsync(2); "All File Systems Are Not Created Equal",
//           Pillai et al., OSDI 2014.
void replace_file(const std::string& path, std::string_view content);

// Returns the content of a file, or nothing if there is no file. It follows
// symbolic links. The content is whole if only replace_file() ever changes the
// file; a file that is written in place may be read half written.
//
// Blocks:   never on a FIFO, which is an error.
// Errors:   std::system_error; EINVAL if it is not a regular file.
std::optional<std::string> read_file(const std::string& path);

}  // namespace ipc

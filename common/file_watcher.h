// Tells when a file may have changed, however it was saved; inotify(7).
//
//   ipc::FileWatcher watcher(path);
//   while (true) {
//     watcher.wait();                       // Returns at once the first time.
//     const auto text = ipc::read_file(path);
//     if (text == last) continue;           // A notice is no proof.
//
// A watch on the file itself would hold on to the old file when an editor puts
// a new one in its place. So this one watches folders: each folder in which a
// name of the path is looked up, through links too. "/a/b/file" is found again
// if "b" is moved away and another "b" takes its place.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>

#include "common/clock.h"
#include "common/unique_fd.h"

struct inotify_event;

namespace ipc {

// Lifetime: make it before you first read the file: what changes later is told.
// Blocks:   wait() until the file may have changed; wait_until() at most to its
//           deadline. The first call returns at once, since what is there now
//           is news too; only after it is fd() of use to poll(2).
// Errors:   std::system_error; EINVAL for a path that names no file, EMFILE if
//           this user has too many watchers, see /proc/sys/fs/inotify; ELOOP
//           for links in a circle. That file or folders are missing is no
//           error: they are awaited.
// Ordering: many changes may be one notice, and a notice may be about nothing:
//           compare contents. After the last change there is a notice, so the
//           last content is never missed; those in between can be. A file that
//           is written in place is told of when its writer closes it.
// Fork:     make it in the process that waits. A child shares the queue of
//           notices and would take some away.
// Not told: writes through another hard link or a mapping, of other machines
//           (NFS), and a file system mounted over a folder.
// See:      inotify(7), "Limitations and caveats".
class FileWatcher {
 public:
  enum class Notice {
    changed,
    // Anything may have happened: this is the first notice, or a folder was
    // gone, or the kernel's queue (max_queued_events) was full.
    rescan,
  };

  explicit FileWatcher(std::string path);

  Notice wait() { return *wait_until(Deadline::never()); }
  [[nodiscard]] std::optional<Notice> wait_until(Deadline deadline);

  // Readable when wait_until() has something to look at: maybe not our file.
  [[nodiscard]] int fd() const { return inotify_.get(); }

 private:
  void watch_path();
  int watch(const std::string& folder, const std::string& name);
  std::optional<Notice> read_events();
  std::optional<Notice> meaning(std::span<const char> events);
  std::optional<Notice> meaning(const inotify_event& event,
                                std::string_view name);

  std::string path_;
  UniqueFd inotify_;
  // The watched folders, by watch descriptor, and the names that matter there.
  struct Folder {
    std::string path;
    std::set<std::string, std::less<>> names;
  };
  std::map<int, Folder> watched_;

  // Where the path leads, if all of its folders are there and are watched. What
  // happens to the file itself is no reason to look for them again.
  struct File {
    int watch = -1;  // Of its folder.
    std::string name;
    std::string path;
  };
  File file_;
  bool is_elsewhere_ = false;  // It may lead through other folders now.
  bool is_first_ = true;
};

}  // namespace ipc

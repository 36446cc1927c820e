// Reports when a file may have changed, however it was saved; see inotify(7).
//
//   ipc::FileWatcher watcher(path);
//   while (true) {
//     watcher.wait();                       // Returns at once the first time.
//     const auto text = ipc::read_file(path);
//     if (text == last) continue;           // A notice proves no change.
//
// A watch on the file itself would stay with the old file when an editor puts
// a new one in its place. So the watcher watches folders: each folder in which
// the kernel looks up a name of the path, through symbolic links too. It finds
// "/a/b/file" again if "b" is moved away and another "b" takes its place.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>

#include "common/base/clock.h"
#include "common/base/unique_fd.h"

struct inotify_event;

namespace ipc {

// Lifetime: create it before you first read the file. It reports every change
//           from then on.
// Blocks:   wait() until the file may have changed; wait_until() at most until
//           its deadline. The first call returns at once, because what is there
//           now is news too; fd() is of use to poll(2) only after that call.
// Errors:   std::system_error; EINVAL for a path that names no file; EMFILE if
//           this user has too many watchers (fs.inotify.max_user_instances);
//           ENOSPC if this user watches too many folders
//           (fs.inotify.max_user_watches); ELOOP for symbolic links in a
//           circle. It is not an error if the file or a folder is missing: the
//           watcher waits until it appears. After an error the next wait()
//           looks for the folders again, and returns at once if it finds them.
// Ordering: several changes may become one notice, and a notice may be about
//           nothing: compare the contents. A notice follows the last change, so
//           the last content is never missed; earlier ones can be. A change of
//           permissions counts, because it may make the file readable. A file
//           that is written in place is reported when its writer closes it, or
//           kSettleS after a change if it has not been closed by then: the
//           writer may keep it open, and truncate(2) opens nothing.
// Cost:     each write into the folder of the file wakes the watcher, even a
//           write to another file: do not watch a file in a busy folder.
// Fork:     create it in the process that waits. A child shares the queue of
//           notices and would take some of them.
// Misses:   writes through another hard link or a mapping, writes by other
//           machines (NFS), and a file system mounted over a folder.
// See:      inotify(7), "Limitations and caveats".
class FileWatcher {
 public:
  enum class Notice {
    changed,
    // Anything may have happened: this is the first notice, or a folder was
    // gone, or the kernel's queue (max_queued_events) was full.
    rescan,
  };

  // After this time, multiplied by time_scale(), a file that is still being
  // written is reported all the same.
  static constexpr double kSettleS = 0.2;

  explicit FileWatcher(std::string path);

  Notice wait() { return *wait_until(Deadline::never()); }
  [[nodiscard]] std::optional<Notice> wait_until(Deadline deadline);

  // Readable when wait_until() has an event to look at, which may be about
  // another file. It belongs to the watcher: do not read or close it.
  [[nodiscard]] int fd();

 private:
  void find_again();
  void watch_path(std::deque<std::string> names);
  int watch(const std::string& folder, const std::string& name,
            uint32_t events);
  std::optional<Notice> look();
  std::optional<Notice> read_events();
  void settle_until(Deadline deadline);
  std::optional<Notice> meaning(std::span<const char> events);
  std::optional<Notice> meaning(const inotify_event& event,
                                std::string_view name);

  std::string path_;
  UniqueFd inotify_;
  // Both are made by fd(). The timer runs while the file has to settle.
  UniqueFd timer_;
  UniqueFd epoll_;  // Watches both.
  Deadline settled_ = Deadline::never();
  // The watched folders, by watch descriptor, and the names that matter there.
  struct Folder {
    std::string path;
    std::set<std::string, std::less<>> names;
  };
  std::map<int, Folder> watched_;

  // Where the path leads, if all of its folders are there and are watched. A
  // change of the file itself is not a reason to look for the folders again.
  struct File {
    int watch = -1;  // Of its folder.
    std::string name;
    std::string path;
  };
  File file_;
  bool is_elsewhere_ = false;  // The path may lead through other folders now.
  bool is_first_ = true;
};

}  // namespace ipc

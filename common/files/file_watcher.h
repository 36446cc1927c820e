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

// Lifetime: make it before you first read the file: what changes later is told.
// Blocks:   wait() until the file may have changed; wait_until() at most to its
//           deadline. The first call returns at once, since what is there now
//           is news too; only after it is fd() of use to poll(2).
// Errors:   std::system_error; EINVAL for a path that names no file; EMFILE if
//           this user has too many watchers (fs.inotify.max_user_instances);
//           ENOSPC if they watch too many folders
//           (fs.inotify.max_user_watches); ELOOP for links in a circle. That
//           file or folders are missing is no error: they are awaited. After an
//           error the next wait() looks for the folders again, and returns at
//           once when it has found them.
// Ordering: many changes may be one notice, and a notice may be about nothing:
//           compare contents. After the last change there is a notice, so the
//           last content is never missed; those in between can be. A change of
//           permissions is one, for it may make the file readable. A file that
//           is written in place is told of when its writer closes it, or
//           kSettleS after a change if nobody has closed it: its writer may
//           keep it open, and truncate(2) opens nothing.
// Cost:     each write into the folder of the file wakes it, also to others: a
//           folder with busy files is a bad place for a file that is watched.
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

  // So long a file may be half written before that is told; times time_scale().
  static constexpr double kSettleS = 0.2;

  explicit FileWatcher(std::string path);

  Notice wait() { return *wait_until(Deadline::never()); }
  [[nodiscard]] std::optional<Notice> wait_until(Deadline deadline);

  // Readable when wait_until() has something to look at: maybe not our file.
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
  // Made by fd(): the timer runs while the file has to settle.
  UniqueFd timer_;
  UniqueFd epoll_;  // Watches both.
  Deadline settled_ = Deadline::never();
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

#include "common/file_watcher.h"

#include <limits.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <deque>
#include <utility>
#include <vector>

#include "common/errors.h"
#include "common/point.h"
#include "common/ready.h"
#include "common/report.h"

namespace ipc {
namespace {

// A name that appears, goes, or gets a content. Not IN_MODIFY: a file that is
// being written in place is worth reading when its writer has closed it.
constexpr uint32_t kEvents = IN_CREATE | IN_DELETE | IN_MOVED_FROM |
                             IN_MOVED_TO | IN_CLOSE_WRITE | IN_ONLYDIR;

// Instead of a watch descriptor.
constexpr int kNoWatch = -1;
constexpr int kNoFolder = -2;

constexpr int kLinksMax = 40;  // As in path_resolution(7).

// The names of a path in order; "" and "." are nothing.
std::deque<std::string> split(const std::string& path) {
  std::deque<std::string> names;
  for (size_t begin = 0; begin < path.size();) {
    const size_t end = std::min(path.find('/', begin), path.size());
    std::string name = path.substr(begin, end - begin);
    if (!name.empty() && name != ".") names.push_back(std::move(name));
    begin = end + 1;
  }
  return names;
}

std::string join(const std::string& folder, const std::string& name) {
  std::string path = folder;
  if (!path.ends_with('/')) path += '/';
  return path += name;
}

// What a symbolic link says; nothing if it is none.
std::optional<std::string> read_link(const std::string& path) {
  std::string target(PATH_MAX, '\0');
  const ssize_t length = ::readlink(path.c_str(), target.data(), target.size());
  if (length == -1) return std::nullopt;
  target.resize(static_cast<size_t>(length));
  return target;
}

// Cheaper than to ask lstat(2).
bool is_link(const std::string& path) {
  char first = 0;
  return ::readlink(path.c_str(), &first, 1) != -1;
}

bool is_empty_file(const std::string& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) &&
         status.st_size == 0;
}

}  // namespace

FileWatcher::FileWatcher(std::string path)
    : path_(std::move(path)),
      inotify_(
          check(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK), "inotify_init1")) {
  if (split(path_).empty()) throw_error(EINVAL, "watch of no file");
  watch_path();
}

// Walks along the path as the kernel does, and puts a watch on each folder
// before it looks into it: what changes behind us is in the queue.
void FileWatcher::watch_path() {
  file_ = {};
  is_elsewhere_ = false;
  bool sees_all = true;
  auto old = std::exchange(watched_, {});
  std::deque<std::string> names = split(path_);
  std::string folder = path_.starts_with('/') ? "/" : ".";
  for (int links = 0; !names.empty();) {
    const std::string name = std::move(names.front());
    names.pop_front();
    const int watched = watch(folder, name);
    if (watched == kNoFolder) break;
    sees_all = sees_all && watched != kNoWatch;
    const std::string next = join(folder, name);
    const auto target = read_link(next);
    if (!target) {
      folder = next;
      // A folder that we may not watch is tried again at each notice.
      if (names.empty() && sees_all) file_ = {watched, name, next};
      continue;
    }
    if (++links > kLinksMax) throw_error(ELOOP, "watch of a file");
    // Not = "/", in which g++ 12 finds a fault that is not there.
    if (target->starts_with('/')) folder.assign(1, '/');
    const auto more = split(*target);
    names.insert(names.begin(), more.begin(), more.end());
  }
  for (const auto& [watch, unused] : old) {
    if (!watched_.contains(watch)) ::inotify_rm_watch(inotify_.get(), watch);
  }
}

// Returns the watch descriptor; kNoFolder if there is no such folder: then the
// one above it is watched, and tells when there is.
int FileWatcher::watch(const std::string& folder, const std::string& name) {
  const int watch =
      ::inotify_add_watch(inotify_.get(), folder.c_str(), kEvents);
  if (watch == -1 && (errno == ENOENT || errno == ENOTDIR)) return kNoFolder;
  // One may pass through a folder that one may not read: then its names are
  // not told.
  if (watch == -1 && errno == EACCES) return kNoWatch;
  check(watch, "inotify_add_watch");
  watched_[watch].path = folder;
  watched_[watch].names.insert(name);
  return watch;
}

std::optional<FileWatcher::Notice> FileWatcher::wait_until(Deadline deadline) {
  if (std::exchange(is_first_, false)) return Notice::rescan;
  std::string awaited = "file ";
  awaited += path_;
  event(EventKind::wait, awaited);
  std::optional<Notice> notice = read_events();
  const auto is_over = [&] {
    if (!notice) notice = read_events();
    return notice.has_value();
  };
  if (Gate* const own = gate(); own != nullptr && !notice) [[unlikely]] {
    // What happens to other files, maybe outside of the run, is nothing to it.
    (void)own->wait_until(is_over, awaited, deadline.ns());
  }
  while (!notice && !deadline.expired()) {
    (void)wait_ready(inotify_.get(), POLLIN, deadline);
    notice = read_events();
  }
  event(EventKind::wake, awaited);
  if (is_elsewhere_) watch_path();
  return notice;
}

// Takes what is in the queue now, all at once: so that many changes are one
// notice, and the changes of others can not keep us here for ever.
std::optional<FileWatcher::Notice> FileWatcher::read_events() {
  std::array<char, 4096> first;
  const ssize_t size =
      retry([&] { return ::read(inotify_.get(), first.data(), first.size()); });
  if (size == -1 && errno == EAGAIN) return std::nullopt;
  check(size, "read inotify");
  const auto length = static_cast<size_t>(size);
  std::optional<Notice> notice = meaning({first.data(), length});
  // Was there room for one more, the longest that there can be?
  if (first.size() - length > sizeof(inotify_event) + NAME_MAX) return notice;
  int queued = 0;
  check(::ioctl(inotify_.get(), FIONREAD, &queued), "ioctl FIONREAD");
  if (queued == 0) return notice;
  std::vector<char> rest(static_cast<size_t>(queued));
  const ssize_t rest_size =
      check(::read(inotify_.get(), rest.data(), rest.size()), "read inotify");
  const auto more = meaning({rest.data(), static_cast<size_t>(rest_size)});
  return notice == Notice::rescan || !more ? notice : more;
}

std::optional<FileWatcher::Notice> FileWatcher::meaning(
    std::span<const char> events) {
  std::optional<Notice> notice;
  while (!events.empty()) {
    inotify_event event{};
    std::memcpy(&event, events.data(), sizeof event);
    // It ends with one or more zeros; see inotify(7).
    const char* const name = events.data() + sizeof event;
    const auto more =
        meaning(event, event.len > 0 ? std::string_view(name) : "");
    if (more && notice != Notice::rescan) notice = more;
    events = events.subspan(sizeof event + event.len);
  }
  return notice;
}

std::optional<FileWatcher::Notice> FileWatcher::meaning(
    const inotify_event& event, std::string_view name) {
  if ((event.mask & IN_Q_OVERFLOW) != 0) {
    is_elsewhere_ = true;
    return Notice::rescan;
  }
  const auto folder = watched_.find(event.wd);
  if (folder == watched_.end()) return std::nullopt;  // Watched no longer.
  if ((event.mask & (IN_IGNORED | IN_UNMOUNT)) != 0) {
    is_elsewhere_ = true;
    return Notice::rescan;
  }
  const auto& [path, names] = folder->second;
  if (!names.contains(name)) return std::nullopt;
  // A link that takes the place of the file leads to other folders.
  const bool is_file = event.wd == file_.watch && name == file_.name;
  const bool is_new = (event.mask & (IN_CREATE | IN_MOVED_TO)) != 0;
  if (!is_file || (is_new && is_link(file_.path))) is_elsewhere_ = true;
  // Somebody has just begun to write it, and IN_CLOSE_WRITE will follow.
  if ((event.mask & IN_CREATE) != 0 &&
      is_empty_file(join(path, std::string(name)))) {
    return std::nullopt;
  }
  return Notice::changed;
}

}  // namespace ipc

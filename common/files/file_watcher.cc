#include "common/files/file_watcher.h"

#include <limits.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <utility>
#include <vector>

#include "common/base/errors.h"
#include "common/base/hooks.h"
#include "common/base/wait_ready.h"

namespace ipc {
namespace {

// A name appears or disappears, or its permissions or its content change.
constexpr uint32_t kEvents = IN_CREATE | IN_DELETE | IN_MOVED_FROM |
                             IN_MOVED_TO | IN_ATTRIB | IN_CLOSE_WRITE |
                             IN_ONLYDIR | IN_MASK_ADD;

// Instead of a watch descriptor.
constexpr int kNoWatch = -1;
constexpr int kNoFolder = -2;

constexpr int kLinksMax = 40;  // As in path_resolution(7).

// The names of a path in order, without "" and ".".
std::deque<std::string> names_in(const std::string& path) {
  std::deque<std::string> names;
  for (const std::filesystem::path& name : std::filesystem::path(path)) {
    if (name.has_filename() && name != ".") names.push_back(name);
  }
  return names;
}

std::string join(const std::string& folder, const std::string& name) {
  std::string path = folder;
  if (!path.ends_with('/')) path += '/';
  return path += name;
}

// The target of a symbolic link; nothing if `path` is not one.
std::optional<std::string> read_link(const std::string& path) {
  std::string target(PATH_MAX, '\0');
  const ssize_t length = ::readlink(path.c_str(), target.data(), target.size());
  if (length == -1) return std::nullopt;
  target.resize(static_cast<size_t>(length));
  return target;
}

// This is cheaper than lstat(2).
bool is_link(const std::string& path) {
  char first = 0;
  return ::readlink(path.c_str(), &first, 1) != -1;
}

bool is_empty_file(const std::string& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) &&
         status.st_size == 0;
}

// Errors that name inotify's own limits, which an errno does not.
const char* explain_init() {
  return errno == EMFILE ? "inotify_init1: fs.inotify.max_user_instances is "
                           "reached, or no descriptor is free"
                         : "inotify_init1";
}
const char* explain_add() {
  return errno == ENOSPC
             ? "inotify_add_watch: fs.inotify.max_user_watches is reached"
             : "inotify_add_watch";
}

UniqueFd make_inotify() {
  UniqueFd fd(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!fd) throw_error(errno, explain_init());
  return fd;
}

void add_to(const UniqueFd& epoll, const UniqueFd& fd) {
  epoll_event event{};
  event.events = EPOLLIN;
  check(::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd.get(), &event), "epoll_ctl");
}

}  // namespace

FileWatcher::FileWatcher(std::string path)
    : path_(std::move(path)), inotify_(make_inotify()) {
  if (names_in(path_).empty()) throw_error(EINVAL, "the path names no file");
  watch_path(names_in(path_));
}

int FileWatcher::fd() {
  if (epoll_) return epoll_.get();
  timer_.reset(
      check(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK),
            "timerfd_create"));
  UniqueFd epoll(check(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1"));
  add_to(epoll, inotify_);
  add_to(epoll, timer_);
  epoll_ = std::move(epoll);
  settle_until(settled_);
  return epoll_.get();
}

// If this fails, the notice that has led here must still be given later.
void FileWatcher::find_again() {
  auto old = std::exchange(watched_, {});
  try {
    watch_path(names_in(path_));
  } catch (...) {
    watched_.merge(old);
    is_elsewhere_ = true;
    is_first_ = true;
    throw;
  }
  for (const auto& [watch, unused] : old) {
    if (!watched_.contains(watch)) ::inotify_rm_watch(inotify_.get(), watch);
  }
}

// Walks along the path as the kernel does, and puts a watch on each folder
// before it looks into it: a change that comes later is in the queue.
void FileWatcher::watch_path(std::deque<std::string> names) {
  file_ = {};
  is_elsewhere_ = false;
  bool sees_all = true;
  std::string folder = path_.starts_with('/') ? "/" : ".";
  for (int links = 0; !names.empty();) {
    const std::string name = std::move(names.front());
    names.pop_front();
    // Writes to a log in a folder on the way must not wake us.
    const int watched =
        watch(folder, name, names.empty() ? kEvents | IN_MODIFY : kEvents);
    if (watched == kNoFolder) break;
    sees_all = sees_all && watched != kNoWatch;
    const std::string next = join(folder, name);
    const auto target = read_link(next);
    if (!target) {
      folder = next;
      // If we may not watch a folder, we try again at each notice.
      if (names.empty() && sees_all) file_ = {watched, name, next};
      continue;
    }
    if (++links > kLinksMax) throw_error(ELOOP, "watch of a file");
    // Not = "/", about which g++ 12 gives a false warning.
    if (target->starts_with('/')) folder.assign(1, '/');
    const auto more = names_in(*target);
    names.insert(names.begin(), more.begin(), more.end());
  }
}

// Returns the watch descriptor; kNoFolder if there is no such folder. The
// folder above it is watched then, and its watch reports when there is one.
int FileWatcher::watch(const std::string& folder, const std::string& name,
                       uint32_t events) {
  const int watch = ::inotify_add_watch(inotify_.get(), folder.c_str(), events);
  if (watch == -1 && (errno == ENOENT || errno == ENOTDIR)) return kNoFolder;
  // A process may pass through a folder that it may not read. inotify(7) then
  // does not report the names in it.
  if (watch == -1 && errno == EACCES) return kNoWatch;
  if (watch == -1) throw_error(errno, explain_add());
  watched_[watch].path = folder;
  watched_[watch].names.insert(name);
  return watch;
}

std::optional<FileWatcher::Notice> FileWatcher::wait_until(Deadline deadline) {
  if (is_first_ && is_elsewhere_) find_again();
  if (std::exchange(is_first_, false)) return Notice::rescan;
  std::string awaited = "file ";
  awaited += path_;
  event(EventKind::wait, awaited);
  std::optional<Notice> notice = look();
  const auto is_over = [&] {
    if (!notice) notice = look();
    return notice.has_value();
  };
  if (Gate* const own = gate(); own != nullptr && !notice) [[unlikely]] {
    // The gate wakes only for our file, not for others outside of the run.
    (void)own->wait_until(is_over, awaited, deadline.sooner(settled_).ns());
  }
  while (!is_over() && !deadline.expired()) {
    (void)wait_ready(inotify_.get(), POLLIN, deadline.sooner(settled_));
  }
  event(EventKind::wake, awaited);
  if (is_elsewhere_) find_again();
  return notice;
}

// The notice that is due now, if there is one.
std::optional<FileWatcher::Notice> FileWatcher::look() {
  std::optional<Notice> notice = read_events();
  if (!notice && settled_.expired()) notice = Notice::changed;
  // A reader of the file now sees all that was written until now.
  if (notice && !settled_.is_never()) settle_until(Deadline::never());
  return notice;
}

// Sets the timer too, for callers that wait for fd().
void FileWatcher::settle_until(Deadline deadline) {
  settled_ = deadline;
  if (!timer_) return;
  itimerspec time{};
  if (!deadline.is_never()) time.it_value = deadline.to_timespec();
  check(::timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &time, nullptr),
        "timerfd_settime");
}

// Takes all that is in the queue now, at once: so many changes become one
// notice, and changes to other files cannot keep us here forever.
std::optional<FileWatcher::Notice> FileWatcher::read_events() {
  std::array<char, 4096> first;
  const ssize_t size =
      retry([&] { return ::read(inotify_.get(), first.data(), first.size()); });
  if (size == -1 && errno == EAGAIN) return std::nullopt;
  check(size, "read inotify");
  const auto length = static_cast<size_t>(size);
  std::optional<Notice> notice = meaning({first.data(), length});
  // Was there room for one more event, even the longest possible one?
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
    // The name ends with one or more zeros; see inotify(7).
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
  if (folder == watched_.end()) return std::nullopt;  // No longer watched.
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
  // Perhaps a process has begun to write it, and IN_CLOSE_WRITE will follow. If
  // that does not come, the change is reported after kSettleS, but only once.
  const bool is_written = (event.mask & IN_MODIFY) != 0 ||
                          ((event.mask & IN_CREATE) != 0 &&
                           is_empty_file(join(path, std::string(name))));
  if (!is_written) return Notice::changed;
  if (settled_.is_never()) {
    settle_until(Deadline::after(kSettleS * time_scale()));
  }
  return std::nullopt;
}

}  // namespace ipc

// Compares ipc::FileWatcher with inotify(7) by hand: rename(2) replaces a file,
// and another process, which sleeps, notices. The time is the median of the
// times from before the rename until the other's wait has returned.
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "benchmarks/bench.h"
#include "common/base/clock.h"
#include "common/base/errors.h"
#include "common/base/unique_fd.h"
#include "common/files/file_watcher.h"
#include "common/memory/shared.h"
#include "common/process/names.h"
#include "common/report/measure.h"
#include "common/sync/futex.h"

namespace ipc::bench {
namespace {

struct Board {
  std::atomic<bool> prepared{false};
  std::atomic<int64_t> begun_ns{0};
  std::atomic<uint32_t> seen{0};
  std::atomic<bool> over{false};
  double median_ns = 0;
};

void make_file(const std::string& path) {
  const UniqueFd fd(check(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600), "open"));
}

// A folder in memory, where no disk makes a rename slow.
class Folder {
 public:
  Folder() : path_("/dev/shm/" + unique_name("watched")) {
    std::filesystem::create_directories(path_ + "/watched");
    std::filesystem::create_directories(path_ + "/spare");
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  Folder(Folder&&) = delete;
  Folder& operator=(Folder&&) = delete;
  ~Folder() { std::filesystem::remove_all(path_); }

  [[nodiscard]] std::string watched() const { return path_ + "/watched/file"; }
  // A file that is created here causes no event for the watcher.
  [[nodiscard]] std::string spare() const { return path_ + "/spare/file"; }

 private:
  std::string path_;
};

// Replaces the file whenever the last change was seen, until the time is over.
void replace(Lane& lane, Board& board, const std::string& next,
             const std::string& path) {
  const auto rename_over = [&] {
    make_file(next);
    board.begun_ns = now_ns();
    check(::rename(next.c_str(), path.c_str()), "rename");
  };
  while (!board.prepared) ::usleep(100);
  for (uint32_t count = 0; lane.goes_on(); ++count) {
    ::usleep(50);  // Time for the other process to fall asleep.
    rename_over();
    while (board.seen == count && lane.goes_on()) {
      futex_wait(board.seen, count, Deadline::never());
    }
  }
  board.over = true;
  rename_over();
}

// W(path).wait() returns when the file has changed.
template <typename W>
Figure run_watcher(Placement place) {
  const Folder folder;
  const std::string path = folder.watched();
  make_file(path);
  const Shared<Board> board;
  Figure figure =
      run(place,
          {[&](Lane& lane) { replace(lane, *board, folder.spare(), path); },
           [&](Lane& lane) {
             W watcher(path);
             board->prepared = true;
             std::vector<double> took_ns;
             while (true) {
               watcher.wait();
               const int64_t end_ns = now_ns();
               if (board->over) break;
               took_ns.push_back(static_cast<double>(end_ns - board->begun_ns));
               lane.did_long();
               ++board->seen;
               futex_wake_all(board->seen);
             }
             if (!took_ns.empty()) board->median_ns = spread(took_ns).median;
           }},
          {.prepared = &board->prepared});
  figure.ns = board->median_ns;
  return figure;
}

class Ours {
 public:
  explicit Ours(const std::string& path) : watcher_(path) {
    watcher_.wait();  // Returns at once the first time.
  }
  void wait() { watcher_.wait(); }

 private:
  FileWatcher watcher_;
};

class ByHand {
 public:
  explicit ByHand(const std::string& path)
      : name_(path.substr(path.rfind('/') + 1)),
        fd_(check(::inotify_init1(IN_CLOEXEC), "inotify_init1")) {
    const std::string folder = path.substr(0, path.rfind('/'));
    check(::inotify_add_watch(fd_.get(), folder.c_str(), IN_MOVED_TO),
          "inotify_add_watch");
  }
  void wait() {
    while (!read_events()) {
    }
  }

 private:
  bool read_events() {
    alignas(inotify_event) char events[4096];
    const ssize_t size =
        check(::read(fd_.get(), events, sizeof events), "read inotify");
    bool changed = false;
    for (ssize_t at = 0; at < size;) {
      const auto* const event =
          reinterpret_cast<const inotify_event*>(events + at);
      at += static_cast<ssize_t>(sizeof *event + event->len);
      changed = changed || (event->len > 0 && name_ == event->name);
    }
    return changed;
  }

  std::string name_;
  UniqueFd fd_;
};

const Bench benches([] {
  contend("file_watcher", "FileWatcher", both_pinned(), run_watcher<Ours>);
  contend("file_watcher", "inotify", both_pinned(), run_watcher<ByHand>);
});

}  // namespace
}  // namespace ipc::bench

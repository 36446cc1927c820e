#include "common/lab/internal/hang.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <deque>
#include <map>
#include <set>
#include <sstream>
#include <string_view>
#include <utility>

#include "common/base/clock.h"
#include "common/report/waits.h"

namespace ipc::lab_internal {
namespace {

using Names = std::vector<std::string>;

// What a thread waits for, and the threads that hold it.
struct Reason {
  std::string on;
  std::vector<pid_t> holders;
};

std::string listed(const Names& names) {
  std::string text;
  for (size_t i = 0; i < names.size(); ++i) {
    if (i > 0) text += i + 1 < names.size() ? ", " : " and ";
    text += names[i];
  }
  return text;
}

bool has(std::string_view text, std::string_view part) {
  return text.find(part) != text.npos;
}

// Says in a sentence what a thread of the run does.
std::string sentence(const LiveTask& task, const std::string& who,
                     const Reason& reason, const Names& held_by) {
  // The thread itself comes first.
  Names names;
  if (std::count(held_by.begin(), held_by.end(), who) > 0) {
    names.push_back(who + " itself");
  }
  for (const std::string& name : held_by) {
    if (name != who) names.push_back(name);
  }
  const std::string holders = listed(names);
  const bool plural = names.size() > 1;
  const std::string& on = reason.on;
  const std::string held = holders.empty() ? "" : ", held by " + holders;
  switch (task.state) {
    case 'T':
    case 't':
      return who +
             " is stopped by a signal and continues only when a process sends "
             "it SIGCONT.";
    case 'R':
      return who + " is running: it is not waiting.";
    case 'Z':
    case 'X':
      return fmt::format("{} has ended, but {} has not waited for it.", who,
                         holders);
    default:
      break;
  }
  const std::string waits = who + " waits in " + task.call;
  if (has(on, "write end of") && !holders.empty()) {
    return fmt::format("{} for {}, which {} still {} open.", waits, on, holders,
                       plural ? "hold" : "holds");
  }
  if (has(on, "read end of") && !holders.empty()) {
    return fmt::format(
        "{} because the pipe is full: {} is held by {}, who {} not read.",
        waits, on, holders, plural ? "do" : "does");
  }
  if (on == "a child" || on == "its child" || on == "a thread") {
    return fmt::format("{} for {} to end{}{}.", waits, on,
                       holders.empty() ? "" : ": ", holders);
  }
  if (on.empty()) {
    return fmt::format("{} waits in {}{}.", who,
                       task.call.empty() ? "an unknown call" : task.call, held);
  }
  if (task.call == "futex" || task.call.empty() || on.starts_with("the lock")) {
    return fmt::format("{} waits for {}{}.", who, on, held);
  }
  return fmt::format("{} for {}{}.", waits, on, held);
}

// The shortest circle in a graph of which thread waits for which.
Names shortest_circle(const std::map<std::string, Names>& edges) {
  Names best;
  for (const auto& [start, ignored] : edges) {
    std::deque<Names> paths{{start}};
    std::set<std::string> seen;
    while (!paths.empty()) {
      const Names path = paths.front();
      paths.pop_front();
      const auto next = edges.find(path.back());
      if (next == edges.end()) continue;
      for (const std::string& name : next->second) {
        if (name == start && (best.empty() || path.size() < best.size())) {
          best = path;
        } else if (edges.count(name) > 0 && seen.insert(name).second) {
          paths.push_back(path);
          paths.back().push_back(name);
        }
      }
    }
  }
  return best;
}

// Turns one snapshot into sentences.
class Explainer {
 public:
  explicit Explainer(const Snapshot& snapshot) : snapshot_(snapshot) {
    std::map<std::string, int> taken;
    for (const LiveTask& task : snapshot.tasks) {
      tids_.insert(task.tid);
      if (task.tid != task.pid) continue;
      first_name_[task.pid] = task.name;
      ++taken[name(task.pid)];
    }
    for (const LiveTask& task : snapshot.tasks) {
      std::string label = name(task.pid);
      if (taken[label] > 1) label += fmt::format(" (pid {})", task.pid);
      if (task.tid != task.pid) {
        label += task.name == first_name_[task.pid]
                     ? fmt::format(", thread {}", task.tid)
                     : ", " + task.name;
      }
      labels_[task.tid] = label;
    }
  }

  Names explain() {
    Names lines;
    std::map<std::string, Names> edges;
    for (const LiveTask& task : snapshot_.tasks) {
      const bool is_zombie = task.state == 'Z' || task.state == 'X';
      const bool waits = task.state == 'S' || task.state == 'D';
      Reason reason;
      if (waits) reason = reason_of(task);
      if (is_zombie) {
        if (labels_.count(task.parent) == 0) continue;
        reason.holders = {task.parent};
      }
      Names held_by;
      for (const pid_t holder : reason.holders) {
        const std::string label = label_of(holder);
        if (std::count(held_by.begin(), held_by.end(), label) == 0) {
          held_by.push_back(label);
        }
      }
      const std::string who = label_of(task.tid);
      lines.push_back(sentence(task, who, reason, held_by));
      if (task.state == 'S') edges[who] = held_by;
    }
    Names circle = shortest_circle(edges);
    if (circle.size() == 1) {
      lines.push_back(circle[0] + " waits for itself.");
    } else if (!circle.empty()) {
      circle.push_back(circle[0]);
      lines.push_back(fmt::format("They wait for each other in a circle: {}.",
                                  fmt::join(circle, " -> ")));
    }
    return lines;
  }

 private:
  [[nodiscard]] std::string name(pid_t pid) const {
    const auto first = first_name_.find(pid);
    // A process that was forked without the library still has the noted name of
    // its parent; its own name is only the one for ps(1).
    const std::string noted = noted_name(pid);
    if (first == first_name_.end()) {
      return noted.empty() ? fmt::format("pid {}", pid) : noted;
    }
    return noted.starts_with(first->second) ? noted : first->second;
  }

  [[nodiscard]] std::string label_of(pid_t tid) const {
    const auto found = labels_.find(tid);
    if (found != labels_.end()) return found->second;
    return name(tid) + " (which has ended)";
  }

  [[nodiscard]] bool lives(pid_t tid) const { return tids_.count(tid) > 0; }

  Reason reason_of(const LiveTask& task) const {
    const std::string& call = task.call;
    if (call == "futex") return of_futex(task);
    if (call == "wait4" || call == "waitid") return of_child(task);
    if (call == "nanosleep" || call == "clock_nanosleep") {
      if (!task.timeout_s) return {"a point in time", {}};
      return {fmt::format("a sleep of {:.3g} s to pass", *task.timeout_s), {}};
    }
    if (call == "pause" || call == "rt_sigsuspend" ||
        call == "rt_sigtimedwait") {
      return {"a signal", {}};
    }
    if (call == "semop" || call == "semtimedop") return of_semaphore(task);
    if (call == "msgrcv" || call == "msgsnd") {
      return {fmt::format("{} System V message queue {}",
                          call == "msgrcv" ? "a message in" : "room in",
                          task.args[0]),
              {}};
    }
    if (call == "open" || call == "openat") {
      return {"another process to open the other end of " +
                  (task.path.empty() ? "a FIFO" : task.path),
              {}};
    }
    if ((call == "flock" || call == "fcntl") && !task.waits_on.empty()) {
      return of_file_lock(task);
    }
    Reason found = of_descriptors(task);
    const NotedWait noted = noted_wait(task.tid);
    if (found.on.empty() && !noted.object.empty()) {
      return {noted.object, noted.holders};
    }
    return found;
  }

  Reason of_futex(const LiveTask& task) const {
    Reason mutex = of_mutex(task);
    const NotedWait noted = noted_wait(task.tid);
    if (!noted.object.empty()) {
      return {
          noted.part.empty() ? noted.object : noted.part + " " + noted.object,
          noted.holders.empty() ? mutex.holders : noted.holders};
    }
    if (!mutex.on.empty()) return mutex;
    return {fmt::format("a futex at {:#x} that no process wakes", task.args[0]),
            {}};
  }

  // Guesses what a futex word means to the C library, and its owner. The word
  // of a robust or priority-inheriting mutex holds the thread id of its owner,
  // and a mark that a thread waits. An ordinary mutex has its owner two words
  // further; a thread that waits for it has stored 2, and sleeps while the word
  // is 2. pthread_join(3) waits on a thread id without a mark.
  Reason of_mutex(const LiveTask& task) const {
    if (task.word.size() != 3) return {};
    constexpr int32_t kThreadId = 0x3fffffff;
    const int32_t lock = task.word[0];
    const int32_t owner = task.word[2];
    if (lock > 2 && lives(lock)) return {"a thread", {lock}};
    const int32_t id = lock & kThreadId;
    if (id > 2 && lives(id)) return {"a mutex", {id}};
    const auto seen = static_cast<uint32_t>(task.args[2]);
    if ((lock == 1 || lock == 2) && seen == 2 && lives(owner)) {
      return {"a mutex", {owner}};
    }
    return {};
  }

  Reason of_child(const LiveTask& task) const {
    std::vector<pid_t> children;
    for (const LiveTask& other : snapshot_.tasks) {
      if (other.parent == task.pid && other.pid == other.tid &&
          other.state != 'Z' && other.state != 'X') {
        children.push_back(other.pid);
      }
    }
    constexpr uint64_t kById = 1;     // P_PID
    constexpr uint64_t kByPidfd = 3;  // P_PIDFD
    pid_t wanted = 0;
    if (task.call == "wait4") {
      wanted = static_cast<pid_t>(task.args[0]);
    } else if (task.args[0] == kById) {
      wanted = static_cast<pid_t>(task.args[1]);
    } else if (task.args[0] == kByPidfd) {
      return of_pidfd(task.pid, static_cast<int>(task.args[1]));
    }
    if (std::count(children.begin(), children.end(), wanted) > 0) {
      return {"its child", {wanted}};
    }
    return {"a child", children};
  }

  static Reason of_pidfd(pid_t pid, int fd) {
    std::istringstream info(descriptor_info(pid, fd));
    for (std::string line; std::getline(info, line);) {
      pid_t child = 0;
      if (::sscanf(line.c_str(), "Pid: %d", &child) != 1) continue;
      if (child > 0) return {"its child", {child}};
      return {"its child", {}};
    }
    return {"a child", {}};
  }

  Reason of_semaphore(const LiveTask& task) const {
    if (task.word.size() != 3) return {"a System V semaphore", {}};
    const bool is_wanted = task.word[1] < 0;
    Reason found{
        fmt::format("System V semaphore {}[{}]", task.args[0], task.word[0]),
        {}};
    if (is_wanted && lives(task.word[2])) found.holders = {task.word[2]};
    return found;
  }

  Reason of_file_lock(const LiveTask& task) const {
    const auto* const mine = descriptor(task.pid, task.waits_on[0].first);
    if (mine == nullptr) return {"a file lock", {}};
    Reason found{"the lock on " + mine->target, {}};
    for (const auto& [pid, table] : snapshot_.descriptors) {
      for (const auto& [fd, other] : table) {
        if (other.target == mine->target && has_lock(pid, fd)) {
          found.holders.push_back(pid);
        }
      }
    }
    return found;
  }

  static bool has_lock(pid_t pid, int fd) {
    std::istringstream info(descriptor_info(pid, fd));
    for (std::string line; std::getline(info, line);) {
      if (line.starts_with("lock:") && !has(line, "->")) return true;
    }
    return false;
  }

  [[nodiscard]] const Descriptor* descriptor(pid_t pid, int fd) const {
    const auto table = snapshot_.descriptors.find(pid);
    if (table == snapshot_.descriptors.end()) return nullptr;
    const auto found = table->second.find(fd);
    return found == table->second.end() ? nullptr : &found->second;
  }

  Reason of_descriptors(const LiveTask& task) const {
    Reason all;
    Names parts;
    for (const auto& [fd, to_write] : task.waits_on) {
      const Reason one = of_descriptor(task, fd, to_write);
      if (!one.on.empty() &&
          std::count(parts.begin(), parts.end(), one.on) == 0) {
        parts.push_back(one.on);
      }
      all.holders.insert(all.holders.end(), one.holders.begin(),
                         one.holders.end());
    }
    all.on = fmt::format("{}", fmt::join(parts, " or "));
    return all;
  }

  Reason of_descriptor(const LiveTask& task, int fd, bool to_write) const {
    const Descriptor* const found = descriptor(task.pid, fd);
    if (found == nullptr) return {fmt::format("descriptor {}", fd), {}};
    const std::string& target = found->target;
    if (found->is_fifo) {
      return {
          fmt::format("the {} end of {}", to_write ? "read" : "write", target),
          having(target, !to_write, true)};
    }
    if (target.starts_with("socket:")) return of_socket(task, target, to_write);
    if (target.starts_with("anon_inode:")) return of_nameless(task, fd, target);
    if (task.call.starts_with("mq_")) {
      const bool sends = task.call == "mq_timedsend";
      return {fmt::format("{} message queue {}",
                          sends ? "room in" : "a message in", target),
              having(target, !sends, false)};
    }
    for (const char* const terminal :
         {"/dev/pts/", "/dev/tty", "/dev/console"}) {
      if (target.starts_with(terminal)) return {"the terminal", {}};
    }
    return {target, {}};
  }

  // The processes that have `target` open, to write or to read.
  [[nodiscard]] std::vector<pid_t> having(const std::string& target,
                                          bool can_write, bool is_fifo) const {
    std::vector<pid_t> found;
    for (const auto& [pid, table] : snapshot_.descriptors) {
      for (const auto& [fd, each] : table) {
        if (each.target == target &&
            (can_write ? each.can_write : each.can_read) &&
            (each.is_fifo || !is_fifo)) {
          found.push_back(pid);
          break;
        }
      }
    }
    return found;
  }

  static Reason of_nameless(const LiveTask& task, int fd,
                            const std::string& target) {
    if (has(target, "pidfd")) return of_pidfd(task.pid, fd);
    constexpr std::pair<const char*, const char*> kNames[] = {
        {"eventfd", "an eventfd to be counted up"},
        {"inotify", "a change in a watched folder"},
        {"signalfd", "a signal"},
        {"timerfd", "a timer"},
        {"eventpoll", "an epoll set"},
    };
    for (const auto& [part, words] : kNames) {
      if (has(target, part)) return {words, {}};
    }
    return {target, {}};
  }

  Reason of_socket(const LiveTask& task, const std::string& target,
                   bool to_write) const {
    const uint64_t inode =
        ::strtoull(target.c_str() + target.find('[') + 1, nullptr, 10);
    if (task.call == "accept" || task.call == "accept4") {
      return {"a connection to " + address_of(inode), {}};
    }
    const auto found = snapshot_.unix_peers.find(inode);
    uint64_t peer = found == snapshot_.unix_peers.end() ? 0 : found->second;
    if (peer == 0) peer = tcp_peer(inode);
    if (peer == 0) return {address_of(inode), {}};
    return {fmt::format("{} {}",
                        to_write ? "room in" : "data from the other side of",
                        target),
            having(fmt::format("socket:[{}]", peer), true, false)};
  }

  // The words of each line of tables in /proc/self/net.
  static std::vector<Names> rows(std::initializer_list<const char*> tables) {
    std::vector<Names> found;
    for (const char* const table : tables) {
      std::istringstream text(
          read_file(std::string("/proc/self/net/") + table));
      for (std::string line; std::getline(text, line);) {
        std::istringstream words(line);
        found.emplace_back();
        for (std::string word; words >> word;) found.back().push_back(word);
      }
    }
    return found;
  }

  static std::string address_of(uint64_t inode) {
    const std::string number = std::to_string(inode);
    for (const Names& row : rows({"unix"})) {
      if (row.size() == 8 && row[6] == number) return "socket " + row[7];
    }
    for (const Names& row : rows({"tcp", "tcp6"})) {
      if (row.size() > 9 && row[9] == number) {
        const std::string port = row[1].substr(row[1].rfind(':') + 1);
        return fmt::format("TCP port {}", ::strtoul(port.c_str(), nullptr, 16));
      }
    }
    return fmt::format("socket:[{}]", inode);
  }

  static uint64_t tcp_peer(uint64_t inode) {
    const std::string number = std::to_string(inode);
    const auto table = rows({"tcp", "tcp6"});
    for (const Names& row : table) {
      if (row.size() <= 9 || row[9] != number) continue;
      for (const Names& other : table) {
        if (other.size() > 9 && other[1] == row[2] && other[2] == row[1]) {
          return ::strtoull(other[9].c_str(), nullptr, 10);
        }
      }
    }
    return 0;
  }

  const Snapshot& snapshot_;
  std::set<pid_t> tids_;
  std::map<pid_t, std::string> first_name_;
  std::map<pid_t, std::string> labels_;
};

// The same values as in harness/quiet.py, which gives the reasons.
constexpr double kQuietS = 2;
constexpr double kRecheckS = 0.15;
constexpr double kAsGoodAsEverS = 10;
constexpr double kLooking = 0.02;
constexpr double kLookingAtFirstS = 0.02;

bool ends_by_itself(const LiveTask& task, double limit_s) {
  if (task.state != 'S' && task.state != 'D') return false;
  if (task.call == "nanosleep" || task.call == "clock_nanosleep") {
    return !task.timeout_s || *task.timeout_s < limit_s;
  }
  for (const auto& [fd, ignored] : task.waits_on) {
    const std::string info = descriptor_info(task.pid, fd);
    if (has(info, "it_value:") && !has(info, "it_value: (0, 0)")) return true;
  }
  if (!task.timeout_s) return false;
  return *task.timeout_s > kRecheckS && *task.timeout_s <= kAsGoodAsEverS;
}

}  // namespace

std::vector<std::string> explain_hang(pid_t ancestor) {
  const Snapshot snapshot = snapshot_of(ancestor);
  return Explainer(snapshot).explain();
}

Rest::Rest(pid_t ancestor, double limit_s)
    : ancestor_(ancestor), limit_s_(limit_s), since_ns_(now_ns()) {}

double Rest::quiet_s() const {
  return static_cast<double>(now_ns() - since_ns_) / 1e9;
}

// Whether the set of processes has changed, or one of them has done some work.
bool Rest::has_moved() {
  uint64_t ticks = 0;
  std::vector<pid_t> pids;
  for (const LiveTask& process : descendants_of(ancestor_)) {
    pids.push_back(process.pid);
    ticks += process.ticks;
  }
  const auto per_s = static_cast<double>(::sysconf(_SC_CLK_TCK));
  const double allowed_s = kLooking * quiet_s() + kLookingAtFirstS;
  if (pids == pids_ && ticks >= ticks_before_ &&
      static_cast<double>(ticks - ticks_before_) / per_s <= allowed_s) {
    return false;
  }
  pids_ = std::move(pids);
  ticks_before_ = ticks;
  return true;
}

const std::vector<std::string>& Rest::look() {
  bool goes_on = has_moved();
  if (!goes_on && quiet_s() >= kQuietS * time_scale()) {
    const std::vector<LiveTask> tasks = tasks_of(ancestor_);
    const auto ends = [&](const LiveTask& task) {
      return ends_by_itself(task, limit_s_);
    };
    const auto runs = [](const LiveTask& task) {
      return task.state == 'R' || task.state == 'D';
    };
    goes_on = std::any_of(tasks.begin(), tasks.end(), ends);
    // A process that looks again at what it waits for runs for an instant.
    if (!goes_on && explanation_.empty() &&
        std::none_of(tasks.begin(), tasks.end(), runs)) {
      explanation_ = explain_hang(ancestor_);
    }
  }
  if (goes_on) {
    since_ns_ = now_ns();
    explanation_.clear();
  }
  return explanation_;
}

}  // namespace ipc::lab_internal

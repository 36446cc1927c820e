// Keeps workers alive: starts each one in a process of its own, notices when it
// crashes, fails or hangs, and starts it again. Modelled on Erlang's
// supervisor.
//
//   ipc::Supervisor supervisor;
//   supervisor.add({.name = "counter", .work = count, .heartbeat_s = 1});
//   while (const auto notice = supervisor.next()) {
//     ipc::say("{}: {}", notice->worker, notice->text);
//   }
//
// There is one thread, the caller's: it waits in epoll(7) for pidfds, channels
// and the next deadline, in a loop inside next(). So nothing is supervised
// between two calls. A worker's life, as status() shows it:
//
//   starting ---> running ---> (its process ends) ---> completed
//      ^             |           |           `-------> failed
//      |             | stop()    `--> backing_off
//      `-------------|--------------------'
//                    `-> stopping ---> stopped
//
// Lifetime: the destructor kills all workers and reaps them.
// Blocks:   next() until there is a notice, next_until() at most until its
//           deadline. No call waits for a worker that does not answer.
// Fork:     a worker closes the ends of other workers' channels that it
//           inherits. A program with a Supervisor must not fork children from
//           other threads.
// Death:    when a worker dies, what it had reported still arrives, and then a
//           notice how it ended. What is left of its process group is killed
//           before the worker is reaped. When the supervisor dies, its workers
//           die with it, by PR_SET_PDEATHSIG, and so do those of their children
//           that are an ipc::Process; a child of a plain fork(2) outlives it.
// See:      restarts.h, worker.h; Erlang/OTP "Supervisor Behaviour".
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "common/base/unique_fd.h"
#include "common/supervise/restarts.h"
#include "common/supervise/worker.h"

namespace ipc {

// After which ends of its process a worker is restarted.
enum class RestartPolicy {
  permanent,  // After all of them.
  transient,  // After all but exit status 0; a hang also counts as abnormal.
  temporary,  // After none.
};

struct WorkerSpec {
  std::string name;  // Must be unique; its processes have this name as well.
  std::function<void(Worker&)> work;
  RestartPolicy policy = RestartPolicy::permanent;

  // A worker without a heartbeat for longer than this counts as hanging, and is
  // killed after 1 to 1.5 times this. With 0 it may be silent without limit.
  double heartbeat_s = 0;

  // How long it may continue after stop(); then it is killed. SIGTERM is not
  // used: it would end the work in the middle, and a worker that ignores it
  // needs SIGKILL all the same.
  double stop_timeout_s = 5;

  RestartRule restarts = {};
};

enum class WorkerState {
  starting,     // To be started at once, or started and not yet at work.
  running,      // At work.
  backing_off,  // Ended, to be started again after a delay.
  stopping,     // Asked to stop, not yet ended.
  stopped,      // Ended after stop().
  completed,    // Ended well, and is not restarted.
  failed,       // Ended badly, and is not restarted; a notice says why.
};

std::string_view describe(WorkerState state);

struct WorkerStatus {
  WorkerState state = WorkerState::starting;
  int life = 0;           // Lives begun so far.
  int restarts = 0;       // Restarts allowed so far.
  std::string last_exit;  // How it ended last, or why it could not start.

  // Of the present life; 0 if there is none.
  pid_t pid = 0;
  double uptime_s = 0;
  double heartbeat_age_s = 0;
};

// Something that the supervisor has noticed; `text` describes it to people.
struct Notice {
  enum class Kind {
    started,       // It is at work.
    reported,      // It sent a status text, which is `text`.
    hung,          // It was silent for too long and is being killed.
    ended,         // Its process has ended; `text` says how.
    completed,     // It ended well and is not restarted.
    restarting,    // It will be started again in `delay_s`.
    gave_up,       // It failed and is not restarted; `text` says why.
    stopped,       // It ended after stop().
    start_failed,  // A system call failed; it is tried again in `delay_s`.
  };

  Kind kind;
  std::string worker;
  int life;  // Which life of the worker this is about.
  std::string text;
  double delay_s = 0;
};

class Supervisor {
 public:
  Supervisor();
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;
  Supervisor(Supervisor&&) = delete;
  Supervisor& operator=(Supervisor&&) = delete;
  ~Supervisor();

  // Adds a worker, which is started by the next call of next().
  // Requires: a new name, and a limit that can be reached even by one that
  //           hangs each time (restarts.h).
  void add(WorkerSpec spec);

  // Supervises until there is a notice, and returns it. Returns nothing at the
  // deadline, and once all workers have ended for good (see done()).
  std::optional<Notice> next() { return next_until(Deadline::never()); }
  std::optional<Notice> next_until(Deadline deadline);

  // True if all workers are stopped, completed or failed.
  [[nodiscard]] bool done() const;

  // Sends a command to the present life of a worker; never blocks. Returns
  // false if the worker is not running, or has left so many commands unread
  // that its channel is full: the command is then dropped. A command that this
  // life does not read is lost with it, and never reaches a later life.
  [[nodiscard]] bool command(std::string_view name, std::string_view text);

  // Asks a worker to stop; next() kills its process group after stop_timeout_s.
  // A worker that is between two lives is stopped at once. Returns at once.
  void stop(std::string_view name);
  void stop_all();

  // Starts a worker again that has ended for good. The restarts that it had
  // before do not count towards its limit any more.
  void restart(std::string_view name);

  [[nodiscard]] WorkerStatus status(std::string_view name) const;

 private:
  struct Life;
  struct Child;
  struct Block;

  [[nodiscard]] Child& find(std::string_view name) const;
  void wait(Deadline deadline);
  void watch(int operation, int fd, size_t data, bool writes = false);
  void look_at(Child& child);
  void start(Child& child);
  [[nodiscard]] std::vector<int> own_descriptors() const;
  void become_worker(Child& child, Connection channel);
  void read_messages(Child& child, int count_max);
  void close_channel(Child& child);
  void set_sending(Child& child, bool sending);
  void take_message(Child& child, const std::string& message);
  void check_heartbeat(Child& child);
  void finish(Child& child);
  void decide(Child& child, bool abnormal);
  void tell(const Child& child, Notice::Kind kind, std::string text,
            double delay_s = 0);

  UniqueFd epoll_;
  std::shared_ptr<Block> block_;  // Has the board of the next life.
  std::vector<std::unique_ptr<Child>> children_;
  std::deque<Notice> notices_;
};

}  // namespace ipc

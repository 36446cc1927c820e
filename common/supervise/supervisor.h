// Keeps workers alive: starts each in a process of its own, notices when it
// crashes, fails or hangs, and starts it again; after Erlang's supervisor.
//
//   ipc::Supervisor supervisor;
//   supervisor.add({.name = "counter", .work = count, .heartbeat_s = 1});
//   while (const auto notice = supervisor.next()) {
//     ipc::say("{}: {}", notice->worker, notice->text);
//   }
//
// One thread, which waits by epoll(7) for pidfds, channels and the next
// deadline; the loop runs inside of next(). A worker's life, as status() shows
// it:
//
//   starting ---> running ---> (its process ends) ---> completed
//      ^             |           |           `-------> failed
//      |             | stop()    `--> backing_off
//      `-------------|--------------------'
//                    `-> stopping ---> stopped
//
// Lifetime: the destructor kills all workers and reaps them.
// Blocks:   next() until something is to be told, next_until() at most to its
//           deadline. Nothing here waits for a worker that does not answer.
// Fork:     a worker closes what it inherits of the others' channels. Whoever
//           makes a Supervisor is to fork no children from other threads.
// Death:    a worker that dies: what it had reported is still told, then how it
//           ended. What is left of its process group is killed before it is
//           reaped. The supervisor: its workers die with it, by
//           PR_SET_PDEATHSIG, and so do those of their children that are of
//           ipc::Process; a child by plain fork(2) outlives it.
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

// Which ends of a worker's process are followed by a restart.
enum class RestartPolicy {
  permanent,  // All of them.
  transient,  // Abnormal ones: not exit status 0, and hanging.
  temporary,  // None.
};

struct WorkerSpec {
  std::string name;  // Also that of its processes. No two are the same.
  std::function<void(Worker&)> work;
  RestartPolicy policy = RestartPolicy::permanent;

  // Silent for longer than this it hangs, and is killed: between this time and
  // 1.5 times this. 0 if it may be silent as long as it likes.
  double heartbeat_s = 0;

  // How long it may go on after stop(). There is no SIGTERM: it would end the
  // work in the middle, and those who ignore it need SIGKILL all the same.
  double stop_timeout_s = 5;

  RestartRule restarts = {};
};

enum class WorkerState {
  starting,     // To be started at once, or started and not yet at its work.
  running,      // At its work.
  backing_off,  // Ended, to be started again in a while.
  stopping,     // Asked to stop, not yet ended.
  stopped,      // Ended after stop().
  completed,    // Ended well and for good.
  failed,       // Ended badly and for good, for a reason that is told.
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

// Something that the supervisor has noticed; `text` says it to people.
struct Notice {
  enum class Kind {
    started,       // It is at its work.
    reported,      // It sent a status text, which is `text`.
    hung,          // It was silent for too long and is being killed.
    ended,         // Its process has ended; `text` says how.
    completed,     // Ended well and not to be restarted.
    restarting,    // It will be started again in `delay_s`.
    gave_up,       // It has failed for good; `text` says why.
    stopped,       // Ended after stop().
    start_failed,  // The environment refuses; tried again in `delay_s`.
  };

  Kind kind;
  std::string worker;
  int life;  // Which life it is about.
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

  // Supervises until there is something to tell. Nothing at the deadline, and
  // once all() workers have ended for good.
  std::optional<Notice> next() { return next_until(Deadline::never()); }
  std::optional<Notice> next_until(Deadline deadline);

  // True if all workers are stopped, completed or failed.
  [[nodiscard]] bool done() const;

  // Sends a command to the present life of a worker. False if it is not
  // running or has not read those before: the command then reaches nobody, and
  // never a later life.
  [[nodiscard]] bool command(std::string_view name, std::string_view text);

  // Asks a worker to stop, and kills its process group at its stop_timeout_s.
  // One that is between two lives is stopped at once.
  void stop(std::string_view name);
  void stop_all();

  // Starts one again that has ended for good, with a clean record.
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
  std::shared_ptr<Block> block_;  // In which the next life has its board.
  std::vector<std::unique_ptr<Child>> children_;
  std::deque<Notice> notices_;
};

}  // namespace ipc

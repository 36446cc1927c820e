#include "common/lab/lab.h"

#include <fcntl.h>
#include <fmt/ranges.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <exception>
#include <fstream>
#include <map>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "common/base/errors.h"
#include "common/base/hooks.h"
#include "common/base/random.h"
#include "common/base/unique_fd.h"
#include "common/explore/explore_json.h"
#include "common/lab/internal/hang.h"
#include "common/lab/internal/tasks.h"
#include "common/process/names.h"
#include "common/process/process.h"
#include "common/process/process_name.h"
#include "common/process/process_stat.h"
#include "common/process/signals.h"
#include "common/report/report.h"
#include "common/report/waits.h"
#include "common/report/wrong_variant.h"

namespace ipc {
namespace {

constexpr int kWrongUsage = 2;
constexpr double kExplorationLimitS = 86400;
constexpr int kSkipped = 77;  // As in Automake's tests.

// Like CLI::Range, which accepts NaN in every range, because NaN is neither too
// small nor too large.
CLI::Validator range(double min, double max) {
  return {[min, max](const std::string& text) -> std::string {
            double value = 0;
            if (CLI::detail::lexical_cast(text, value) && value >= min &&
                value <= max) {
              return "";
            }
            return fmt::format("Value {} not in range {:g} to {:g}", text, min,
                               max);
          },
          ""};
}

double pace = 1;
unsigned seed = 0;

// Plays the lesson and says how it went: the status of Main.
int judge(const std::function<std::string()>& lesson) {
  std::string reason;
  try {
    reason = lesson();
  } catch (const Skip& skip) {
    say("SKIP {}", skip.what());
    return kSkipped;
  } catch (const std::exception& error) {
    reason = error.what();
  } catch (...) {
    reason = "unknown exception";
  }
  if (reason.empty()) {
    say("PASS");
  } else {
    say("FAIL {}", reason);
  }
  if (!output_lost()) return reason.empty() ? 0 : 1;
  fprintf(stderr, "Main: some output could not be written\n");
  return 1;
}

int play(const std::function<std::string()>& lesson) {
  const int status = judge(lesson);
  event(EventKind::exit, process_name());
  return status;
}

// Prints on standard output. Returns the status of a lab that does only that.
int print(const std::string& text) {
  fputs(text.c_str(), stdout);
  return fflush(stdout) == 0 ? 0 : 1;
}

// Explores instead of playing: the status of Main.
int explore(const std::vector<NamedScenario>& scenarios, const char* request,
            const std::string& lab) {
  std::string answer;
  try {
    answer = answer_exploration(scenarios, request);
  } catch (const std::invalid_argument& error) {
    fprintf(stderr, "%s: %s\n", lab.c_str(), error.what());
    return kWrongUsage;
  }
  return print(answer + "\n");
}

// Process needs pidfd_open(2), which an old kernel does not have and an old
// filter of system calls refuses. Returns the call that is refused, or "".
std::string refused_call() {
  const UniqueFd self(
      static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0U)));
  if (self || (errno != ENOSYS && errno != EPERM)) return "";
  return fmt::format("pidfd_open is refused here: {}",
                     std::generic_category().message(errno));
}

// The keeper reports a failure in the name of Main.
int fail(const std::string& reason) {
  name_process("Main");
  say("FAIL {}", reason);
  return 1;
}

// Looks for children of Main that have failed and whose status Main does not
// ask for. A process that waits for their work waits in vain.
class Mourner {
 public:
  explicit Mourner(pid_t main) : main_(main) {}

  // Returns, for example, "Monitor: exit status 1" if there has been such a
  // child for kLongestS, otherwise "". Call it every kIntervalS.
  std::string look() {
    const std::optional<ProcessStat> main = read_stat(main_);
    // Not while Main runs or is stopped, or if this /proc has other pids. What
    // was seen before still counts: Main may wake up for a moment to look.
    const bool sleeps = main && main->state == 'S';
    if (!sleeps || main->parent != ::getpid()) return "";
    const auto old = std::exchange(dead_, {});
    std::ifstream children(fmt::format("/proc/{0}/task/{0}/children", main_));
    for (pid_t pid = 0; children >> pid;) {
      const std::optional<ProcessStat> child = read_stat(pid);
      if (!child || child->state != 'Z' || child->status == 0) continue;
      const auto known = old.find(pid);
      const int looks = known != old.end() ? known->second + 1 : 1;
      if (looks * kIntervalS > longest_s()) {
        return child->name + ": " + describe_status(child->status);
      }
      dead_.emplace(pid, looks);
    }
    return "";
  }

  // The interval in which sleeping processes look again, so that a program that
  // watches a lab takes neither for progress.
  static constexpr double kIntervalS = kRecheckSeconds;

 private:
  static constexpr double kLongestS = 5;

  static double longest_s() {
    return kLongestS * std::max(1.0, pace) * time_scale();
  }

  pid_t main_;
  std::map<pid_t, int> dead_;  // Each, and how often it was seen.
};

// How a lab ended: the status of Main, or the one that a shell would report;
// the failure to report for Main; and why the lab did not continue, if it was
// ended for that.
struct Ending {
  int status = 1;
  std::string failure = "";
  std::string explanation = "";
};

std::string indented(const std::vector<std::string>& lines) {
  return lines.empty() ? "" : fmt::format("  {}\n", fmt::join(lines, "\n  "));
}

bool is_traced() {
  const std::string status = lab_internal::read_file("/proc/self/status");
  return status.find("TracerPid:\t") != status.npos &&
         status.find("TracerPid:\t0\n") == status.npos;
}

// A user who presses Ctrl-C has waited long enough, and wants to know for what.
Ending ended_by(int number, const lab_internal::Rest& rest,
                const std::vector<std::string>& why) {
  if (number != SIGINT || why.empty()) return {128 + number};
  return {128 + number, "",
          fmt::format("Nothing had happened for {:.1f} s:\n{}", rest.quiet_s(),
                      indented(why))};
}

// Waits for the end of Main, or of its time.
Ending watch(Process& main, SignalQueue& signals, double limit_s) {
  Deadline limit = Deadline::after(limit_s);
  Mourner mourner(main.pid());
  // What was seen at the last look: Ctrl-C reaches all processes, so none may
  // be left to look at when the keeper sees it.
  lab_internal::Rest rest(::getpid(), limit_s);
  std::vector<std::string> why;
  while (true) {
    const Deadline look = Deadline::after(Mourner::kIntervalS);
    const auto number = signals.next_until(limit.sooner(look));
    if (!number && limit.expired()) {
      return {1, fmt::format("not finished within {:g} seconds", limit_s),
              indented(lab_internal::explain_hang(::getpid()))};
    }
    if (!number) {
      why = rest.look();
      const std::string unmourned = mourner.look();
      if (unmourned.empty()) continue;
      return {1, unmourned + ", but the lab is still waiting"};
    }
    if (*number == SIGCONT) {
      // The lab was stopped, as by Ctrl-Z, for an unknown time: start again.
      limit = Deadline::after(limit_s);
      mourner = Mourner(main.pid());
      rest = lab_internal::Rest(::getpid(), limit_s);
      why.clear();
      continue;
    }
    if (*number != SIGCHLD) return ended_by(*number, rest, why);
    // A SIGCHLD may be about an orphan: look whether Main has ended.
    const auto status = main.exit_status();
    if (!status) continue;
    if (*status >= 0) return {*status};
    // Ctrl-C reaches Main as well, and we may see the end of Main first.
    if (*status == -SIGINT || *status == -SIGTERM) {
      return ended_by(-*status, rest, why);
    }
    return {1, "Main was " + describe_status(*status)};
  }
}

// The signals that end a lab, except those that its caller has set to be
// ignored, as nohup(1) does; and SIGCHLD and SIGCONT. SIGALRM may come from a
// timer that was set before exec(2).
std::vector<int> signals_of_keeper() {
  std::vector<int> signals{SIGTERM, SIGCHLD, SIGCONT};
  for (const int number : {SIGINT, SIGHUP, SIGQUIT, SIGALRM}) {
    if (!is_ignored(number)) signals.push_back(number);
  }
  return signals;
}

// A program may be started without standard streams. The first file that it
// opens would then become one.
void keep_standard_streams() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(fd, F_GETFD) != -1) continue;
    check(::open("/dev/null", O_RDWR), "open /dev/null");  // It becomes `fd`.
  }
}

// Repairs what this process has inherited, so that a lab can rely on it.
void mend_inheritance() {
  keep_standard_streams();
  keep_child_statuses();
  ignore_sigpipe();
  ::umask(::umask(0) & ~static_cast<mode_t>(S_IRWXU));
}

// Runs `keeper` in a process of its own, which inherits orphans, and forwards
// signals to it. A shell made the children that this process has, before it
// became the lab by exec(2): the lab must neither wait for them nor kill them.
int run_apart(const std::string& name, const std::function<int()>& keeper) {
  SignalQueue signals(signals_of_keeper());
  Process process(name, [&] { ::_exit(keeper()); });
  while (true) {
    const int number = signals.next();
    if (number != SIGCHLD) process.send_signal(number);
    const auto status = process.exit_status();
    if (status) return *status < 0 ? 128 - *status : *status;
  }
}

// Removes what the lab has left, and returns its status. A lesson that ended by
// itself should have left nothing: anything it left is reported and a failure.
// The harness wants to see that, and removes it with the world of the run.
int clean_up(Process& main, const std::string& lab, const Ending& ending,
             const std::function<void()>& at_end) {
  const auto& [status, failure, explanation] = ending;
  const bool by_itself =
      failure.empty() && main.exit_status().value_or(-1) >= 0;
  if (by_itself && ::secure_getenv("IPC_LABS_NO_SWEEP") != nullptr) {
    leave_names();
    return status;
  }
  main.kill();
  main.join();
  const int processes = kill_descendants();
  if (at_end) at_end();
  // As the last line: no process is left that could still say something.
  if (!failure.empty()) fail(failure);
  fputs(explanation.c_str(), stderr);
  const int names = remove_names();
  if (!by_itself || processes + names == 0) return status;
  fprintf(stderr, "%s: left behind, and now removed: processes %d, names %d\n",
          lab.c_str(), processes, names);
  return 1;
}

}  // namespace

void pause_s(double seconds) {
  if (pace == 0) return;
  // Explored processes have a clock of their own and do not pause.
  if (gate() != nullptr && gate()->now_ns() != 0) return;
  const timespec until = Deadline::after(paced_s(seconds)).to_timespec();
  while (::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr) ==
         EINTR) {
  }
}

double paced_s(double seconds) { return seconds * pace; }

std::mt19937 random_source(unsigned number) {
  std::seed_seq sequence{seed, number};
  return std::mt19937(sequence);
}

// Not one of the distributions of <random>: the standard leaves open how they
// turn the generator's numbers into theirs.
int random_int(std::mt19937& source, int low, int high) {
  const double span = static_cast<double>(high) - low + 1;
  return low + static_cast<int>(random_unit(source) * span);
}

double random_unit(std::mt19937& source) {
  return static_cast<double>(source()) / 4294967296.0;
}

struct Lab::Flags {
  explicit Flags(const std::string& sentence) : app(sentence) {}
  CLI::App app;
  std::vector<NamedScenario> scenarios;
};

Lab::Lab(std::string name, const std::string& sentence)
    : flags_(std::make_unique<Flags>(sentence)), name_(std::move(name)) {
  CLI::App& app = flags_->app;
  app.name(name_);
  app.get_formatter()->column_width(28);
  app.add_option("--pace", pace, "scale pauses; 0 for none (1)")
      ->check(range(0, 100))
      ->option_text("FACTOR");
  app.add_option("--seed", seed, "fix random choices (random)")
      ->check(CLI::Range(0U, 4294967295U).description(""))
      ->option_text("N");
}

Lab::~Lab() = default;

void Lab::option(const char* flag, int& value, int min, int max,
                 const char* help) {
  flags_->app
      .add_option(flag, value,
                  fmt::format("{}, {} to {} ({})", help, min, max, value))
      ->check(CLI::Range(min, max).description(""))
      ->option_text("N");
}

void Lab::option(const char* flag, double& value, double min, double max,
                 const char* help) {
  flags_->app
      .add_option(flag, value,
                  fmt::format("{}, {:g} to {:g} ({:g})", help, min, max, value))
      ->check(range(min, max))
      ->option_text("X");
}

void Lab::option(const char* flag, std::string& value, const char* help) {
  flags_->app.add_option(flag, value, help)->option_text("TEXT");
}

void Lab::option(const char* flag, bool& value, const char* help) {
  flags_->app.add_flag(flag, value, help);
}

void Lab::option(const char* flag, std::string& value, const Problem& problem,
                 const char* help) {
  flags_->app.add_option(flag, value, help)
      ->check(CLI::Validator(
          [problem](std::string& text) { return problem(text); }, ""))
      ->option_text("TEXT");
}

void Lab::explores(const std::string& name, const Scenario& scenario) {
  explores(name, scenario, {});
}

void Lab::explores(const std::string& name, const Scenario& scenario,
                   const ExploreOptions& options) {
  flags_->scenarios.push_back({name, scenario, options});
}

void Lab::at_end(std::function<void()> step) { at_end_ = std::move(step); }

int Lab::run(int argc, char** argv, const std::function<std::string()>& lesson,
             double limit_s) {
  try {
    mend_inheritance();
    seed = random_number<unsigned>();
    // argc may be 0: execve(2) allows that before Linux 5.18.
    if (argc > 0) flags_->app.parse(argc, argv);
    const auto keep = [&] { return this->keep(lesson, limit_s); };
    return has_children() ? run_apart(name_, keep) : keep();
  } catch (const CLI::CallForHelp&) {
    return print(flags_->app.help());
  } catch (const CLI::Error& error) {
    fprintf(stderr, "%s: %s; see --help\n", name_.c_str(), error.what());
    return kWrongUsage;
  } catch (const std::exception& error) {
    return fail(error.what());
  }
}

int Lab::keep(const std::function<std::string()>& lesson, double limit_s) {
  check(::prctl(PR_SET_CHILD_SUBREAPER, 1), "prctl PR_SET_CHILD_SUBREAPER");
  name_process(name_);
  // secure_getenv: the caller of a set-user-ID program must not choose these.
  set_time_scale(::secure_getenv("IPC_LABS_TIME_SCALE"));
  set_run_token(::secure_getenv("IPC_LABS_RUN"));
  open_event_log();
  report_processes();
  begin_run();  // Before the fork, so that all of the lab share the prefix.
  remove_stale_names();  // Of labs whose keeper was killed.

  SignalQueue signals(signals_of_keeper());
  // An event log has the waits already; and a user who traces the lab wants to
  // see its own calls only.
  if (!logs_events() && !is_traced()) note_waits();
  const std::string refused = refused_call();
  if (!refused.empty()) {
    name_process("Main");
    say("SKIP {}; ./bazelw run //harness:doctor says what to do", refused);
    return kSkipped;
  }
  const char* const request = ::secure_getenv("IPC_LABS_EXPLORE");
  if (request != nullptr) limit_s = kExplorationLimitS;
  Process main("Main", [&] {
    ::_exit(request == nullptr ? play(lesson)
                               : explore(flags_->scenarios, request, name_));
  });
  const int status = clean_up(
      main, name_, watch(main, signals, limit_s * time_scale()), at_end_);
  if (status == 0) tell_if_wrong();
  return status;
}

}  // namespace ipc

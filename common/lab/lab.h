// The frame of every lab: it reads flags, judges the lesson, and cleans up.
//
//   int main(int argc, char** argv) {
//     ipc::Lab lab("pipes", "A sender and a receiver share a pipe.");
//     lab.option("--messages", message_count, 1, 1000, "messages to send");
//     return lab.run(argc, argv, lesson);
//   }
//
// run() forks once: "Main" and its children play the lesson, while the outer
// process, the keeper, only watches. When Main has ended, on Ctrl-C, on SIGTERM
// or at the time limit, the keeper kills all descendants that are left and
// removes the names that they left in /tmp and /dev/shm. So a lab is cleaned up
// in the same way whatever ends it, and no lesson needs code for that.
//
// Flags:  --pace=<factor> scales pauses (1 as in the guide, 0 none),
//         --seed=<n> fixes random choices, --help, and those of the lab.
// Status: 0 after "Main: PASS"; 1 after "Main: FAIL <reason>", if the lesson
//         has left a process or a name behind, or if its output could not be
//         written, as to a full disk (see stderr); 2 for a wrong flag or value;
//         77 after "Main: SKIP <reason>"; 128 + n after signal n. A lab that
//         cannot fork, or has no room in /tmp, fails with one line.
// Inherits: nothing that could disturb it. SIGPIPE is ignored, and SIGCHLD no
//         longer is; closed standard streams become /dev/null; umask(2) leaves
//         the owner all permissions. SIGHUP, SIGINT, SIGQUIT and SIGALRM stay
//         ignored if they were (nohup(1)). If a shell has become the lab by
//         exec(2), the children that the shell had are left alone.
// Death:  a child of Main that is killed or fails, and that Main does not reap
//         within 5 s (times --pace if that is more than 1), ends the lab:
//         "Main: FAIL Monitor: exit status 1, but the lab is still waiting".
//         If the keeper itself is killed, Main and its children die with it;
//         their names stay until the next lab begins (remove_stale_names()).
// Leaks:  with IPC_LABS_NO_SWEEP set, the keeper removes nothing after a Main
//         that exited, so that the harness sees what the lesson has forgotten.
// Explorer: if IPC_LABS_EXPLORE is set to a request (explore_json.h), the lab
//         explores a scenario instead of playing the lesson. Its output is the
//         answer, in one line. Status 2 if the request cannot be answered.
// See:    prctl(2), PR_SET_CHILD_SUBREAPER and PR_SET_PDEATHSIG.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>

namespace ipc {

class Schedule;         // schedule.h
struct ExploreOptions;  // explorer.h

// Sleeps for `seconds` times --pace. It imitates work or a slow peer; no order
// of events may depend on it. The explorer's processes do not pause.
void pause_s(double seconds);

// Returns `seconds` times --pace, for a lab whose lesson is about a timeout.
double paced_s(double seconds);

// Returns a generator that depends on --seed and on `number`. Give each process
// its own number, so that its choices do not depend on those of the others.
// Without --seed every run is different.
std::mt19937 random_source(unsigned number);

// Returns a number from `low` to `high`, both included; for the same seed it is
// the same on every machine.
int random_int(std::mt19937& source, int low, int high);
// Returns a number that is at least 0 and less than 1.
double random_unit(std::mt19937& source);

// A lesson throws this if it cannot be played here, because something is not
// installed. The text says what is missing and how to get it. The lab then
// neither passes nor fails.
class Skip : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class Lab {
 public:
  Lab(std::string name, const std::string& sentence);
  Lab(const Lab&) = delete;
  Lab& operator=(const Lab&) = delete;
  Lab(Lab&&) = delete;
  Lab& operator=(Lab&&) = delete;
  ~Lab();

  // Declares a flag with a value; `value` holds the default and gets the
  // result. `flag` is spelled as on the command line: "--messages".
  void option(const char* flag, int& value, int min, int max, const char* help);
  void option(const char* flag, double& value, double min, double max,
              const char* help);
  void option(const char* flag, std::string& value, const char* help);
  // Declares a flag that is true if given.
  void option(const char* flag, bool& value, const char* help);

  // Adds a rule for a text: `problem` returns what is wrong, or "".
  using Problem = std::function<std::string(const std::string&)>;
  void option(const char* flag, std::string& value, const Problem& problem,
              const char* help);

  // Declares a scenario (explorer.h) for //harness:explore, which finds it by
  // its name and explores it with these options, unless its own flags say
  // otherwise. Without a name it explores the scenario declared first.
  using Scenario = std::function<std::string(Schedule&)>;
  void explores(const std::string& name, const Scenario& scenario);
  void explores(const std::string& name, const Scenario& scenario,
                const ExploreOptions& options);

  // Declares a step that removes what would stay when the lab is killed, apart
  // from processes and names, such as a control group. The keeper calls it when
  // all descendants of the lab have ended, whatever ended them.
  void at_end(std::function<void()> step);

  // Reads the flags and plays `lesson`, which returns "" or the reason why
  // the lab has failed. Returns the exit status. Blocks until all processes
  // have ended, at most `limit_s` times time_scale(). That time starts again
  // when a stopped lab (Ctrl-Z) continues.
  int run(int argc, char** argv, const std::function<std::string()>& lesson,
          double limit_s = 120);

 private:
  struct Flags;

  // Watches over Main, in a process that has no other children.
  int keep(const std::function<std::string()>& lesson, double limit_s);

  std::unique_ptr<Flags> flags_;
  std::string name_;
  std::function<void()> at_end_;
};

}  // namespace ipc

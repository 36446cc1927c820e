// What every lab has around its lesson: flags, an end, and a clean world.
//
//   int main(int argc, char** argv) {
//     ipc::Lab lab("pipes", "A sender and a receiver share a pipe.");
//     lab.option("--messages", message_count, 1, 1000, "messages to send");
//     return lab.run(argc, argv, lesson);
//   }
//
// run() forks once: the lesson is played by "Main" and its children, while the
// outer process only keeps watch. When Main has ended, on Ctrl-C, on SIGTERM or
// at the time limit the keeper kills whatever still descends from the lab and
// removes the names it left in /tmp and /dev/shm. So the end of a lab is the
// same however it comes, and no lesson needs code for it.
//
// Flags:  --pace=<factor> scales pauses (1 as in the guide, 0 none),
//         --seed=<n> fixes random choices, --help, and those of the lab.
// Status: 0 after "Main: PASS", 1 after "Main: FAIL <reason>", if the lesson
//         has left a process or a name behind, or if standard output is on a
//         full disk (see stderr), 2 for a wrong flag or value, 77 after "Main:
//         SKIP <reason>", 128 + n after signal n. A lab that cannot begin, for
//         lack of a process or of room in /tmp, fails in one line.
// Inherits: nothing that it could stumble over. SIGPIPE is ignored, SIGCHLD no
//         longer; closed standard streams are /dev/null; umask(2) leaves
//         the owner all rights. SIGHUP, SIGINT, SIGQUIT and SIGALRM stay
//         ignored if they are (nohup(1)). Children that were there before, of
//         a shell that has become the lab by exec(2), are left alone.
// Death:  a child of Main that is killed or fails, and that Main does not reap
//         within 5 s (times --pace if that is more than 1), ends the lab:
//         "Main: FAIL Monitor: exit status 1, and the lab waits all the same".
//         If the keeper itself is killed, Main and its children die with it;
//         their names stay until the next lab begins (remove_stale_names()).
// Leaks:  with IPC_LABS_NO_SWEEP set nothing is cleared away after a Main that
//         exited, so that the harness sees what the lesson has forgotten.
// Explorer: with IPC_LABS_EXPLORE set to a request (explore_json.h) no lesson
//         is played but a scenario explored: the answer is the output, one
//         line. Status 2 if that cannot be answered.
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

// `seconds` times --pace, for a lab whose timeout is part of its story.
double paced_s(double seconds);

// A generator that depends on --seed and on who asks: give each process its
// own number, so that its choices do not depend on the others'. Without --seed
// every run is different.
std::mt19937 random_source(unsigned number);

// A number from `low` to `high`, the same on every machine for the same seed.
int random_int(std::mt19937& source, int low, int high);
// A number from 0 up to 1.
double random_unit(std::mt19937& source);

// Thrown by a lesson that cannot be played here, because something is not
// installed: what it is, and how to get it. That is neither PASS nor FAIL.
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

  // Declares what //harness:explore explores, by its name and in this way
  // unless it is told otherwise. The first one is meant if it is given no name.
  // A scenario is one of explorer.h.
  using Scenario = std::function<std::string(Schedule&)>;
  void explores(const std::string& name, const Scenario& scenario);
  void explores(const std::string& name, const Scenario& scenario,
                const ExploreOptions& options);

  // Declares what the keeper is to clear away, beside processes and names: what
  // else would stay when the lab is killed, such as a control group. It is
  // called when all that descends from the lab has ended, however that came.
  void at_end(std::function<void()> step);

  // Reads the flags and plays `lesson`, which returns "" or the reason why
  // the lab has failed. Returns the exit status. Blocks until all has ended,
  // at most `limit_s` times time_scale(); a lab that is stopped, as by Ctrl-Z,
  // has all of that again when it goes on.
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

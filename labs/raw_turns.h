// Turns for the raw programs whose story has an order of steps, such as ABAB.
//
// Main gives a process its turn by one byte, and hears by another where that
// has led, before it gives the next one. So an order is made by messages, and
// neither by sleeping nor by luck. The labs have it from ipc::Schedule.
//
//   std::vector<raw::Actor> actors;
//   actors.push_back(raw::start("Worker 0", [&] { increment(counter); }));
//   actors.push_back(raw::start("Worker 1", [&] { increment(counter); }));
//   raw::play(actors, "ABAB");
//   const std::string problem = raw::finish(actors);
#pragma once

#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/errors.h"
#include "labs/raw.h"

namespace raw {

// What Main knows of a child that takes turns.
struct Actor {
  std::string name;
  pid_t pid = -1;
  int turns = -1;      // Main's end of the socket pair.
  bool waits = false;  // For a lock, and so not for a turn.
  bool ended = false;
  int status = 0;  // As waitpid(2) returns it, once it has ended.
};

namespace internal {

constexpr char kAtPoint = '.';
constexpr char kHasToWait = 'w';

// In a child: its end of the socket pair, or -1 if nobody gives it turns.
inline int turns = -1;

inline void tell(char where) {
  if (turns == -1) return;
  ipc::check(ipc::retry([&] { return ::send(turns, &where, 1, MSG_NOSIGNAL); }),
             "send");
}

// Waits for the next turn. End of file: there are no more, go on to the end.
inline void take_turn() {
  char turn = 0;
  if (turns == -1) return;
  const auto get = [&] { return ::recv(turns, &turn, 1, 0); };
  if (ipc::check(ipc::retry(get), "recv") == 0) turns = -1;
}

inline void reap(Actor& actor) {
  if (actor.ended) return;
  const auto wait = [&] { return ::waitpid(actor.pid, &actor.status, 0); };
  ipc::check(ipc::retry(wait), "waitpid");
  actor.ended = true;
}

}  // namespace internal

// In a child: its step ends here, and the next one begins with its next turn.
inline void point() {
  internal::tell(internal::kAtPoint);
  internal::take_turn();
}

// In a child: says that it is going to wait for a lock. When it has the lock it
// stops at a point. Main gives it no turn until then, or afterwards.
inline void has_to_wait() { internal::tell(internal::kHasToWait); }

// Forks a child that plays `role` from its first turn on.
template <typename Role>
Actor start(std::string_view name, Role role) {
  std::array<int, 2> ends{};
  ipc::check(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()),
             "socketpair");
  Actor actor{std::string(name), -1, ends[0]};
  const pid_t parent = ::getpid();
  actor.pid = ipc::check(::fork(), "fork");
  if (actor.pid == 0) {
    be_child(actor.name.c_str(), parent, [&] {
      internal::turns = ends[1];
      internal::take_turn();
      role();
    });
  }
  ::close(ends[1]);  // The end of the child is now the end of its answers.
  return actor;
}

// Gives turns in this order: A is the first of the actors. One that waits for a
// lock, or has ended, is passed over.
inline void play(std::vector<Actor>& actors, const std::string& order) {
  say("Main", "Order " + order);
  for (const char letter : order) {
    Actor& actor = actors.at(static_cast<size_t>(letter - 'A'));
    if (actor.waits || actor.ended) continue;
    char where = 0;
    const auto give = [&] {
      return ::send(actor.turns, &where, 1, MSG_NOSIGNAL);
    };
    const auto hear = [&] { return ::recv(actor.turns, &where, 1, 0); };
    ipc::check(ipc::retry(give), "send");
    if (ipc::check(ipc::retry(hear), "recv") == 0) {
      internal::reap(actor);
      if (!WIFSIGNALED(actor.status)) continue;
      say("Main", actor.name + " ended: killed by SIG" +
                      ::sigabbrev_np(WTERMSIG(actor.status)));
    } else if (where == internal::kHasToWait) {
      actor.waits = true;
      say("Main", actor.name + " has to wait for the Lock");
    }
  }
}

// Lets all go on without turns, and waits for their ends. Returns which one has
// failed, or "".
inline std::string finish(std::vector<Actor>& actors) {
  std::string problem;
  for (const Actor& actor : actors) ::shutdown(actor.turns, SHUT_WR);
  for (Actor& actor : actors) {
    internal::reap(actor);
    ::close(actor.turns);
    if (actor.status != 0) problem = actor.name + " failed";
  }
  return problem;
}

}  // namespace raw

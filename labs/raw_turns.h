// Turns for the raw programs in which the order of the steps matters. ABAB is
// such an order: process A does a step, then process B, then A, then B.
//
// Main sends a process one byte to give it a turn. Before it gives the next
// turn, it waits for the byte with which the process says where it has stopped.
// So messages make the order, not sleeping or luck. Labs use ipc::Schedule.
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
  bool waits = false;  // For a lock, so it gets no turns.
  bool ended = false;
  int status = 0;  // As waitpid(2) returns it, once it has ended.
};

namespace internal {

constexpr char kAtPoint = '.';
constexpr char kHasToWait = 'w';

// In a child: its end of the socket pair, or -1 if it gets no more turns.
inline int turns = -1;

inline void tell(char where) {
  if (turns == -1) return;
  ipc::check(ipc::retry([&] { return ::send(turns, &where, 1, MSG_NOSIGNAL); }),
             "send");
}

// Waits for the next turn. After end of file the child runs on without turns.
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

// In a child: tells Main that it is going to wait for a lock. Main gives it no
// more turns. When the child has the lock, it stops at a point until finish().
inline void has_to_wait() { internal::tell(internal::kHasToWait); }

// Forks a child that begins to play `role` at its first turn.
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
  ::close(ends[1]);  // So that the child's death is end of file for recv(2).
  return actor;
}

// Gives turns in this order: A is the first of the actors, B the second. Skips
// an actor that waits for a lock or has ended. Blocks until each turn is over.
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

// Lets all actors run on without turns, and waits until they have ended.
// Returns "<name> failed" for one of those that failed, or "".
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

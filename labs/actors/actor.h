// Actors: processes that share nothing and do one thing after another, each
// upon a message from its mailbox; after Erlang's processes.
//
//   ipc::ActorSystem system;
//   const ipc::Actor account = system.spawn({.name = "Account", .make = open});
//   system.start();
//   (void)account.send_until("deposit 10", deadline);
//   const ipc::Answer answer = account.ask_until("balance", deadline);
//
//   sender --send--> [ mailbox ] --> actor <--fork-- System, its supervisor
//   asker <-------- [ answers ] <-- (or System, if the actor has died)
//
// Lifetime: a mailbox belongs to the name, not to the life: what waits in it
//           outlives a crash. The destructor kills all actors.
// Limits:   a mailbox has room for so many messages and the sender waits for
//           room, to its deadline; then it is `full`, and the message is with
//           nobody. There is no way to send without a limit. A message or an
//           answer takes at most 1 MiB (Queue::kMaxBytes, and a few bytes
//           less): a longer message is std::length_error at its sender, a
//           longer answer ends the life of the actor, as an exception does. At
//           most kActorsMax actors.
// Time-out: `full` was not sent and may be sent again. After `late` nobody can
//           know: the message may wait, be in hand, or be done.
// Ordering: messages of one sender are taken in the order sent. What was done
//           before sending is visible to the behaviour, and what the behaviour
//           did is visible to who has its answer.
// Delivery: at most once. `late` and `died` leave open whether the message had
//           its effect, and one whose asker has given up is still worked on.
// Fork:     spawn() before start(): mailboxes are memory that the children
//           inherit, and one that was made later would not be in the others.
// Death:    an actor: the one message that it works on is lost, its asker is
//           told `died`, and a new life begins with new state; also if that
//           begins at once, each question is told of its own life. At the limit
//           of restarts the mailbox is closed, and all who wait in it are told
//           `died`. An asker: its answer is dropped. The system's process: its
//           actors die with it, and askers are `late`.
// See:      queue.h, supervisor.h; Hewitt, Bishop, Steiger 1973, "A Universal
//           Modular ACTOR Formalism"; Erlang/OTP "gen_server", call and cast.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "common/channel/queue.h"
#include "common/process/process.h"
#include "common/supervise/restarts.h"
#include "common/supervise/supervisor.h"

namespace ipc {

// What an actor does upon a message; what it returns is the answer, if anybody
// has asked for one. An exception is the end of this life.
using Behaviour = std::function<std::string(const std::string& message)>;

struct ActorSpec {
  std::string name;  // Also that of its processes. No two are the same.
  // Called at the beginning of each life: what it makes is the actor's state.
  std::function<Behaviour()> make;
  uint32_t mailbox_items = 16;
  RestartRule restarts = {.delay_s = 0.01};
};

enum class Answered : char {
  ok,
  full,    // The mailbox took nothing until the deadline; it was not sent.
  closed,  // The actor takes no messages any more; it was not sent.
  died,    // The actor has died of it, or before it.
  late,    // No answer until the deadline.
};

// "answered", "full", "closed", "died" or "late".
const char* describe(Answered status);

// What ask_until() returns: an answer, or why there is none.
struct Answer {
  Answered status = Answered::late;
  std::string text;

  explicit operator bool() const { return status == Answered::ok; }
  const std::string& operator*() const { return text; }
  const std::string* operator->() const { return &text; }
};

class ActorSystem;

// Who one sends to: a name for an actor, whatever life it is in. To be copied
// into the behaviours of others.
class Actor {
 public:
  // Puts a message into the mailbox: ok, full, closed or busy, see queue.h.
  [[nodiscard]] QueueStatus send_until(std::string_view message,
                                       Deadline deadline) const;
  [[nodiscard]] QueueStatus try_send(std::string_view message) const {
    return send_until(message, Deadline::at_ns(0));
  }

  // Sends a message and waits for the answer, until `deadline` both. Whoever
  // asks takes no messages meanwhile: two who ask each other would wait for
  // ever if they were allowed to.
  // Requires: an actor of the same system, or the process that made it.
  [[nodiscard]] Answer ask_until(std::string_view message,
                                 Deadline deadline) const;

  // How many messages wait.
  [[nodiscard]] size_t waiting() const;

 private:
  friend ActorSystem;
  Actor(ActorSystem& system, size_t index) : system_(&system), index_(index) {}

  ActorSystem* system_;
  size_t index_;
};

class ActorSystem {
 public:
  static constexpr size_t kActorsMax = 255;

  ActorSystem();
  ActorSystem(const ActorSystem&) = delete;
  ActorSystem& operator=(const ActorSystem&) = delete;
  ActorSystem(ActorSystem&&) = delete;
  ActorSystem& operator=(ActorSystem&&) = delete;
  ~ActorSystem();

  // Makes a mailbox, and an actor that will live from start() on.
  Actor spawn(ActorSpec spec);

  // Forks the process "System", which starts the actors and keeps them alive.
  // There `observer` is told of each birth and death, and before the asker is
  // unless the next life begins without a delay.
  using Observer = std::function<void(const Notice&)>;
  void start(Observer observer = {});

  // Closes all mailboxes and waits until what is in them has been worked on.
  // Whether all actors have ended well before the deadline; they are killed if
  // they have not.
  [[nodiscard]] bool stop_until(Deadline deadline);

 private:
  friend Actor;
  struct Cell;
  struct Letter;

  QueueStatus put(size_t to, uint64_t sender, std::string_view text,
                  Deadline deadline);
  Answer ask(size_t to, std::string_view text, Deadline deadline);
  Answer await_answer(size_t to, uint64_t sender, std::string_view text,
                      Deadline deadline);
  void answer(uint64_t sender, Answered status, std::string_view text);
  void supervise(const Observer& observer);
  void live(size_t index, int life);
  void tell_of_death(uint64_t in_hand);
  void give_up(Cell& cell);

  std::vector<std::unique_ptr<Cell>> cells_;  // The first is the maker's.
  size_t self_ = 0;                           // Whose process this is.
  std::optional<Process> process_;
};

}  // namespace ipc

// Actors: processes that share nothing. Each takes one message after another
// from its mailbox and acts on it. They follow the model of Erlang's processes.
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
// Lifetime: an actor that crashes is started again; each run is a *life*. The
//           mailbox belongs to the actor, not to a life: messages that wait in
//           it outlive a crash. The destructor kills all actors.
// Limits:   a mailbox has room for a fixed number of messages. A sender waits
//           for room until its deadline; then it gets `full`, and the message
//           was not sent. A message or an answer takes at most 1 MiB
//           (Queue::kMaxBytes, less a few bytes): a longer message throws
//           std::length_error at its sender, and a longer answer ends the life
//           of the actor, as an exception does. At most kActorsMax actors.
// Time-out: after `full` the message was not sent, and may be sent again. After
//           `late` it may still wait, be worked on, or be done.
// Ordering: messages of one sender are taken in the order sent. What the sender
//           did before sending is visible to the behaviour, and what the
//           behaviour did is visible to the process that gets its answer.
// Delivery: at most once. `late` and `died` leave open whether the message had
//           its effect. An actor works on a message though its asker gave up.
// Fork:     call spawn() before start(): mailboxes are memory that the children
//           inherit, and they would not see a mailbox that was made later.
// Death:    of an actor: the message that it works on is lost, its asker gets
//           `died`, and a new life begins with new state. An asker learns only
//           of the life that took its question, however soon the next begins.
//           At the limit of restarts the mailbox is closed, and the askers of
//           all messages in it get `died`. Of an asker: its answer is dropped.
//           Of the system's process: its actors die, and askers get `late`.
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

// What an actor does with a message. What it returns is the answer, if the
// message was a question. An exception ends this life.
using Behaviour = std::function<std::string(const std::string& message)>;

struct ActorSpec {
  std::string name;  // Also the name of its processes. No two actors share one.
  // Called at the beginning of each life. What it makes holds the state.
  std::function<Behaviour()> make;
  uint32_t mailbox_items = 16;
  RestartRule restarts = {.delay_s = 0.01};
};

enum class Answered : char {
  ok,
  full,    // No room in the mailbox until the deadline: not sent.
  closed,  // The actor takes no messages any more: not sent.
  died,    // The actor died while it worked on the message, or before that.
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

// Refers to an actor, whatever life it is in. Messages are sent through it. It
// may be copied, for example into the behaviours of other actors.
class Actor {
 public:
  // Puts a message into the mailbox: ok, full, closed or busy, see queue.h.
  [[nodiscard]] QueueStatus send_until(std::string_view message,
                                       Deadline deadline) const;
  [[nodiscard]] QueueStatus try_send(std::string_view message) const {
    return send_until(message, Deadline::at_ns(0));
  }

  // Sends a message and waits for the answer; both must be done by `deadline`.
  // An actor that asks takes no messages meanwhile: without deadlines, two
  // actors that ask each other would wait forever.
  // Requires: the caller is an actor of the same system, or made the system.
  [[nodiscard]] Answer ask_until(std::string_view message,
                                 Deadline deadline) const;

  // How many messages wait in the mailbox, at the moment of the call.
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

  // Makes a mailbox, and an actor that start() will start. Before start() only.
  Actor spawn(ActorSpec spec);

  // Forks the process "System", which starts the actors and keeps them alive.
  // In that process `observer` is called for each start and end of a life. It
  // learns of a death before the asker does, unless there is no restart delay.
  using Observer = std::function<void(const Notice&)>;
  void start(Observer observer = {});

  // Closes all mailboxes, and waits until the actors have worked on all that is
  // in them. Returns whether all actors ended well before the deadline. Those
  // that still run at the deadline are killed.
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
  size_t self_ = 0;                           // The cell of this process.
  std::optional<Process> process_;
};

}  // namespace ipc

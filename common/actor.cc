#include "common/actor.h"

#include <unistd.h>

#include <array>
#include <atomic>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "common/check.h"
#include "common/report.h"
#include "common/shared.h"

namespace ipc {
namespace {

// Answers that have room. More come only to one who has given up so many
// questions, and is cleared of them before it asks again.
constexpr uint32_t kAnswersMax = 64;

// Where an answer goes: the number of the question and, in the last byte, the
// asker. 0 if nobody waits for one.
constexpr int kAskerBits = 8;
constexpr uint64_t kAskerMask = (1U << kAskerBits) - 1;
constexpr uint64_t kNobody = 0;

}  // namespace

const char* describe(Answered status) {
  switch (status) {
    case Answered::ok:
      return "answered";
    case Answered::full:
      return "full";
    case Answered::closed:
      return "closed";
    case Answered::died:
      return "died";
    case Answered::late:
      return "late";
  }
  return "?";
}

// What lies in a mailbox, and among the answers: the address of the asker, one
// byte that only answers use, and the text.
struct ActorSystem::Letter {
  uint64_t sender = kNobody;
  Answered status = Answered::ok;
  std::string text;

  [[nodiscard]] std::string packed() const {
    std::string bytes(sizeof sender, '\0');
    std::memcpy(bytes.data(), &sender, sizeof sender);
    bytes += static_cast<char>(status);
    return bytes + text;
  }
  static Letter unpacked(const std::string& bytes) {
    Letter letter;
    std::memcpy(&letter.sender, bytes.data(), sizeof letter.sender);
    letter.status = static_cast<Answered>(bytes[sizeof letter.sender]);
    letter.text = bytes.substr(sizeof letter.sender + 1);
    return letter;
  }
};

struct ActorSystem::Cell {
  explicit Cell(ActorSpec s) : spec(std::move(s)), mailbox(spec.mailbox_items) {
    describe_object("Queue", &mailbox, "mail of " + spec.name);
    describe_object("Queue", &answers, "answers to " + spec.name);
  }

  ActorSpec spec;
  Queue mailbox;
  Queue answers{kAnswersMax};
  pid_t maker = ::getpid();
  // Who waits for what is being worked on: the life writes it, and the system
  // reads it when that life has ended. Questions asked by this cell are counted
  // over all of its lives, so that none is taken for another. Both words stand
  // for themselves.
  Shared<std::atomic<uint64_t>> in_hand{kNobody};
  Shared<std::atomic<uint64_t>> asked{0U};
};

QueueStatus Actor::send_until(std::string_view message,
                              Deadline deadline) const {
  return system_->put(index_, kNobody, message, deadline);
}

Answer Actor::ask_until(std::string_view message, Deadline deadline) const {
  return system_->ask(index_, message, deadline);
}

size_t Actor::waiting() const {
  return system_->cells_[index_]->mailbox.size();
}

ActorSystem::ActorSystem() {
  cells_.push_back(std::make_unique<Cell>(ActorSpec{process_name(), {}}));
}

ActorSystem::~ActorSystem() = default;

Actor ActorSystem::spawn(ActorSpec spec) {
  IPC_CHECK(!process_ && self_ == 0 && cells_.size() <= kActorsMax);
  for (const auto& cell : cells_) IPC_CHECK(cell->spec.name != spec.name);
  cells_.push_back(std::make_unique<Cell>(std::move(spec)));
  return {*this, cells_.size() - 1};
}

void ActorSystem::start(Observer observer) {
  IPC_CHECK(!process_);
  process_.emplace("System", [this, observer = std::move(observer)] {
    supervise(observer);
  });
}

bool ActorSystem::stop_until(Deadline deadline) {
  for (const auto& cell : cells_) cell->mailbox.close();
  const auto status = process_->join_until(deadline);
  if (!status) process_->kill();  // Its children are killed by the kernel.
  return status == 0;
}

QueueStatus ActorSystem::put(size_t to, uint64_t sender, std::string_view text,
                             Deadline deadline) {
  const Letter letter{sender, Answered::ok, std::string(text)};
  return cells_[to]->mailbox.put_until(letter.packed(), deadline);
}

Answer ActorSystem::ask(size_t to, std::string_view text, Deadline deadline) {
  Cell& self = *cells_[self_];
  // Any other process would take the answers of the maker.
  IPC_CHECK(self_ != 0 || self.maker == ::getpid());
  while (self.answers.try_get()) {
    // An answer to a question that was given up.
  }
  const uint64_t number = self.asked->fetch_add(1) + 1;
  const uint64_t sender = number << kAskerBits | self_;
  const QueueStatus sent = put(to, sender, text, deadline);
  if (sent == QueueStatus::full) return {Answered::full, ""};
  if (sent == QueueStatus::closed) return {Answered::closed, ""};
  while (const auto taken = self.answers.get_until(deadline)) {
    Letter letter = Letter::unpacked(*taken);
    if (letter.sender == sender) {
      return {letter.status, std::move(letter.text)};
    }
  }
  return {Answered::late, ""};
}

// Never waits: whoever asks is not to hold up who answers.
void ActorSystem::answer(uint64_t sender, Answered status,
                         std::string_view text) {
  if (sender == kNobody) return;
  const Letter letter{sender, status, std::string(text)};
  (void)cells_[sender & kAskerMask]->answers.try_put(letter.packed());
}

void ActorSystem::live(size_t index) {
  self_ = index;
  Cell& cell = *cells_[index];
  const Behaviour behave = cell.spec.make();
  while (const auto seen = cell.mailbox.peek()) {
    const Letter letter = Letter::unpacked(*seen);
    // Noted first, then taken: there is no place to die at where the message
    // has gone and nobody knows whose it was.
    cell.in_hand->store(letter.sender);
    (void)cell.mailbox.get();
    answer(letter.sender, Answered::ok, behave(letter.text));
    // Killed before this line it has answered and died: the second answer finds
    // nobody who waits for it.
    cell.in_hand->store(kNobody);
  }
}

void ActorSystem::supervise(const Observer& observer) {
  Supervisor supervisor;
  for (size_t i = 1; i < cells_.size(); ++i) {
    supervisor.add({.name = cells_[i]->spec.name,
                    .work = [this, i](Worker&) { live(i); },
                    .policy = RestartPolicy::transient,
                    .restarts = cells_[i]->spec.restarts});
  }
  bool all_well = true;
  while (const auto notice = supervisor.next()) {
    if (observer) observer(*notice);
    for (const auto& cell : cells_) {
      if (cell->spec.name != notice->worker) continue;
      if (notice->kind == Notice::Kind::ended) {
        answer(cell->in_hand->exchange(kNobody), Answered::died, "");
      } else if (notice->kind == Notice::Kind::gave_up) {
        all_well = false;
        give_up(*cell);
      }
    }
  }
  if (!all_well) throw std::runtime_error("an actor was given up");
}

void ActorSystem::give_up(Cell& cell) {
  cell.mailbox.close();
  while (const auto taken = cell.mailbox.try_get()) {
    answer(Letter::unpacked(*taken).sender, Answered::died, "");
  }
}

}  // namespace ipc

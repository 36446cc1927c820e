#include "labs/actors/actor.h"

#include <unistd.h>

#include <array>
#include <atomic>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "common/base/check.h"
#include "common/base/hooks.h"
#include "common/memory/shared.h"
#include "common/process/process_name.h"
#include "common/sync/futex.h"

namespace ipc {
namespace {

// How many answers have room. The asker waits for one of them; the others were
// on their way when their questions were given up.
constexpr uint32_t kAnswersMax = 64;

// Where an answer goes: the number of the question and, in the last byte, the
// asker. 0 if the sender does not wait for an answer.
constexpr int kAskerBits = 8;
constexpr uint64_t kAskerMask = (1U << kAskerBits) - 1;
constexpr uint64_t kNobody = 0;

// The question that a life works on: the address of the asker and, in the last
// two bytes, the number of the life, so that lives are not mistaken for
// another.
constexpr int kLifeBits = 16;
constexpr uint64_t kLifeMask = (1U << kLifeBits) - 1;

uint64_t life_of(int life) { return static_cast<uint64_t>(life) & kLifeMask; }

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
  // `in_hand`: the question that is being worked on, and by which life. The
  // life writes it; the system, or the next life, reads it when that life has
  // ended. `asked` counts the questions of this cell over all of its lives, so
  // that no two have the same number. `open` is the question whose answer the
  // cell waits for now, and `open_until_ns` says how long. No word depends on
  // another.
  struct Words {
    std::atomic<uint64_t> in_hand{kNobody};
    std::atomic<uint64_t> asked{0};
    std::atomic<uint64_t> open{kNobody};
    std::atomic<int64_t> open_until_ns{0};
  };
  Shared<Words> words;
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
  // Any other process would take answers that are meant for the maker.
  IPC_CHECK(self_ != 0 || self.maker == ::getpid());
  while (self.answers.try_get()) {
    // An answer to a question that was given up.
  }
  const uint64_t number = self.words->asked.fetch_add(1) + 1;
  const uint64_t sender = number << kAskerBits | self_;
  self.words->open_until_ns = deadline.ns();
  self.words->open = sender;
  // However this function is left, an answer after that would only take room.
  struct Close {
    explicit Close(std::atomic<uint64_t>& word) : open(word) {}
    Close(const Close&) = delete;
    Close& operator=(const Close&) = delete;
    Close(Close&&) = delete;
    Close& operator=(Close&&) = delete;
    ~Close() { open = kNobody; }
    std::atomic<uint64_t>& open;
  };
  const Close close(self.words->open);
  return await_answer(to, sender, text, deadline);
}

Answer ActorSystem::await_answer(size_t to, uint64_t sender,
                                 std::string_view text, Deadline deadline) {
  Cell& self = *cells_[self_];
  const QueueStatus sent = put(to, sender, text, deadline);
  if (sent == QueueStatus::closed) return {Answered::closed, ""};
  if (sent != QueueStatus::ok) return {Answered::full, ""};
  while (const auto taken = self.answers.get_until(deadline)) {
    Letter letter = Letter::unpacked(*taken);
    if (letter.sender == sender) {
      return {letter.status, std::move(letter.text)};
    }
  }
  return {Answered::late, ""};
}

// An answer that no asker waits for any more is dropped: it would take the room
// of one that is awaited. So there is room, unless several answers were on
// their way when their questions were given up; then the asker soon makes some.
void ActorSystem::answer(uint64_t sender, Answered status,
                         std::string_view text) {
  if (sender == kNobody) return;
  Cell& asker = *cells_[sender & kAskerMask];
  const std::string bytes = Letter{sender, status, std::string(text)}.packed();
  while (asker.words->open == sender) {
    const Deadline last = Deadline::at_ns(asker.words->open_until_ns);
    const QueueStatus put = asker.answers.put_until(
        bytes, last.sooner(Deadline::after(kRecheckSeconds)));
    if (put == QueueStatus::ok || last.expired()) return;
  }
}

void ActorSystem::tell_of_death(uint64_t in_hand) {
  answer(in_hand >> kLifeBits, Answered::died, "");
}

void ActorSystem::live(size_t index, int life) {
  self_ = index;
  Cell& cell = *cells_[index];
  // The last life has ended, and so has its work on the question in hand. Tell
  // that asker now: if the system did it later, it would find our question.
  tell_of_death(cell.words->in_hand.exchange(kNobody));
  cell.words->open = kNobody;
  const Behaviour behave = cell.spec.make();
  while (const auto seen = cell.mailbox.peek()) {
    const Letter letter = Letter::unpacked(*seen);
    // Noted first, then taken: wherever this life dies, a message that has left
    // the mailbox has an asker who can be told.
    if (letter.sender != kNobody) {
      cell.words->in_hand = letter.sender << kLifeBits | life_of(life);
    }
    (void)cell.mailbox.get();
    answer(letter.sender, Answered::ok, behave(letter.text));
    // If this life is killed before the next line, the asker gets `died` after
    // its answer. It no longer waits by then, so the second answer is dropped.
    cell.words->in_hand = kNobody;
  }
}

void ActorSystem::supervise(const Observer& observer) {
  Supervisor supervisor;
  for (size_t i = 1; i < cells_.size(); ++i) {
    supervisor.add({.name = cells_[i]->spec.name,
                    .work = [this, i](Worker& self) { live(i, self.life()); },
                    .policy = RestartPolicy::transient,
                    .restarts = cells_[i]->spec.restarts});
  }
  bool all_well = true;
  while (const auto notice = supervisor.next()) {
    if (observer) observer(*notice);
    for (const auto& cell : cells_) {
      if (cell->spec.name != notice->worker) continue;
      if (notice->kind == Notice::Kind::ended) {
        uint64_t in_hand = cell->words->in_hand;
        // The next life may be at work already; then it has told the asker.
        if ((in_hand & kLifeMask) == life_of(notice->life) &&
            cell->words->in_hand.compare_exchange_strong(in_hand, kNobody)) {
          tell_of_death(in_hand);
        }
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

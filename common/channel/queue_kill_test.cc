// Two producers and two consumers are killed and replaced, one after the other.
// The other processes must not notice.

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <iostream>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "common/channel/queue.h"
#include "common/memory/shared.h"
#include "common/testing/sync_testing.h"

namespace {

using ipc::Deadline;
using ipc::Process;
using ipc::Queue;
using ipc::Shared;
using ipc::testing::status_of;

constexpr unsigned kSeed = 20261122;
constexpr int kKills = 500;
constexpr uint32_t kMaxItems = 20;
constexpr size_t kMaxBytes = 4 << 20;
constexpr double kStallMaxS = 1.0;

// Each producer has a number, its life; its replacement has another one.
constexpr uint32_t kLivesMax = kKills + 2;
constexpr uint32_t kMessagesMax = 1 << 17;
constexpr uint32_t kNobody = kLivesMax;  // Tells a consumer to end.

enum Role : int { kProducer, kConsumer };
constexpr int kRoles = 2;

struct Board {
  std::atomic<bool> stop{false};
  std::atomic<uint64_t> received_total{0};
  std::atomic<uint32_t> torn{0};
  std::atomic<uint32_t> repeated{0};
  std::atomic<uint32_t> out_of_order{0};
  // How often a process found that the owner of a mutex had died, by its role;
  // the owner had the same role.
  std::array<std::atomic<uint32_t>, kRoles> owners_died{};
  // Whether the process in this place is in a call of the queue.
  std::array<std::atomic<bool>, 4> inside{};
  // How many messages of each life put() has accepted, and which were received.
  std::array<std::atomic<uint32_t>, kLivesMax> accepted{};
  std::array<std::array<std::atomic<uint8_t>, kMessagesMax>, kLivesMax>
      received{};
};

// The board and role of this process, for the functions below.
Board* my_board = nullptr;
Role my_role = kProducer;
bool locks_are_robust = true;

template <typename Function>
Function next_definition(const char* name) {
  return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

// Replaces the C library's function: the queue is unchanged, but its locks are
// not robust if a test wants that.
extern "C" int pthread_mutexattr_setrobust(pthread_mutexattr_t* attributes,
                                           int robustness) noexcept {
  if (!locks_are_robust) return 0;
  static const auto next =
      next_definition<decltype(&pthread_mutexattr_setrobust)>(
          "pthread_mutexattr_setrobust");
  return next(attributes, robustness);
}

// A process that gets the mutex of a dead owner calls this: the kill came while
// the victim held it.
extern "C" int pthread_mutex_consistent(pthread_mutex_t* mutex) noexcept {
  if (my_board != nullptr) my_board->owners_died.at(my_role) += 1;
  static const auto next = next_definition<decltype(&pthread_mutex_consistent)>(
      "pthread_mutex_consistent");
  return next(mutex);
}

namespace {

// Messages are cut from this: no piece is equal to a piece from another place.
// It is made before the first fork, and each process has its own copy.
std::string pattern = [] {
  std::mt19937_64 random(kSeed);
  std::string bytes;
  while (bytes.size() < 2 << 20) {
    const uint64_t word = random();
    bytes.append(reinterpret_cast<const char*>(&word), sizeof(word));
  }
  return bytes;
}();

struct Header {
  uint32_t life;
  uint32_t number;
};

// Where in the pattern a message is cut out, and how long it is. Every fourth
// is so big that many kills come while it is being copied.
struct Cut {
  size_t start;
  size_t size;
};

Cut cut(Header header) {
  const size_t any = header.life * 7919 + header.number * 104'729;
  const size_t start = sizeof(Header) + any % 500'000;
  const bool big = header.number % 4 == 0;
  return {start, big ? 70'000 + 2 * start : start % 200};
}

void produce(Queue& queue, Board& board, uint32_t life, size_t place) {
  for (Header header{life, 0}; header.number < kMessagesMax; ++header.number) {
    if (board.stop) return;
    // The header is written over the bytes in front of the cut, instead of
    // copying both, so that as little time as possible passes outside put().
    const auto [start, size] = cut(header);
    const std::string_view message = std::string_view(pattern).substr(
        start - sizeof(Header), sizeof(Header) + size);
    const std::string saved(message.substr(0, sizeof(Header)));
    ::memcpy(&pattern[start - sizeof(Header)], &header, sizeof(Header));
    board.inside.at(place) = true;
    ipc::ensure(queue.put(message));
    board.inside.at(place) = false;
    board.accepted.at(life) = header.number + 1;
    ::memcpy(&pattern[start - sizeof(Header)], saved.data(), sizeof(Header));
  }
}

void consume(Queue& queue, Board& board, size_t place) {
  std::array<int64_t, kLivesMax> last{};
  last.fill(-1);
  while (true) {
    board.inside.at(place) = true;
    const auto item = queue.get();
    board.inside.at(place) = false;
    Header header{};
    ::memcpy(&header, item->data(), sizeof(header));
    if (header.life == kNobody) return;
    const auto [start, size] = cut(header);
    const auto body = std::string_view(*item).substr(sizeof(header));
    if (body != std::string_view(pattern).substr(start, size)) ++board.torn;
    if (header.number <= last.at(header.life)) ++board.out_of_order;
    last.at(header.life) = header.number;
    if (board.received.at(header.life).at(header.number)++ != 0) {
      ++board.repeated;
    }
    ++board.received_total;
  }
}

// The four processes, each in a place. A replacement gets the same place.
class Crew {
 public:
  Crew(Queue& queue, Board& board) : queue_(queue), board_(board) {
    for (size_t place = 0; place < 4; ++place) {
      processes_.push_back(start(place));
    }
  }

  static Role role(size_t place) { return place < 2 ? kProducer : kConsumer; }
  [[nodiscard]] uint32_t lives() const { return lives_; }
  Process& at(size_t place) { return processes_.at(place); }
  void replace(size_t place) { processes_.at(place) = start(place); }

 private:
  Process start(size_t place) {
    const uint32_t life = role(place) == kProducer ? lives_++ : 0;
    return Process(role(place) == kProducer ? "Producer" : "Consumer",
                   [this, place, life] {
                     my_board = &board_;
                     my_role = role(place);
                     board_.inside.at(place) = false;
                     if (my_role == kProducer) {
                       produce(queue_, board_, life, place);
                     } else {
                       consume(queue_, board_, place);
                     }
                   });
  }

  Queue& queue_;
  Board& board_;
  uint32_t lives_ = 0;
  std::vector<Process> processes_;
};

struct Toll {
  bool hangs = false;
  int kills = 0;
  std::array<uint32_t, kRoles> killed{};
  uint32_t asleep = 0;
  uint32_t inside = 0;
  int64_t stall_ns_max = 0;
};

// Waits until some more messages have been received; false if they are not. A
// pause counts as 1 ms at most: on a busy machine it may last longer.
bool await_progress(const Board& board) {
  const uint64_t before = board.received_total;
  const auto patience_ns = ipc::to_ns(kStallMaxS * ipc::time_scale());
  int64_t waited_ns = 0;
  while (board.received_total < before + 4) {
    if (waited_ns > patience_ns) return false;
    const int64_t from_ns = ipc::now_ns();
    ::usleep(200);
    waited_ns += std::min<int64_t>(ipc::now_ns() - from_ns, 1'000'000);
  }
  return true;
}

// Kills one process after the other, until they hang or kKills have died.
Toll kill_at_random(Board& board, Crew& crew) {
  Toll toll;
  std::mt19937 random(kSeed);
  while (toll.kills < kKills) {
    ::usleep(random() % 3000);  // Any instant will do.
    const size_t place = random() % 4;
    Process& victim = crew.at(place);
    const bool asleep =
        ipc::testing::activity(victim.pid()).rfind("S futex", 0) == 0;
    victim.kill();
    victim.join();
    const int64_t died_ns = ipc::now_ns();
    ++toll.kills;
    ++toll.killed.at(Crew::role(place));
    if (asleep) {
      ++toll.asleep;
    } else if (board.inside.at(place)) {
      ++toll.inside;
    }
    crew.replace(place);
    toll.hangs = !await_progress(board);
    toll.stall_ns_max = std::max(toll.stall_ns_max, ipc::now_ns() - died_ns);
    if (toll.hangs) break;
  }
  return toll;
}

void print(const Board& board, const Toll& toll) {
  const uint32_t puts = board.owners_died.at(kProducer);
  const uint32_t gets = board.owners_died.at(kConsumer);
  std::cout << toll.kills << " kills, seed " << kSeed << ": asleep "
            << toll.asleep << "; with the mutex, in a put " << puts
            << ", in a get " << gets << "; elsewhere in a call "
            << toll.inside - std::min(toll.inside, puts + gets) << "; outside "
            << toll.kills - toll.asleep - toll.inside << "\n"
            << board.received_total << " messages received; longest stall "
            << toll.stall_ns_max / 1'000'000 << " ms\n";
}

// How many messages put() has accepted and no consumer has received.
uint32_t count_lost(const Board& board, uint32_t lives) {
  uint32_t lost = 0;
  for (uint32_t life = 0; life < lives; ++life) {
    for (uint32_t i = 0; i < board.accepted.at(life); ++i) {
      lost += board.received.at(life).at(i) == 0;
    }
  }
  return lost;
}

// Expects that the queue has as much room as a new one.
void expect_all_room(Queue& queue) {
  EXPECT_EQ(queue.size(), 0);
  const std::string biggest(queue.max_item_bytes(), 'x');
  EXPECT_EQ(queue.try_put(biggest), ipc::QueueStatus::ok);
  EXPECT_EQ(queue.try_put(""), ipc::QueueStatus::full);
  EXPECT_EQ(*queue.try_get(), biggest);
  for (uint32_t i = 0; i < kMaxItems; ++i) {
    EXPECT_EQ(queue.try_put(""), ipc::QueueStatus::ok);
  }
  EXPECT_EQ(queue.try_put(""), ipc::QueueStatus::full);
}

TEST(QueueUnderFire, ADeathCostsAtMostTheMessageThatTheConsumerWasTaking) {
  locks_are_robust = true;
  const Shared<Board> board;
  Queue queue(kMaxItems, kMaxBytes);
  Crew crew(queue, *board);
  const Toll toll = kill_at_random(*board, crew);
  print(*board, toll);
  ASSERT_FALSE(toll.hangs) << "nothing was received for " << kStallMaxS << " s";

  board->stop = true;
  for (size_t place : {0, 1}) EXPECT_EQ(status_of(crew.at(place)), 0);
  const Header end{kNobody, 0};
  for (int i = 0; i < 2; ++i) {
    ipc::ensure(queue.put({reinterpret_cast<const char*>(&end), sizeof(end)}));
  }
  for (size_t place : {2, 3}) EXPECT_EQ(status_of(crew.at(place)), 0);

  EXPECT_EQ(board->torn, 0);
  EXPECT_EQ(board->repeated, 0);
  EXPECT_EQ(board->out_of_order, 0);
  const uint32_t lost = count_lost(*board, crew.lives());
  std::cout << lost << " messages lost with " << toll.killed.at(kConsumer)
            << " consumers\n";
  EXPECT_LE(lost, toll.killed.at(kConsumer));
  expect_all_room(queue);
  // If there were none of these, the test would prove nothing.
  EXPECT_GT(board->owners_died.at(kProducer), 0);
  EXPECT_GT(board->owners_died.at(kConsumer), 0);
  EXPECT_GT(toll.asleep, 0);
}

TEST(QueueUnderFire, WithoutRobustLocksADeathMakesTheOthersHang) {
  locks_are_robust = false;
  const Shared<Board> board;
  Queue queue(kMaxItems, kMaxBytes);
  Crew crew(queue, *board);
  const Toll toll = kill_at_random(*board, crew);
  print(*board, toll);
  EXPECT_TRUE(toll.hangs);
}

}  // namespace

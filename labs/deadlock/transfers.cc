#include "labs/deadlock/transfers.h"

#include <unistd.h>

#include <algorithm>

#include "common/base/clock.h"
#include "common/base/hooks.h"
#include "common/lab/lab.h"
#include "common/report/report.h"

namespace {

constexpr int kMoved = 10;

char name(size_t account) { return static_cast<char>('A' + account); }

void move(Bank& bank, size_t from, size_t to) {
  ipc::say("Moved {} from {} to {}", kMoved, name(from), name(to));
  bank.accounts[from].money -= kMoved;
  bank.accounts[to].money += kMoved;
}

}  // namespace

void transfer(Bank& bank, size_t from, size_t to, First rule) {
  const bool lower = rule == First::the_lower;
  const size_t first = lower ? std::min(from, to) : from;  // [order]
  const size_t second = first == from ? to : from;
  const ipc::Guard one(bank.accounts[first].lock);  // [two]
  ipc::say("Holds {}, wants {}", name(first), name(second));
  ipc::point("holds one");
  const ipc::Guard other(bank.accounts[second].lock);
  move(bank, from, to);
}

void transfer_or_give_up(Bank& bank, size_t from, size_t to,
                         std::optional<double> limit_s) {
  auto source = ipc::random_source(static_cast<unsigned>(from));
  for (int attempt = 1;; ++attempt) {
    ipc::Guard one(bank.accounts[from].lock);
    if (attempt == 1) {
      ipc::say("Holds {}, wants {}", name(from), name(to));
      (void)bank.all_hold_one.wait();  // So that it is sure to go wrong.
    }
    const auto deadline =
        limit_s ? ipc::Deadline::after(*limit_s) : ipc::Deadline::never();
    ipc::Guard other(bank.accounts[to].lock, deadline);  // [limit]
    if (other) {
      if (other.owner_died()) {  // [died]
        ipc::say("The owner of {} died before it moved anything", name(to));
        other.repaired();
      }
      move(bank, from, to);
      return;
    }
    ipc::say("Gives {} up", name(from));
    one.unlock();  // [give-up]
    const int most_us = 1000 << std::min(attempt, 7);
    ::usleep(ipc::random_int(source, 0, most_us));  // [back-off]
  }
}

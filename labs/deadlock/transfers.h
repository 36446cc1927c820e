// The accounts, and two ways to move money from one to another.
#pragma once

#include <stddef.h>

#include <array>
#include <optional>

#include "common/sync/barrier.h"
#include "common/sync/lock.h"

inline constexpr int kAccountsMax = 5;
inline constexpr int kMoneyAtFirst = 100;

struct Account {
  ipc::Lock lock;
  int money = kMoneyAtFirst;
};

struct Bank {
  explicit Bank(int parties) : all_hold_one(parties) {}

  std::array<Account, kAccountsMax> accounts;
  ipc::Barrier all_hold_one;  // For transfer_or_give_up() and Main.
};

// Which of its two accounts a transfer locks first.
enum class First { its_own, the_lower };

// Waits for both locks without a limit. It is at a point when it holds one.
void transfer(Bank& bank, size_t from, size_t to, First rule);

// Locks its own account first. With a limit it waits for the other one at most
// this long; then it gives up its own, and begins again after a random pause.
void transfer_or_give_up(Bank& bank, size_t from, size_t to,
                         std::optional<double> limit_s);

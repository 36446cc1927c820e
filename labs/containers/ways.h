// Ways in which processes meet. Two containers try each of them: one offers,
// and the other takes and prints the result.
//
//   Board board;                     // in memory that both have
//   offer_all({connection, "/shared", &board});          // in one
//   if (!take_all({connection, "/shared", &board})) ...  // in the other
//
// Both go through the same list, and wait for each other over the connection
// before and after each of its entries.
#pragma once

#include <pthread.h>

#include <functional>
#include <string>

#include "common/channel/connection.h"
#include "common/sync/rlock.h"
#include "common/sync/semaphore.h"

// The objects that must lie in memory that both containers share already.
struct Board {
  Board();
  // Robust mutexes, used with pthread calls only.
  pthread_mutex_t recursive{};
  pthread_mutex_t checking{};
  ipc::RLock rlock;
  ipc::Semaphore permit{1};
};

struct Meeting {
  ipc::Connection& other;
  std::string folder;      // Mounted in both.
  Board* board = nullptr;  // Null: no way that needs an ancestor is tried.

  // For the side that offers: sends `details`, which the other side needs to
  // try, calls `meanwhile`, and blocks until the other side has tried.
  void let_try(
      const std::string& details,
      const std::function<void()>& meanwhile = [] {}) const;
};

void offer_all(const Meeting& meeting);

// Prints the result of each way. Returns whether all of them are as expected.
bool take_all(const Meeting& meeting);

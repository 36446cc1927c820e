// Ways in which processes meet, each of which two containers try: one offers,
// and the other takes, and says what came of it.
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

// What has to lie in memory that is shared already.
struct Board {
  Board();
  // Robust, and by pthreads alone.
  pthread_mutex_t recursive{};
  pthread_mutex_t checking{};
  ipc::RLock rlock;
  ipc::Semaphore permit{1};
};

struct Meeting {
  ipc::Connection& other;
  std::string folder;      // Mounted in both.
  Board* board = nullptr;  // Null: only what needs no common ancestor is tried.

  // For the one that offers: lets the other side try, with what it has to know,
  // does something meanwhile, and comes back when the other side has tried.
  void let_try(
      const std::string& details,
      const std::function<void()>& meanwhile = [] {}) const;
};

void offer_all(const Meeting& meeting);

// Says what came of each. Whether all of it is as it should be.
bool take_all(const Meeting& meeting);

#include "labs/condition/list.h"

#include <signal.h>

#include "common/report/report.h"

void consume(Board& board, ipc::Deadline deadline) {
  ipc::Guard guard(board.lock);
  ipc::say("Waiting for data");
  ++board.waiting;
  board.changed.notify_all();
  auto usable = [&] { return board.taken < board.added || board.stopped; };
  if (!board.changed.wait_until(guard, deadline, usable)) {  // [wait]
    ipc::say("No data in time");
  } else if (board.added > board.taken) {
    ipc::say("Got item: Important data {}", board.items[board.taken++]);
  } else {
    ipc::say("Told to stop: no data will come");
  }
}

void produce(Board& board, int items, bool is_killed) {
  ipc::Guard guard(board.lock);
  board.changed.wait(guard, [&] { return board.waiting == board.consumers; });
  for (int item = 1; item <= items; ++item) {
    board.items[board.added] = item;
    if (is_killed) ::raise(SIGKILL);
    ipc::say("Added data to the list: Important data {}", item);
    ++board.added;  // [publish] One store, and the item is in the list.
  }
  board.changed.notify_all();  // [notify]
}

void stop(Board& board) {
  ipc::Guard guard(board.lock);
  if (guard.owner_died()) {  // [died]
    ipc::say("The list is as it was: {} items", board.added - board.taken);
    guard.repaired();
  }
  board.stopped = true;  // [stop]
  board.changed.notify_all();
}

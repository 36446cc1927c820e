// What the processes of the lab do; main.cc says which of them there are.
#pragma once

#include "board.h"
#include "common/channel/queue.h"
#include "labs/task_distribution/task.h"

extern int task_count;
extern int kill_count;  // How many workers are killed, each elsewhere.

// Puts a task that is on the board into the queue of those to do.
void offer(ipc::Queue& tasks, const ipc::Task& task);

void generate(Board& board, ipc::Queue& tasks);

// `id` is the number of the worker, which its results carry.
void work(Board& board, ipc::Queue& tasks, ipc::Queue& results, int id);

// Takes results until their queue is closed.
void collect(const Board& board, ipc::Queue& results);

// A server that answers only when all have asked, and three ways to ask it.
#pragma once

#include <atomic>
#include <vector>

#include "common/channel/connection.h"

// Asks over every one of `servers` at once and counts the answers.
using Ask = void (*)(std::vector<ipc::Connection>& servers,
                     std::atomic<int>& answers);

void ask_by_processes(std::vector<ipc::Connection>& servers,
                      std::atomic<int>& answers);
void ask_by_threads(std::vector<ipc::Connection>& servers,
                    std::atomic<int>& answers);
void ask_by_poll(std::vector<ipc::Connection>& servers,
                 std::atomic<int>& answers);

struct Asked {
  int answers = 0;
  double seconds = 0;  // From the first question to the last answer.
};

// Starts a server and asks it `count` questions. Throws if the server fails.
Asked ask_all(int count, Ask ask);

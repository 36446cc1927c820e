// How the processes are connected, and what they count.
#pragma once

#include <atomic>
#include <string>
#include <utility>
#include <vector>

#include "common/channel/connection.h"
#include "labs/chat/server.h"

// In shared memory: how many entries were sent to users, and taken by them.
struct Tally {
  std::atomic<int> delivered{0};
  std::atomic<int> received{0};
};

// The connections of all clients. Each process keeps only its own end: if other
// processes kept copies of it, its death would not close the connection.
class Links {
 public:
  explicit Links(size_t count) {
    while (pairs_.size() < count) pairs_.push_back(ipc::make_connections());
  }
  ipc::Connection keep(size_t index) {  // [keep]
    ipc::Connection mine = std::move(pairs_[index].second);
    pairs_.clear();
    return mine;
  }
  void close() { pairs_.clear(); }
  void serve(const std::vector<std::string>& names, size_t outbox_max,
             Tally& tally) {
    Server server(outbox_max);
    for (size_t i = 0; i < names.size(); ++i) {
      server.add(names[i], std::move(pairs_[i].first));
    }
    pairs_.clear();
    server.run();
    tally.delivered = server.delivered();
  }

 private:
  std::vector<ipc::ConnectionPair> pairs_;
};

// The process "Server": it plays a mock cluster of the lab's own or, for a real
// one, makes the topics in it and deletes them again.
#pragma once

#include <map>
#include <string>

#include "common/process/process.h"

// How many partitions each topic has, by its name.
using Topics = std::map<std::string, int>;

struct Cluster {
  ipc::Process process;  // Ends, with status 0, at SIGTERM.
  std::string servers;   // Where it answers: "host:port".
};

// Starts the process. `url` is where a real cluster answers, or "".
// Blocks: until the topics are there.
// Errors: std::runtime_error if the process ends before; it has said why.
//         ipc::Skip without the client library.
Cluster start_cluster(const Topics& topics, const std::string& url = "");

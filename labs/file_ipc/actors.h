// What the writer and the reader do, and where.
#pragma once

#include <string>

#include "common/process/names.h"

struct Files {
  ipc::TempDir folder{"file_ipc"};
  std::string data = folder.file("data.json");             // Of the writer.
  std::string acknowledged = folder.file("acknowledged");  // Of the reader.
};

// Hands over `count` data points, and then the news that there are no more.
// Waits until the reader has acknowledged each of them; throws if it does not.
void write_points(const Files& files, int count);

// Receives data points until there are no more. Is killed when it has received
// number `dies_at`, before it acknowledges that. Returns what it has received:
// "0 1 and the end".
std::string read_points(const Files& files, int dies_at = -1);

// Prints what can still be read when both have ended.
void come_late(const Files& files);

// What the writer and the reader do, and where.
#pragma once

#include <string>

#include "common/process/names.h"

struct Files {
  ipc::TempDir folder{"file_ipc"};
  std::string data = folder.file("data.json");             // Of the writer.
  std::string acknowledged = folder.file("acknowledged");  // Of the reader.
};

// Hands over so many data points, and that there are no more.
void write_points(const Files& files, int count);

// Receives them until there are no more. Dies when it has received number
// `dies_at`. Returns what it has received: "0 1 and the end".
std::string read_points(const Files& files, int dies_at = -1);

// Says what is still to be read when both have ended.
void come_late(const Files& files);

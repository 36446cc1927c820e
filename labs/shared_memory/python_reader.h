// The reader of the lab in Python; it gets the name as its argument.
#pragma once

#include <unistd.h>

#include <string>

// Below 3.13 Python's resource tracker would remove the name when it exits,
// though others still need it; so it is not told.
constexpr const char* kPythonReader = R"(
import os, sys, time
from multiprocessing import resource_tracker, shared_memory
resource_tracker.register = lambda *a: None
memory = shared_memory.SharedMemory(name=sys.argv[1])
words = memory.buf[:88].cast("Q")
looks = torn = 0
last = None
while last != 9:
    before = words[0]
    numbers = words[1:11].tolist()
    if before % 2 or words[0] != before:
        continue
    looks += 1
    torn += len(set(numbers)) > 1
    last = numbers[0]
    time.sleep(0.001)
words.release()
memory.close()
text = f"Reader: Torn: {torn} of {looks} looks, last value {last}\n"
os.write(1, text.encode())
)";

// Makes this process a Python.
inline void read_in_python(const std::string& name) {
  ::execl("/usr/bin/python3", "python3", "-I", "-c", kPythonReader,
          name.c_str(), nullptr);
  ::_exit(127);
}

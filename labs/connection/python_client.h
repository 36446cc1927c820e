// A client in Python, with nothing but its standard library.
#pragma once

#include <stdlib.h>
#include <unistd.h>

#include <string>

constexpr const char* kPythonClient = R"(
import os, sys
from multiprocessing.connection import Client
host, _, port = sys.argv[1].rpartition(":")
address = (host, int(port)) if host else port
name, messages = sys.argv[2], sys.argv[3:]
def say(text): os.write(1, f"{name}: {text}\n".encode())
end = Client(address, authkey=os.environ["KEY"].encode())
say("Connected")
for message in messages:
    say(f"Sent '{message}'")
    end.send_bytes(message.encode())
    if message != "close":
        say("Received: " + end.recv_bytes().decode())
say("Finished")
)";

// Makes this process a Python. The key is not an argument: ps(1) shows those.
inline void talk_in_python(const std::string& address, const std::string& name,
                           const std::string& key) {
  ::setenv("KEY", key.c_str(), 1);
  ::execl("/usr/bin/python3", "python3", "-I", "-c", kPythonClient,
          address.c_str(), name.c_str(), "Testing", "Another message", "close",
          nullptr);
  ::_exit(127);
}

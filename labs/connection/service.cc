#include "labs/connection/service.h"

#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <system_error>

#include "common/lab/lab.h"
#include "common/report/report.h"
#include "labs/connection/server.h"

namespace {

constexpr double kPauseS = 0.5;

constexpr const char* kPython = R"(
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

}  // namespace

std::string address_problem(const std::string& text) try {
  (void)ipc::Address(text);
  return "";
} catch (const std::system_error&) {
  return "neither host:port nor /path";
}

Service::Service(const ipc::Address& where, const std::string& key,
                 ipc::Protocol protocol)
    : options{.key = key, .protocol = protocol},
      listener(where, {.key = key, .protocol = protocol}),  // [listen]
      process("Server", [this] { serve(listener); }) {
  listener.leave();
}

std::string ask(ipc::Connection& server, const std::string& message) {
  ipc::say("Sent '{}'", message);
  ipc::ensure(server.send(message));
  const auto echo = server.receive();
  ipc::say("Received: {}", echo ? *echo : "nothing");
  return echo.message;
}

void talk(const Service& service, const std::vector<std::string>& messages,
          ipc::Barrier& all) {
  ipc::Connection server = service.connect();
  ipc::say("Connected");
  for (size_t i = 0; i + 1 < messages.size(); ++i) {
    ask(server, messages[i]);
    // Nobody goes on before all were answered once: all are served at a time.
    if (i == 0) (void)all.wait();  // [barrier]
    ipc::pause_s(kPauseS);
  }
  ipc::say("Sent '{}'", messages.back());
  ipc::ensure(server.send(messages.back()));
  ipc::say("Finished");
}

void talk_in_python(const Service& service, const std::string& name,
                    const std::vector<std::string>& messages) {
  std::vector<std::string> words{
      "python3", "-I", "-c", kPython, service.address().text(), name};
  words.insert(words.end(), messages.begin(), messages.end());
  std::vector<char*> arguments;
  std::transform(words.begin(), words.end(), std::back_inserter(arguments),
                 [](std::string& word) { return word.data(); });
  arguments.push_back(nullptr);
  ::setenv("KEY", service.options.key.c_str(), 1);  // ps(1) shows arguments.
  ::execv("/usr/bin/python3", arguments.data());
  ::_exit(127);
}

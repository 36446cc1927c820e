#include "labs/connection/clients.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <system_error>
#include <utility>
#include <vector>

#include "common/base/errors.h"
#include "common/lab/lab.h"
#include "common/memory/shared.h"
#include "common/process/process.h"
#include "common/report/report.h"
#include "common/sync/barrier.h"

namespace {

constexpr double kPauseS = 0.5;
constexpr double kEarlyS = 5;
constexpr double kLateS = 1;
constexpr int kRetryMs = 10;

constexpr const char* kPython = R"(
import os, sys
from multiprocessing.connection import Client
host, _, port = sys.argv[1].rpartition(":")
address = (host, int(port)) if host else port
name, messages = sys.argv[2], sys.argv[3:]
def say(text): os.write(1, f"{name}: {text}\n".encode())
end = Client(address)
say("Connected")
for message in messages:
    say(f"Sent '{message}'")
    end.send_bytes(message.encode())
    if message != "close":
        say("Received: " + end.recv_bytes().decode())
say("Finished")
)";

// No process listens at that port, or there is no such path.
bool is_refusal(const std::system_error& error) {
  return error.code().value() == ECONNREFUSED || error.code().value() == ENOENT;
}

// Sends all messages; the last one gets no answer.
template <typename Wait>
void talk(ipc::Connection server, const std::vector<std::string>& messages,
          Wait wait_for_others) {
  ipc::say("Connected");
  for (size_t i = 0; i + 1 < messages.size(); ++i) {
    ask(server, messages[i]);
    if (i == 0) wait_for_others();
    ipc::pause_s(kPauseS);
  }
  ipc::say("Sent '{}'", messages.back());
  ipc::ensure(server.send(messages.back()));
  ipc::say("Finished");
}

// Does the same in Python, without the wait: this process becomes python3.
void talk_in_python(const ipc::Address& address, const std::string& name,
                    const std::vector<std::string>& messages) {
  std::vector<std::string> words{"python3", "-I",           "-c",
                                 kPython,   address.text(), name};
  words.insert(words.end(), messages.begin(), messages.end());
  std::vector<char*> arguments;
  std::transform(words.begin(), words.end(), std::back_inserter(arguments),
                 [](std::string& word) { return word.data(); });
  arguments.push_back(nullptr);
  ::execv("/usr/bin/python3", arguments.data());
  ipc::throw_error(errno, "/usr/bin/python3");
}

}  // namespace

std::string address_problem(const std::string& text) try {
  (void)ipc::Address(text);
  return "";
} catch (const std::system_error&) {
  return "neither host:port nor /path";
}

Place::Place(const ipc::Address& wanted) : address_(wanted) {
  if (wanted.is_path()) {
    if (::access(wanted.text().c_str(), F_OK) == -1) return;
    ipc::throw_error(EADDRINUSE, wanted.text().c_str());
  }
  const auto place = ipc::resolve(wanted).front();
  fd_ = ipc::UniqueFd(ipc::check(
      ::socket(place.family(), SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
  const int yes = 1;  // So that a listener may bind to the same port.
  ipc::check(
      ::setsockopt(fd_.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes),
      "setsockopt SO_REUSEADDR");
  if (::bind(fd_.get(), place.get(), place.size) == -1) {
    ipc::throw_error(errno, wanted.text().c_str());
  }
  address_ = ipc::Address(ipc::own_address(fd_.get()).text());
}

ipc::Connection connect_in_time(const ipc::Address& address,
                                ipc::Deadline deadline,
                                const std::function<void()>& refused) {
  for (bool is_first = true;; is_first = false) {
    try {
      return ipc::connect(address);  // [connect]
    } catch (const std::system_error& error) {
      if (!is_refusal(error)) throw;  // [refused]
      if (is_first) refused();
      if (deadline.expired()) throw;  // [give-up]
    }
    ipc::retry([] { return ::poll(nullptr, 0, kRetryMs); });
  }
}

std::string ask(ipc::Connection& server, const std::string& message) {
  ipc::say("Sent '{}'", message);
  ipc::ensure(server.send(message));
  const auto echo = server.receive();
  ipc::say("Received: {}", echo ? *echo : "nothing");
  return echo.message;
}

void come_early(const ipc::Address& address, ipc::Connection& refused) {
  const auto patience = ipc::Deadline::after(kEarlyS * ipc::time_scale());
  talk(connect_in_time(address, patience,
                       [&] {
                         ipc::say("Refused: no server listens; trying again");
                         ipc::ensure(refused.send("refused"));
                       }),
       {"Are you there?", "close"}, [] {});
}

void come_late(const ipc::Address& address) try {
  const auto patience = ipc::Deadline::after(ipc::paced_s(kLateS));
  (void)connect_in_time(address, patience, [] {
    ipc::say("Refused: no server listens; trying again");
  });
  ipc::say("Connected");
} catch (const std::system_error& error) {
  ipc::say("I give up after a second: {}", error.code().message());
}

bool talk_all(const ipc::Address& address, bool with_python) {
  const std::vector<std::vector<std::string>> messages = {
      {"Hello", "How are you?", "close"},
      {"Testing", "Another message", "close"},
      {"Final message", "shutdown"}};
  if (with_python) {
    ipc::Process python(
        "Client 1", [&] { talk_in_python(address, "Client 1", messages[1]); });
    if (python.join() != 0) return false;
  }
  ipc::Shared<ipc::Barrier> all(with_python ? 2 : 3);
  std::vector<ipc::Process> clients;
  for (size_t i = 0; i < messages.size(); ++i) {
    if (with_python && i == 1) continue;
    clients.emplace_back("Client " + std::to_string(i), [&, i] {
      // None continues before all were answered: all are served at a time.
      talk(ipc::connect(address), messages[i],
           [&] { (void)all->wait(); });  // [barrier]
    });
  }
  while (!clients.empty()) {  // As they end: a failed one holds up the others.
    const auto next =
        clients.begin() + static_cast<std::ptrdiff_t>(ipc::wait_any(clients));
    if (next->join() != 0) return false;
    clients.erase(next);
  }
  return true;
}

// Wrong: the server changes a copy of the room.
//
// What operator[] returns is copied, the copy is changed, and thrown away: that
// is what the guide's rooms[room_name][user_id] = username does with a managed
// dictionary.

#include <poll.h>

#include <array>
#include <atomic>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "common/base/wait_ready.h"
#include "common/channel/connection.h"
#include "common/explore/explorer.h"
#include "common/lab/lab.h"
#include "common/memory/shared.h"
#include "common/process/process.h"
#include "common/report/report.h"
#include "labs/chat/messages.h"

namespace {

struct Room {
  std::set<std::string> members;
  int last_number = 0;
  int joined_count = 0;
};

void use(ipc::Connection& connection, const char* text) {
  ipc::ensure(connection.send(encode({Kind::join, "general"})));
  ipc::ensure(connection.send(encode({Kind::say, "general", text})));
}

// Returns the number of the entry.
int handle(std::map<std::string, Room>& rooms, Message entry,
           const std::string& name) {
  Room room = rooms[entry.room];  // Missing: &
  if (entry.kind == Kind::join) {
    room.members.insert(name);
    ++room.joined_count;
  }
  entry.sender = name;
  entry.number = ++room.last_number;
  ipc::say("{}", to_line(entry));
  return entry.number;
}

struct Client {
  std::string name;
  ipc::Connection connection;
};

// Returns the number that each client's joining has got.
std::map<std::string, int> serve(std::vector<Client> clients) {
  std::map<std::string, Room> rooms;
  std::map<std::string, int> places;
  while (!clients.empty()) {
    std::vector<pollfd> fds;
    for (const Client& client : clients) {
      fds.push_back({client.connection.fd(), POLLIN, 0});
    }
    (void)ipc::wait_ready(fds, ipc::Deadline::never());
    for (size_t i = 0; i < fds.size(); ++i) {
      if (fds[i].revents == 0) continue;
      const auto received = clients[i].connection.receive();
      if (!received) {
        clients[i].connection.close();
        continue;
      }
      const auto entry = decode(*received).value();
      const int number = handle(rooms, entry, clients[i].name);
      if (entry.kind == Kind::join) places[clients[i].name] = number;
    }
    std::erase_if(clients, [](const Client& one) { return !one.connection; });
  }
  for (const auto& [name_of_room, room] : rooms) {
    ipc::say("- {}: {} members, {} messages, {} joined, 0 left", name_of_room,
             room.members.size(), room.last_number, room.joined_count);
  }
  return places;
}

// What the explorer plays in every order: the outcome is who was first.
std::string two_join(ipc::Schedule& schedule) {
  const std::vector<std::string> names{"Alice", "Bob"};
  const ipc::Shared<std::array<std::atomic<int>, 2>> numbers;
  std::vector<ipc::ConnectionPair> pairs;
  for (size_t i = 0; i < 2; ++i) pairs.push_back(ipc::make_connections());
  for (size_t i = 0; i < 2; ++i) {
    schedule.add("User " + names[i], [&, i] {
      ipc::Connection mine = std::move(pairs[i].second);
      pairs.clear();
      use(mine, "Hello!");
    });
  }
  schedule.add("Server", [&] {
    std::vector<Client> clients;
    for (size_t i = 0; i < 2; ++i) {
      clients.push_back({names[i], std::move(pairs[i].first)});
    }
    pairs.clear();
    const auto places = serve(std::move(clients));
    for (size_t i = 0; i < 2; ++i) (*numbers)[i] = places.at(names[i]);
  });
  pairs.clear();
  schedule.run();
  return fmt::format("Alice is {}, Bob is {}", (*numbers)[0].load(),
                     (*numbers)[1].load());
}

std::string lesson() {
  ipc::ConnectionPair ends = ipc::make_connections();
  ipc::Process alice("User Alice",
                     [&] { use(ends.second, "Hello from Alice!"); });
  ends.second.close();
  ipc::Process process("Server", [&] {
    std::vector<Client> clients;
    clients.push_back({"Alice", std::move(ends.first)});
    serve(std::move(clients));
  });
  const bool ok = alice.join() == 0;
  return process.join() == 0 && ok ? "" : "a process failed";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("copied_members", "Users in rooms, and one server.");
  lab.explores("two join", two_join);
  return lab.run(argc, argv, lesson);
}

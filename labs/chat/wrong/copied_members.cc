// Wrong: the server changes a copy of the room.
//
// What operator[] returns is copied, the copy is changed, and thrown away: that
// is what the guide's rooms[room_name][user_id] = username does with a managed
// dictionary.

#include <map>
#include <set>
#include <string>

#include "common/connection.h"
#include "common/lab.h"
#include "common/process.h"
#include "common/report.h"
#include "labs/chat/messages.h"

namespace {

struct Room {
  std::set<std::string> members;
  int last_number = 0;
  int joined_count = 0;
};

void use(ipc::Connection& connection, const char* text) {
  connection.send(encode({Kind::join, "general"}));
  connection.send(encode({Kind::say, "general", text}));
}

void serve(ipc::Connection& connection, const char* name) {
  std::map<std::string, Room> rooms;
  while (const auto received = connection.receive()) {
    Message entry = decode(*received).value();
    Room room = rooms[entry.room];  // Missing: &
    if (entry.kind == Kind::join) {
      room.members.insert(name);
      ++room.joined_count;
    }
    entry.sender = name;
    entry.number = ++room.last_number;
    ipc::say("{}", to_line(entry));
  }
  for (const auto& [name_of_room, room] : rooms) {
    ipc::say("- {}: {} members, {} messages, {} joined, 0 left", name_of_room,
             room.members.size(), room.last_number, room.joined_count);
  }
}

std::string lesson() {
  ipc::ConnectionPair ends = ipc::make_connections();
  ipc::Process alice("User Alice",
                     [&] { use(ends.second, "Hello from Alice!"); });
  ends.second.close();
  ipc::Process process("Server", [&] { serve(ends.first, "Alice"); });
  const bool ok = alice.join() == 0;
  return process.join() == 0 && ok ? "" : "a process failed";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("copied_members", "The changed room is a copy.");
  return lab.run(argc, argv, lesson);
}

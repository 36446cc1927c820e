#include "labs/chat/server.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <iterator>
#include <system_error>
#include <utility>

#include "common/base/clock.h"
#include "common/base/errors.h"
#include "common/base/wait_ready.h"
#include "common/report/report.h"

namespace {

constexpr size_t kHistory = 20;
const ipc::Deadline now = ipc::Deadline::at_ns(0);

// "1 room", "2 rooms".
std::string count_of(int64_t count, const char* noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

}  // namespace

void Server::add(const std::string& name, ipc::Connection connection) {
  // Little room in the kernel: what waits for a client waits in its outbox.
  const int size_bytes = 4096;
  ipc::check(::setsockopt(connection.fd(), SOL_SOCKET, SO_SNDBUF, &size_bytes,
                          sizeof size_bytes),
             "setsockopt SO_SNDBUF");
  clients_.push_back({name, std::move(connection)});
}

void Server::run() {
  while (true) {
    disconnect_the_doomed();
    std::vector<pollfd> fds;
    bool all_gone = true;
    for (const Client& client : clients_) {
      const int events = POLLIN | (client.behind ? POLLOUT : 0);
      // Once it is closed the descriptor is -1, which poll(2) ignores.
      fds.push_back({client.connection.fd(), static_cast<int16_t>(events), 0});
      all_gone = all_gone && !client.connection;
    }
    if (all_gone) return;
    (void)ipc::wait_ready(fds, ipc::Deadline::never());
    for (size_t i = 0; i < fds.size(); ++i) {
      if ((fds[i].revents & POLLOUT) != 0) push_out(clients_[i]);
      if ((fds[i].revents & ~POLLOUT) != 0) receive_from(clients_[i]);
    }
  }
}

void Server::receive_from(Client& client) try {
  const auto received = client.connection.receive_until(now);
  if (received.status == ipc::Transfer::timed_out) return;  // Only a part.
  const auto request =
      received ? decode(received.message) : std::optional<Message>();
  if (request) {
    handle(client, *request);
  } else {
    client.doom = received ? "sent garbage" : "connection closed";
  }
} catch (const std::system_error& error) {
  client.doom = error.what();
}

void Server::handle(Client& client, Message request) {
  request.sender = client.name;
  if (request.kind == Kind::report) {
    return send(client, {Kind::report, "", report()});
  }
  Room& room = rooms_[request.room];  // [room]
  const bool joins = request.kind == Kind::join;
  if (room.members.contains(&client) == joins) {
    request.text = joins ? "is in it already" : "not a member";
    request.kind = Kind::refused;
    return send(client, request);
  }
  if (joins) {
    for (const Message& entry : room.history) send(client, entry);
    room.members.insert(&client);
    client.registered = true;
    ++room.joined_count;
  }
  request.text = request.kind == Kind::say ? request.text : "";
  if (request.kind == Kind::leave) ++room.left_count;
  post(room, request);
  if (request.kind == Kind::leave) room.members.erase(&client);
}

void Server::post(Room& room, Message entry) {
  entry.number = ++room.last_number;  // [number]
  ipc::say("{}", to_line(entry));     // Said before a member gets it.
  for (Client* member : room.members) send(*member, entry);
  room.history.push_back(
      {Kind::past, entry.room, to_text(entry), entry.number});
  if (room.history.size() > kHistory) room.history.pop_front();
}

void Server::send(Client& client, const Message& message) {
  if (!client.doom.empty()) return;
  client.outbox.push_back(encode(message));
  if (message.number > 0) ++delivered_;
  push_out(client);
  if (client.outbox.size() > outbox_max_) client.doom = "too slow";  // [bound]
}

// Sends what the kernel takes now, and leaves the rest in the outbox.
void Server::push_out(Client& client) {
  ipc::Transfer status = client.connection.flush_until(now);
  while (status == ipc::Transfer::ok && !client.outbox.empty()) {
    status = client.connection.send_until(client.outbox.front(), now);
    // A message that is sent in part is left to the connection.
    if (status != ipc::Transfer::timed_out) client.outbox.pop_front();
  }
  client.behind =
      status == ipc::Transfer::timed_out || status == ipc::Transfer::partial;
  if (status == ipc::Transfer::closed) client.doom = "connection closed";
}

void Server::disconnect_the_doomed() {
  // Other members get an entry about it, which may be too much for a slow one.
  const auto is_doomed = [](const Client& client) {
    return client.connection && !client.doom.empty();
  };
  auto found = clients_.begin();
  while ((found = std::find_if(clients_.begin(), clients_.end(), is_doomed)) !=
         clients_.end()) {
    found->connection.close();
    found->outbox.clear();
    for (auto& [name, room] : rooms_) {
      if (room.members.erase(&*found) == 0) continue;
      ++room.left_count;
      post(room, {Kind::leave, name, ": " + found->doom, 0, found->name});
    }
  }
}

std::string Server::report() const {
  std::string text = fmt::format("Active Rooms: {}", rooms_.size());
  for (const auto& [name, room] : rooms_) {
    text += fmt::format("\n- {}: {}, {}, {} joined, {} left", name,
                        count_of(std::ssize(room.members), "member"),
                        count_of(room.last_number, "message"),
                        room.joined_count, room.left_count);
  }
  const auto users = std::count_if(clients_.begin(), clients_.end(),
                                   [](const auto& c) { return c.registered; });
  text += fmt::format("\nRegistered Users: {}", users);
  for (const Client& client : clients_) {
    if (!client.registered) continue;
    const auto count =
        std::count_if(rooms_.begin(), rooms_.end(), [&](const auto& item) {
          return item.second.members.contains(&client);
        });
    text += fmt::format("\n- {}: Active in {}", client.name,
                        count_of(count, "room"));
  }
  return text;
}

#include "labs/chat/user.h"

#include <sstream>
#include <stdexcept>

#include "common/lab/lab.h"
#include "common/report/report.h"

namespace {

const std::vector<std::string> all_rooms = {"general", "random", "support",
                                            "announcements"};

std::string take_one(std::vector<std::string>& from, std::mt19937& random) {
  const int last = static_cast<int>(from.size()) - 1;
  const auto chosen = from.begin() + ipc::random_int(random, 0, last);
  std::string one = *chosen;
  from.erase(chosen);
  return one;
}

}  // namespace

void User::chat_at_random(std::mt19937& random, int actions) {
  const int count = ipc::random_int(random, 1, 3);
  ipc::say("Starting up, will join {} rooms", count);
  std::vector<std::string> available = all_rooms;
  for (int i = 0; i < count; ++i) {
    join(take_one(available, random));
    listen_until(ipc::Deadline::after(ipc::paced_s(ipc::random_unit(random))));
  }
  for (int i = 0; i < actions; ++i) {
    if (ipc::random_int(random, 0, 3) == 0) {
      switch_room(random);
    } else {
      auto joined = rooms(true);
      const std::string room = take_one(joined, random);
      ipc::say("Sent message in '{}'", room);  // Said before a user gets it.
      say_in(room, fmt::format("Hello from {}! Random number: {}", name_,
                               ipc::random_int(random, 1, 1000)));
    }
    const double pause_s = 2 * ipc::random_unit(random);
    listen_until(ipc::Deadline::after(ipc::paced_s(pause_s)));
  }
  for (const std::string& room : rooms(true)) leave(room, " (finishing)");
  ipc::say("All done");
}

void User::switch_room(std::mt19937& random) {
  auto joined = rooms(true);
  auto available = rooms(false);  // So it does not rejoin what it leaves.
  if (available.empty()) return;
  if (joined.size() > 1) leave(take_one(joined, random));
  join(take_one(available, random));
}

std::vector<std::string> User::rooms(bool joined) const {
  std::vector<std::string> found;
  for (const std::string& room : all_rooms) {
    if (rooms_.contains(room) == joined) found.push_back(room);
  }
  return found;
}

int User::join(const std::string& room) {
  rooms_[room] = {};
  ipc::ensure(connection_.send(encode({Kind::join, room})));
  listen_for(Kind::join, name_);
  ipc::say("Joined room '{}'", room);
  return latest_.number;
}

void User::leave(const std::string& room, const char* why) {
  ipc::ensure(connection_.send(encode({Kind::leave, room})));
  listen_for(Kind::leave, name_);
  const Seen seen = rooms_[room];
  rooms_.erase(room);
  ipc::say("Left room '{}'{}, got {} to {}", room, why, seen.first, seen.last);
}

void User::say_in(const std::string& room, const std::string& text) {
  ipc::ensure(connection_.send(encode({Kind::say, room, text})));
}

const Message& User::listen() {
  if (receive_until(ipc::Deadline::never()) != ipc::Transfer::ok) {
    throw std::runtime_error("the server has gone");
  }
  return latest_;
}

void User::listen_for(Kind kind, const std::string& sender) {
  do {
    listen();
  } while (latest_.kind != kind || latest_.sender != sender);
}

void User::listen_until(ipc::Deadline deadline) {
  ipc::Transfer status = ipc::Transfer::ok;
  while (status == ipc::Transfer::ok) status = receive_until(deadline);
  if (status == ipc::Transfer::timed_out) return;
  throw std::runtime_error("the server has gone");
}

void User::listen_to_the_end() {
  while (receive_until(ipc::Deadline::never()) == ipc::Transfer::ok) {
  }
}

ipc::Transfer User::receive_until(ipc::Deadline deadline) {
  const auto received = connection_.receive_until(deadline);
  if (!received) return received.status;
  latest_ = decode(*received).value();
  if (latest_.kind == Kind::refused) {
    ipc::say("Refused in '{}': {}", latest_.room, latest_.text);
  } else {
    check_order(latest_);
    ++received_;
    if (shows_) ipc::say("{}", to_line(latest_));
  }
  return received.status;
}

// Members get all entries of a room in order, and other users get none.
void User::check_order(const Message& entry) {
  const auto found = rooms_.find(entry.room);
  if (found == rooms_.end()) {
    throw std::runtime_error("is not in the room of " + to_line(entry));
  }
  Seen& seen = found->second;
  if (seen.last != 0 && entry.number != seen.last + 1) {
    throw std::runtime_error("does not follow: " + to_line(entry));
  }
  if (seen.first == 0) seen.first = entry.number;
  seen.last = entry.number;
}

void print_report(ipc::Connection& server) {
  ipc::ensure(server.send(encode({Kind::report})));
  const auto reply = server.receive();
  if (!reply) throw std::runtime_error("the server has gone");
  std::istringstream lines(decode(*reply).value().text);
  ipc::say("===== CHAT SYSTEM REPORT =====");
  for (std::string line; std::getline(lines, line);) ipc::say("{}", line);
}

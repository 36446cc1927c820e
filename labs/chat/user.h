// A user of the chat: what it does, and a check of all that it gets.
#pragma once

#include <functional>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "common/channel/connection.h"
#include "labs/chat/messages.h"

class User {
 public:
  // A user that `shows` prints every entry that it gets.
  User(std::string name, ipc::Connection connection, bool shows)
      : name_(std::move(name)),
        connection_(std::move(connection)),
        shows_(shows) {}

  // As in the guide: joins a few rooms, chats and switches, and leaves.
  void chat_at_random(std::mt19937& random, int actions);

  // Each of these two blocks until the server has done it. join() returns the
  // number of the entry that says so.
  int join(const std::string& room);
  void leave(const std::string& room, const char* why = "");

  void say_in(const std::string& room, const std::string& text);
  // Takes the next entry, whatever it is; or all entries until one is of `kind`
  // and from `sender`; or all that come before the deadline. These throw if the
  // server has closed the connection.
  const Message& listen();
  void listen_for(Kind kind, const std::string& sender);
  void listen_until(ipc::Deadline deadline);
  // Takes the rest, after the server has closed the connection.
  void listen_to_the_end();

  [[nodiscard]] int received() const { return received_; }

 private:
  ipc::Transfer receive_until(ipc::Deadline deadline);
  void check_order(const Message& entry);
  void switch_room(std::mt19937& random);
  [[nodiscard]] std::vector<std::string> rooms(bool joined) const;

  std::string name_;
  ipc::Connection connection_;
  bool shows_;
  struct Seen {
    int first = 0;
    int last = 0;
  };
  std::map<std::string, Seen> rooms_;  // What came from each joined room.
  Message latest_;
  int received_ = 0;
};

// Asks the server for a report and prints it.
void print_report(ipc::Connection& server);

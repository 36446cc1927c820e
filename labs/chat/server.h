// The chat server: the one process that knows who is where.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "common/channel/connection.h"
#include "labs/chat/messages.h"

class Server {
 public:
  // `outbox_max`: messages that wait for a client, at most. A client that lets
  // more of them wait does not read, and is disconnected.
  explicit Server(size_t outbox_max) : outbox_max_(outbox_max) {}

  // Who is at the other end is known, and not what it says of itself.
  void add(const std::string& name, ipc::Connection connection);

  // Serves until all clients have gone.
  void run();

  // Entries that were sent to members.
  [[nodiscard]] int delivered() const { return delivered_; }

 private:
  struct Client {
    std::string name;
    ipc::Connection connection;
    std::deque<std::string> outbox = {};
    bool behind = false;  // It does not take what we send.
    bool registered = false;
    std::string doom = {};  // Why it will be disconnected.
  };
  struct Room {
    std::set<Client*, std::less<>> members = {};
    std::deque<Message> history = {};  // The last kHistory entries.
    int last_number = 0;
    int joined_count = 0;
    int left_count = 0;
  };

  void receive_from(Client& client);
  void handle(Client& client, Message request);
  void post(Room& room, Message entry);
  void send(Client& client, const Message& message);
  void push_out(Client& client);
  void disconnect_the_doomed();
  [[nodiscard]] std::string report() const;

  size_t outbox_max_;
  std::deque<Client> clients_;  // Members point to them: they must not move.
  std::map<std::string, Room> rooms_;
  int delivered_ = 0;
};

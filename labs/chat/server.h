// The chat server: the one process that knows which user is in which room.
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
  // `outbox_max`: how many messages may wait for one client. A client that lets
  // more of them wait does not read, and is disconnected.
  explicit Server(size_t outbox_max) : outbox_max_(outbox_max) {}

  // `name` is the user at the other end; no client can claim another name.
  void add(const std::string& name, ipc::Connection connection);

  // Serves until all clients have closed their connections, or lost them.
  void run();

  // How many entries were sent to members, those for each member counted.
  [[nodiscard]] int delivered() const { return delivered_; }

 private:
  struct Client {
    std::string name;
    ipc::Connection connection;
    std::deque<std::string> outbox = {};
    bool behind = false;  // It does not take all that we send.
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

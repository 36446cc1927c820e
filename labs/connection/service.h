// The server in a process of its own, and clients of it.
#pragma once

#include <string>
#include <vector>

#include "common/net/listener.h"
#include "common/process/process.h"
#include "common/sync/barrier.h"

// What is wrong with an address, for Lab::option().
std::string address_problem(const std::string& text);

// Ready for clients when it is constructed.
struct Service {
  Service(const ipc::Address& where, const std::string& key,
          ipc::Protocol protocol);

  [[nodiscard]] ipc::Connection connect() const { return connect(address()); }
  [[nodiscard]] ipc::Connection connect(const ipc::Address& other) const {
    return ipc::connect(other, options);
  }
  [[nodiscard]] const ipc::Address& address() const {
    return listener.address();
  }

  ipc::ClientOptions options;
  ipc::Listener listener;
  ipc::Process process;
};

// Says and sends a message, and says and returns the answer.
std::string ask(ipc::Connection& server, const std::string& message);

// Sends all messages; after the first answer, waits for the others.
void talk(const Service& service, const std::vector<std::string>& messages,
          ipc::Barrier& all);

// The same, but nobody is waited for, by a Python, which this process becomes.
void talk_in_python(const Service& service, const std::string& name,
                    const std::vector<std::string>& messages);

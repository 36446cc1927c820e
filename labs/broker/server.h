// A RabbitMQ of the lab's own, on loopback, with its data in a folder in /tmp.
//
//   const OwnBroker broker;
//   Channel channel(broker.url());
//
// Lifetime: the destructor kills it and removes its folder. It is not shut down
//           in an orderly way, because nothing of it is to be kept.
// Blocks:   the constructor, until the broker answers, which takes seconds.
// Errors:   ipc::Skip if it or its client is not installed; std::runtime_error
//           with the last lines of its log if it does not start.
// Death:    it dies with the process that made it (PR_SET_PDEATHSIG).
#pragma once

#include <optional>
#include <string>

#include "common/process/names.h"
#include "common/process/process.h"

class OwnBroker {
 public:
  // Starts it on `port`, or on a free port if that is 0.
  explicit OwnBroker(int port = 0);
  OwnBroker(const OwnBroker&) = delete;
  OwnBroker& operator=(const OwnBroker&) = delete;
  OwnBroker(OwnBroker&&) = delete;
  OwnBroker& operator=(OwnBroker&&) = delete;
  ~OwnBroker() { stop(); }

  [[nodiscard]] const std::string& url() const { return url_; }
  // Waits until it ends by itself, which it should not.
  void join() { process_->join(); }

 private:
  void stop();

  ipc::TempDir dir_{"broker"};
  std::string url_;
  std::optional<ipc::Process> process_;
};

// Returns when the broker answers. Throws what Channel() throws if it does not
// within `limit_s`, which IPC_LABS_TIME_SCALE stretches, or if its process
// ends.
void await_broker(const std::string& url, double limit_s,
                  ipc::Process* process = nullptr);

// A connection to a broker, and one channel on it, by librabbitmq. Where that
// is not installed, no_channel.cc stands in for channel.cc.
//
// Blocks: every call waits for the broker's answer, next() for a message.
// Fork:   a connection belongs to one process; open it after the fork.
// Errors: std::runtime_error with what the broker, or the library, says;
//         ipc::Skip from require_client().
// Death:  the kernel closes the connection, and the broker gives to somebody
//         else what this consumer had and had not acknowledged. (If the whole
//         machine dies nobody closes anything; heartbeats are for that.)
// See:    rabbitmq.com/amqp-0-9-1-reference.html
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

struct amqp_connection_state_t_;

struct Delivery {
  std::string queue;
  std::string body;
  uint64_t tag = 0;          // Says to acknowledge() which one it is.
  bool redelivered = false;  // Somebody had it before and gave it no end.
};

class Channel {
 public:
  // `url` is "amqp://user:password@host:port", all but the first word optional.
  explicit Channel(const std::string& url);
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;
  Channel(Channel&&) = delete;
  Channel& operator=(Channel&&) = delete;
  ~Channel();

  // The broker's name and version: "RabbitMQ 3.10.8".
  [[nodiscard]] std::string broker() const;

  // Makes a queue that is kept on disk, and deleted if unused for a minute. A
  // message that was delivered more than `delivery_limit` times and never
  // acknowledged goes to the queue `dead_letters`; 0 if there is no limit.
  void declare(const std::string& queue, int delivery_limit = 0,
               const std::string& dead_letters = "");
  // What waits in it is gone; its consumers are told: next() ends.
  void remove(const std::string& queue);

  struct Counts {
    uint32_t ready;  // Messages that nobody has been given yet.
    uint32_t consumers;
  };
  [[nodiscard]] Counts counts(const std::string& queue);

  // Returns when the broker has taken over the message.
  void publish(const std::string& queue, std::string_view body);

  // Asks for messages, of which at most `prefetch` are given to us before we
  // have acknowledged them; 0: as many as there are. With `automatic` they
  // count as acknowledged when they have been sent.
  void consume(const std::string& queue, uint16_t prefetch,
               bool automatic = false);
  // The next message; nothing once a queue is removed that we consume from.
  [[nodiscard]] std::optional<Delivery> next();
  void acknowledge(const Delivery& delivery);

 private:
  void check(const char* what) const;

  std::unique_ptr<amqp_connection_state_t_, int (*)(amqp_connection_state_t_*)>
      owned_;
  amqp_connection_state_t_* connection_ = nullptr;
};

// Throws ipc::Skip if this was built without librabbitmq.
void require_client();

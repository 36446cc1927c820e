// A connection to a broker, and one channel on it, by librabbitmq. Where that
// is not installed, no_channel.cc stands in for channel.cc.
//
// Blocks: every call but acknowledge() waits for the broker's answer; next()
//         waits for a message, without a limit.
// Fork:   a connection belongs to one process; open it after the fork.
// Errors: std::runtime_error with what the broker, or the library, says;
//         ipc::Skip from require_client().
// Death:  the kernel closes the connection, and the broker gives all messages
//         that this consumer had not acknowledged to another one. (If a whole
//         machine dies, its connections stay open; heartbeats are for that.)
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
  uint64_t tag = 0;          // Tells acknowledge() which message it is.
  bool redelivered = false;  // A consumer had it before, unacknowledged.
};

class Channel {
 public:
  // `url` is "amqp://user:password@host:port"; all after "amqp://" is optional.
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
  // Deletes the queue and what waits in it. next() ends for its consumers.
  void remove(const std::string& queue);

  struct Counts {
    uint32_t ready;  // Messages that no consumer holds.
    uint32_t consumers;
  };
  [[nodiscard]] Counts counts(const std::string& queue);

  // Returns when the broker has confirmed that it has the message.
  void publish(const std::string& queue, std::string_view body);

  // Asks for messages. The broker gives us at most `prefetch` that we have not
  // acknowledged; if that is 0, as many as there are. With `automatic` messages
  // count as acknowledged as soon as they have been sent.
  void consume(const std::string& queue, uint16_t prefetch,
               bool automatic = false);
  // The next message; nothing once a queue that we consume from is removed.
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

#include "channel.h"
#include "common/lab/lab.h"

void require_client() {
  throw ipc::Skip(
      "RabbitMQ's client is not installed; apt-get install librabbitmq-dev, "
      "and ./bazelw builds the lab with it");
}

// No channel can be made here; these functions exist only for the linker.

Channel::Channel(const std::string& /*url*/) : owned_(nullptr, nullptr) {
  require_client();
}

Channel::~Channel() = default;

std::string Channel::broker() const { return {}; }
void Channel::declare(const std::string& /*queue*/, int /*delivery_limit*/,
                      const std::string& /*dead_letters*/) {}
void Channel::remove(const std::string& /*queue*/) {}
Channel::Counts Channel::counts(const std::string& /*queue*/) { return {}; }
void Channel::publish(const std::string& /*queue*/, std::string_view /*body*/) {
}
void Channel::consume(const std::string& /*queue*/, uint16_t /*prefetch*/,
                      bool /*automatic*/) {}
std::optional<Delivery> Channel::next() { return std::nullopt; }
void Channel::acknowledge(const Delivery& /*delivery*/) {}

#include "common/lab/lab.h"
#include "kafka.h"

namespace kafka {

void require_client() {
  throw ipc::Skip(
      "Kafka's client is not installed; apt-get install librdkafka-dev, and "
      "./bazelw builds the lab with it");
}

// Without the library there is no client; these functions are for the linker.

struct MockCluster::Handles {};

Client::Client(bool /*is_producer*/, const Settings& /*settings*/)
    : handle_(nullptr, nullptr) {
  require_client();
}
Client::~Client() = default;
void Client::await_cluster() {}
int Client::partition_count(const std::string& /*topic*/) { return 0; }
int64_t Client::end_offset(const std::string& /*topic*/, int /*partition*/) {
  return 0;
}
void Client::check_cluster() const {}

Producer::Producer(const std::string& /*servers*/, const Settings& more)
    : Client(true, more) {}
void Producer::send(const std::string& /*topic*/,
                    const std::optional<std::string>& /*key*/,
                    std::string_view /*value*/) {}
void Producer::send_to(int /*partition*/, const std::string& /*topic*/,
                       const std::optional<std::string>& /*key*/,
                       std::string_view /*value*/) {}
std::vector<Place> Producer::await_delivered() { return {}; }
void Producer::make_topics(
    const std::map<std::string, int>& /*partitions_by_topic*/) {}
void Producer::delete_topics(
    const std::map<std::string, int>& /*partitions_by_topic*/) {}

Consumer::Consumer(const std::string& /*servers*/, const std::string& /*group*/,
                   const Settings& more)
    : Client(false, more), queue_(nullptr, nullptr) {}
Consumer::~Consumer() = default;
void Consumer::subscribe(const std::string& /*topic*/,
                         OnPartitions /*on_partitions*/) {}
void Consumer::read(const std::string& /*topic*/, Place /*from*/) {}
void Consumer::read_from_committed(const std::string& /*topic*/,
                                   int /*partition*/) {}
std::optional<Record> Consumer::next(int /*end_fd*/) { return std::nullopt; }
bool Consumer::commit(const std::string& /*topic*/, Place /*place*/) {
  return false;
}
int64_t Consumer::committed(const std::string& /*topic*/, int /*partition*/) {
  return 0;
}

std::vector<Record> read_all(const std::string& /*servers*/,
                             const std::string& /*topic*/) {
  return {};
}

MockCluster::MockCluster() { require_client(); }
MockCluster::~MockCluster() = default;
void MockCluster::make_topic(const std::string& /*topic*/, int /*partitions*/) {
}
std::string MockCluster::servers() const { return {}; }

}  // namespace kafka

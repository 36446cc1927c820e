// Producers and consumers of a Kafka cluster, by librdkafka. Where that is not
// installed, no_kafka.cc stands in for kafka.cc.
//
// Fork:    the library has threads of its own in each producer and consumer,
//          and fork(2) copies none of them: make both after the fork.
// Signals: its threads block all signals, so this process's thread gets them.
// Errors:  std::runtime_error with what the cluster, or the library, says;
//          ipc::Skip from require_client().
// Death:   a consumer that is killed stays in its group until it has been
//          silent for the session timeout; then its partitions go to others,
//          which begin at the last committed offsets. What a producer that is
//          killed has not sent yet is lost.
// See:     kafka.apache.org/protocol; <librdkafka/rdkafka.h> for each call.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

struct rd_kafka_s;
struct rd_kafka_queue_s;

namespace kafka {

// Throws ipc::Skip if this was built without librdkafka.
void require_client();

// Properties of a client by name, as in librdkafka's CONFIGURATION.md.
using Settings = std::map<std::string, std::string>;

// Where a record is in the log of its topic.
struct Place {
  int partition = 0;
  int64_t offset = 0;
};

struct Record {
  std::string key;
  std::string value;
  Place place;
};

// How long the cluster may take to answer before it is taken for gone.
inline constexpr double kAnswerLimitS = 10;

// What producers and consumers have in common.
class Client {
 public:
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  Client(Client&&) = delete;
  Client& operator=(Client&&) = delete;

  // Returns when the cluster has answered for the first time.
  void await_cluster();
  // How many partitions a topic has. Blocks until it exists; throws if that
  // takes longer than kAnswerLimitS.
  int partition_count(const std::string& topic);
  // The offset that the next record of a partition will have.
  int64_t end_offset(const std::string& topic, int partition);

 protected:
  Client(bool is_producer, const Settings& settings);
  ~Client();

  [[nodiscard]] rd_kafka_s* handle() const { return handle_.get(); }
  // Throws if no broker of the cluster can be reached any more.
  void check_cluster() const;

  // Called by the library, in the thread that polls it.
  std::function<void(const std::vector<int>&, bool)> on_partitions_;
  // One for each record since the last await_delivered(). The library has their
  // addresses, and a deque leaves them where they are.
  std::deque<Place> places_;
  std::string undelivered_;  // Why a record was not delivered, or "".

 private:
  friend struct Callbacks;

  std::unique_ptr<rd_kafka_s, void (*)(rd_kafka_s*)> handle_;
  std::string gone_;  // Why no broker can be reached.
};

class Producer : public Client {
 public:
  // `servers` are "host:port", with commas between them.
  explicit Producer(const std::string& servers, const Settings& more = {});

  // Hands a record to the library and returns at once. Records with the same
  // key go to the same partition, in this order; one without a key goes to any.
  void send(const std::string& topic, const std::optional<std::string>& key,
            std::string_view value);
  // Sends to the given partition.
  void send_to(int partition, const std::string& topic,
               const std::optional<std::string>& key, std::string_view value);

  // Blocks until the cluster has accepted all that was sent since the last
  // call. Returns where each record is, in the order of sending.
  std::vector<Place> await_delivered();

  // Makes topics, and deletes them. A mock cluster does neither on request: it
  // makes a topic, of four partitions, when a client first asks about it.
  void make_topics(const std::map<std::string, int>& partitions_by_topic);
  void delete_topics(const std::map<std::string, int>& partitions_by_topic);

 private:
  void create(const std::map<std::string, int>& partitions_by_topic);
};

class Consumer : public Client {
 public:
  // Called with the partitions that it was given (true) or gave back (false).
  using OnPartitions = std::function<void(const std::vector<int>&, bool)>;

  // Only commit() commits anything.
  Consumer(const std::string& servers, const std::string& group,
           const Settings& more = {});

  // Joins the group for a topic. The group gives it partitions, and takes them
  // away, while it is in next(). It reads each from the committed offset on.
  void subscribe(const std::string& topic, OnPartitions on_partitions);
  // Reads a partition without joining a group, from an offset or from the last
  // committed one. This replaces what it read before.
  void read(const std::string& topic, Place from);
  void read_from_committed(const std::string& topic, int partition);

  // The next record. Blocks until there is one, or until `end_fd` is readable:
  // then it returns nothing.
  std::optional<Record> next(int end_fd = -1);

  // Says that the group is done with everything before `place`, and with the
  // record there. Blocks until the cluster has noted it. False if it refuses,
  // because the partition may belong to another worker by now.
  [[nodiscard]] bool commit(const std::string& topic, Place place);
  // The offset at which a successor begins; below 0 if none was committed.
  int64_t committed(const std::string& topic, int partition);

  // Leaves the group, so that the others need not wait for its timeout.
  ~Consumer();
  Consumer(const Consumer&) = delete;
  Consumer& operator=(const Consumer&) = delete;
  Consumer(Consumer&&) = delete;
  Consumer& operator=(Consumer&&) = delete;

 private:
  std::unique_ptr<rd_kafka_queue_s, void (*)(rd_kafka_queue_s*)> queue_;
  int wake_fd_ = -1;  // An eventfd to which the library writes.
};

// All records that are in a topic now, partition after partition.
std::vector<Record> read_all(const std::string& servers,
                             const std::string& topic);

// A cluster of one broker that lives in this process and speaks Kafka's
// protocol over TCP, on loopback. It has neither a disk nor replicas.
class MockCluster {
 public:
  MockCluster();
  MockCluster(const MockCluster&) = delete;
  MockCluster& operator=(const MockCluster&) = delete;
  MockCluster(MockCluster&&) = delete;
  MockCluster& operator=(MockCluster&&) = delete;
  ~MockCluster();

  void make_topic(const std::string& topic, int partitions);
  [[nodiscard]] std::string servers() const;

 private:
  struct Handles;
  std::unique_ptr<Handles> handles_;
};

}  // namespace kafka

#include "kafka.h"

#include <fmt/format.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <new>
#include <span>
#include <stdexcept>
#include <utility>

#include "common/base/clock.h"
#include "common/base/errors.h"

namespace kafka {

namespace {

using Conf = std::unique_ptr<rd_kafka_conf_t, void (*)(rd_kafka_conf_t*)>;
using Topic = std::unique_ptr<rd_kafka_topic_t, void (*)(rd_kafka_topic_t*)>;
using Partitions = std::unique_ptr<rd_kafka_topic_partition_list_t,
                                   void (*)(rd_kafka_topic_partition_list_t*)>;
using Message =
    std::unique_ptr<rd_kafka_message_t, void (*)(rd_kafka_message_t*)>;
using Event = std::unique_ptr<rd_kafka_event_t, void (*)(rd_kafka_event_t*)>;
using Queue = std::unique_ptr<rd_kafka_queue_t, void (*)(rd_kafka_queue_t*)>;

// A consumer that does not poll for longer is taken for stuck by the library.
constexpr int kPollAgainMs = 60'000;
constexpr int kLookAgainMs = 500;
constexpr uint64_t kOne = 1;  // To add to the count of an eventfd.

[[noreturn]] void fail(std::string_view what, std::string_view why) {
  throw std::runtime_error(fmt::format("{}: {}", what, why));
}

void check(rd_kafka_resp_err_t error, std::string_view what) {
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) fail(what, rd_kafka_err2str(error));
}

int answer_limit_ms() {
  return static_cast<int>(kAnswerLimitS * 1000 * ipc::time_scale());
}

Conf make_conf(const Settings& settings) {
  Conf conf(rd_kafka_conf_new(), &rd_kafka_conf_destroy);
  char why[512];
  for (const auto& [name, value] : settings) {
    if (rd_kafka_conf_set(conf.get(), name.c_str(), value.c_str(), why,
                          sizeof why) != RD_KAFKA_CONF_OK) {
      fail("setting of the client", why);
    }
  }
  return conf;
}

Settings joined(Settings settings, const Settings& more) {
  for (const auto& [name, value] : more) settings[name] = value;
  return settings;
}

Partitions one_partition(const std::string& topic, Place place) {
  Partitions list(rd_kafka_topic_partition_list_new(1),
                  &rd_kafka_topic_partition_list_destroy);
  rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), place.partition)
      ->offset = place.offset;
  return list;
}

std::string text(const void* bytes, size_t size) {
  return size == 0 ? "" : std::string(static_cast<const char*>(bytes), size);
}

}  // namespace

// What the library calls, always from within a call of ours.
struct Callbacks {
  static Client& client(void* opaque) { return *static_cast<Client*>(opaque); }

  static void delivered(rd_kafka_t* /*handle*/,
                        const rd_kafka_message_t* message, void* opaque) {
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      client(opaque).undelivered_ = rd_kafka_err2str(message->err);
    } else {
      *static_cast<Place*>(message->_private) = {message->partition,
                                                 message->offset};
    }
  }

  static void failed(rd_kafka_t* /*handle*/, int error, const char* why,
                     void* opaque) {
    // The library handles all other errors by itself: it tries again.
    if (error == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN ||
        error == RD_KAFKA_RESP_ERR__FATAL) {
      client(opaque).gone_ = why;
    }
  }

  static void rebalanced(rd_kafka_t* handle, rd_kafka_resp_err_t event,
                         rd_kafka_topic_partition_list_t* list, void* opaque) {
    const bool got = event == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
    std::vector<int> partitions;
    partitions.reserve(static_cast<size_t>(list->cnt));
    for (int i = 0; i < list->cnt; ++i) {
      partitions.push_back(list->elems[i].partition);
    }
    if (const auto& on_partitions = client(opaque).on_partitions_) {
      on_partitions(partitions, got);
    }
    rd_kafka_assign(handle, got ? list : nullptr);
  }
};

void require_client() {}

Client::Client(bool is_producer, const Settings& settings)
    : handle_(nullptr, &rd_kafka_destroy) {
  Conf conf = make_conf(settings);
  // What it would log is also reported as errors.
  rd_kafka_conf_set_log_cb(conf.get(), [](auto...) {});
  rd_kafka_conf_set_opaque(conf.get(), this);
  rd_kafka_conf_set_error_cb(conf.get(), &Callbacks::failed);
  if (is_producer) {
    rd_kafka_conf_set_dr_msg_cb(conf.get(), &Callbacks::delivered);
  } else {
    rd_kafka_conf_set_rebalance_cb(conf.get(), &Callbacks::rebalanced);
  }
  char why[512];
  handle_.reset(
      rd_kafka_new(is_producer ? RD_KAFKA_PRODUCER : RD_KAFKA_CONSUMER,
                   conf.get(), why, sizeof why));
  if (!handle_) fail("make a client", why);
  // It owns its configuration now.
  static_cast<void>(conf.release());
}

Client::~Client() = default;

void Client::check_cluster() const {
  if (!gone_.empty()) fail("the cluster does not answer", gone_);
}

void Client::await_cluster() {
  const auto limit = ipc::Deadline::after(kAnswerLimitS * ipc::time_scale());
  while (true) {
    const rd_kafka_metadata_t* found = nullptr;
    const rd_kafka_resp_err_t error =
        rd_kafka_metadata(handle(), 0, nullptr, &found, kLookAgainMs);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
      rd_kafka_metadata_destroy(found);
      return;
    }
    rd_kafka_poll(handle(), 0);
    check_cluster();
    if (limit.expired()) check(error, "the cluster does not answer");
  }
}

int Client::partition_count(const std::string& topic) {
  const Topic of_topic(rd_kafka_topic_new(handle(), topic.c_str(), nullptr),
                       &rd_kafka_topic_destroy);
  const auto limit = ipc::Deadline::after(kAnswerLimitS * ipc::time_scale());
  while (true) {
    const rd_kafka_metadata_t* found = nullptr;
    check(rd_kafka_metadata(handle(), 0, of_topic.get(), &found,
                            answer_limit_ms()),
          "the cluster does not answer");
    const rd_kafka_resp_err_t error = found->topics[0].err;
    const int count = found->topics[0].partition_cnt;
    rd_kafka_metadata_destroy(found);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR && count > 0) return count;
    if (limit.expired()) check(error, "look at a topic");
    ::usleep(20'000);  // It is being made, and no call reports when it is.
  }
}

int64_t Client::end_offset(const std::string& topic, int partition) {
  int64_t low = 0;
  int64_t high = 0;
  check(rd_kafka_query_watermark_offsets(handle(), topic.c_str(), partition,
                                         &low, &high, answer_limit_ms()),
        "look at a partition");
  return high;
}

Producer::Producer(const std::string& servers, const Settings& more)
    : Client(true,
             joined({{"bootstrap.servers", servers},
                     {"acks", "all"},
                     // A record that is sent again is not in the log twice, nor
                     // behind a later one.
                     {"enable.idempotence", "true"},
                     {"message.timeout.ms", std::to_string(answer_limit_ms())},
                     {"linger.ms", "0"}},
                    more)) {}

namespace {

void produce(rd_kafka_t* handle, const std::string& topic, int partition,
             const std::optional<std::string>& key, std::string_view value,
             Place& place) {
  const void* const key_bytes = key ? key->data() : nullptr;
  const size_t key_size = key ? key->size() : 0;
  check(
      rd_kafka_producev(
          handle, RD_KAFKA_V_TOPIC(topic.c_str()),
          RD_KAFKA_V_PARTITION(partition), RD_KAFKA_V_KEY(key_bytes, key_size),
          // The library's macro takes what it copies without const.
          RD_KAFKA_V_VALUE(const_cast<char*>(value.data()), value.size()),
          RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
          // The delivery report brings it back.
          RD_KAFKA_V_OPAQUE(&place), RD_KAFKA_V_END),
      "send");
}

}  // namespace

void Producer::send(const std::string& topic,
                    const std::optional<std::string>& key,
                    std::string_view value) {
  produce(handle(), topic, RD_KAFKA_PARTITION_UA, key, value,
          places_.emplace_back());
}

void Producer::send_to(int partition, const std::string& topic,
                       const std::optional<std::string>& key,
                       std::string_view value) {
  produce(handle(), topic, partition, key, value, places_.emplace_back());
}

std::vector<Place> Producer::await_delivered() {
  const rd_kafka_resp_err_t error =
      rd_kafka_flush(handle(), 2 * answer_limit_ms());
  if (!undelivered_.empty()) fail("a record is not delivered", undelivered_);
  check(error, "records are not delivered");
  std::vector<Place> places(places_.begin(), places_.end());
  places_.clear();
  return places;
}

namespace {

// Whether the cluster has a broker that can make topics. A mock cluster names a
// controller that is none of its brokers.
bool has_controller(rd_kafka_t* handle) {
  const int32_t id = rd_kafka_controllerid(handle, answer_limit_ms());
  const rd_kafka_metadata_t* found = nullptr;
  check(rd_kafka_metadata(handle, 0, nullptr, &found, answer_limit_ms()),
        "the cluster does not answer");
  const std::span brokers(found->brokers,
                          static_cast<size_t>(found->broker_cnt));
  const bool is_broker = std::ranges::any_of(
      brokers, [id](const auto& broker) { return broker.id == id; });
  rd_kafka_metadata_destroy(found);
  return is_broker;
}

// Waits for the answer to a request of the admin interface.
Event answer_to(rd_kafka_queue_t* queue) {
  Event event(rd_kafka_queue_poll(queue, answer_limit_ms()),
              &rd_kafka_event_destroy);
  if (!event) fail("the cluster does not answer", "no result");
  check(rd_kafka_event_error(event.get()), "make or delete topics");
  return event;
}

}  // namespace

void Producer::make_topics(
    const std::map<std::string, int>& partitions_by_topic) {
  await_cluster();  // It reports a missing cluster sooner than the request.
  if (has_controller(handle())) create(partitions_by_topic);
  for (const auto& [topic, _] : partitions_by_topic) partition_count(topic);
}

void Producer::create(const std::map<std::string, int>& partitions_by_topic) {
  std::vector<rd_kafka_NewTopic_t*> wanted;
  for (const auto& [topic, partitions] : partitions_by_topic) {
    char why[512];
    // -1: as many replicas as the cluster makes by default.
    wanted.push_back(
        rd_kafka_NewTopic_new(topic.c_str(), partitions, -1, why, sizeof why));
    if (wanted.back() == nullptr) fail("make a topic", why);
  }
  const Queue queue(rd_kafka_queue_new(handle()), &rd_kafka_queue_destroy);
  rd_kafka_CreateTopics(handle(), wanted.data(), wanted.size(), nullptr,
                        queue.get());
  rd_kafka_NewTopic_destroy_array(wanted.data(), wanted.size());
  const Event event = answer_to(queue.get());
  const rd_kafka_CreateTopics_result_t* const result =
      rd_kafka_event_CreateTopics_result(event.get());
  size_t count = 0;
  const rd_kafka_topic_result_t** const results =
      rd_kafka_CreateTopics_result_topics(result, &count);
  for (size_t i = 0; i < count; ++i) {
    check(rd_kafka_topic_result_error(results[i]), "make a topic");
  }
}

void Producer::delete_topics(
    const std::map<std::string, int>& partitions_by_topic) {
  if (!has_controller(handle())) return;
  std::vector<rd_kafka_DeleteTopic_t*> unwanted;
  unwanted.reserve(partitions_by_topic.size());
  for (const auto& [topic, _] : partitions_by_topic) {
    unwanted.push_back(rd_kafka_DeleteTopic_new(topic.c_str()));
  }
  const Queue queue(rd_kafka_queue_new(handle()), &rd_kafka_queue_destroy);
  rd_kafka_DeleteTopics(handle(), unwanted.data(), unwanted.size(), nullptr,
                        queue.get());
  rd_kafka_DeleteTopic_destroy_array(unwanted.data(), unwanted.size());
  answer_to(queue.get());
}

Consumer::Consumer(const std::string& servers, const std::string& group,
                   const Settings& more)
    : Client(false, joined({{"bootstrap.servers", servers},
                            {"group.id", group},
                            {"auto.offset.reset", "earliest"},
                            {"enable.auto.commit", "false"},
                            {"enable.auto.offset.store", "false"},
                            // How long a broker may hold back its answer while
                            // there is nothing new; a mock one does so always.
                            {"fetch.wait.max.ms", "20"}},
                           more)),
      queue_(nullptr, &rd_kafka_queue_destroy),
      wake_fd_(
          ipc::check(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd")) {
  rd_kafka_poll_set_consumer(handle());
  queue_.reset(rd_kafka_queue_get_consumer(handle()));
  rd_kafka_queue_io_event_enable(queue_.get(), wake_fd_, &kOne, sizeof kOne);
}

Consumer::~Consumer() {
  rd_kafka_queue_io_event_enable(queue_.get(), -1, nullptr, 0);
  queue_.reset();
  on_partitions_ = nullptr;
  rd_kafka_consumer_close(handle());
  ::close(wake_fd_);
}

void Consumer::subscribe(const std::string& topic, OnPartitions on_partitions) {
  on_partitions_ = std::move(on_partitions);
  const Partitions list = one_partition(topic, {RD_KAFKA_PARTITION_UA, 0});
  check(rd_kafka_subscribe(handle(), list.get()), "subscribe");
}

void Consumer::read(const std::string& topic, Place from) {
  check(rd_kafka_assign(handle(), one_partition(topic, from).get()), "read");
}

void Consumer::read_from_committed(const std::string& topic, int partition) {
  read(topic, {partition, RD_KAFKA_OFFSET_STORED});
}

std::optional<Record> Consumer::next(int end_fd) {
  while (true) {
    // The library writes only when its queue is no longer empty: so first
    // forget what it wrote, and then take all that there is.
    uint64_t count = 0;
    static_cast<void>(::read(wake_fd_, &count, sizeof count));
    const Message message(rd_kafka_consumer_poll(handle(), 0),
                          &rd_kafka_message_destroy);
    check_cluster();
    if (message) {
      check(message->err, "receive");
      // There may be more records, for which the library does not write again.
      static_cast<void>(::write(wake_fd_, &kOne, sizeof kOne));
      return Record{text(message->key, message->key_len),
                    text(message->payload, message->len),
                    {message->partition, message->offset}};
    }
    pollfd waits[] = {{wake_fd_, POLLIN, 0}, {end_fd, POLLIN, 0}};
    ipc::check(ipc::retry([&] {
                 return ::poll(waits, std::size(waits), kPollAgainMs);
               }),
               "poll");
    if (waits[1].revents != 0) return std::nullopt;
  }
}

bool Consumer::commit(const std::string& topic, Place place) {
  ++place.offset;
  const Partitions list = one_partition(topic, place);
  const rd_kafka_resp_err_t error =
      rd_kafka_commit(handle(), list.get(), /*async=*/0);
  switch (error) {
    case RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS:
    case RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID:
      return false;
    default:
      check(error, "commit");
      return true;
  }
}

int64_t Consumer::committed(const std::string& topic, int partition) {
  const Partitions list = one_partition(topic, {partition, 0});
  check(rd_kafka_committed(handle(), list.get(), answer_limit_ms()),
        "ask for the committed offset");
  return list->elems[0].offset;
}

std::vector<Record> read_all(const std::string& servers,
                             const std::string& topic) {
  Consumer consumer(servers, topic + "-reader");
  std::vector<Record> records;
  const int count = consumer.partition_count(topic);
  for (int partition = 0; partition < count; ++partition) {
    const int64_t end = consumer.end_offset(topic, partition);
    if (end <= 0) continue;
    consumer.read(topic, {partition, 0});
    do {
      records.push_back(*consumer.next());
    } while (records.back().place.offset + 1 < end);
  }
  return records;
}

struct MockCluster::Handles {
  std::unique_ptr<rd_kafka_t, void (*)(rd_kafka_t*)> client{nullptr,
                                                            &rd_kafka_destroy};
  std::unique_ptr<rd_kafka_mock_cluster_t, void (*)(rd_kafka_mock_cluster_t*)>
      cluster{nullptr, &rd_kafka_mock_cluster_destroy};
};

MockCluster::MockCluster() : handles_(std::make_unique<Handles>()) {
  Conf conf = make_conf({});
  rd_kafka_conf_set_log_cb(conf.get(), [](auto...) {});
  char why[512];
  handles_->client.reset(
      rd_kafka_new(RD_KAFKA_PRODUCER, conf.get(), why, sizeof why));
  if (!handles_->client) fail("make a mock cluster", why);
  static_cast<void>(conf.release());
  handles_->cluster.reset(
      rd_kafka_mock_cluster_new(handles_->client.get(), /*broker_cnt=*/1));
  if (!handles_->cluster) throw std::bad_alloc();
}

MockCluster::~MockCluster() = default;

void MockCluster::make_topic(const std::string& topic, int partitions) {
  check(rd_kafka_mock_topic_create(handles_->cluster.get(), topic.c_str(),
                                   partitions, /*replication_factor=*/1),
        "make a topic");
}

std::string MockCluster::servers() const {
  return rd_kafka_mock_cluster_bootstraps(handles_->cluster.get());
}

}  // namespace kafka

#include "server.h"

#include <signal.h>
#include <unistd.h>

#include <array>
#include <span>
#include <stdexcept>
#include <utility>

#include "common/base/errors.h"
#include "common/base/unique_fd.h"
#include "common/process/pipe.h"
#include "common/process/signals.h"
#include "common/report/report.h"
#include "kafka.h"

namespace {

void announce(ipc::UniqueFd& ready, const std::string& servers) {
  ipc::write_all(ready, std::as_bytes(std::span(servers)));
  ready.reset();
}

void play(const Topics& topics, ipc::UniqueFd& ready) {
  ipc::SignalQueue signals({SIGTERM});
  kafka::MockCluster cluster;
  for (const auto& [topic, partitions] : topics) {
    cluster.make_topic(topic, partitions);
  }
  ipc::say("A mock cluster: one broker, no disk, no replicas");
  announce(ready, cluster.servers());
  signals.next();
}

void prepare(const Topics& topics, const std::string& url,
             ipc::UniqueFd& ready) {
  ipc::SignalQueue signals({SIGTERM});
  kafka::Producer producer(url);
  producer.make_topics(topics);
  ipc::say("The topics exist");
  announce(ready, url);
  signals.next();
  producer.delete_topics(topics);
}

std::string read_to_end(const ipc::UniqueFd& reader) {
  std::string text;
  std::array<char, 512> piece{};
  while (const auto size = ipc::check(
             ipc::retry([&] {
               return ::read(reader.get(), piece.data(), piece.size());
             }),
             "read")) {
    text.append(piece.data(), static_cast<size_t>(size));
  }
  return text;
}

}  // namespace

Cluster start_cluster(const Topics& topics, const std::string& url) {
  kafka::require_client();
  ipc::Pipe ready = ipc::make_pipe();
  ipc::Process process("Server", [&] {
    if (url.empty()) {
      play(topics, ready.writer);
    } else {
      prepare(topics, url, ready.writer);
    }
  });
  ready.writer.reset();  // So that its death causes end of file.
  std::string servers = read_to_end(ready.reader);
  if (servers.empty()) {
    throw std::runtime_error("Server has ended: " +
                             ipc::describe_status(process.join()));
  }
  return {std::move(process), std::move(servers)};
}

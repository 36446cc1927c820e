#include "labs/batching/traffic.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <array>
#include <functional>
#include <stdexcept>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "common/base/errors.h"
#include "common/base/hooks.h"
#include "common/base/unique_fd.h"
#include "common/channel/connection.h"
#include "common/channel/queue.h"
#include "common/memory/shared.h"
#include "common/process/process.h"

namespace {

constexpr uint32_t kQueueItems = 1000;

// Each process writes its own part; the parent reads them after join().
struct Board {
  int64_t start_ns = 0;
  int64_t end_ns = 0;
  Traffic traffic;
};

struct Calls {
  int64_t reads = 0;
  int64_t writes = 0;
  int64_t bytes_written = 0;
};

// Returns the calls of this process until now.
Calls count_calls() {
  const ipc::UniqueFd file(
      ipc::check(::open("/proc/self/io", O_RDONLY | O_CLOEXEC), "open"));
  std::array<char, 512> text{};
  ipc::check(::read(file.get(), text.data(), text.size() - 1), "read");
  Calls calls;
  ::sscanf(text.data(), "rchar: %*d wchar: %ld syscr: %ld syscw: %ld",
           &calls.bytes_written, &calls.reads, &calls.writes);
  return calls;
}

using Send = std::function<void(std::string_view)>;
using Receive = std::function<std::string()>;  // "" at the end.

void send_all(Board& board, const Send& send, int count, int batch_size) {
  ipc::event_hook = nullptr;  // The log would be measured, too.
  const Calls before = count_calls();
  board.start_ns = ipc::now_ns();
  std::vector<int64_t> batch;
  const auto go = [&] {
    send({reinterpret_cast<const char*>(batch.data()),
          batch.size() * sizeof(int64_t)});
    batch.clear();
  };
  for (int number = 0; number < count; ++number) {
    batch.push_back(number);
    if (batch.size() == static_cast<size_t>(batch_size)) go();  // [full]
  }
  if (!batch.empty()) go();  // [rest]
  const Calls after = count_calls();
  board.traffic.writes = after.writes - before.writes;
  board.traffic.bytes = after.bytes_written - before.bytes_written;
}

void receive_all(Board& board, const Receive& receive) {
  ipc::event_hook = nullptr;
  const Calls before = count_calls();
  Traffic& traffic = board.traffic;
  std::array<int64_t, kMaxBatch> batch{};
  for (std::string message; !(message = receive()).empty();) {
    memcpy(batch.data(), message.data(), message.size());
    const size_t size = message.size() / sizeof(int64_t);
    for (size_t i = 0; i < size; ++i) traffic.sum += batch[i];
    ++traffic.messages;
  }
  board.end_ns = ipc::now_ns();
  traffic.reads = count_calls().reads - before.reads - 1;  // Of /proc itself.
}

}  // namespace

Traffic send_numbers(Channel channel, int count, int batch_size) {
  const ipc::Shared<Board> board;
  ipc::Queue queue(kQueueItems);  // One of the two stays empty.
  ipc::ConnectionPair ends = ipc::make_one_way_connections();
  const auto receive = [&] {
    if (channel == Channel::queue) return std::move(queue.get().item);
    return std::move(ends.first.receive().message);
  };
  const auto send = [&](std::string_view message) {
    if (channel == Channel::queue) return void(queue.put(message));
    ipc::ensure(ends.second.send(message));
  };
  ipc::Process receiver("Receiver", [&] {
    ends.second.close();
    receive_all(*board, receive);
  });
  ipc::Process sender("Sender", [&] {
    ends.first.close();
    send_all(*board, send, count, batch_size);
  });
  ends = {};
  const int status = sender.join();
  queue.close();
  if (receiver.join() != 0 || status != 0) throw std::runtime_error("failed");
  board->traffic.seconds =
      static_cast<double>(board->end_ns - board->start_ns) / 1e9;
  return board->traffic;
}

std::string describe(const Traffic& traffic) {
  return fmt::format("{} messages, {} bytes, {} writes, {} reads, sum {}",
                     traffic.messages, traffic.bytes, traffic.writes,
                     traffic.reads, traffic.sum);
}

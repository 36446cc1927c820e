#include "labs/streams/stream.h"

#include <errno.h>
#include <poll.h>

#include <utility>

#include "common/base/errors.h"
#include "common/base/hooks.h"

namespace ipc {
namespace {

// The first byte of what lies in a queue.
constexpr char kItem = 'i';
constexpr char kEnd = 'e';

// Returns when one of the stages has ended.
void await_one(std::vector<pollfd>& pidfds) {
  event(EventKind::wait, "its stages");
  const int ready = ::poll(pidfds.data(), pidfds.size(), -1);
  event(EventKind::wake, "its stages");
  if (ready == -1 && errno != EINTR) throw_error(errno, "poll");
}

}  // namespace

std::optional<std::string> Inlet::next() {
  if (queue_ == nullptr || ended_) return std::nullopt;
  const Taken taken = queue_->get();
  if (!taken) throw StreamBroken();
  ended_ = taken->front() == kEnd;
  if (ended_) return std::nullopt;
  return taken->substr(1);
}

bool Outlet::put(std::string_view item) {
  if (queue_ == nullptr) return true;
  return queue_->put(kItem + std::string(item)) == QueueStatus::ok;
}

void Outlet::end() {
  // If the next stage takes no more, it does not miss the end either.
  if (queue_ != nullptr) (void)queue_->put(std::string(1, kEnd));
}

Stage map_items(std::function<std::string(const std::string&)> change) {
  return [change = std::move(change)](Inlet& in, Outlet& out) {
    while (const auto item = in.next()) {
      if (!out.put(change(*item))) return;
    }
  };
}

Stage filter_items(std::function<bool(const std::string&)> wanted) {
  return [wanted = std::move(wanted)](Inlet& in, Outlet& out) {
    while (const auto item = in.next()) {
      if (wanted(*item) && !out.put(*item)) return;
    }
  };
}

Stage window_items(
    size_t size,
    std::function<std::string(const std::vector<std::string>&)> combine) {
  return [size, combine = std::move(combine)](Inlet& in, Outlet& out) {
    std::vector<std::string> window;
    while (auto item = in.next()) {
      window.push_back(std::move(*item));
      if (window.size() < size) continue;
      if (!out.put(combine(window))) return;
      window.clear();
    }
    if (!window.empty()) (void)out.put(combine(window));
  };
}

void Pipeline::add(std::string name, Stage stage) {
  auto queue = std::make_unique<Queue>(room_items_);
  describe_object("Queue", queue.get(), "items of " + name);
  parts_.push_back({std::move(name), std::move(stage), std::move(queue)});
}

void Pipeline::work(size_t index) {
  Queue* const source = index > 0 ? parts_[index - 1].queue.get() : nullptr;
  const bool is_last = index + 1 == parts_.size();
  Inlet inlet(source);
  Outlet outlet(is_last ? nullptr : parts_[index].queue.get());
  parts_[index].stage(inlet, outlet);
  outlet.end();
  // This stage takes no more; at the end of the stream no more will come.
  if (source != nullptr) source->close();
}

StreamEnd Pipeline::run() {
  std::vector<Process> processes;
  processes.reserve(parts_.size());
  for (size_t i = 0; i < parts_.size(); ++i) {
    processes.emplace_back(parts_[i].name, [this, i] { work(i); });
  }
  std::vector<bool> ended(parts_.size());
  StreamEnd end;
  while (true) {
    std::vector<pollfd> alive;
    for (size_t i = 0; i < parts_.size(); ++i) {
      const auto status = processes[i].exit_status();
      if (!status) alive.push_back({processes[i].pidfd(), POLLIN, 0});
      if (ended[i] || !status) continue;
      ended[i] = true;
      if (*status == 0) continue;
      if (end) end = {parts_[i].name, describe_status(*status)};
      cut_off(i);
    }
    if (alive.empty()) return end;
    await_one(alive);
  }
}

// A stage has failed. The one before it learns that no more is taken; the one
// after it gets what was put, then StreamBroken, and fails in turn.
void Pipeline::cut_off(size_t index) {
  if (index > 0) parts_[index - 1].queue->close();
  parts_[index].queue->close();
}

}  // namespace ipc

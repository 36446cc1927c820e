// A pipeline of processes: each stage takes items from the one before it and
// puts items to the one after it.
//
//   ipc::Pipeline pipeline(4);                       // room between two stages
//   pipeline.add("Source", [](ipc::Inlet&, ipc::Outlet& out) { ... });
//   pipeline.add("Square", ipc::map_items(square));
//   pipeline.add("Sink", [](ipc::Inlet& in, ipc::Outlet&) {
//     while (const auto item = in.next()) ipc::say("{}", *item);
//   });
//   const ipc::StreamEnd end = pipeline.run();
//
//   Source --[room]--> Square --[room]--> Sink <--fork-- the caller of run()
//
// An end is an item of its own kind, which a stage puts when its function
// returns. A stream that stops without it has broken off, and no stage confuses
// the two.
//
// Limits:   at most `room_items` items wait between two stages, and each stage
//           has one more in its hands: no more are ever on their way.
// Blocks:   put while there is no room, so a slow stage holds up all before it
//           (back-pressure); next while nothing has come.
// Ordering: items arrive in the order put, and what was done before put is
//           visible after next.
// Death:    a stage that is killed, or throws, ends the whole pipeline: put()
//           of the stages before it returns false, those after it get what was
//           put and then StreamBroken; run() names it. Items in its hands are
//           lost. The caller of run(): all stages die with it.
// See:      queue.h; Kahn 1974, "The Semantics of a Simple Language for
//           Parallel Programming".
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "common/channel/queue.h"
#include "common/process/process.h"

namespace ipc {

// The stream has stopped without an end: a stage before has failed.
class StreamBroken : public std::runtime_error {
 public:
  StreamBroken() : std::runtime_error("the stream broke off") {}
};

// Where a stage's items come from. The first stage's is at its end.
class Inlet {
 public:
  explicit Inlet(Queue* queue) : queue_(queue) {}

  // The next item; nothing at the end of the stream, also if asked again.
  // Errors: StreamBroken.
  [[nodiscard]] std::optional<std::string> next();

 private:
  Queue* queue_;
  bool ended_ = false;
};

// Where a stage's items go. The last stage's takes all and keeps nothing.
class Outlet {
 public:
  explicit Outlet(Queue* queue) : queue_(queue) {}

  // Hands an item on. False if the next stage takes no more: then there is
  // nothing left to do, and the stage returns.
  [[nodiscard]] bool put(std::string_view item);

 private:
  friend class Pipeline;
  void end();

  Queue* queue_;
};

using Stage = std::function<void(Inlet&, Outlet&)>;

// Hands on what `change` makes of each item.
Stage map_items(std::function<std::string(const std::string&)> change);

// Hands on the items that `wanted` says yes to.
Stage filter_items(std::function<bool(const std::string&)> wanted);

// Hands on what `combine` makes of each `size` items, one after another; the
// last window may be smaller.
Stage window_items(
    size_t size,
    std::function<std::string(const std::vector<std::string>&)> combine);

// How a pipeline has ended.
struct StreamEnd {
  std::string stage;   // The stage that failed first; "" if none did.
  std::string reason;  // How it ended: "killed by SIGKILL".

  explicit operator bool() const { return stage.empty(); }
};

class Pipeline {
 public:
  // Room for `room_items` items between two stages.
  explicit Pipeline(uint32_t room_items) : room_items_(room_items) {}

  // Adds the next stage; it runs in a process of this name.
  void add(std::string name, Stage stage);

  // Runs all stages, each in a process, until all have ended.
  [[nodiscard]] StreamEnd run();

 private:
  struct Part {
    std::string name;
    Stage stage;
    std::unique_ptr<Queue> queue;  // To the stage after it.
  };

  void work(size_t index);
  void cut_off(size_t index);

  uint32_t room_items_;
  std::vector<Part> parts_;
};

}  // namespace ipc

#include "common/supervise/worker.h"

#include <errno.h>

#include <exception>
#include <utility>

#include "common/base/errors.h"

namespace ipc {

Worker::Worker(std::string name, int life, double heartbeat_s, LifeBoard& board,
               Connection channel)
    : name_(std::move(name)),
      life_(life),
      heartbeat_s_(heartbeat_s),
      board_(board),
      channel_(std::move(channel)) {}

std::optional<std::string> Worker::try_command() {
  // Polls first, because a receive that finds nothing is an event in the log.
  const Deadline now = Deadline::at_ns(0);
  if (!channel_.poll_until(now)) return std::nullopt;
  const Received received = channel_.receive_until(now);
  if (!received) return std::nullopt;
  return *received;
}

std::optional<std::string> Worker::next_command_until(Deadline deadline) {
  while (true) {
    beat();
    const Received received =
        channel_.receive_until(deadline.sooner(next_beat()));
    if (received) return *received;
    if (received.status != Transfer::timed_out) return std::nullopt;
    if (deadline.expired()) return std::nullopt;
  }
}

void Worker::report(std::string_view text) { send(kWorkerStatus, text); }

void Worker::run(const std::function<void(Worker&)>& work) {
  beat();
  send(kWorkerBegun, {});
  try {
    work(*this);
  } catch (const std::exception& error) {
    send(kWorkerFailed, error.what());
    throw;
  } catch (...) {
    send(kWorkerFailed, "unknown exception");
    throw;
  }
}

void Worker::send(char kind, std::string_view text) {
  std::string message(1, kind);
  message += text;
  beat();
  channel_.queue(message);
  Transfer status = channel_.flush_until(next_beat());
  while (status == Transfer::timed_out) {
    beat();
    status = channel_.flush_until(next_beat());
  }
  if (status == Transfer::closed) throw_error(EPIPE, "send to supervisor");
}

Deadline Worker::next_beat() const {
  if (heartbeat_s_ == 0) return Deadline::never();
  return Deadline::after(heartbeat_s_ / 2);
}

}  // namespace ipc

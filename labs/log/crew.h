// All processes of the lab, and what Main does when one of them ends.
#pragma once

#include <signal.h>

#include <cstddef>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "common/process/process.h"
#include "common/report/report.h"
#include "members.h"

class Crew {
 public:
  // The server is the first: it is ended last, since the others need it.
  explicit Crew(ipc::Process server) {
    processes_.push_back(std::move(server));
    seats_.emplace_back();
  }
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;
  Crew(Crew&&) = delete;
  Crew& operator=(Crew&&) = delete;
  // Kills those that are left.
  ~Crew() {
    while (!processes_.empty()) processes_.pop_back();
  }

  // Adds a process that must end with status 0, by itself or when it is told
  // to.
  void add(const std::string& name, const std::function<void()>& target) {
    add_member(name, {}, target);
  }

  // Adds a worker that may be killed, as long as another of its group is left.
  void add_worker(const std::string& name, Members& members, int id,
                  const std::function<void()>& target) {
    ++left_[&members];
    add_member(name, {&members, id}, target);
  }

  // Waits until `name` has ended, and says which workers are killed before
  // that. Throws std::runtime_error if any other process fails, or a group is
  // gone.
  void await(const std::string& name) {
    while (true) {
      const size_t index = ipc::wait_any(processes_);
      ipc::Process process = std::move(processes_.at(index));
      const Seat seat = seats_.at(index);
      processes_.erase(processes_.begin() + static_cast<ptrdiff_t>(index));
      seats_.erase(seats_.begin() + static_cast<ptrdiff_t>(index));
      const int status = process.join();
      if (status != 0) mourn(process, seat, status);
      if (status == 0 && process.name() == name) return;
    }
  }

  // Tells all that are left to end, and waits until they have.
  void end() {
    for (size_t i = 1; i < processes_.size(); ++i) processes_[i].terminate();
    while (!processes_.empty()) {
      ipc::Process process = std::move(processes_.back());
      processes_.pop_back();
      if (processes_.empty()) process.terminate();
      const int status = process.join();
      if (status != 0) throw std::runtime_error(fate(process, status));
    }
  }

 private:
  // Which worker of a group it is, if it is one.
  struct Seat {
    Members* members = nullptr;
    int id = 0;
  };

  void add_member(const std::string& name, Seat seat,
                  const std::function<void()>& target) {
    processes_.emplace_back(name, target);
    seats_.push_back(seat);
  }

  static std::string fate(const ipc::Process& process, int status) {
    return process.name() + " has ended: " + ipc::describe_status(status);
  }

  void mourn(const ipc::Process& process, Seat seat, int status) {
    if (status != -SIGKILL || seat.members == nullptr) {
      throw std::runtime_error(fate(process, status));
    }
    ipc::say("{} was {}", process.name(), ipc::describe_status(status));
    if (--left_.at(seat.members) == 0) {
      throw std::runtime_error(process.name() + " was the last of its group");
    }
    seat.members->died(seat.id);
  }

  std::vector<ipc::Process> processes_;
  std::vector<Seat> seats_;       // Of each of these.
  std::map<Members*, int> left_;  // How many live in a group.
};

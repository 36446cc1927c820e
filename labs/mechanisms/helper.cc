#include "labs/mechanisms/helper.h"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <stdexcept>
#include <utility>

#include "common/base/clock.h"
#include "common/base/errors.h"
#include "common/base/wait_ready.h"

namespace {

using ipc::check;
using ipc::UniqueFd;

constexpr double kPatienceS = 20;

ipc::Deadline patience() {
  return ipc::Deadline::after(kPatienceS * ipc::time_scale());
}

std::array<UniqueFd, 2> make_line() {
  std::array<int, 2> ends{};
  check(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()),
        "socketpair");
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

[[noreturn]] void become(const std::vector<std::string>& arguments) {
  std::vector<char*> words;
  words.reserve(arguments.size() + 1);
  for (const std::string& word : arguments) {
    words.push_back(const_cast<char*>(word.c_str()));
  }
  words.push_back(nullptr);
  ::execv(words[0], words.data());
  ipc::throw_error(errno, words[0]);
}

// What Main has of the line, once the child has the rest.
template <typename Role>
std::pair<Line, ipc::Process> start(const char* name, const Role& role) {
  std::array<UniqueFd, 2> ends = make_line();
  ipc::Process process(name, [&] {
    ends[0].reset();
    role(Line(std::move(ends[1])));
  });
  return {Line(std::move(ends[0])), std::move(process)};
}

}  // namespace

void Line::say(std::string_view text) const {
  check(ipc::retry([&] {
          return ::send(end_.get(), text.data(), text.size(), MSG_NOSIGNAL);
        }),
        "send");
}

std::string Line::hear() const {
  if (!ipc::wait_ready(end_.get(), POLLIN, patience())) {
    throw std::runtime_error("a process does not answer");
  }
  std::array<char, 200> text{};
  const ssize_t size =
      check(ipc::retry([&] {
              return ::recv(end_.get(), text.data(), text.size(), 0);
            }),
            "recv");
  if (size == 0) throw std::runtime_error("a process has ended too early");
  return {text.data(), static_cast<size_t>(size)};
}

Helper::Helper(const char* name, const std::function<void(const Line&)>& role)
    : Helper(start(name, role)) {}

Helper::Helper(const char* name, const std::vector<std::string>& arguments)
    : Helper(start(name, [&](const Line& line) {
        check(::dup2(line.descriptor(), STDOUT_FILENO), "dup2");
        become(arguments);
      })) {}

Helper::Helper(std::pair<Line, ipc::Process> started)
    : line_(std::move(started.first)), process_(std::move(started.second)) {}

void Helper::kill() {
  process_.kill();
  const int status = process_.join();
  if (status == -SIGKILL) return;
  throw std::runtime_error(
      fmt::format("{}: {}", process_.name(), ipc::describe_status(status)));
}

void Helper::join() {
  const auto status = process_.join_until(patience());
  if (status == 0) return;
  throw std::runtime_error(
      fmt::format("{}: {}", process_.name(),
                  status ? ipc::describe_status(*status) : "it does not end"));
}

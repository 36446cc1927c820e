#include "server.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <stdexcept>
#include <utility>
#include <vector>

#include "channel.h"
#include "common/base/clock.h"
#include "common/base/errors.h"
#include "common/lab/lab.h"
#include "common/process/signals.h"

namespace {

using ipc::check;

// The program that IPC_LABS_RABBITMQ_SERVER names, or the one of the package.
// Not the one in the PATH, which runs only as root or as the user rabbitmq.
const char* server_program() {
  const char* const named = ::getenv("IPC_LABS_RABBITMQ_SERVER");
  return named != nullptr ? named : "/usr/lib/rabbitmq/bin/rabbitmq-server";
}

constexpr double kStartLimitS = 60;
constexpr int kStartsMax = 3;
constexpr useconds_t kLookAgainUs = 50'000;

// A free port of loopback. Another process may take it before we do; then the
// broker, or Erlang's port mapper, ends at once, and we try other ports.
int free_port() {
  const ipc::UniqueFd fd(
      check(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  socklen_t size = sizeof address;
  check(::bind(fd.get(), generic, size), "bind");
  check(::getsockname(fd.get(), generic, &size), "getsockname");
  return ntohs(address.sin_port);
}

// Sets the variables that say where the server and Erlang keep their files.
void set_environment(const ipc::TempDir& dir, int port) {
  const std::string number = std::to_string(port);
  const std::string distribution = std::to_string(free_port());
  const std::string epmd = std::to_string(free_port());
  const std::string plugins = dir.file("enabled_plugins");
  std::ofstream(plugins) << "[].\n";
  const std::pair<const char*, std::string> variables[] = {
      {"HOME", dir.path()},  // For Erlang's cookie.
      {"ERL_EPMD_ADDRESS", "127.0.0.1"},
      {"ERL_EPMD_PORT", epmd},
      {"ERL_CRASH_DUMP_SECONDS", "0"},
      {"RABBITMQ_NODENAME", "ipc-labs@localhost"},
      {"RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1"},
      {"RABBITMQ_NODE_PORT", number},
      {"RABBITMQ_DIST_PORT", distribution},
      {"RABBITMQ_MNESIA_BASE", dir.file("mnesia")},
      {"RABBITMQ_LOG_BASE", dir.file("log")},
      {"RABBITMQ_LOGS", "-"},
      {"RABBITMQ_PID_FILE", dir.file("pid")},
      {"RABBITMQ_ENABLED_PLUGINS_FILE", plugins},
      {"RABBITMQ_CONFIG_FILE", dir.file("none")},
      {"RABBITMQ_CONF_ENV_FILE", "/dev/null"},
      // Then the script becomes the server instead of waiting for it, so that
      // the server itself is killed with us.
      {"RABBITMQ_ALLOW_INPUT", "1"},
      // Erlang's schedulers are not to spin when they have nothing to do.
      {"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
       "-noinput +sbwt none +sbwtdcpu none"},
  };
  for (const auto& [name, value] : variables) {
    check(::setenv(name, value.c_str(), 1), "setenv");
  }
}

// Becomes another program; still killed with its parent.
[[noreturn]] void become(std::vector<const char*> arguments) {
  arguments.push_back(nullptr);
  ::execvp(arguments[0], const_cast<char* const*>(arguments.data()));
  ipc::throw_error(errno, arguments[0]);
}

// The process "Broker": parent of the server and of the port mapper that Erlang
// wants, and of whatever these leave when they die.
void serve(const ipc::TempDir& dir, int port) {
  check(::prctl(PR_SET_CHILD_SUBREAPER, 1), "prctl PR_SET_CHILD_SUBREAPER");
  set_environment(dir, port);
  constexpr int kFlags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC;
  const ipc::UniqueFd log(
      check(::open(dir.file("output").c_str(), kFlags, 0600), "open"));
  const ipc::UniqueFd null(check(::open("/dev/null", O_RDONLY), "open"));
  check(::dup2(null.get(), STDIN_FILENO), "dup2");
  check(::dup2(log.get(), STDOUT_FILENO), "dup2");
  check(::dup2(log.get(), STDERR_FILENO), "dup2");

  ipc::SignalQueue signals({SIGTERM, SIGCHLD});
  std::vector<ipc::Process> children;
  children.emplace_back("epmd", [] {
    become({"epmd", "-address", "127.0.0.1"});
  });
  children.emplace_back("rabbitmq", [] { become({server_program()}); });
  while (signals.next() == SIGCHLD) {
    if (!children[0].is_alive() || !children[1].is_alive()) break;
    while (::waitpid(-1, nullptr, WNOHANG) > 0) {  // Orphans that became ours.
    }
  }
  children.clear();         // Kills both,
  ipc::kill_descendants();  // and then what they have left.
}

std::string last_lines(const std::string& path, size_t count) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) {
    if (!line.empty()) lines.push_back(line);
  }
  std::string text;
  for (size_t i = lines.size() - std::min(count, lines.size());
       i < lines.size(); ++i) {
    text += (text.empty() ? "" : " | ") + lines[i];
  }
  return text;
}

int checked_port(int port) {
  require_client();
  if (::access(server_program(), X_OK) != 0) {
    throw ipc::Skip(
        "RabbitMQ is not installed; apt-get install rabbitmq-server, or name a "
        "broker by --url=amqp://host");
  }
  return port == 0 ? free_port() : port;
}

}  // namespace

OwnBroker::OwnBroker(int port) {
  for (int start = 1;; ++start) {
    const int number = checked_port(port);
    url_ = "amqp://127.0.0.1:" + std::to_string(number);
    // A process group of its own, so that Ctrl-C does not reach Erlang.
    process_.emplace(
        "Broker", [&] { serve(dir_, number); }, ipc::Process::Group::own);
    try {
      await_broker(url_, kStartLimitS, &*process_);
      return;
    } catch (const std::exception& error) {
      const bool ended = !process_->is_alive();
      stop();
      if (ended && start < kStartsMax) continue;  // With other ports.
      throw std::runtime_error(
          std::string("the broker does not start: ") + error.what() +
          "; it says: " + last_lines(dir_.file("output"), 5));
    }
  }
}

void OwnBroker::stop() {
  process_->terminate();
  process_->join();
}

void await_broker(const std::string& url, double limit_s,
                  ipc::Process* process) {
  require_client();
  const auto limit = ipc::Deadline::after(limit_s * ipc::time_scale());
  while (true) {
    try {
      const Channel channel(url);
      return;
    } catch (const std::runtime_error&) {
      const bool ended = process != nullptr && !process->is_alive();
      if (ended || limit.expired()) throw;
    }
    ::usleep(kLookAgainUs);  // No event reports that it answers.
  }
}

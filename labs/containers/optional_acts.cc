#include "optional_acts.h"

#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <optional>
#include <string_view>

#include "common/base/clock.h"
#include "common/channel/connection.h"
#include "common/net/address.h"
#include "common/net/listener.h"
#include "common/process/names.h"
#include "common/process/process.h"
#include "common/process/process_name.h"
#include "common/process/signals.h"
#include "common/report/report.h"
#include "labs/containers/container.h"
#include "labs/containers/init.h"
#include "labs/containers/memory_group.h"
#include "labs/containers/oci.h"
#include "labs/containers/ways.h"
#include "roles.h"

namespace {

using ipc::Connection;
using ipc::ensure;

constexpr size_t kMb = 1U << 20U;
constexpr size_t kMemoryMb = 32;
constexpr double kEndS = 5;
constexpr const char* kInRuntime = "--in-runtime";
constexpr const char* kMeetingPlace = "/meeting";

}  // namespace

std::string exhaust_memory() {
  std::string why_not;
  const auto group = MemoryGroup::make(kMemoryMb * kMb, why_not);
  if (!group) {
    ipc::say("No limit of memory here: {}", why_not);
    return "";
  }
  Container hog({.name = "Hog", .limit = [&] { group->enter(); }}, [] {
    eat(2 * kMemoryMb * kMb);
    return 0;
  });
  const int status = hog.join();
  ipc::say("Hog with {} MB at most: {}, killed for memory: {}", kMemoryMb,
           describe_exit(status), group->kill_count());
  return status == 128 + SIGKILL ? "" : "the limit has not ended Hog";
}

std::string meet_runtime(const std::string& wanted, size_t shm_bytes) {
  const auto runtime = find_runtime(wanted);
  if (!runtime) {
    ipc::say("Act 5 is left out: to play it, install {}",
             wanted.empty() ? "runc or crun" : wanted);
    return "";
  }
  const ipc::TempDir dir("shared");
  const ipc::TempDir bundle("bundle");
  write_bundle(bundle.path(), {.folder = dir.path(),
                               .shm_bytes = shm_bytes,
                               .arguments = {kInRuntime}});
  ipc::Listener listener(ipc::Address(dir.path() + kMeetingPlace));
  ipc::Process process(runtime->name,
                       [&] { become_runtime(*runtime, bundle.path()); });
  std::optional<Connection> peer;
  while (!peer && ipc::wait_any({&process, 1}, listener.fd()) == 1) {
    peer = listener.try_accept();
  }
  if (!peer) {
    const std::string why = complaint(bundle.path());
    ipc::say("Act 5 is left out: {}: {}", runtime->name, why);
    return why.empty() ? "the runtime has ended without an error message" : "";
  }
  ipc::say("Act 5: the same in a container of {}", runtime->name);
  try {
    offer_all({*peer, dir.path()});
    ensure(peer->receive().status);  // It has printed its whole table.
  } catch (...) {
    // It forwards this. If we killed it, its container would be an orphan.
    process.terminate();
    (void)process.join_until(ipc::Deadline::after(kEndS * ipc::time_scale()));
    throw;
  }
  process.terminate();
  const int status = process.join();
  ipc::say("SIGTERM to {}: {}", runtime->name, describe_exit(status));
  return status == 128 + SIGTERM ? "" : complaint(bundle.path());
}

int play_in_runtime() {
  ipc::ignore_sigpipe();
  ipc::name_process("OCI init");
  return run_init("OCI app", [] {
    Connection other =
        ipc::connect(ipc::Address(std::string(kSharedFolder) + kMeetingPlace));
    if (!take_all({other, kSharedFolder})) ::_exit(1);
    ipc::say("/dev/shm has {} MB",
             std::filesystem::space("/dev/shm").capacity / kMb);
    ensure(other.send("done"));
    (void)other.receive();
  });
}

bool is_in_runtime(int argc, char** argv) {
  return argc == 2 && std::string_view(argv[1]) == kInRuntime;
}

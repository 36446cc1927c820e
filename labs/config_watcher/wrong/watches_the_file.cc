// Wrong: watches the file instead of the folder that it is in.
//
// A watch belongs to a file, not to a name. The first save by renaming removes
// the old file: the watch reports that, which looks like success, and ends.
// Update 1 is seen; update 2 and all later ones are not.

#include <limits.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <string>

#include "common/base/errors.h"
#include "common/base/unique_fd.h"
#include "common/files/atomic_file.h"
#include "common/lab/lab.h"
#include "common/memory/shared.h"
#include "common/process/names.h"
#include "common/process/process.h"
#include "common/report/report.h"
#include "common/sync/semaphore.h"
#include "labs/config_watcher/configuration.h"

namespace {

void monitor(const std::string& path, ipc::Semaphore& seen) {
  const ipc::UniqueFd fd(
      ipc::check(::inotify_init1(IN_CLOEXEC), "inotify_init1"));
  ipc::check(::inotify_add_watch(fd.get(), path.c_str(), IN_CLOSE_WRITE),
             "inotify_add_watch");
  while (true) {
    seen.release();
    std::array<char, sizeof(inotify_event) + NAME_MAX + 1> event{};
    ipc::check(::read(fd.get(), event.data(), event.size()), "read inotify");
    say_changed(*from_json(*ipc::read_file(path)));
  }
}

void make_updates(const std::string& path, ipc::Semaphore& seen) {
  Configuration config{"Example App"};
  for (const int connections : {20, 30}) {
    seen.acquire();
    config.max_connections = connections;
    ipc::say("Made update {}", connections / 10 - 1);
    ipc::replace_file(path, to_json(config));
  }
  seen.acquire();
}

std::string lesson() {
  const ipc::TempDir folder("config_watcher");
  const std::string path = folder.file("app_config.json");
  ipc::replace_file(path, to_json({"Example App"}));
  const ipc::Shared<ipc::Semaphore> seen(0U);
  ipc::Process watcher("Monitor", [&] { monitor(path, *seen); });
  ipc::Process updater("Updater", [&] { make_updates(path, *seen); });
  return updater.join() == 0 ? "" : "the updater failed";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("watches_the_file", "A program follows its configuration file.");
  return lab.run(argc, argv, lesson);
}

#include "labs/containers/oci.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "common/base/errors.h"
#include "common/base/unique_fd.h"
#include "labs/containers/container.h"

namespace {

namespace fs = std::filesystem;
using ipc::check;
using nlohmann::json;

constexpr const char* kComplaints = "/complaints";

// The paths of the libraries in this process, the loader among them.
std::vector<std::string> loaded_libraries() {
  std::vector<std::string> paths;
  ::dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* data) {
        const std::string path = info->dlpi_name;
        if (path.starts_with('/')) {
          static_cast<std::vector<std::string>*>(data)->push_back(path);
        }
        return 0;
      },
      &paths);
  return paths;
}

bool is_loader(const std::string& name) {
  return name.starts_with("ld-") || name.starts_with("ld.so");
}

// Copies this program and its libraries into a tree. Returns the command that
// starts it there. It names the loader, since systems differ in where that is.
std::vector<std::string> copy_program(const fs::path& tree) {
  fs::create_directories(tree / "lib");
  fs::copy_file("/proc/self/exe", tree / "lab");
  std::vector<std::string> command;
  for (const std::string& path : loaded_libraries()) {
    const std::string name = fs::path(path).filename().string();
    fs::copy_file(path, tree / "lib" / name, fs::copy_options::skip_existing);
    if (is_loader(name)) command = {"/lib/" + name, "--library-path", "/lib"};
  }
  command.emplace_back("/lab");
  return command;
}

json mount_of(const char* type, const char* source, const char* destination,
              const json& options) {
  return {{"type", type},
          {"source", source},
          {"destination", destination},
          {"options", options}};
}

// What docker run would write, as far as this lab needs it.
json make_config(const BundleSpec& spec,
                 const std::vector<std::string>& command) {
  json namespaces = json::array();
  for (const char* const type :
       {"user", "pid", "mount", "ipc", "network", "uts"}) {
    namespaces.push_back({{"type", type}});
  }
  // User 0 in the container is user 0 here, which is that of our user
  // namespace.
  const json ids = {{{"containerID", 0}, {"hostID", 0}, {"size", 1}}};
  const std::string shm_size = "size=" + std::to_string(spec.shm_bytes);
  return {
      {"ociVersion", "1.0.0"},
      {"process",
       {{"terminal", false},
        {"user", {{"uid", 0}, {"gid", 0}}},
        {"args", command},
        {"cwd", "/"},
        {"noNewPrivileges", true}}},
      {"root", {{"path", "rootfs"}, {"readonly", true}}},
      {"hostname", "oci"},
      {"mounts",
       {mount_of("proc", "proc", "/proc", json::array()),
        mount_of("tmpfs", "tmpfs", "/dev", {"nosuid", "mode=755"}),
        mount_of("tmpfs", "shm", "/dev/shm",
                 {"nosuid", "nodev", "mode=1777", shm_size}),
        mount_of("tmpfs", "tmpfs", "/tmp", {"nosuid", "nodev"}),
        mount_of("bind", spec.folder.c_str(), kSharedFolder, {"bind", "rw"})}},
      {"linux",
       {{"namespaces", namespaces},
        {"uidMappings", ids},
        {"gidMappings", ids}}},
  };
}

// A runtime makes a control group for its container if it can, and the group
// would stay if the runtime were killed. So we make that impossible, in its own
// mount namespace. runc does without a group if the file system is read-only;
// crun is told to do without, but fails where both versions are mounted.
void keep_from_groups(const Runtime& runtime) {
  constexpr const char* kGroups = "/sys/fs/cgroup";
  if (::access(kGroups, F_OK) == -1) return;
  if (runtime.name == "crun") {
    struct stat unified {};
    if (::stat("/sys/fs/cgroup/unified", &unified) == -1) return;
    check(::mount("none", kGroups, "tmpfs", 0, nullptr), "mount");
    return;
  }
  // glibc has mount_setattr(2) from 2.36 on, the kernel from 5.12 on.
  struct {
    uint64_t attr_set, attr_clr, propagation, userns_fd;
  } attributes{MOUNT_ATTR_RDONLY, 0, 0, 0};
  check(::syscall(SYS_mount_setattr, AT_FDCWD, kGroups, AT_RECURSIVE,
                  &attributes, sizeof attributes),
        "mount_setattr");
}

std::vector<std::string> command_of(const Runtime& runtime,
                                    const std::string& bundle) {
  std::vector<std::string> words{runtime.path};
  if (runtime.name == "crun") {
    words.emplace_back("--cgroup-manager=disabled");
  } else {
    words.emplace_back("--rootless=true");
  }
  for (const std::string& word :
       {std::string("--root"), bundle + "/state", std::string("run"),
        std::string("--bundle"), bundle,
        fs::path(bundle).filename().string()}) {
    words.push_back(word);
  }
  return words;
}

}  // namespace

std::optional<Runtime> find_runtime(const std::string& wanted) {
  const char* const path = ::getenv("PATH");
  // Programs for root are often not in the path of other users.
  const std::string folders =
      (path == nullptr ? "" : path) + std::string(":/usr/sbin:/sbin:/usr/bin");
  for (const std::string name : {"runc", "crun"}) {
    if (!wanted.empty() && wanted != name) continue;
    std::istringstream parts(folders);
    for (std::string folder; std::getline(parts, folder, ':');) {
      const fs::path file = fs::path(folder) / name;
      if (file.is_absolute() && ::access(file.c_str(), X_OK) == 0) {
        return Runtime{name, file.string()};
      }
    }
  }
  return std::nullopt;
}

void write_bundle(const std::string& bundle, const BundleSpec& spec) {
  const fs::path tree = fs::path(bundle) / "rootfs";
  for (const char* const name : {"proc", "dev", "tmp", "shared"}) {
    fs::create_directories(tree / name);
  }
  std::vector<std::string> command = copy_program(tree);
  command.insert(command.end(), spec.arguments.begin(), spec.arguments.end());
  std::ofstream file(bundle + "/config.json");
  file << make_config(spec, command).dump(2) << '\n';
  if (!file.flush()) ipc::throw_error(EIO, "config.json");
}

void become_runtime(const Runtime& runtime, const std::string& bundle) {
  const std::string log = bundle + kComplaints;
  const ipc::UniqueFd file(check(
      ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600),
      "open"));
  check(::dup2(file.get(), STDERR_FILENO), "dup2");
  enter_namespaces(0);
  keep_from_groups(runtime);
  const std::vector<std::string> words = command_of(runtime, bundle);
  std::vector<char*> pointers;
  pointers.reserve(words.size() + 1);
  for (const std::string& word : words) {
    pointers.push_back(const_cast<char*>(word.c_str()));
  }
  pointers.push_back(nullptr);
  ::execv(pointers[0], pointers.data());
  ipc::throw_error(errno, pointers[0]);
}

std::string complaint(const std::string& bundle) {
  std::ifstream file(bundle + kComplaints);
  std::string last;
  for (std::string line; std::getline(file, line);) {
    if (!line.empty()) last = line;
  }
  return last;
}

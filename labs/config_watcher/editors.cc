#include "labs/config_watcher/editors.h"

#include <filesystem>
#include <fstream>

#include "common/files/atomic_file.h"

void save_by_rename(const std::string& path, const std::string& text) {
  ipc::replace_file(path, text);
}

void save_in_place(const std::string& path, const std::string& text) {
  std::ofstream(path) << text;
}

void save_by_link(const std::string& path, const std::string& text) {
  ipc::replace_file(path + ".new", text);
  std::filesystem::create_symlink(path + ".new", path + ".link");
  std::filesystem::rename(path + ".link", path);
}

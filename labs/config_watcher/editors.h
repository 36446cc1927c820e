// How editors and tools save a file. To a reader these are not the same.
#pragma once

#include <string>

// A new file is renamed over the old one: vim, git, ipc::replace_file(). A
// watch on the old file sees that it goes, and nothing after that.
void save_by_rename(const std::string& path, const std::string& text);

// The file is emptied and filled again: nano, a shell's `>`. A reader may come
// in between.
void save_in_place(const std::string& path, const std::string& text);

// The name is a symbolic link, which is pointed at another file: Kubernetes.
void save_by_link(const std::string& path, const std::string& text);

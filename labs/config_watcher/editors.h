// Ways in which editors and tools save a file. A reader sees each differently.
#pragma once

#include <string>

// A new file is renamed over the old one: vim, git, ipc::replace_file(). A
// watch on the old file reports that it is gone, and nothing after that.
void save_by_rename(const std::string& path, const std::string& text);

// The file is emptied and filled again: nano, a shell's `>`. A reader may find
// it empty, or half written.
void save_in_place(const std::string& path, const std::string& text);

// The name is a symbolic link, which is replaced by a link to another file:
// Kubernetes.
void save_by_link(const std::string& path, const std::string& text);

// The reader of the lab in Python, reader.py, which gets the name.
#pragma once

#include <errno.h>

#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

#include "common/lab/lab.h"
#include "common/process/process.h"

// With -I, Python takes nothing from the user's environment.
inline std::vector<std::string> python(const std::string& script) {
  return {"/usr/bin/python3", "-I", script};
}

// The script lies beside the program in a test, and in the folder of the
// sources for a program that was started in their root, as `bazel run` does.
inline std::string reader_script() {
  const std::filesystem::path program(::program_invocation_name);
  for (const auto& script :
       {program.parent_path() / "reader.py",
        std::filesystem::path("labs/shared_memory/reader.py")}) {
    if (std::filesystem::exists(script)) return script.string();
  }
  throw std::runtime_error("no reader.py: start this in the root of the tree");
}

// Throws Skip if the Python of the system has no NumPy, and one is needed.
inline void check_python(bool with_numpy) {
  (void)reader_script();
  if (!with_numpy) return;
  std::vector<std::string> command = python("-c");
  command.emplace_back(
      "import importlib.util, sys\n"
      "sys.exit(importlib.util.find_spec('numpy') is None)");
  if (ipc::Process::spawn("NumPy", command).join() != 0) {
    throw ipc::Skip("no NumPy (Debian: python3-numpy)");
  }
}

inline ipc::Process start_python_reader(const std::string& name,
                                        bool with_numpy) {
  std::vector<std::string> command = python(reader_script());
  command.push_back(name);
  if (with_numpy) command.emplace_back("--numpy");
  return ipc::Process::spawn("Reader", command);
}

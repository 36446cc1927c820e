#include "common/process/process_name.h"

#include <sys/prctl.h>

#include <atomic>

namespace ipc {
namespace {

// A name is never freed, because a thread may be reading it. Each name points
// to the one before it, so that it stays reachable.
struct Name {
  std::string text;
  const Name* before;
};

std::atomic<const Name*>& current() {
  static const Name unnamed{"Main", nullptr};
  static std::atomic<const Name*> name = &unnamed;
  return name;
}

}  // namespace

const std::string& process_name() { return current().load()->text; }

void name_process(std::string_view name) {
  auto* const next = new Name{std::string(name), current().load()};
  while (!current().compare_exchange_weak(next->before, next)) {
  }
  ::prctl(PR_SET_NAME, next->text.c_str());
  if (named_hook != nullptr) named_hook();
}

}  // namespace ipc

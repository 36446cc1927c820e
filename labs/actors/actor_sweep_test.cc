// Actors while each of their system calls fails, one after the other; see
// common/testing/sweep_testing.h.
#include "common/memory/shared.h"
#include "common/testing/sweep_testing.h"
#include "labs/actors/actor.h"

namespace {

using ipc::testing::Case;
using ipc::testing::demand;
using ipc::testing::FailureSweep;
using ipc::testing::limit;

void actors() {
  ipc::ActorSystem system;
  const ipc::Actor echo =
      system.spawn({.name = "Echo", .make = []() -> ipc::Behaviour {
                      return [](const std::string& text) { return text; };
                    }});
  system.start();
  demand(*echo.ask_until("hello", limit()) == "hello");
  demand(system.stop_until(limit()));
}

INSTANTIATE_TEST_SUITE_P(Actors, FailureSweep,
                         ::testing::Values(Case{"Actors", actors}),
                         ipc::testing::case_name);

}  // namespace

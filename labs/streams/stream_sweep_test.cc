// Pipeline while one of its system calls fails, and then the next; see
// common/testing/sweep_testing.h.
#include "common/memory/shared.h"
#include "common/testing/sweep_testing.h"
#include "labs/streams/stream.h"

namespace {

using ipc::testing::Case;
using ipc::testing::demand;
using ipc::testing::FailureSweep;
using ipc::testing::limit;

void pipeline() {
  ipc::Pipeline pipeline(2);
  pipeline.add("Source",
               [](ipc::Inlet&, ipc::Outlet& out) { (void)out.put("item"); });
  pipeline.add("Sink", [](ipc::Inlet& in, ipc::Outlet&) {
    while (in.next()) {
    }
  });
  demand(static_cast<bool>(pipeline.run()));
}

INSTANTIATE_TEST_SUITE_P(Pipeline, FailureSweep,
                         ::testing::Values(Case{"Pipeline", pipeline}),
                         ipc::testing::case_name);

}  // namespace

// Observable while one of its system calls fails, and then the next; see
// common/testing/sweep_testing.h.
#include "common/memory/shared.h"
#include "common/testing/sweep_testing.h"
#include "labs/reactive/observable.h"

namespace {

using ipc::testing::Case;
using ipc::testing::demand;
using ipc::testing::FailureSweep;
using ipc::testing::limit;

void observable(ipc::Observable<int>& number) {
  number.begin();
  number.publish(number.latest().epoch + 1, 5);
  number.end();
}

INSTANTIATE_TEST_SUITE_P(
    Observable, FailureSweep,
    ::testing::Values(Case{
        "Observable",
        [] {
          static const ipc::Shared<ipc::Observable<int>> number;
          observable(*number);
        }}),
    ipc::testing::case_name);

}  // namespace

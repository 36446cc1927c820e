// Creates, uses and destroys each object of a list while one of its system
// calls fails: the first, then the second, until each has failed once. Then it
// does so while signals interrupt it. The object must throw or succeed, and
// leave nothing behind either way.
//
//   INSTANTIATE_TEST_SUITE_P(All, FailureSweep,
//                            ::testing::Values(Case{"Pipe", pipe_ends}, ...),
//                            ipc::testing::case_name);
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <iosfwd>
#include <string>

#include "common/testing/test_basics.h"

namespace ipc::testing {

// Throws if `what` is false: the action has not done its work.
void demand(bool what);

struct Case {
  const char* name;
  std::function<void()> action;
};

// How a case is shown if its test fails.
std::ostream& operator<<(std::ostream& out, const Case& which);

std::string case_name(const ::testing::TestParamInfo<Case>& info);

class FailureSweep : public ::testing::TestWithParam<Case> {};

}  // namespace ipc::testing

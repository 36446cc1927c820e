#include "common/explore/explore_json.h"

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <string>

#include "common/base/hooks.h"
#include "common/base/json.h"
#include "common/memory/shared.h"
#include "common/report/report.h"

namespace {

std::string two_adders(ipc::Schedule& schedule) {
  const ipc::Shared<std::atomic<int>> sum(0);
  schedule.show("sum", [&] { return std::to_string(sum->load()); });
  for (const char* name : {"Left", "Right"}) {
    schedule.add(name, [&] {
      const int seen = sum->load();
      ipc::say("Saw {}", seen);
      ipc::point("seen");
      sum->store(seen + 1);
    });
  }
  schedule.run();
  return std::to_string(sum->load());
}

const std::vector<ipc::NamedScenario> scenarios{
    {"adders", two_adders, {}},
    {"with a death", two_adders, {.kills = 1}},
};

ipc::Json answer(std::string_view request) {
  return ipc::Json::parse(ipc::answer_exploration(scenarios, request));
}

TEST(ExploreJson, ReportsTheOutcomesWithTheirCounts) {
  const ipc::Json found = answer("{}");
  EXPECT_EQ(found.at("schedules").as_int(), 6);
  EXPECT_TRUE(found.at("complete").as_bool());
  EXPECT_EQ(found.at("processes").text(), R"(["Left","Right"])");
  EXPECT_EQ(found.at("outcomes").at(0).text(),
            R"({"count":4,"kind":"outcome","text":"1","witness":"ABBA"})");
}

// Plays a schedule in the recorded tree, and returns the state that it leads
// to.
ipc::Json recorded_state(const ipc::Json& found, std::string_view schedule) {
  int64_t at = 0;
  for (const char letter : schedule) {
    const ipc::Json all = found.at("recorded").at(static_cast<size_t>(at));
    at = -1;
    for (size_t i = 0; i < all.at("next").items().size(); ++i) {
      const ipc::Json next = all.at("next").at(i);
      if (next.at("step").at("letter").as_text() != std::string(1, letter)) {
        continue;
      }
      at = next.at("state").as_int();
    }
    if (at < 0) throw std::invalid_argument("not recorded");
  }
  return found.at("recorded").at(static_cast<size_t>(at));
}

TEST(ExploreJson, TheRecordedTreeHasEachScheduleWithItsStatesAndItsEnd) {
  const ipc::Json found = answer(R"({"record":true})");
  // 1 + 2 + 4 + 6 + 6 states: two processes of two steps each.
  EXPECT_EQ(found.at("recorded").items().size(), 19U);
  size_t ends = 0;
  for (size_t i = 0; i < found.at("recorded").items().size(); ++i) {
    ends += found.at("recorded").at(i).at("kind").as_text().empty() ? 0 : 1;
  }
  EXPECT_EQ(ends, 6U);
  for (const char* schedule : {"", "A", "AB", "ABB", "ABBA", "AABB", "BBAA"}) {
    const ipc::Json played =
        answer(std::string(R"({"schedule":")") + schedule + "\"}");
    const ipc::Json state = recorded_state(found, schedule);
    EXPECT_EQ(state.at("processes").text(), played.at("processes").text());
    EXPECT_EQ(state.at("options").as_text(), played.at("options").as_text());
    EXPECT_EQ(state.at("kind").as_text(), played.at("kind").as_text());
    EXPECT_EQ(state.at("text").as_text(), played.at("text").as_text());
  }
  EXPECT_EQ(recorded_state(found, "AB").at("views").text(), R"([["sum","0"]])");
  EXPECT_EQ(recorded_state(found, "ABB").at("views").text(),
            R"([["sum","1"]])");
}

TEST(ExploreJson, WithoutRecordThereIsNoTree) {
  EXPECT_EQ(answer("{}").at("recorded").items().size(), 0U);
}

TEST(ExploreJson, AFieldOfTheRequestReplacesWhatWasDeclared) {
  EXPECT_EQ(answer(R"({"max_preemptions":0})").at("schedules").as_int(), 2);
  EXPECT_FALSE(answer(R"({"max_preemptions":0})").at("complete").as_bool());
  EXPECT_EQ(answer(R"({"random":5,"seed":3})").at("schedules").as_int(), 5);
  EXPECT_EQ(answer(R"({"scenario":"with a death","kills":0})")
                .at("schedules")
                .as_int(),
            6);
  EXPECT_GT(answer(R"({"scenario":"with a death"})").at("schedules").as_int(),
            6);
}

TEST(ExploreJson, ReportsProgressIfAsked) {
  testing::internal::CaptureStderr();
  (void)answer(R"({"progress":true})");
  const std::string told = testing::internal::GetCapturedStderr();
  EXPECT_EQ(told.rfind("explored 1\n", 0), 0U) << told;
  testing::internal::CaptureStderr();
  (void)answer("{}");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST(ExploreJson, NarratesOneSchedule) {
  const ipc::Json found = answer(R"({"schedule":"ABA"})");
  EXPECT_EQ(found.at("first_views").text(), R"([["sum","0"]])");
  EXPECT_EQ(found.at("steps").at(0).text(),
            R"({"from":"start","letter":"A","notes":["say Saw 0"],)"
            R"("to":"seen","views":[["sum","0"]]})");
  EXPECT_EQ(found.at("options").as_text(), "B");
  EXPECT_EQ(found.at("kind").as_text(), "");
  EXPECT_EQ(found.at("processes").at(0).text(),
            R"({"name":"Left","place":"exit status 0","state":"finished"})");
  EXPECT_EQ(answer(R"({"schedule":"AABB"})").at("text").as_text(), "2");
}

TEST(ExploreJson, ListsItsScenarios) {
  const ipc::Json found = answer(R"({"list":true})");
  EXPECT_EQ(found.items().size(), 2U);
  EXPECT_EQ(found.at(1).text(),
            R"({"inner":false,"kills":1,"max_preemptions":-1,)"
            R"("max_schedules":-1,"memory_only":false,"name":"with a death",)"
            R"("random":0,"reduce":false,"seed":0})");
}

TEST(ExploreJson, RefusesInOneLineWhatItCannotAnswer) {
  const auto refusal = [](std::string_view request) -> std::string {
    try {
      (void)answer(request);
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(refusal("{"), "this is not JSON");
  EXPECT_EQ(refusal(R"({"colour":1})"), "unknown field: colour");
  EXPECT_NE(refusal(R"({"kills":"x"})"), "");
  EXPECT_EQ(refusal(R"({"scenario":"x"})"),
            "there is no scenario x; there are: adders, with a death");
  EXPECT_EQ(refusal(R"({"schedule":"AAA"})"),
            "AAA: choice 3: A cannot be chosen: it is finished (exit status "
            "0); possible: B");
  EXPECT_EQ(refusal(R"({"schedule":"AABBA"})"),
            "AABBA is too long: all processes ended after 4 of 5 choices");
  EXPECT_EQ(refusal(R"({"schedule":"Q"})"),
            "Q: choice 1: Q is not a process; possible: AB");
  try {
    (void)ipc::answer_exploration({}, "{}");
    FAIL();
  } catch (const std::invalid_argument& error) {
    EXPECT_STREQ(error.what(), "there is nothing to explore");
  }
}

}  // namespace

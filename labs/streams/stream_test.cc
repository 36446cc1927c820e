#include "labs/streams/stream.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "common/memory/shared.h"
#include "common/process/process.h"
#include "common/process/process_name.h"
#include "common/sync/event.h"
#include "common/testing/sync_testing.h"

namespace {

using ipc::Inlet;
using ipc::Outlet;
using ipc::Pipeline;
using ipc::Stage;
using ipc::StreamEnd;

// 1, 2, 3, ... `count`.
Stage numbers(int count) {
  return [=](Inlet&, Outlet& out) {
    for (int i = 1; i <= count && out.put(std::to_string(i)); ++i) {
    }
  };
}

// Adds up what comes, and whether it has come to an end.
struct Result {
  std::atomic<int> sum{0};
  std::atomic<int> count{0};
  std::atomic<bool> ended{false};
};

Stage add_up(Result& result) {
  return [&](Inlet& in, Outlet&) {
    while (const auto item = in.next()) {
      result.sum += std::stoi(*item);
      ++result.count;
    }
    result.ended = !in.next();  // The end is still there if asked again.
  };
}

std::string sum_of(const std::vector<std::string>& items) {
  return std::to_string(std::accumulate(
      items.begin(), items.end(), 0,
      [](int sum, const std::string& item) { return sum + std::stoi(item); }));
}

// Runs in a process, so that a pipeline that hangs fails and is killed.
StreamEnd run(Pipeline& pipeline) {
  const ipc::Shared<std::array<char, 100>> text;
  ipc::Process runner("Runner", [&] {
    const StreamEnd end = pipeline.run();
    const std::string told = end.stage + "\n" + end.reason;
    std::copy(told.begin(), told.end(), text->begin());
  });
  EXPECT_EQ(ipc::testing::status_of(runner), 0);
  const std::string told = text->data();
  const size_t line_end = told.find('\n');
  if (line_end == std::string::npos) return {"?", "the pipeline hangs"};
  return {told.substr(0, line_end), told.substr(line_end + 1)};
}

TEST(StreamTest, ItemsGoThroughAllStagesInOrder) {
  const ipc::Shared<Result> result;
  Pipeline pipeline(2);
  pipeline.add("Source", numbers(9));
  pipeline.add("Double", ipc::map_items([](const std::string& item) {
                 return std::to_string(2 * std::stoi(item));
               }));
  pipeline.add("Big", ipc::filter_items([](const std::string& item) {
                 return std::stoi(item) > 4;
               }));
  pipeline.add("Sum", ipc::window_items(3, sum_of));
  pipeline.add("Sink", [&](Inlet& in, Outlet& out) {
    EXPECT_EQ(in.next(), "24");  // 6 + 8 + 10
    EXPECT_EQ(in.next(), "42");  // 12 + 14 + 16
    EXPECT_EQ(in.next(), "18");  // A smaller window at the end.
    EXPECT_EQ(in.next(), std::nullopt);
    if (HasFailure()) throw std::runtime_error("see above");
    add_up (*result)(in, out);
  });
  const StreamEnd end = run(pipeline);
  EXPECT_TRUE(end) << end.stage << end.reason;
  EXPECT_TRUE(result->ended);
}

TEST(StreamTest, AnEmptyItemAndAnEmptyStreamAreNotTheSame) {
  for (const int count : {0, 1}) {
    const ipc::Shared<Result> result;
    Pipeline pipeline(1);
    pipeline.add("Source", [&](Inlet& in, Outlet& out) {
      EXPECT_EQ(in.next(), std::nullopt) << "nothing is before the source";
      if (count == 1) (void)out.put("");
    });
    pipeline.add("Sink", [&](Inlet& in, Outlet& out) {
      while (in.next()) ++result->count;
      if (!out.put("kept by nobody")) throw std::runtime_error("refused");
    });
    EXPECT_TRUE(run(pipeline));
    EXPECT_EQ(result->count, count);
  }
}

TEST(StreamTest, ASlowSinkHoldsUpTheSource) {
  constexpr int kRoom = 3;
  constexpr int kOnTheWay = 2 * kRoom + 2;  // And one in the hands of each.
  struct Board {
    std::atomic<int> put{0};
    std::atomic<int> done{0};
    std::atomic<int> most{0};
    ipc::Event all_full;
  };
  const ipc::Shared<Board> board;
  Pipeline pipeline(kRoom);
  pipeline.add("Source", [&](Inlet&, Outlet& out) {
    for (int i = 0; i < 50 && out.put("x"); ++i) {
      const int on_the_way = ++board->put - board->done;
      board->most = std::max(on_the_way, board->most.load());
      if (on_the_way == kOnTheWay) board->all_full.set();
    }
  });
  pipeline.add("Relay", ipc::map_items([](const auto& item) { return item; }));
  pipeline.add("Sink", [&](Inlet& in, Outlet&) {
    while (in.next()) {
      board->all_full.wait();
      ++board->done;
    }
  });
  EXPECT_TRUE(run(pipeline));
  EXPECT_EQ(board->done, 50);
  EXPECT_EQ(board->most, kOnTheWay);
}

TEST(StreamTest, AStageThatFailsEndsAllAndIsNamed) {
  const std::vector<std::string> names = {"Source", "Relay", "Sink"};
  for (const std::string& name : names) {
    for (const bool throws : {true, false}) {
      const ipc::Shared<Result> result;
      const auto item = [&](int number) {
        if (ipc::process_name() == name && number == 5) {
          if (throws) throw std::runtime_error("asked to");
          ::raise(SIGKILL);
        }
      };
      Pipeline pipeline(2);
      pipeline.add("Source", [&](Inlet&, Outlet& out) {
        for (int i = 1; out.put(std::to_string(i)); ++i) item(i);
      });
      pipeline.add("Relay", ipc::map_items([&](const std::string& text) {
                     item(std::stoi(text));
                     return text;
                   }));
      pipeline.add("Sink", [&](Inlet& in, Outlet&) {
        while (const auto text = in.next()) {
          item(std::stoi(*text));
          ++result->count;
        }
        result->ended = true;
      });
      const StreamEnd end = run(pipeline);
      EXPECT_EQ(end.stage, name);
      EXPECT_EQ(end.reason, throws ? "exit status 1" : "killed by SIGKILL");
      EXPECT_FALSE(result->ended) << "what broke off was taken for an end";
      // What was put before arrives.
      EXPECT_EQ(result->count, name == "Source" ? 5 : 4);
    }
  }
}

TEST(StreamTest, AStageThatHasEnoughEndsThoseBeforeIt) {
  const ipc::Shared<Result> result;
  Pipeline pipeline(2);
  pipeline.add("Source", numbers(1'000'000'000));
  pipeline.add("First", [](Inlet& in, Outlet& out) {
    for (int i = 0; i < 3; ++i) (void)out.put(*in.next());
  });
  pipeline.add("Sink", add_up(*result));
  EXPECT_TRUE(run(pipeline));
  EXPECT_EQ(result->sum, 6);
  EXPECT_TRUE(result->ended);
}

}  // namespace

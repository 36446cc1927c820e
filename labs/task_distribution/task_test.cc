#include "labs/task_distribution/task.h"

#include <gtest/gtest.h>

#include <stdexcept>

namespace {

using ipc::Task;
using ipc::TaskResult;
using ipc::TaskType;

TEST(Task, IsTheSameAfterATripAsText) {
  for (const TaskType type :
       {TaskType::calculation, TaskType::analysis, TaskType::validation}) {
    const Task task{7, type, 4711, 3};
    EXPECT_EQ(ipc::task_from(ipc::to_text(task)), task);
  }
  const TaskResult result{7, 1, 14133, 0.1};
  EXPECT_EQ(ipc::result_from(ipc::to_text(result)), result);
}

TEST(Task, IsNotMadeOfATextThatIsNotATask) {
  for (const char* const text :
       {"", "task", "7", "[]", "null", "{}", "{\"id\":7",
        R"({"id":7,"type":"dance","data":1,"complexity":1})",
        R"({"id":7,"type":3,"data":1,"complexity":1})",
        R"({"id":7,"type":"analysis","data":"1","complexity":1})",
        R"({"id":7,"type":"analysis","data":1})"}) {
    EXPECT_FALSE(ipc::task_from(text)) << text;
    EXPECT_FALSE(ipc::result_from(text)) << text;
  }
}

TEST(Task, HasValuesAsInTheGuide) {
  std::mt19937 random(1);
  for (int id = 0; id < 1000; ++id) {
    const Task task = ipc::make_task(id, random);
    EXPECT_EQ(task.id, id);
    EXPECT_STRNE(describe(task.type), "");
    EXPECT_TRUE(1000 <= task.data && task.data <= 9999) << task.data;
    EXPECT_TRUE(1 <= task.complexity && task.complexity <= 5);
  }
}

TEST(Books, EnterEachTaskOnceAndCountTheRest) {
  ipc::Books books(3);
  EXPECT_TRUE(books.enter({0, 0, 1, 0.1}));
  EXPECT_TRUE(books.enter({2, 1, 1, 0.2}));
  EXPECT_FALSE(books.enter({0, 1, 1, 0.5}));
  EXPECT_EQ(books.done(), 2);
  EXPECT_TRUE(books.has(0));
  EXPECT_FALSE(books.has(1));
  EXPECT_FALSE(books.has(3));
  EXPECT_FALSE(books.has(-1));
  EXPECT_EQ(books.repeated(), 1);
  EXPECT_DOUBLE_EQ(books.processing_s(), 0.1 + 0.2);
}

TEST(Books, HaveNoPageForATaskThatDoesNotExist) {
  ipc::Books books(3);
  EXPECT_THROW((void)books.enter({3, 0, 1, 0.1}), std::out_of_range);
  EXPECT_THROW((void)books.enter({-1, 0, 1, 0.1}), std::out_of_range);
  EXPECT_EQ(books.done(), 0);
}

}  // namespace

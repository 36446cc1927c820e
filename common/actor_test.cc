#include "common/actor.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/time.h>
#include <unistd.h>

#include <atomic>
#include <optional>
#include <stdexcept>
#include <string>

#include "common/clock.h"
#include "common/event.h"
#include "common/process.h"
#include "common/queue.h"
#include "common/shared.h"

namespace {

using ipc::Actor;
using ipc::ActorSystem;
using ipc::Answered;
using ipc::Behaviour;
using ipc::Deadline;
using ipc::QueueStatus;

Deadline limit() { return Deadline::after(20 * ipc::time_scale()); }
Deadline at_once() { return Deadline::at_ns(0); }

// Counts what it is sent; answers with the count.
Behaviour count() {
  return [messages = 0](const std::string& message) mutable {
    if (message == "throw") throw std::runtime_error("asked to");
    if (message == "kill") ::raise(SIGKILL);
    return std::to_string(++messages);
  };
}

TEST(ActorTest, MessagesAreWorkedOnInTheOrderSent) {
  ActorSystem system;
  const Actor notes =
      system.spawn({.name = "Notes", .make = [] {
                      return [all = std::string()](const auto& text) mutable {
                        return all += text;
                      };
                    }});
  system.start();
  EXPECT_EQ(notes.send_until("a", limit()), QueueStatus::ok);
  EXPECT_EQ(notes.send_until("b", limit()), QueueStatus::ok);
  EXPECT_EQ(*notes.ask_until("c", limit()), "abc");
  EXPECT_TRUE(system.stop_until(limit()));
}

TEST(ActorTest, WhatWaitsIsWorkedOnBeforeTheStop) {
  const ipc::Shared<std::atomic<int>> sum(0);
  ActorSystem system;
  const Actor adder = system.spawn({.name = "Adder", .make = [&] {
                                      return [&](const auto& text) {
                                        *sum += std::stoi(text);
                                        return "";
                                      };
                                    }});
  for (const char* text : {"1", "2", "3"}) {
    ASSERT_EQ(adder.try_send(text), QueueStatus::ok);
  }
  system.start();
  EXPECT_TRUE(system.stop_until(limit()));
  EXPECT_EQ(*sum, 6);
  EXPECT_EQ(adder.try_send("4"), QueueStatus::closed);
  EXPECT_EQ(adder.ask_until("4", limit()).status, Answered::closed);
}

TEST(ActorTest, TheAskerLearnsOfTheDeathAndTheNextLifeIsNew) {
  for (const char* fault : {"throw", "kill"}) {
    ActorSystem system;
    const Actor counter = system.spawn({.name = "Counter", .make = count});
    system.start();
    EXPECT_EQ(*counter.ask_until("one", limit()), "1");
    EXPECT_EQ(*counter.ask_until("two", limit()), "2");
    EXPECT_EQ(counter.ask_until(fault, limit()).status, Answered::died);
    EXPECT_EQ(*counter.ask_until("one", limit()), "1") << "state was kept";
    EXPECT_TRUE(system.stop_until(limit()));
  }
}

TEST(ActorTest, WhatWaitsInTheMailboxOutlivesACrash) {
  ActorSystem system;
  const Actor counter = system.spawn({.name = "Counter", .make = count});
  for (const char* text : {"one", "throw", "one", "two"}) {
    ASSERT_EQ(counter.try_send(text), QueueStatus::ok);
  }
  system.start();
  EXPECT_EQ(*counter.ask_until("three", limit()), "3");
  EXPECT_TRUE(system.stop_until(limit()));
}

TEST(ActorTest, AFullMailboxRefusesAtOnceOrAtTheDeadline) {
  ActorSystem system;
  const Actor counter =
      system.spawn({.name = "Counter", .make = count, .mailbox_items = 2});
  EXPECT_EQ(counter.try_send("one"), QueueStatus::ok);
  EXPECT_EQ(counter.try_send("two"), QueueStatus::ok);
  EXPECT_EQ(counter.waiting(), 2U);
  EXPECT_EQ(counter.try_send("three"), QueueStatus::full);
  EXPECT_EQ(counter.send_until("three", Deadline::after(0.01)),
            QueueStatus::full);
  EXPECT_EQ(counter.ask_until("three", at_once()).status, Answered::full);
  system.start();
  EXPECT_EQ(*counter.ask_until("three", limit()), "3");
  EXPECT_TRUE(system.stop_until(limit()));
}

TEST(ActorTest, ALateAnswerIsNotTakenForTheNext) {
  const ipc::Shared<ipc::Event> gate;
  ActorSystem system;
  const Actor echo = system.spawn({.name = "Echo", .make = [&] {
                                     return [&](const auto& text) {
                                       gate->wait();
                                       return text;
                                     };
                                   }});
  system.start();
  EXPECT_EQ(echo.ask_until("first", Deadline::after(0.01)).status,
            Answered::late);
  gate->set();
  EXPECT_EQ(*echo.ask_until("second", limit()), "second");
  EXPECT_TRUE(system.stop_until(limit()));
}

TEST(ActorTest, AnActorMayAskAnother) {
  ActorSystem system;
  const Actor counter = system.spawn({.name = "Counter", .make = count});
  const Actor front =
      system.spawn({.name = "Front", .make = [&] {
                      return [&](const auto& text) {
                        const auto answer = counter.ask_until(text, limit());
                        return answer ? *answer : describe(answer.status);
                      };
                    }});
  system.start();
  EXPECT_EQ(*front.ask_until("one", limit()), "1");
  EXPECT_EQ(*front.ask_until("kill", limit()), "died");
  EXPECT_EQ(*front.ask_until("one", limit()), "1");
  EXPECT_TRUE(system.stop_until(limit()));
}

TEST(ActorTest, OneThatIsGivenUpRefusesAndAnswersAllWhoWait) {
  ActorSystem system;
  std::optional<Actor> victim;
  const auto die = [&] {
    return [&](const std::string&) -> std::string {
      // No event tells that somebody has put: look until the question waits.
      while (victim->waiting() == 0) ::usleep(100);
      ::raise(SIGKILL);
      return "";
    };
  };
  victim = system.spawn({.name = "Victim",
                         .make = die,
                         .restarts = {.count_max = 1, .delay_s = 0.01}});
  ASSERT_EQ(victim->try_send("first life"), QueueStatus::ok);
  ASSERT_EQ(victim->try_send("second life"), QueueStatus::ok);
  system.start();
  EXPECT_EQ(victim->ask_until("third", limit()).status, Answered::died);
  EXPECT_EQ(victim->ask_until("fourth", limit()).status, Answered::closed);
  EXPECT_FALSE(system.stop_until(limit()));
}

TEST(ActorTest, WhereverItIsKilledTheAskerIsTold) {
  ActorSystem system;
  const Actor echo = system.spawn(
      {.name = "Echo",
       .make =
           [] {
             // SIGALRM ends the process, wherever it is then.
             itimerval timer{};
             timer.it_value.tv_usec = 1 + ::getpid() * 7919 % 1000;
             ::setitimer(ITIMER_REAL, &timer, nullptr);
             return [](const std::string& text) { return text; };
           },
       .restarts = {
           .count_max = 1'000'000, .window_s = 1e6, .delay_max_s = 0.001}});
  system.start();
  int deaths = 0;
  for (int i = 0; deaths < 50; ++i) {
    const std::string question = std::to_string(i);
    const auto answer = echo.ask_until(question, limit());
    if (answer) {
      ASSERT_EQ(*answer, question);
    } else {
      ++deaths;
      ASSERT_EQ(answer.status, Answered::died) << "nobody told the asker";
    }
  }
  EXPECT_TRUE(system.stop_until(limit()));
}

TEST(ActorTest, OneThatHangsIsKilledAtTheEndOfTheStop) {
  ActorSystem system;
  const ipc::Shared<ipc::Event> begun;
  const Actor idler = system.spawn({.name = "Idler", .make = [&] {
                                      return [&](const auto&) -> std::string {
                                        begun->set();
                                        while (true) ::pause();
                                      };
                                    }});
  system.start();
  ASSERT_EQ(idler.try_send("go"), QueueStatus::ok);
  begun->wait();
  EXPECT_FALSE(system.stop_until(Deadline::after(0.02)));
}

TEST(ActorDeathTest, NobodyElseMayAskInTheNameOfTheMaker) {
  ActorSystem system;
  const Actor counter = system.spawn({.name = "Counter", .make = count});
  ipc::Process stranger("Stranger",
                        [&] { (void)counter.ask_until("one", at_once()); });
  EXPECT_EQ(stranger.join(), -SIGABRT);
}

}  // namespace

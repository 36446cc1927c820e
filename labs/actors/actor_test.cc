#include "labs/actors/actor.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/time.h>
#include <unistd.h>

#include <atomic>
#include <optional>
#include <stdexcept>
#include <string>

#include "common/base/clock.h"
#include "common/channel/queue.h"
#include "common/memory/shared.h"
#include "common/process/process.h"
#include "common/sync/event.h"
#include "common/testing/sync_testing.h"

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

TEST(ActorTest, MessagesThatWaitAreWorkedOnBeforeTheStop) {
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

TEST(ActorTest, MessagesInTheMailboxOutliveACrash) {
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

TEST(ActorTest, AnActorThatIsGivenUpRefusesNewMessagesAndAnswersAllAskers) {
  ActorSystem system;
  std::optional<Actor> victim;
  const auto die = [&] {
    return [&](const std::string&) -> std::string {
      // No event reports a message, so look until the question waits.
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

TEST(ActorTest, WhereverAnActorIsKilledItsAskerLearnsOfIt) {
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
      ASSERT_EQ(answer.status, Answered::died) << "the asker was not told";
    }
  }
  EXPECT_TRUE(system.stop_until(limit()));
}

// Says that it has begun, and gives a long answer when it is told to continue.
struct Slow {
  ipc::Queue begun{9};
  ipc::Queue go{9};

  Behaviour behaviour() {
    return [this](const std::string&) {
      (void)begun.put("");
      (void)go.get();
      return std::string(600'000, 'a');
    };
  }
  // Lets it answer, and returns when it has begun with the next message.
  void let_it_answer() {
    (void)go.put("");
    (void)begun.get();
  }
};

TEST(ActorTest, AnAnswerWithoutAWaitingAskerTakesNoRoomFromTheNext) {
  Slow slow;
  Slow quick;
  ipc::Process asker("Asker", [&] {
    ActorSystem system;
    const Actor first = system.spawn(
        {.name = "Slow", .make = [&] { return slow.behaviour(); }});
    const Actor second = system.spawn(
        {.name = "Quick", .make = [&] { return quick.behaviour(); }});
    system.start();
    const auto late = first.ask_until("q", Deadline::after(0.05));
    const bool put = first.try_send("next") == QueueStatus::ok &&
                     second.try_send("before") == QueueStatus::ok;
    (void)quick.go.put("");
    const auto answer = second.ask_until("q", limit());
    const bool good = put && late.status == Answered::late && answer &&
                      answer->size() == 600'000;
    ::_exit(good ? 0 : 1);
  });
  (void)slow.begun.get();
  (void)quick.begun.get();
  // Both work on the asker's questions while it cannot take anything.
  (void)quick.begun.get();
  asker.send_signal(SIGSTOP);
  slow.let_it_answer();
  (void)quick.go.put("");
  asker.send_signal(SIGCONT);
  EXPECT_EQ(ipc::testing::status_of(asker), 0);
}

TEST(ActorTest, AnAskerLearnsOfItsOwnLifeThoughTheNextBeginsAtOnce) {
  ipc::Queue taken(1);  // By the second life.
  ipc::Queue finish(1);
  ipc::Queue told(1);
  const ipc::Shared<ipc::Event> dying;
  ActorSystem system;
  const Actor frail = system.spawn({.name = "Frail",
                                    .make = [&]() -> Behaviour {
                                      return [&](const std::string& text) {
                                        if (text == "crash") {
                                          dying->set();
                                          ::raise(SIGKILL);
                                        }
                                        (void)taken.put("");
                                        (void)finish.get();
                                        return "done " + text;
                                      };
                                    },
                                    .restarts = {.delay_s = 0}});
  const Actor other = system.spawn(
      {.name = "Other", .make = [&]() -> Behaviour {
         return [&](const std::string&) {
           dying->wait();
           const auto answer = frail.ask_until("good", limit());
           (void)told.put(answer ? *answer : describe(answer.status));
           return std::string();
         };
       }});
  // The system reports the death only when the next life is at work.
  system.start([&](const ipc::Notice& notice) {
    if (notice.kind == ipc::Notice::Kind::ended) (void)taken.get();
  });
  ASSERT_EQ(other.try_send("go"), QueueStatus::ok);
  EXPECT_EQ(frail.ask_until("crash", limit()).status, Answered::died);
  (void)finish.put("");
  EXPECT_EQ(*told.get_until(limit()), "done good");
  EXPECT_TRUE(system.stop_until(limit()));
}

TEST(ActorTest, AMessageOrAnswerThatIsTooLongIsReported) {
  const std::string too_long(ipc::Queue::kMaxBytes, 'x');
  ActorSystem system;
  const Actor teller =
      system.spawn({.name = "Teller", .make = [&]() -> Behaviour {
                      return [&](const std::string& text) {
                        return text == "long" ? too_long : text;
                      };
                    }});
  system.start();
  EXPECT_THROW((void)teller.try_send(too_long), std::length_error);
  EXPECT_THROW((void)teller.ask_until(too_long, limit()), std::length_error);
  EXPECT_EQ(teller.ask_until("long", limit()).status, Answered::died);
  EXPECT_EQ(*teller.ask_until("short", limit()), "short");
  EXPECT_TRUE(system.stop_until(limit()));
}

TEST(ActorTest, AnActorThatHangsIsKilledAtTheDeadlineOfTheStop) {
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

TEST(ActorDeathTest, OnlyTheMakerMayAskInItsName) {
  ActorSystem system;
  const Actor counter = system.spawn({.name = "Counter", .make = count});
  ipc::Process stranger("Stranger",
                        [&] { (void)counter.ask_until("one", at_once()); });
  EXPECT_EQ(stranger.join(), -SIGABRT);
}

}  // namespace

#include "common/manager_server.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <random>

#include "common/errors.h"
#include "common/unique_fd.h"

namespace {

using ipc::Connection;
using ipc::Deadline;
using ipc::Json;
using ipc::ManagerServer;
using ipc::Received;
using ipc::Transfer;

// A server in this process, which moves when it is told to.
class ManagerServerTest : public ::testing::Test {
 protected:
  Connection connect() {
    ipc::ConnectionPair pair = ipc::make_connections();
    server_.add_client(std::move(pair.first));
    return std::move(pair.second);
  }

  Connection connect_by_stream() {
    std::array<int, 2> fds{};
    ipc::check(::socketpair(AF_UNIX, SOCK_STREAM, 0, fds.data()), "socketpair");
    server_.add_client(Connection(ipc::UniqueFd(fds[0])));
    return Connection(ipc::UniqueFd(fds[1]));
  }

  // Serves all that has come, and collects garbage if there may be some.
  void settle(int steps = 20) {
    for (int i = 0; i < steps; ++i) server_.step(nullptr, Deadline::at_ns(0));
  }

  // Sends a message and returns what comes back, "" if nothing does.
  std::string ask(Connection& client, std::string_view message) {
    // A long one goes out while the server takes it in.
    const Deadline now = Deadline::at_ns(0);
    Transfer sent = client.send_until(message, now);
    while (sent == Transfer::timed_out) {
      settle(1);
      sent = client.flush_until(now);
    }
    settle(30);
    return answer(client);
  }
  static std::string answer(Connection& client) {
    return client.receive_until(Deadline::at_ns(0)).message;
  }

  // Makes an object; its number, in quotation marks.
  std::string create(Connection& client, const std::string& arguments) {
    const std::string reply =
        ask(client, R"([1,"","create",0,[)" + arguments + "]]");
    return Json::parse(reply).at(2).at("@object").text();
  }
  static std::string reference(const std::string& id) {
    return R"({"@object":)" + id + R"(,"type":"list"})";
  }

  void expect_served(Connection& client) {
    EXPECT_EQ(ask(client, R"([7,"","count",0,[]])").rfind("[7,\"ok\",", 0), 0U);
  }
  void await_count(size_t count) {
    const Deadline limit = Deadline::after(10 * ipc::time_scale());
    while (server_.object_count() != count && !limit.expired()) {
      server_.step(nullptr, Deadline::after(0.01));
    }
    EXPECT_EQ(server_.object_count(), count);
  }

  ipc::ManagedTypes types_;
  ManagerServer server_{"0123456789abcdef", types_};
};

TEST_F(ManagerServerTest, AReplyHasTheNumberOfItsRequest) {
  Connection client = connect();
  const std::string list = create(client, R"("list")");
  EXPECT_EQ(ask(client, "[5," + list + R"(,"append",0,["a"]])"),
            R"([5,"ok",1])");
  EXPECT_EQ(ask(client, "[6," + list + R"(,"get",0,[0]])"), R"([6,"ok","a"])");
  const std::string wrong = ask(client, "[8," + list + R"(,"get",0,[1]])");
  EXPECT_EQ(wrong, R"([8,"BadCall","there is no item 1"])");
  // Without a number nobody waits for the reply.
  EXPECT_EQ(ask(client, "[0," + list + R"(,"append",0,["a"]])"), "");
}

TEST_F(ManagerServerTest, AWaitingCallIsAnsweredAfterLaterOnes) {
  Connection client = connect();
  const std::string queue = create(client, R"("Queue",3)");
  EXPECT_EQ(ask(client, "[2," + queue + R"(,"get",-1,[]])"), "");
  EXPECT_EQ(ask(client, "[3," + queue + R"(,"size",0,[]])"), R"([3,"ok",0])");
  EXPECT_EQ(ask(client, "[4," + queue + R"(,"put",0,["x"]])"),
            R"([4,"ok",true])");
  EXPECT_EQ(answer(client), R"([2,"ok",["x"]])");
  EXPECT_EQ(ask(client, "[5," + queue + R"(,"get",0,[]])"),
            R"([5,"timed out",null])");
  EXPECT_EQ(ask(client, "[6," + queue + R"(,"get",1000,[]])"),
            R"([6,"timed out",null])");
}

TEST_F(ManagerServerTest, WhoHasWaitedLongestIsTheNext) {
  std::vector<Connection> clients;
  for (int i = 0; i < 4; ++i) clients.push_back(connect());
  const std::string lock = create(clients[0], R"("Lock")");
  const std::string acquire = "[2," + lock + R"(,"lock",-1,[]])";
  const std::string release = "[3," + lock + R"(,"unlock",0,[]])";
  EXPECT_EQ(ask(clients[0], acquire), R"([2,"ok",false])");
  for (size_t i = 1; i < 4; ++i) EXPECT_EQ(ask(clients[i], acquire), "");
  for (size_t i = 1; i < 4; ++i) {
    EXPECT_EQ(ask(clients[i - 1], release), R"([3,"ok",null])");
    EXPECT_EQ(answer(clients[i]), R"([2,"ok",false])") << i;
  }
}

TEST_F(ManagerServerTest, OneChangeMayEndTheWaitOfMany) {
  std::vector<Connection> clients;
  for (int i = 0; i < 4; ++i) clients.push_back(connect());
  const std::string event = create(clients[0], R"("Event")");
  for (size_t i = 1; i < 4; ++i) {
    EXPECT_EQ(ask(clients[i], "[2," + event + R"(,"wait",-1,[]])"), "");
  }
  EXPECT_EQ(ask(clients[0], "[3," + event + R"(,"set",0,[]])"),
            R"([3,"ok",null])");
  for (size_t i = 1; i < 4; ++i) {
    EXPECT_EQ(answer(clients[i]), R"([2,"ok",null])");
  }
}

// The first of two waiters has been notified, and dies before it has the lock.
TEST_F(ManagerServerTest, ANotifyThatTheDeadHaveNotUsedGoesToAnother) {
  Connection owner = connect();
  std::vector<Connection> waiters;
  const std::string lock = create(owner, R"("Lock")");
  const std::string condition =
      create(owner, R"("Condition",)" + reference(lock));
  const std::string begin = "[1," + condition + ",";
  for (int i = 0; i < 2; ++i) {
    waiters.push_back(connect());
    EXPECT_EQ(ask(waiters.back(), begin + R"("lock",-1,[]])"),
              R"([1,"ok",false])");
    EXPECT_EQ(ask(waiters.back(), begin + R"("wait",-1,[]])"), "");
  }
  (void)ask(owner, begin + R"("lock",-1,[]])");
  (void)ask(owner, begin + R"("notify_one",0,[]])");
  waiters.front().close();
  settle();
  EXPECT_EQ(ask(owner, begin + R"("unlock",0,[]])"), R"([1,"ok",null])");
  EXPECT_EQ(answer(waiters.back()), R"([1,"ok",true])");
}

// R22: what is no request ends that connection, after a reply that says so.
TEST_F(ManagerServerTest, WhatIsNoRequestEndsOnlyThatConnection) {
  Connection good = connect();
  const std::string deep(1'000'000, '[');
  const std::string messages[] = {
      "",
      "hello",
      "{}",
      "[]",
      "[1]",
      R"(["1","","count",0,[]])",
      R"([1,2,"count",0,[]])",
      R"([1,"",3,0,[]])",
      R"([1,"","count","now",[]])",
      R"([1,"","count",-2,[]])",
      R"([-1,"","count",0,[]])",
      R"([1,"","count",0,{}])",
      R"([1,"","count",0,[]],1)",
      R"([1e999,"","count",0,[]])",
      "[1,\"\xff\",\"count\",0,[]]",
      deep,
      R"([1,"","create",0,[)" + deep.substr(0, 65) + std::string(65, ']') +
          "]]",
  };
  for (const std::string& message : messages) {
    Connection bad = connect();
    const std::string shown = message.substr(0, 60);
    EXPECT_EQ(ask(bad, message).rfind(R"([0,"BadCall",)", 0), 0U) << shown;
    settle();
    EXPECT_EQ(bad.receive_until(Deadline::at_ns(0)).status, Transfer::closed)
        << shown;
    expect_served(good);
  }
  EXPECT_EQ(server_.client_count(), 1U);
}

TEST_F(ManagerServerTest, AnImpossibleLengthEndsOnlyThatConnection) {
  Connection good = connect();
  for (const uint32_t length : {0x80000000U, 0xfffffffeU, 0x7fffffffU}) {
    Connection bad = connect();
    const uint32_t bytes = htonl(length);
    ASSERT_EQ(::write(bad.fd(), &bytes, sizeof bytes), 4);
    settle();
    EXPECT_EQ(bad.receive_until(Deadline::at_ns(0)).status, Transfer::closed);
    expect_served(good);
  }
}

TEST_F(ManagerServerTest, HalfAMessageDelaysNobody) {
  Connection half = connect();
  Connection good = connect();
  const std::string message("\0\0\0\x16[1,\"\",\"count\",", 18);
  ASSERT_EQ(::write(half.fd(), message.data(), message.size()), 18);
  settle();
  expect_served(good);
  ASSERT_EQ(::write(half.fd(), "0 ,[]]  ", 8), 8);
  settle();
  EXPECT_EQ(answer(half), R"([1,"ok",1])");
}

TEST_F(ManagerServerTest, WhoTakesNoRepliesIsNotListenedTo) {
  Connection good = connect();
  Connection deaf = connect();
  const std::string dict = create(deaf, R"("dict")");
  const std::string list = create(good, R"("list")");
  const std::string big(1 << 20, 'x');
  (void)ask(deaf, "[2," + dict + R"(,"set",0,["big",")" + big + R"("]])");
  for (int i = 0; i < 10; ++i) {
    ASSERT_EQ(deaf.send("[3," + dict + R"(,"fields",0,[]])"), Transfer::ok);
  }
  ASSERT_EQ(deaf.send("[4," + list + R"(,"append",0,[1]])"), Transfer::ok);
  settle();
  EXPECT_EQ(ask(good, "[5," + list + R"(,"size",0,[]])"), R"([5,"ok",0])");
  // When it listens again it gets all of them, and its last call is served.
  int replies = 0;
  while (replies < 11) {
    settle(1);
    const Received reply = deaf.receive_until(Deadline::at_ns(0));
    replies += reply ? 1 : 0;
    ASSERT_NE(reply.status, Transfer::closed);
  }
  EXPECT_EQ(ask(good, "[6," + list + R"(,"size",0,[]])"), R"([6,"ok",1])");
}

// A client at a byte stream, as the true ones are: its requests come together.
TEST_F(ManagerServerTest, RequestsThatComeTogetherAreServedInOneStep) {
  Connection client = connect_by_stream();
  const std::string list = create(client, R"("list")");
  for (int i = 0; i < 200; ++i) {
    client.queue(fmt::format(R"([{},{},"append",0,[{}]])", i + 1, list, i));
  }
  ASSERT_EQ(client.flush_until(Deadline::at_ns(0)), Transfer::ok);
  settle(1);
  for (int i = 0; i < 200; ++i) {
    EXPECT_EQ(answer(client), fmt::format(R"([{0},"ok",{0}])", i + 1));
  }
}

TEST_F(ManagerServerTest, WhoTakesNoRepliesIsNotServedWhatItHasSentBefore) {
  Connection good = connect();
  Connection deaf = connect_by_stream();
  const std::string dict = create(deaf, R"("dict")");
  const std::string list = create(good, R"("list")");
  const std::string big(1 << 20, 'x');
  (void)ask(deaf, "[2," + dict + R"(,"set",0,["big",")" + big + R"("]])");
  for (int i = 0; i < 10; ++i) {
    deaf.queue("[3," + dict + R"(,"fields",0,[]])");
  }
  deaf.queue("[4," + list + R"(,"append",0,[1]])");
  ASSERT_EQ(deaf.flush_until(Deadline::at_ns(0)), Transfer::ok);
  settle();
  EXPECT_EQ(ask(good, "[5," + list + R"(,"size",0,[]])"), R"([5,"ok",0])");
  int replies = 0;
  while (replies < 11) {
    settle(1);
    const Received reply = deaf.receive_until(Deadline::at_ns(0));
    replies += reply ? 1 : 0;
    ASSERT_NE(reply.status, Transfer::closed);
  }
  EXPECT_EQ(ask(good, "[6," + list + R"(,"size",0,[]])"), R"([6,"ok",1])");
}

TEST_F(ManagerServerTest, OfAClientOnlySoManyCallsWait) {
  Connection client = connect();
  const std::string event = create(client, R"("Event")");
  const std::string wait = "[2," + event + R"(,"wait",-1,[]])";
  for (size_t i = 0; i < ManagerServer::kWaitsMax; ++i) {
    ASSERT_EQ(ask(client, wait), "");
  }
  EXPECT_EQ(ask(client, wait),
            R"([2,"BadCall","too many calls of this client wait"])");
}

TEST_F(ManagerServerTest, AnObjectOfAnotherServerIsStale) {
  Connection client = connect();
  const std::string list = create(client, R"("list")");
  std::string other = list;
  other.replace(1, 4, "ffff");
  const std::string call = R"(,"size",0,[]])";
  EXPECT_EQ(ask(client, "[2," + other + call),
            R"([2,"StaleObject","the object is of another server"])");
  other = list;
  other.replace(17, 4, "zzzz");
  EXPECT_EQ(ask(client, "[2," + other + call),
            R"([2,"StaleObject","the object has been dropped"])");
  const std::string put =
      ask(client, "[3," + list + R"(,"append",0,[)" + reference(other) + "]]");
  EXPECT_EQ(put.rfind(R"([3,"StaleObject")", 0), 0U);
}

TEST_F(ManagerServerTest, AnObjectStaysAsLongAsSomebodyRefersToIt) {
  Connection keeper = connect();
  std::string inner;
  const std::string outer = create(keeper, R"("list")");
  {
    Connection maker = connect();
    inner = create(maker, R"("list")");
    const std::string other = create(maker, R"("list")");
    (void)ask(maker, "[2," + outer + R"(,"append",0,[{"deep":[)" +
                         reference(inner) + "]}]]");
    // A circle among those that nobody else refers to.
    (void)ask(maker,
              "[2," + other + R"(,"append",0,[)" + reference(other) + "]]");
    EXPECT_EQ(server_.object_count(), 4U);
  }
  await_count(3);
  EXPECT_EQ(ask(keeper, "[3," + inner + R"(,"size",0,[]])"), R"([3,"ok",0])");
  (void)ask(keeper, R"([0,"","drop",0,[)" + inner + "]]");
  (void)ask(keeper, "[4," + outer + R"(,"get",0,[0]])");  // Uses it again.
  (void)ask(keeper, "[5," + outer + R"(,"clear",0,[]])");
  settle();
  EXPECT_EQ(server_.object_count(), 3U);
  (void)ask(keeper, R"([0,"","drop",0,[)" + inner + "]]");
  await_count(2);
  keeper.close();
  await_count(1);
}

std::string mutate(std::string message, std::mt19937& random) {
  const auto any = [&random](size_t below) { return random() % below; };
  for (size_t i = 0; i <= any(3); ++i) {
    const size_t place = any(message.size() + 1);
    switch (any(3)) {
      case 0:
        message.insert(place, 1, static_cast<char>(any(256)));
        break;
      case 1:
        message = message.substr(0, place);
        break;
      default:
        message += message.substr(place);
    }
  }
  return message;
}

// What a request says does not depend on how it is read.
TEST(ManagerWire, ARequestIsReadByHandAsByAParser) {
  std::mt19937 random(20'261'128);
  const std::string plain[] = {
      R"([1,"0123456789abcdef","get",-1,[]])",
      R"([20,"","add",1000,["key",5]])",
      R"([0,"a","b",0,[{"a":[1,"]"]}]])",
      R"([007,"a","b",-0,[null]])",
      R"([1,"a\n","b",0,[],[]])",
      R"([1.5,"a","b",0,[]])",
      R"( [1, "a", "b", 0, [ ] ] )",
      R"([9223372036854775808,"a","b",-2,[]])",
      "[1,\"a\",\"b\",0,[" + std::string(62, '[') + std::string(62, ']') + "]]",
      "[1,\"a\",\"b\",0,[" + std::string(63, '[') + std::string(63, ']') +
          "]]"};
  const auto by_parser = [](const std::string& text) -> std::string {
    try {
      const std::vector<Json> parts = Json::parse(text).items();
      if (parts.size() != 5 || parts[0].as_int() < 0 ||
          parts[3].as_int() < -1) {
        return "none";
      }
      return fmt::format("{} {} {} {} {}", parts[0].as_int(),
                         parts[1].as_text(), parts[2].as_text(),
                         parts[3].as_int(),
                         Json::list(parts[4].items()).text());
    } catch (const ipc::JsonError&) {
      return "none";
    }
  };
  const auto by_hand = [](const std::string& text) -> std::string {
    try {
      const ipc::Request request = ipc::decode_request(text);
      return fmt::format("{} {} {} {} {}", request.number, request.object,
                         request.method, request.wait_ns,
                         Json::list(request.arguments).text());
    } catch (const ipc::JsonError&) {
      return "none";
    }
  };
  for (const std::string& text : plain)
    EXPECT_EQ(by_hand(text), by_parser(text));
  for (int i = 0; i < 50'000; ++i) {
    const std::string text = mutate(plain[random() % std::size(plain)], random);
    ASSERT_EQ(by_hand(text), by_parser(text)) << text;
  }
}

// R22: random requests, also such as are none, of clients that come and go.
TEST_F(ManagerServerTest, NoSequenceOfCallsBringsItDown) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  std::mt19937 random(seed);
  const auto pick = [&random](const auto& list) {
    return list[random() % std::size(list)];
  };
  const std::string types[] = {R"("dict")",
                               R"("list")",
                               R"("Namespace")",
                               R"("Lock")",
                               R"("RLock")",
                               R"("Event")",
                               R"("Semaphore",1)",
                               R"("Queue",2)",
                               R"("Value",1)",
                               R"("Array",[1,2])",
                               R"("BoundedSemaphore",2)"};
  const std::string methods[] = {
      "get",    "set",   "add",     "replace", "erase",      "clear",
      "fields", "items", "append",  "extend",  "pop",        "put",
      "close",  "size",  "lock",    "unlock",  "repaired",   "depth",
      "wait",   "set",   "acquire", "release", "notify_one", "notify_all",
      "is_set", "value", "drop",    "count",   "create",     "root"};
  const std::string arguments[] = {"",           "0",   R"("a")",   R"("a",1)",
                                   "0,1",        "[1]", "null",     "1e300",
                                   R"("a",1,2)", "-1",  "1.5,true", "[]"};
  std::vector<std::string> ids = {R"("")"};
  std::vector<Connection> clients(5);
  for (int i = 0; i < 4'000; ++i) {
    Connection& client = clients[random() % clients.size()];
    if (!client || random() % 300 == 0) client = connect();
    if (random() % 50 == 0 || ids.size() < 12) {
      const bool condition = random() % 4 == 0;
      const std::string lock = reference(pick(ids));
      const std::string what =
          condition ? R"("Condition",)" + lock : pick(types);
      (void)client.send(R"([1,"","create",0,[)" + what + "]]");
    } else {
      const std::string argument =
          random() % 5 == 0 ? reference(pick(ids)) : pick(arguments);
      std::string message =
          fmt::format(R"([{},{},"{}",{},[{}]])", random() % 9, pick(ids),
                      pick(methods), random() % 3 == 0 ? 1000 : -1, argument);
      if (random() % 100 == 0) message = mutate(message, random);
      (void)client.send(message);
    }
    settle(2);
    while (true) {
      const Received reply = client.receive_until(Deadline::at_ns(0));
      if (!reply) {
        if (reply.status != Transfer::timed_out) client.close();
        break;
      }
      const size_t object = reply->find(R"({"@object":)");
      if (object != std::string::npos) {
        ids.push_back(reply->substr(object + 11, 34));
        if (ids.size() > 40) ids.erase(ids.begin() + 1);
      }
    }
  }
  clients.clear();
  settle();
  EXPECT_EQ(server_.client_count(), 0U);
  await_count(1);
}

}  // namespace

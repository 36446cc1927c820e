#include "common/manager/internal/server.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <map>
#include <new>
#include <optional>
#include <random>
#include <set>
#include <stdexcept>
#include <vector>

#include "common/base/errors.h"
#include "common/base/unique_fd.h"

namespace {

// How much memory this program has allocated so far.
size_t allocated_bytes = 0;

constexpr size_t kOverwritten = 1 << 20;

}  // namespace

// These replace those of the C++ library: to count, and to overwrite what is
// freed, so that a use of it afterwards crashes.
void* operator new(size_t size) {
  allocated_bytes += size;
  if (void* const memory = ::malloc(size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { ::free(memory); }
void operator delete(void* memory, size_t size) noexcept {
  // Not all of a large one, which would take too long.
  if (memory != nullptr) ::memset(memory, 0xdd, std::min(size, kOverwritten));
  asm volatile("" : : "r"(memory) : "memory");  // The compiler keeps memset().
  ::free(memory);
}

namespace {

using ipc::Connection;
using ipc::Deadline;
using ipc::Json;
using ipc::ManagerServer;
using ipc::Received;
using ipc::Transfer;

// A server in this process, which does something only when a test calls step().
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

  // Serves all requests that have come, and collects unused objects.
  void settle(int steps = 20) {
    for (int i = 0; i < steps; ++i) server_.step(nullptr, Deadline::at_ns(0));
  }

  // Takes this number of replies.
  void take_replies(Connection& client, int count) {
    while (count > 0) {
      settle(1);
      const Received reply = client.receive_until(Deadline::at_ns(0));
      ASSERT_NE(reply.status, Transfer::closed);
      count -= reply ? 1 : 0;
    }
  }

  // Sends a message and returns what comes back, "" if nothing does.
  std::string ask(Connection& client, std::string_view message) {
    // A long one goes out while the server takes it in.
    const Deadline now = Deadline::at_ns(0);
    client.queue(message);
    Transfer sent = client.flush_until(now);
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

  // Makes an object and returns its id, in quotation marks.
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
  // A request with number 0 gets no reply.
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

TEST_F(ManagerServerTest, TheClientThatHasWaitedLongestIsNext) {
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

// One client has two calls that wait, and another client's call is between.
TEST_F(ManagerServerTest, TheOwnerOfAnRLockOvertakesThoseThatWait) {
  Connection owner = connect();
  Connection first = connect();
  Connection second = connect();
  const std::string lock = create(owner, R"("RLock")");
  const std::string begin = "," + lock + ",";
  EXPECT_EQ(ask(owner, "[1" + begin + R"("lock",-1,[]])"), R"([1,"ok",false])");
  EXPECT_EQ(ask(first, "[2" + begin + R"("lock",-1,[]])"), "");
  EXPECT_EQ(ask(second, "[3" + begin + R"("lock",-1,[]])"), "");
  EXPECT_EQ(ask(first, "[4" + begin + R"("lock",-1,[]])"), "");
  EXPECT_EQ(ask(owner, "[5" + begin + R"("unlock",0,[]])"), R"([5,"ok",null])");
  EXPECT_EQ(answer(first), R"([2,"ok",false])");
  EXPECT_EQ(answer(first), R"([4,"ok",false])");
  EXPECT_EQ(answer(second), "");
}

TEST_F(ManagerServerTest, TheErrorOfACallThatHasWaitedHasItsNumber) {
  Connection owner = connect();
  Connection client = connect();
  const std::string lock = create(owner, R"("Lock")");
  const std::string begin = "," + lock + ",";
  (void)ask(owner, "[1" + begin + R"("lock",-1,[]])");
  EXPECT_EQ(ask(client, "[2" + begin + R"("lock",-1,[]])"), "");
  EXPECT_EQ(ask(client, "[3" + begin + R"("lock",-1,[]])"), "");
  (void)ask(owner, "[4" + begin + R"("unlock",0,[]])");
  EXPECT_EQ(answer(client), R"([2,"ok",false])");
  EXPECT_EQ(answer(client),
            R"([3,"BadCall","the caller holds the lock already"])");
}

// Its calls can be done in the order of their numbers only.
class Steps : public ipc::ManagedObject {
 public:
  bool may_overtake() const override { return true; }
  std::optional<int> take(int number) {
    if (number != next_) return {};
    return next_++;
  }

 private:
  int next_ = 0;
};

TEST_F(ManagerServerTest, ACallThatIsDoneMayEndTheWaitOfAnOlderOne) {
  types_.add<Steps>("Steps").method("take", &Steps::take);
  Connection client = connect();
  const std::string steps = create(client, R"("Steps")");
  const auto take = [&](int number) {
    return ask(client,
               fmt::format(R"([1{0},{1},"take",-1,[{0}]])", number, steps));
  };
  for (const int number : {3, 2, 1}) EXPECT_EQ(take(number), "");
  EXPECT_EQ(take(0), R"([10,"ok",0])");
  for (int number = 1; number <= 3; ++number) {
    EXPECT_EQ(answer(client), fmt::format(R"([1{0},"ok",{0}])", number));
  }
}

TEST_F(ManagerServerTest, AClosedQueueStillGivesOutItsItems) {
  Connection client = connect();
  const std::string queue = create(client, R"("Queue",1)");
  const std::string begin = "," + queue + ",";
  EXPECT_EQ(ask(client, "[2" + begin + R"("put",-1,["x"]])"),
            R"([2,"ok",true])");
  EXPECT_EQ(ask(client, "[3" + begin + R"("put",-1,["y"]])"), "");
  EXPECT_EQ(ask(client, "[4" + begin + R"("close",0,[]])"), R"([4,"ok",null])");
  EXPECT_EQ(answer(client), R"([3,"ok",false])") << "it is still full";
  EXPECT_EQ(ask(client, "[5" + begin + R"("get",-1,[]])"), R"([5,"ok",["x"]])");
  EXPECT_EQ(ask(client, "[6" + begin + R"("get",-1,[]])"), R"([6,"ok",[]])");
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

// Clients wait in another order than that in which they came, so that the
// oldest client is not the oldest waiter.
TEST_F(ManagerServerTest, EachNotifyGoesToTheOldestWaiterThatHasNone) {
  std::vector<Connection> clients;
  for (int i = 0; i < 3; ++i) clients.push_back(connect());
  Connection owner = connect();
  const std::string lock = create(owner, R"("Lock")");
  const std::string condition =
      create(owner, R"("Condition",)" + reference(lock));
  const std::string begin = "[1," + condition + ",";
  for (const size_t i : {1, 0, 2}) {
    (void)ask(clients[i], begin + R"("lock",-1,[]])");
    EXPECT_EQ(ask(clients[i], begin + R"("wait",-1,[]])"), "");
  }
  const std::string unlock = begin + R"("unlock",0,[]])";
  (void)ask(owner, begin + R"("lock",-1,[]])");
  (void)ask(owner, begin + R"("notify_one",0,[]])");
  (void)ask(owner, unlock);
  EXPECT_EQ(answer(clients[1]), R"([1,"ok",true])");
  (void)ask(clients[1], begin + R"("notify_one",0,[]])");
  (void)ask(clients[1], begin + R"("notify_one",0,[]])");
  EXPECT_EQ(ask(clients[1], unlock), R"([1,"ok",null])");
  EXPECT_EQ(answer(clients[0]), R"([1,"ok",true])");
  EXPECT_EQ(ask(clients[0], unlock), R"([1,"ok",null])");
  EXPECT_EQ(answer(clients[2]), R"([1,"ok",true])");
}

// The first of two waiters has been notified, and dies before it has the lock.
TEST_F(ManagerServerTest, ANotifyThatADeadWaiterHasNotUsedGoesToAnother) {
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

// The same, but the deadline of the dead one has also come meanwhile.
TEST_F(ManagerServerTest, ANotifyOfADeadWaiterThatWasLateGoesToAnother) {
  Connection late = connect_by_stream();
  Connection other = connect_by_stream();
  Connection owner = connect_by_stream();
  const std::string lock = create(owner, R"("Lock")");
  const std::string condition =
      create(owner, R"("Condition",)" + reference(lock));
  const std::string begin = "[1," + condition + ",";
  (void)ask(late, begin + R"("lock",-1,[]])");
  // All of that comes together, so the notify is in time.
  late.queue(begin + R"("wait",1000000,[]])");
  other.queue(begin + R"("lock",-1,[]])");
  other.queue(begin + R"("wait",-1,[]])");
  owner.queue(begin + R"("lock",-1,[]])");
  owner.queue(begin + R"("notify_one",0,[]])");
  for (Connection* const client : {&late, &other, &owner}) {
    ASSERT_EQ(client->flush_until(Deadline::at_ns(0)), Transfer::ok);
  }
  const Deadline later = Deadline::after(0.002);
  while (!later.expired()) server_.step(nullptr, later);
  late.close();
  settle();
  EXPECT_EQ(answer(other), R"([1,"ok",false])");
  EXPECT_EQ(answer(other), "");
  (void)ask(owner, begin + R"("unlock",0,[]])");
  EXPECT_EQ(answer(other), R"([1,"ok",true])");
}

// The client gets a reply that says so first.
TEST_F(ManagerServerTest, AMessageThatIsNotARequestEndsOnlyItsConnection) {
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

TEST_F(ManagerServerTest, AnImpossibleLengthEndsOnlyItsConnection) {
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

TEST_F(ManagerServerTest, HalfAMessageDelaysNoOtherClient) {
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

TEST_F(ManagerServerTest, AClientThatTakesNoRepliesIsNotReadFrom) {
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
  // When it reads again it gets all replies, and its last call is served.
  take_replies(deaf, 11);
  EXPECT_EQ(ask(good, "[6," + list + R"(,"size",0,[]])"), R"([6,"ok",1])");
}

// Real clients use a byte stream, so that several requests may come together.
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

// The server reads several requests at once, before it has sent any reply.
TEST_F(ManagerServerTest, RequestsReadAheadWaitIfRepliesAreNotTaken) {
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
  take_replies(deaf, 11);
  EXPECT_EQ(ask(good, "[6," + list + R"(,"size",0,[]])"), R"([6,"ok",1])");
}

TEST_F(ManagerServerTest, TheWaitingCallsOfAClientAreLimited) {
  Connection client = connect();
  const std::string event = create(client, R"("Event")");
  const std::string wait = "[2," + event + R"(,"wait",-1,[]])";
  for (size_t i = 0; i < ManagerServer::kWaitsMax; ++i) {
    ASSERT_EQ(ask(client, wait), "");
  }
  EXPECT_EQ(ask(client, wait),
            R"([2,"BadCall","too many calls of this client wait"])");
}

TEST_F(ManagerServerTest, ACallThatHasEndedDoesNotCountAsWaiting) {
  Connection client = connect();
  const std::string queue = create(client, R"("Queue",1)");
  for (size_t i = 0; i <= ManagerServer::kWaitsMax; ++i) {
    ASSERT_EQ(ask(client, "[2," + queue + R"(,"get",-1,[]])"), "") << i;
    ASSERT_EQ(ask(client, "[3," + queue + R"(,"put",0,["x"]])"),
              R"([3,"ok",true])");
    ASSERT_EQ(answer(client), R"([2,"ok",["x"]])");
  }
}

TEST_F(ManagerServerTest, ACallThatWasDoneInTimeHasNoDeadlineAnyMore) {
  Connection client = connect_by_stream();
  const std::string queue = create(client, R"("Queue",1)");
  // Both come together, so the server does both before it looks at the time.
  client.queue("[2," + queue + R"(,"get",1000000,[]])");
  client.queue("[3," + queue + R"(,"put",0,["x"]])");
  ASSERT_EQ(client.flush_until(Deadline::at_ns(0)), Transfer::ok);
  settle();
  EXPECT_EQ(answer(client), R"([3,"ok",true])");
  EXPECT_EQ(answer(client), R"([2,"ok",["x"]])");
  const Deadline later = Deadline::after(0.002);
  while (!later.expired()) server_.step(nullptr, later);
  EXPECT_EQ(answer(client), "");
  expect_served(client);
}

// A registered class may fork, and its child has copies of all connections.
TEST_F(ManagerServerTest, AClosedConnectionIsNotWatchedThoughACopyIsOpen) {
  ipc::ConnectionPair pair = ipc::make_connections();
  const ipc::UniqueFd copy(ipc::check(::dup(pair.first.fd()), "dup"));
  server_.add_client(std::move(pair.first));
  pair.second.close();
  settle();
  EXPECT_EQ(server_.client_count(), 0U);
  const Deadline deadline = Deadline::after(0.05);
  server_.step(nullptr, deadline);
  EXPECT_TRUE(deadline.expired()) << "there was nothing to do until then";
}

class Large {
 public:
  Json text() const { return std::string(Connection::kMaxBytes, 'x'); }
};

TEST_F(ManagerServerTest, AReplyThatIsTooLongIsAnErrorAtItsCaller) {
  types_.add<Large>("Large").method("text", &Large::text);
  Connection client = connect();
  const std::string large = create(client, R"("Large")");
  EXPECT_EQ(ask(client, "[2," + large + R"(,"text",0,[]])"),
            R"([2,"BadCall","the reply is too long"])");
  expect_served(client);
}

// It has no each_value(), so the server could not find what it keeps.
class Hoard {
 public:
  void keep(const Json& value) { value_ = value; }

 private:
  Json value_;
};

TEST_F(ManagerServerTest, AClassThatShowsNoValuesTakesNoProxies) {
  types_.add<Hoard>("Hoard").method("keep", &Hoard::keep);
  Connection client = connect();
  const std::string hoard = create(client, R"("Hoard")");
  EXPECT_EQ(ask(client, "[2," + hoard + R"(,"keep",0,[1]])"),
            R"([2,"ok",null])");
  EXPECT_EQ(
      ask(client, "[3," + hoard + R"(,"keep",0,[)" + reference(hoard) + "]]"),
      R"([3,"BadCall","an object of this type takes no proxies"])");
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

TEST_F(ManagerServerTest, AnObjectStaysAsLongAsAClientOrAValueRefersToIt) {
  Connection keeper = connect();
  std::string inner;
  const std::string outer = create(keeper, R"("list")");
  {
    Connection maker = connect();
    inner = create(maker, R"("list")");
    const std::string other = create(maker, R"("list")");
    (void)ask(maker, "[2," + outer + R"(,"append",0,[{"deep":[)" +
                         reference(inner) + "]}]]");
    // A circle of one object, to which no other refers.
    (void)ask(maker,
              "[2," + other + R"(,"append",0,[)" + reference(other) + "]]");
    EXPECT_EQ(server_.object_count(), 4U);
  }
  await_count(3);
  EXPECT_EQ(ask(keeper, "[3," + inner + R"(,"size",0,[]])"), R"([3,"ok",0])");
  (void)ask(keeper, R"([0,"","drop",0,[)" + inner + "]]");
  (void)ask(keeper, "[4," + outer + R"(,"get",0,[0]])");  // Uses inner again.
  (void)ask(keeper, "[5," + outer + R"(,"clear",0,[]])");
  settle();
  EXPECT_EQ(server_.object_count(), 3U);
  (void)ask(keeper, R"([0,"","drop",0,[)" + inner + "]]");
  await_count(2);
  keeper.close();
  await_count(1);
}

// No client uses the inner list any more when it is taken out of the outer one.
TEST_F(ManagerServerTest, AnObjectGoesWithTheLastValueThatRefersToIt) {
  Connection client = connect();
  const std::string outer = create(client, R"("list")");
  const std::string inner = create(client, R"("list")");
  (void)ask(client,
            "[2," + outer + R"(,"append",0,[)" + reference(inner) + "]]");
  (void)ask(client, R"([0,"","drop",0,[)" + inner + "]]");
  // Let a collection find that the outer list keeps it.
  const Deadline later = Deadline::after(2 * ipc::ObjectTable::kCollectEveryS);
  while (!later.expired()) server_.step(nullptr, Deadline::after(0.01));
  EXPECT_EQ(server_.object_count(), 3U);
  (void)ask(client, "[3," + outer + R"(,"clear",0,[]])");
  await_count(2);
}

// Both requests are there when the step begins, and after them it collects.
TEST_F(ManagerServerTest, AnObjectThatAnotherClientBeginsToUseStays) {
  Connection maker = connect();
  Connection other = connect();
  const std::string list = create(maker, R"("list")");
  (void)maker.send(R"([0,"","drop",0,[)" + list + "]]");
  (void)other.send("[2," + list + R"(,"append",0,[1]])");
  settle();
  EXPECT_EQ(answer(other), R"([2,"ok",1])");
  EXPECT_EQ(ask(other, "[3," + list + R"(,"size",0,[]])"), R"([3,"ok",1])");
}

TEST_F(ManagerServerTest, ALockThatWasDroppedIsNotToldWhichClientsGo) {
  Connection maker = connect();
  const std::string lock = create(maker, R"("Lock")");
  (void)ask(maker, R"([0,"","drop",0,[)" + lock + "]]");
  await_count(1);
  connect().close();
  settle();
  EXPECT_EQ(server_.client_count(), 1U);
}

// Its arguments refer to an object that exists and to one that does not.
TEST_F(ManagerServerTest, AnObjectThatCouldNotBeMadeIsNotSearched) {
  Connection client = connect();
  const std::string list = create(client, R"("list")");
  std::string stale = list;
  stale.replace(17, 4, "zzzz");
  const std::string reply =
      ask(client, R"([2,"","create",0,["Value",[)" + reference(list) + "," +
                      reference(stale) + "]]]");
  EXPECT_EQ(reply, R"([2,"StaleObject","the object has been dropped"])");
  // Now the objects that may refer to the list are searched.
  (void)ask(client, R"([0,"","drop",0,[)" + list + "]]");
  await_count(1);
}

double cpu_ms() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e3 +
         static_cast<double>(now.tv_nsec) / 1e6;
}

// The bytes that are allocated for a request with a text of `size` characters
// and a reference, both inside of `depth` lists.
size_t memory_of_request(const std::string& list, size_t size, size_t depth) {
  const std::string message =
      "[2," + list + R"(,"append",0,[)" + std::string(depth, '[') + '"' +
      std::string(size, 'x') + R"(",{"@object":)" + list +
      R"(,"type":"list"})" + std::string(depth, ']') + "]]";
  const ipc::Request request = ipc::decode_request(message);
  const size_t before = allocated_bytes;
  size_t count = 0;
  for (const Json& argument : request.arguments) {
    ipc::for_each_reference(argument, [&](const auto&) { ++count; });
  }
  EXPECT_EQ(count, 1U);
  (void)ipc::decode_request(message);
  return allocated_bytes - before;
}

TEST(ManagerWire, ADeepRequestTakesNoMoreMemoryThanAFlatOne) {
  const std::string list = '"' + std::string(32, 'a') + '"';
  constexpr size_t kSize = 1 << 20;
  EXPECT_LT(memory_of_request(list, kSize, 0), 10 * kSize);
  EXPECT_LT(memory_of_request(list, kSize, 58), 10 * kSize);
}

TEST(ManagerWire, ReferencesAreFoundWhereverTheyAre) {
  const auto found = [](const std::string& text) {
    std::string ids;
    ipc::for_each_reference(Json::parse(text), [&](const auto& reference) {
      ids += reference.id + ":" + reference.type + " ";
    });
    return ids;
  };
  EXPECT_EQ(found(R"({"@object":"a","type":"list"})"), "a:list ");
  EXPECT_EQ(found(R"( { "type" : "list" , "x" : [1] , "@object" : "a" } )"),
            "a:list ");
  EXPECT_EQ(found(R"([1,{"b":[{"@object":"a","type":"t"}]},"@object",-2.5e1,
                     {"@object":"c","type":"d"},true])"),
            "a:t c:d ");
  // A key may be written with escapes, and a value is not a key.
  EXPECT_EQ(found(R"({"\u0040object":"a\u0041","ty\u0070e":"t"})"), "aA:t ");
  EXPECT_EQ(found(R"({"a":"@object","b":{"@object\"":1}})"), "");
  EXPECT_EQ(found(R"({"x\"":{"@object":"a","type":"}],\""}})"), "a:}],\" ");
  EXPECT_EQ(found(R"("@object")"), "");
  // If a key comes twice, the last one counts.
  EXPECT_EQ(found(R"({"@object":"a","type":"t","@object":"b"})"), "b:t ");
  for (const char* const wrong :
       {R"({"@object":"a"})", R"({"@object":1,"type":"t"})",
        R"({"@object":["a"],"type":"t"})", R"([{"@object":"a","type":{}}])"}) {
    EXPECT_THROW((void)found(wrong), ipc::BadCall) << wrong;
  }
}

TEST_F(ManagerServerTest, CallsThatWaitDoNotSlowTheOthers) {
  Connection client = connect();
  const std::string dict = create(client, R"("dict")");
  const std::string get = "[2," + dict + R"(,"get",0,["x"]])";
  // The least of many: what else runs on the machine only adds to some.
  const auto cost_ms = [&](const std::string& call, const char* reply) {
    double least = 1e9;
    for (int i = 0; i < 300; ++i) {
      client.queue(call);
      (void)client.flush_until(Deadline::at_ns(0));
      const double before = cpu_ms();
      server_.step(nullptr, Deadline::at_ns(0));
      least = std::min(least, cpu_ms() - before);
      EXPECT_EQ(answer(client), reply);
    }
    return least;
  };
  const char* const nothing = R"([2,"ok",[]])";
  const double alone_ms = cost_ms(get, nothing);
  std::vector<Connection> waiters;
  std::string event;
  for (int i = 0; i < 20; ++i) {
    waiters.push_back(connect());
    // Calls of each kind: with a deadline and without.
    if (i % 2 == 0) event = create(waiters.back(), R"("Event")");
    for (int k = 0; k < 250; ++k) {
      const char* const wait_ns = k % 2 == 0 ? "-1" : "60000000000";
      waiters.back().queue(
          fmt::format(R"([{},{},"wait",{},[]])", k + 2, event, wait_ns));
    }
    (void)waiters.back().flush_until(Deadline::at_ns(0));
    settle(3);
  }
  // It was 0.3 ms when each step looked at all that wait.
  EXPECT_LT(cost_ms(get, nothing), 3 * alone_ms + 0.05);
  // Calls of the object that they wait for are not slow either.
  const auto is_set_ms = [&](const std::string& object) {
    return cost_ms("[2," + object + R"(,"is_set",0,[]])", R"([2,"ok",false])");
  };
  const double with_waiters_ms = is_set_ms(event);
  EXPECT_LT(with_waiters_ms, 3 * is_set_ms(create(client, R"("Event")")));
}

TEST_F(ManagerServerTest, WaitingCallsTimeOutInTheOrderOfTheirDeadlines) {
  Connection client = connect_by_stream();
  const std::string event = create(client, R"("Event")");
  // The later ones first, and one that waits forever. All come together, so
  // that none of them is over before the others have come.
  for (const int wait_ms : {-1, 300, 200, 100}) {
    const int64_t wait_ns = wait_ms < 0 ? -1 : wait_ms * 1'000'000;
    client.queue(
        fmt::format(R"([{},{},"wait",{},[]])", 100 + wait_ms, event, wait_ns));
  }
  ASSERT_EQ(client.flush_until(Deadline::at_ns(0)), Transfer::ok);
  std::string order;
  const Deadline limit = Deadline::after(10 * ipc::time_scale());
  while (order.size() < size_t{3} * 22 && !limit.expired()) {
    server_.step(nullptr, Deadline::after(0.01));
    order += answer(client);
  }
  EXPECT_EQ(order, R"([200,"timed out",null][300,"timed out",null])"
                   R"([400,"timed out",null])");
  EXPECT_EQ(ask(client, "[1," + event + R"(,"set",0,[]])"), R"([1,"ok",null])");
  EXPECT_EQ(answer(client), R"([99,"ok",null])");
}

// Nothing else happens that could wake it.
TEST_F(ManagerServerTest, TheServerWakesAtTheDeadlineOfACall) {
  Connection client = connect();
  const std::string event = create(client, R"("Event")");
  client.queue("[2," + event + R"(,"wait",1000000,[]])");
  ASSERT_EQ(client.flush_until(Deadline::at_ns(0)), Transfer::ok);
  const Deadline limit = Deadline::after(10 * ipc::time_scale());
  std::string reply;
  while (reply.empty() && !limit.expired()) {
    server_.step(nullptr, limit);
    reply = answer(client);
  }
  EXPECT_EQ(reply, R"([2,"timed out",null])");
  EXPECT_FALSE(limit.expired()) << "it slept until the end of its step";
}

TEST_F(ManagerServerTest, AClientThatReadsNothingLosesItsConnection) {
  Connection silent = connect();
  Connection other = connect();
  const std::string queue = create(other, R"("Queue",100)");
  for (int i = 0; i < 200; ++i) {
    silent.queue("[2," + queue + R"(,"get",-1,[]])");
  }
  (void)silent.flush_until(Deadline::at_ns(0));
  settle();
  const std::string item(1 << 20, 'x');
  size_t put = 0;
  while (server_.client_count() == 2 && put < 100) {
    const std::string done =
        ask(other, "[2," + queue + R"(,"put",0,[")" + item + R"("]])");
    EXPECT_EQ(done, R"([2,"ok",true])");
    ++put;
  }
  EXPECT_EQ(server_.client_count(), 1U);
  EXPECT_LE(put, ManagerServer::kUnreadMax / item.size() + 3);
  expect_served(other);
}

// While a collection is under way, clients make objects, put them into others,
// take them out and forget them. Objects that can be reached must stay, and all
// others must go.
class Collection : public ManagerServerTest {
 protected:
  // Sends several requests at once, and does not look at the replies.
  void send_all(Connection& client, const std::vector<std::string>& all) {
    for (const std::string& one : all) client.queue(one);
    while (client.flush_until(Deadline::at_ns(0)) != Transfer::ok) {
      server_.step(nullptr, Deadline::at_ns(0));
      while (client.receive_until(Deadline::at_ns(0))) {
      }
    }
    while (client.receive_until(Deadline::at_ns(0))) {
    }
    // Waits until all of that is done.
    client.queue(R"([7,"","count",0,[]])");
    while (client.flush_until(Deadline::at_ns(0)) != Transfer::ok) settle(1);
    while (answer(client).rfind("[7,", 0) != 0) settle(1);
  }
};

TEST_F(Collection, OfManyObjectsDelaysNoClientForLong) {
  constexpr int kObjects = 8'000;
  Connection client = connect();
  const std::string outer = create(client, R"("list")");
  std::vector<std::string> ids;
  for (int i = 0; i < kObjects; ++i) {
    client.queue(R"([1,"","create",0,["list"]])");
    if (i % 200 != 199) continue;
    (void)client.flush_until(Deadline::at_ns(0));
    for (int k = 0; k < 200; ++k) {
      std::string reply = answer(client);
      while (reply.empty()) {
        server_.step(nullptr, Deadline::at_ns(0));
        reply = answer(client);
      }
      ids.push_back(Json::parse(reply).at(2).at("@object").text());
    }
  }
  std::vector<std::string> requests;
  for (const std::string& id : ids) {
    requests.push_back("[0," + outer + R"(,"append",0,[)" + reference(id) +
                       "]]");
    requests.push_back(R"([0,"","drop",0,[)" + id + "]]");
  }
  send_all(client, requests);
  // Each step from here on has to search or to drop them all.
  double longest_ms = 0;
  const auto step = [&] {
    const double before = cpu_ms();
    server_.step(nullptr, Deadline::after(0.001));
    longest_ms = std::max(longest_ms, cpu_ms() - before);
  };
  const auto steps_until = [&](size_t count, double seconds) {
    const Deadline limit = Deadline::after(seconds * ipc::time_scale());
    while (server_.object_count() != count && !limit.expired()) step();
    return server_.object_count();
  };
  (void)ask(client, "[0," + outer + R"(,"append",0,[1]])");
  EXPECT_EQ(steps_until(0, 0.3), kObjects + 2U) << "they are in the list";
  client.close();
  EXPECT_EQ(steps_until(1, 20), 1U);
  EXPECT_LT(longest_ms, 15) << "all clients wait during a step";
}

// The first step of the search does not get far in so many values.
TEST_F(Collection, OfAnObjectThatACallChangesMeanwhile) {
  constexpr int kItems = 20'000;
  Connection client = connect();
  const std::string outer = create(client, R"("list")");
  const std::string inner = create(client, R"("list")");
  std::string items = reference(inner);
  for (int i = 1; i < kItems; ++i) items += "," + reference(inner);
  EXPECT_EQ(ask(client, "[2," + outer + R"(,"extend",0,[[)" + items + "]]]"),
            fmt::format(R"([2,"ok",{}])", kItems));
  (void)client.send(R"([0,"","drop",0,[)" + inner + "]]");
  settle(1);
  // The list has no room for one more, so all its items move.
  EXPECT_EQ(ask(client, "[3," + outer + R"(,"append",0,[1]])"),
            fmt::format(R"([3,"ok",{}])", kItems + 1));
  (void)ask(client, "[4," + outer + R"(,"clear",0,[]])");
  await_count(2);
}

TEST_F(Collection, KeepsWhatCanBeReachedAndNothingElse) {
  constexpr size_t kPlaces = 12;
  std::mt19937 random(20'261'129);
  Connection client = connect();
  Connection keeper = connect();
  const auto any = [&](size_t below) { return random() % below; };
  // The lists that the client uses, and what is in each list, by their ids.
  std::map<std::string, std::vector<std::string>> inside;
  std::vector<std::string> used;
  const std::string root = create(keeper, R"("list")");
  inside[root] = {};
  const auto lists = [&](const std::string& id) {
    return std::to_string(inside[id].size());
  };
  for (int i = 0; i < 3000; ++i) {
    // In small steps, so that much happens in the middle of a collection.
    if (any(3) == 0) server_.step(nullptr, Deadline::at_ns(0));
    const size_t dice = any(10);
    if (used.size() < 2 || (dice < 2 && used.size() < kPlaces)) {
      used.push_back(create(client, R"("list")"));
      inside[used.back()] = {};
    } else if (dice < 6) {
      const std::string to = any(3) == 0 ? root : used[any(used.size())];
      const std::string what = used[any(used.size())];
      Connection& who = client;
      EXPECT_EQ(
          ask(who, "[2," + to + R"(,"append",0,[)" + reference(what) + "]]"),
          "[2,\"ok\"," + std::to_string(inside[to].size() + 1) + "]");
      inside[to].push_back(what);
    } else if (dice < 7) {
      const std::string from = any(2) == 0 ? root : used[any(used.size())];
      if (inside[from].empty()) continue;
      const std::string what = inside[from].back();
      EXPECT_EQ(ask(client, "[2," + from + R"(,"pop",0,[]])"),
                R"([2,"ok",[)" + reference(what) + "]]");
      inside[from].pop_back();
      // The reply has made the client a user of this list again.
      if (std::find(used.begin(), used.end(), what) == used.end()) {
        used.push_back(what);
      }
    } else {
      const size_t place = any(used.size());
      client.queue(R"([0,"","drop",0,[)" + used[place] + "]]");
      (void)client.flush_until(Deadline::at_ns(0));
      settle(1);
      used.erase(used.begin() + static_cast<ptrdiff_t>(place));
    }
  }
  (void)lists;
  // A client also uses the lists that it has called: here the root.
  std::set<std::string> reached(used.begin(), used.end());
  reached.insert(root);
  std::vector<std::string> open(reached.begin(), reached.end());
  while (!open.empty()) {
    const std::string id = open.back();
    open.pop_back();
    for (const std::string& next : inside[id]) {
      if (reached.insert(next).second) open.push_back(next);
    }
  }
  for (const std::string& id : reached) {
    EXPECT_EQ(ask(client, "[3," + id + R"(,"size",0,[]])"),
              "[3,\"ok\"," + std::to_string(inside[id].size()) + "]");
  }
  await_count(reached.size() + 1);
  client.close();
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

// The fast way to read a request must not change its meaning.
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

// Clients that come and go send random requests and other messages.
TEST_F(ManagerServerTest, NoSequenceOfCallsBringsTheServerDown) {
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

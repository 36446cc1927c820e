#include "labs/mechanisms/experiments.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <numeric>
#include <stdexcept>
#include <system_error>
#include <vector>

#include "common/base/clock.h"
#include "common/base/errors.h"
#include "common/base/wait_ready.h"
#include "common/report/report.h"
#include "labs/mechanisms/helper.h"

namespace {

// Messages that are sent before "no bound" is concluded.
constexpr int kFillMost = 20'000;
// If a message of this length fits, any length is said to fit.
constexpr size_t kLongest = size_t{1} << 20U;
// How often two messages get the chance to arrive as one.
constexpr int kTrials = 20;
// Messages sent to a dead receiver before its death counts as unnoticed.
constexpr int kSendsToTheDead = 3;
// How long news of a death may be on its way over a network.
constexpr double kNewsS = 0.1;

// Opened, and not yet joined by any process.
std::unique_ptr<Mechanism> open(const NamedMechanism& mechanism) {
  std::unique_ptr<Mechanism> opened = mechanism.make();
  opened->open();
  return opened;
}

std::unique_ptr<Mechanism> open_both(const NamedMechanism& mechanism) {
  std::unique_ptr<Mechanism> both = open(mechanism);
  both->join(Side::both, both->address());
  return both;
}

Outcome send(Mechanism& mechanism, uint64_t number, Wait wait = Wait::no) {
  return mechanism.send(make_message(number, mechanism.message_bytes()), wait);
}

// It must be possible: there is room, and a receiver.
void send_surely(Mechanism& mechanism, uint64_t number) {
  const Outcome outcome = send(mechanism, number);
  if (outcome.state == State::done) return;
  ipc::throw_error(outcome.error == 0 ? EAGAIN : outcome.error, "send");
}

// Gives what may be on its way time to arrive.
void settle(const Mechanism& mechanism, Side side) {
  const int fd = mechanism.on_its_way(side);
  if (fd == -1) return;
  const int16_t events = side == Side::receiver ? POLLIN : 0;
  (void)ipc::wait_ready(fd, events,
                        ipc::Deadline::after(kNewsS * ipc::time_scale()));
}

struct Received {
  Outcome outcome;
  std::string bytes;
};

Received receive(Mechanism& mechanism, Wait wait = Wait::no) {
  static std::vector<char> buffer(2 * kLongest);
  if (wait == Wait::no) settle(mechanism, Side::receiver);
  const Outcome outcome = mechanism.receive(buffer, wait);
  return {outcome, std::string(buffer.data(), outcome.size)};
}

// The numbers in what has come; a part of a message waits for the rest of it.
class Numbers {
 public:
  explicit Numbers(size_t message_bytes) : message_bytes_(message_bytes) {}

  std::vector<uint64_t> add(std::string_view bytes) {
    rest_ += bytes;
    std::vector<uint64_t> numbers;
    std::string_view left = rest_;
    while (left.size() >= message_bytes_) {
      numbers.push_back(number_of(left));
      left.remove_prefix(message_bytes_);
    }
    rest_ = std::string(left);
    return numbers;
  }

 private:
  size_t message_bytes_;
  std::string rest_;
};

// Takes all that is there.
std::vector<uint64_t> receive_all(Mechanism& mechanism) {
  Numbers numbers(mechanism.message_bytes());
  std::vector<uint64_t> all;
  while (true) {
    const Received received = receive(mechanism);
    if (received.outcome.state != State::done) return all;
    const std::vector<uint64_t> more = numbers.add(received.bytes);
    all.insert(all.end(), more.begin(), more.end());
  }
}

// An address may be empty, and a text on the line may not.
void tell_address(const Line& line, const Mechanism& mechanism) {
  line.say("at " + mechanism.address());
}

std::string hear_address(const Line& line) { return line.hear().substr(3); }

uint64_t sum_to(uint64_t last) { return last * (last + 1) / 2; }

void play_sender(Mechanism& mechanism, int messages, bool aloud) {
  for (int number = 1; number <= messages; ++number) {
    if (aloud) ipc::say("Sent message {}", number);
    const auto wide = static_cast<uint64_t>(number);
    const Outcome outcome = send(mechanism, wide, Wait::yes);
    if (outcome.state != State::done) ipc::throw_error(outcome.error, "send");
  }
}

uint64_t play_receiver(Mechanism& mechanism, int messages, bool aloud) {
  Numbers numbers(mechanism.message_bytes());
  const uint64_t expected = sum_to(static_cast<uint64_t>(messages));
  uint64_t sum = 0;
  while (sum < expected) {
    const Received received = receive(mechanism, Wait::yes);
    if (received.outcome.state == State::end) break;
    if (received.outcome.state != State::done) {
      ipc::throw_error(received.outcome.error, "receive");
    }
    for (const uint64_t number : numbers.add(received.bytes)) {
      sum += number;
      if (aloud) ipc::say("Got {}, so the sum is {}", number, sum);
    }
  }
  return sum;
}

// Allows fewer pending signals while it lives, so that other processes of this
// user still find room: the kernel counts the pending signals of all of them,
// and compares that with the limit of the receiver, which this process is here.
class FewerSignals {
 public:
  FewerSignals() {
    ipc::check(::getrlimit(RLIMIT_SIGPENDING, &before_), "getrlimit");
    rlimit fewer = before_;
    fewer.rlim_cur = std::min<rlim_t>(before_.rlim_cur, kMost);
    ipc::check(::setrlimit(RLIMIT_SIGPENDING, &fewer), "setrlimit");
  }
  FewerSignals(const FewerSignals&) = delete;
  FewerSignals& operator=(const FewerSignals&) = delete;
  FewerSignals(FewerSignals&&) = delete;
  FewerSignals& operator=(FewerSignals&&) = delete;
  ~FewerSignals() { ::setrlimit(RLIMIT_SIGPENDING, &before_); }

 private:
  static constexpr rlim_t kMost = 900;
  rlimit before_{};
};

// Sends until there is no room, or kFillMost times; then looks what is there.
void fill(const NamedMechanism& named, Alive& alive) {
  const std::unique_ptr<Mechanism> mechanism = open_both(named);
  const FewerSignals fewer;
  uint64_t sent = 0;
  Outcome outcome;
  while (sent < kFillMost) {
    outcome = send(*mechanism, sent + 1);  // [fill]
    if (outcome.state != State::done) break;
    ++sent;
  }
  const std::vector<uint64_t> came = receive_all(*mechanism);
  const uint64_t sum = std::accumulate(came.begin(), came.end(), uint64_t{0});
  if (outcome.state == State::failed) {
    alive.when_full = ::strerrorname_np(outcome.error);
  } else if (sum != sum_to(sent)) {
    alive.when_full = "drops";
  } else {
    alive.when_full = outcome.state == State::done ? "-" : "waits";
  }
  alive.bound = alive.when_full == "-" ? "none" : std::to_string(came.size());
}

// Two messages, and one receive.
std::string look_for_boundaries(const NamedMechanism& named) {
  const std::unique_ptr<Mechanism> mechanism = open_both(named);
  const size_t bytes = mechanism->message_bytes();
  for (int trial = 0; trial < kTrials; ++trial) {
    send_surely(*mechanism, 1);
    send_surely(*mechanism, 2);
    const std::string first = receive(*mechanism).bytes;  // [one-receive]
    if (first.size() > bytes) return "lost";
    if (number_of(first) == 3) return "added";
    if (first != make_message(1, bytes)) return "broken";
    if (receive(*mechanism).bytes != make_message(2, bytes)) return "broken";
  }
  return "kept";
}

bool comes_whole(Mechanism& mechanism, size_t bytes) {
  const std::string message = make_message(7, bytes);
  const Outcome outcome = mechanism.send(message, Wait::no);
  if (outcome.state != State::done) return false;
  return receive(mechanism).bytes == message;
}

// The longest message that comes whole, found by halves.
std::string find_longest(const NamedMechanism& named) {
  const auto fits = [&](size_t bytes) {
    return comes_whole(*open_both(named), bytes);
  };
  if (fits(kLongest)) return "any";
  size_t good = kNumberBytes;
  size_t bad = kLongest;
  while (bad - good > 1) {
    const size_t middle = good + (bad - good) / 2;
    (fits(middle) ? good : bad) = middle;
  }
  return std::to_string(good);
}

// Main sends 1, another process 2, and then Main 3.
std::string look_at_two_senders(const NamedMechanism& named) {
  const std::unique_ptr<Mechanism> mechanism = open_both(named);
  send_surely(*mechanism, 1);
  Helper second("Second sender",
                [&](const Line& /*line*/) { send_surely(*mechanism, 2); });
  second.join();
  send_surely(*mechanism, 3);
  const std::vector<uint64_t> came = receive_all(*mechanism);
  if (came == std::vector<uint64_t>{1, 2, 3}) return "in order";
  if (came == std::vector<uint64_t>{6}) return "added";
  return fmt::format("{}", fmt::join(came, " "));
}

std::string with_lost(const std::string& seen, int lost) {
  return lost == 0 ? seen : fmt::format("{}, {} lost", seen, lost);
}

// What came in place of a message.
std::string describe(const Outcome& outcome) {
  switch (outcome.state) {
    case State::end:
      return "end of file";
    case State::locked:
      return "locked";
    case State::failed:
      return ::strerrorname_np(outcome.error);
    default:
      return "nothing";
  }
}

// A receiver gets a message, and is killed.
std::string kill_receiver(const NamedMechanism& named) {
  const std::unique_ptr<Mechanism> mechanism = open(named);
  Helper receiver("Receiver", [&](const Line& line) {
    mechanism->join(Side::receiver, "");
    tell_address(line, *mechanism);
    if (receive(*mechanism, Wait::yes).outcome.state == State::done) {
      line.say("done");
    }
    (void)line.hear();  // Until it is killed.
  });
  mechanism->join(Side::sender, hear_address(receiver.line()));
  send_surely(*mechanism, 1);
  (void)receiver.line().hear();
  receiver.kill();
  for (int lost = 0; lost < kSendsToTheDead; ++lost) {
    settle(*mechanism, Side::sender);
    const Outcome outcome = send(*mechanism, 2);  // [to-the-dead]
    if (outcome.state != State::done) {
      return with_lost(describe(outcome), lost);
    }
  }
  return "nothing";
}

// A sender is killed when it has sent one message and has begun the next.
std::string kill_sender(const NamedMechanism& named) {
  const std::unique_ptr<Mechanism> mechanism = open(named);
  Helper sender("Sender", [&](const Line& line) {
    mechanism->join(Side::sender, hear_address(line));
    send_surely(*mechanism, 1);
    mechanism->take_lock();
    line.say("done");
    (void)line.hear();
  });
  mechanism->join(Side::receiver, "");
  tell_address(sender.line(), *mechanism);
  (void)sender.line().hear();
  sender.kill();
  Outcome outcome = receive(*mechanism).outcome;
  const int lost = outcome.state == State::done ? 0 : 1;
  if (lost == 0) outcome = receive(*mechanism).outcome;
  return with_lost(describe(outcome), lost);
}

// One process does it all: it opens, sends, and is killed before it receives.
std::string look_for_the_left(const NamedMechanism& named) {
  const std::unique_ptr<Mechanism> mechanism = named.make();
  Helper owner("Owner", [&](const Line& line) {
    mechanism->open();
    mechanism->join(Side::both, mechanism->address());
    send_surely(*mechanism, 1);
    line.say("done");
    (void)line.hear();
  });
  (void)owner.line().hear();
  owner.kill();
  if (!mechanism->is_there()) return "nothing";
  try {
    mechanism->join(Side::receiver, "");
    const Outcome outcome = receive(*mechanism).outcome;
    return outcome.state == State::done ? "name and data" : "name";
  } catch (const std::system_error&) {
    return "name";
  }
}

// A process that was forked before, and so has inherited nothing of the
// mechanism, gets its address and tries to send.
std::string let_a_stranger_join(const NamedMechanism& named) {
  const std::unique_ptr<Mechanism> mechanism = named.make();
  Helper stranger("Stranger", [&](const Line& line) {
    try {
      mechanism->join(Side::sender, hear_address(line));  // [stranger]
      send_surely(*mechanism, 1);
      line.say("done");
    } catch (const std::system_error& error) {
      line.say(error.what());
    }
  });
  mechanism->open();
  mechanism->join(Side::receiver, "");
  tell_address(stranger.line(), *mechanism);
  const std::string answer = stranger.line().hear();
  stranger.join();
  if (answer != "done") return "fork";
  const std::string message = make_message(1, mechanism->message_bytes());
  return receive(*mechanism).bytes == message ? mechanism->kind() : "fork";
}

// The CPU time of this process, so that other processes do not count.
double cpu_s() {
  timespec used{};
  ipc::check(::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used), "clock_gettime");
  return static_cast<double>(used.tv_sec) +
         static_cast<double>(used.tv_nsec) / 1e9;
}

}  // namespace

std::string make_message(uint64_t number, size_t bytes) {
  std::string message(bytes, static_cast<char>('a' + number % 26));
  std::memcpy(message.data(), &number, sizeof number);
  return message;
}

uint64_t number_of(std::string_view message) {
  uint64_t number = 0;
  if (message.size() < sizeof number) return 0;
  std::memcpy(&number, message.data(), sizeof number);
  return number;
}

uint64_t do_the_job(const NamedMechanism& named, int messages, bool aloud) {
  const std::unique_ptr<Mechanism> mechanism = open(named);
  Helper receiver("Receiver", [&](const Line& line) {
    mechanism->join(Side::receiver, "");
    tell_address(line, *mechanism);
    line.say(std::to_string(play_receiver(*mechanism, messages, aloud)));
  });
  const std::string address = hear_address(receiver.line());
  Helper sender("Sender", [&](const Line& /*line*/) {
    mechanism->join(Side::sender, address);
    play_sender(*mechanism, messages, aloud);
  });
  const uint64_t sum = std::stoull(receiver.line().hear());
  receiver.join();
  sender.join();
  return sum;
}

Alive watch_alive(const NamedMechanism& mechanism) {
  Alive alive;
  fill(mechanism, alive);
  alive.boundaries = look_for_boundaries(mechanism);
  alive.longest = alive.boundaries == "kept" ? find_longest(mechanism) : "-";
  alive.two_senders = look_at_two_senders(mechanism);
  return alive;
}

Dead watch_deaths(const NamedMechanism& mechanism) {
  return {kill_receiver(mechanism), kill_sender(mechanism),
          look_for_the_left(mechanism), let_a_stranger_join(mechanism)};
}

double time_messages(const NamedMechanism& named, int count) {
  const std::unique_ptr<Mechanism> mechanism = open_both(named);
  const std::string message = make_message(1, mechanism->message_bytes());
  std::array<char, 8192> buffer{};
  const double start_s = cpu_s();
  for (int i = 0; i < count; ++i) {
    if (mechanism->send(message, Wait::yes).state != State::done ||
        mechanism->receive(buffer, Wait::yes).state != State::done) {
      throw std::runtime_error("a message is lost");
    }
  }
  return (cpu_s() - start_s) / count;
}

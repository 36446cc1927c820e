// actors: processes that share nothing and answer one message at a time.
//
//   Main --messages--> [ mailbox ] Account   keeps a balance; breaks once
//                      [ mailbox ] Printer   has room for three pages
//        Buyer <-------- ask --------> Seller   ask each other
//   Main --fork--> System --fork--> all four, and again the one that broke
//
// Watch for: no message disappears in silence. Its sender learns that it was
// taken or refused; an asker gets an answer, `late`, or `died`.
// Try: in behaviours.cc, line [ask], put patience() in place of soon().

#include <optional>
#include <string>

#include "behaviours.h"
#include "common/channel/queue.h"
#include "common/lab/lab.h"
#include "common/memory/shared.h"
#include "common/report/report.h"
#include "common/supervise/supervisor.h"
#include "common/sync/event.h"
#include "labs/actors/actor.h"

namespace {

using ipc::Actor;
using ipc::ActorSystem;
using ipc::Answer;
using ipc::Notice;
using ipc::QueueStatus;

int mailbox_items = 3;

void send(const Actor& actor, const std::string& message) {
  ipc::say("Sending '{}'", message);
  if (actor.send_until(message, patience()) != QueueStatus::ok) {  // [send]
    ipc::say("'{}' was refused", message);
  }
}

Answer ask(const Actor& actor, const std::string& message) {
  ipc::say("Asking '{}'", message);
  Answer answer = actor.ask_until(message, patience());
  ipc::say("Answer: {}", answer ? *answer : describe(answer.status));
  return answer;
}

std::string break_account(const Actor& account) {
  ipc::say("Act 1: an actor dies of a message");
  send(account, "deposit 10");
  send(account, "deposit 20");
  (void)ask(account, "balance");
  const Answer broken = ask(account, "withdraw 99");  // [died]
  if (broken.status != ipc::Answered::died) return "the account did not break";
  send(account, "deposit 5");
  return *ask(account, "balance") == "5" ? "" : "the state is not new";
}

std::string fill_mailbox(const Actor& printer, ipc::Event& begun,
                         ipc::Event& paper) {
  ipc::say("Act 2: a mailbox is full");
  send(printer, "page 0");
  // Wait until the printer has taken this page: it cannot print it yet.
  const auto limit = ipc::Deadline::after(5 * ipc::time_scale());
  if (!begun.wait_until(limit)) return "the printer does not begin";
  int page = 0;
  std::string text;
  QueueStatus status = QueueStatus::ok;
  while (status == QueueStatus::ok) {
    text = "page " + std::to_string(++page);
    status = printer.try_send(text);  // [full]
    ipc::say("Sent {}: {}", text, describe(status));
  }
  status = printer.send_until(text, soon());
  ipc::say("Sent {} again, with a deadline: {}", text, describe(status));
  ipc::say("{} of {} places in the mailbox are taken", printer.waiting(),
           mailbox_items);
  paper.set();
  send(printer, text);
  return page == mailbox_items + 1 ? "" : "the mailbox is not bounded";
}

std::string ask_in_a_circle(const Actor& buyer) {
  ipc::say("Act 3: two actors ask each other");
  return ask(buyer, "buy") ? "" : "the circle was not broken";
}

std::string lesson() {
  const ipc::Shared<ipc::Event> begun;
  const ipc::Shared<ipc::Event> paper;
  ActorSystem system;
  std::optional<Actor> buyer;  // Its behaviour and Seller's know each other.
  const Actor account = system.spawn({.name = "Account",  // [spawn]
                                      .make = make_account});
  const Actor printer =
      system.spawn({.name = "Printer",
                    .make = [&] { return make_printer(*begun, *paper); },
                    .mailbox_items = static_cast<uint32_t>(mailbox_items)});
  const Actor seller = system.spawn(
      {.name = "Seller", .make = [&] { return make_seller(*buyer); }});
  buyer = system.spawn(
      {.name = "Buyer", .make = [&] { return make_buyer(seller); }});
  system.start([](const Notice& notice) {
    if (notice.kind == Notice::Kind::started && notice.life == 1) return;
    ipc::say("{}: {}", notice.worker, notice.text);
  });

  std::string problem = break_account(account);
  if (problem.empty()) problem = fill_mailbox(printer, *begun, *paper);
  if (problem.empty()) problem = ask_in_a_circle(*buyer);
  const bool well = system.stop_until(patience());  // [stop]
  if (!problem.empty()) return problem;
  return well ? "" : "not all actors have ended well";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("actors", "Processes that answer one message at a time.");
  lab.option("--mailbox", mailbox_items, 1, 1000, "messages a mailbox holds");
  return lab.run(argc, argv, lesson);
}

"""Proves what the chapter on actors promises."""

from harness import lab

_WAITING = r"Main: \d+ of \d+ places in the mailbox are taken"
_ACT_ONE = [
    "Act 1: an actor dies of a message",
    "Sending 'deposit 10'",
    "Sending 'deposit 20'",
    "Asking 'balance'",
    "Answer: 30",
    "Asking 'withdraw 99'",
    "Answer: died",
    "Sending 'deposit 5'",
    "Asking 'balance'",
    "Answer: 5",
]


class ActorsTest(lab.LabTest):
    """The sender learns what became of every message."""

    compared_numbers = {
        "the next life {} milliseconds later": lab.Source(
            "README.md", "Account: restart 1 in {} s", 1000
        ),
        "{} seconds, and then `Main: Answer: late`": lab.Source(
            "behaviours.cc", "after({} * ipc::time_scale())"
        ),
    }
    wrong = {
        "asks_for_ever": lab.Caught(
            by="hang", saying=r"Seller waits for .* 'answers to Seller'"
        ),
        "kept_state": lab.Caught(
            by="output", saying=r"the balance is -69.* is not a new state"
        ),
        "unbounded_mailbox": lab.Caught(
            by="output", saying="500 of 3 places in the mailbox are taken"
        ),
    }

    def check(self, run: lab.Run) -> None:
        """Mailboxes keep to their room, and broken state ends with its life."""
        for line in self.captures(run, _WAITING):
            waiting, room = (int(w) for w in line.split() if w.isdigit())
            self.assertLessEqual(waiting, room, line)
        broken = False
        for text in run.said("Account"):
            wrong_state = "balance is -" in text
            self.assertFalse(
                broken and wrong_state,
                f"Account: {text}: this is not a new state",
            )
            broken = broken or text.startswith("failed")

    def test_the_asker_learns_of_the_death_and_the_next_life_is_new(
        self,
    ) -> None:
        """Act 1: what Main says, and the system before it."""
        run = self.run_lab()
        self.assert_said(run, "Main", [*_ACT_ONE, ...])
        self.assert_said(
            run,
            "Account",
            [
                "deposit 10: the balance is 10",
                "deposit 20: the balance is 30",
                "balance: the balance is 30",
                "withdraw 99: the balance is -69",
                "failed: the balance is below zero",
                "deposit 5: the balance is 5",
                "balance: the balance is 5",
            ],
        )
        self.assert_before(
            run, "System: Account: ended: failed: .*", "Main: Answer: died"
        )
        self.assert_count(run, "System: Account: started, life 2", 1)
        self.assert_count(run, "System: .*: completed", 4)

    def test_a_full_mailbox_refuses_and_nothing_that_it_took_is_lost(
        self,
    ) -> None:
        """Act 2, with little room and with more."""
        for room in (1, 3, 20):
            run = self.run_lab(f"--mailbox={room}")
            self.assert_said(
                run,
                "Main",
                [
                    ...,
                    "Sending 'page 0'",
                    *(f"Sent page {i}: ok" for i in range(1, room + 1)),
                    f"Sent page {room + 1}: full",
                    f"Sent page {room + 1} again, with a deadline: full",
                    f"{room} of {room} places in the mailbox are taken",
                    f"Sending 'page {room + 1}'",
                    ...,
                ],
            )
            self.assertEqual(
                run.said("Printer"),
                [f"Printed page {i}" for i in range(room + 2)],
            )

    def test_a_deadline_breaks_the_circle(self) -> None:
        """Act 3: only Seller's question is late, so all others are answered."""
        run = self.run_lab()
        self.assert_said(
            run,
            "Seller",
            ["Asking Buyer for its budget", "Buyer's budget: late"],
        )
        self.assert_before(
            run,
            "Seller: Buyer's budget: late",
            "Main: Answer: bought for 80, the price for all",
        )
        # A question that was given up is still worked on.
        self.assert_before(
            run,
            "Seller: Buyer's budget: late",
            "Buyer: I was asked for my budget",
        )


if __name__ == "__main__":
    lab.main()

"""Proves what the chapter on events promises."""

import itertools
import re

from harness import lab

_BOTH = "2 went on, 2 with the answer"
RECEIVED = "Received the event notification: the answer is 42"


class EventTest(lab.LabTest):
    """One setter, and waiters that continue however early or late it sets."""

    raw = True
    compared_numbers = {
        "The count starts {} below the value": lab.COUNTS_FROM,
        "No sleep is longer than {} s;": lab.RECHECK_S,
        "never sleeps for longer than {} s": lab.RECHECK_S,
    }
    wrong = {
        "cleared_too_early": lab.Caught(
            by="hang", saying="Waiter 0 waits for Event 'ready'"
        ),
        "ignored_timeout": lab.Caught(
            by="output", saying="an answer that is not 42 must never be said"
        ),
        "raw_second_look": lab.Caught(
            by="hang",
            saying="Waiter 0 waits for a futex .* that no process wakes",
        ),
        "raw_single_wait": lab.Caught(
            by="output", saying="an answer that is not 42 must never be said"
        ),
        "set_too_early": lab.Caught(
            by="output", saying="an answer that is not 42 must never be said"
        ),
    }

    explored = (
        *lab.Explored({_BOTH: 10}).both(),
        # Also between the steps of the event itself.
        lab.Explored({_BOTH}, request={"inner": True, "reduce": True}),
        # If the setter dies, the waiters wait forever.
        *lab.Explored(
            {
                "deadlock: Waiter 0 waits for Event 'ready'; "
                "Waiter 1 waits for Event 'ready'": 6,
                "1 went on, 1 with the answer": 34,
                _BOTH: 10,
            },
            request={"kills": 1},
        ).both(),
        *lab.Explored(
            {
                "deadlock: Waiter 0 waits for Event 'ready'": 1,
                "the waiter went on": 3,
            },
            variant="cleared_too_early",
        ).both(),
        *lab.Explored(
            {"received 0": 2, "received 42": 2}, variant="set_too_early"
        ).both(),
    )

    def check(self, run: lab.Run) -> None:
        """No waiter continues before the event is set, and then all do."""
        self.assert_never(
            run, "the answer is (?!42$)", "an answer that is not 42"
        )
        is_set = False
        waiting: set[str] = set()
        for line in run.lines:
            if re.match("Act|Notified|PASS", line.text):
                self.assertEqual(waiting, set(), f"left at {line.raw}")
                is_set = False
            elif line.text.startswith("Waiting for the event"):
                waiting.add(line.speaker)
            elif line.text == "Setting the event":
                is_set = True
            elif line.text.startswith("Received the event notification"):
                self.assertTrue(is_set, f"{line.raw}, before it was set")
                waiting.remove(line.speaker)
            elif line.text.startswith("It was not set in time"):
                self.assertFalse(is_set, line.raw)
                waiting.remove(line.speaker)
            elif killed := re.match("(.*) ended: killed by", line.text):
                waiting.remove(killed[1])

    def test_all_acts_are_played(self) -> None:
        """Not set, set late, set early, and set for one fewer."""
        run = self.run_lab()
        notified = self.captures(run, r"Main: Notified (\d of \d)")
        self.assertEqual(notified, ["3 of 3", "3 of 3", "2 of 2"])
        self.assert_count(run, ".*: It was not set in time.*", 1)
        self.assert_count(run, ".*: " + RECEIVED, 8)

    def test_only_waiters_that_come_before_the_setter_wait(self) -> None:
        """Every order of two waiters and the setter."""
        for letters in itertools.permutations("ABC"):
            order = "".join(letters)
            run = self.run_lab(f"--schedule={order}")
            self.check(run)
            waits = self.captures(run, r"Main: Waiter (\d) has to wait for the")
            early = order[: order.index("C")]
            self.assertEqual(waits, [str("AB".index(each)) for each in early])
            self.assert_count(run, "Main: Notified 2 of 2 waiters", 1)

    def test_a_waiter_waits_in_vain_until_its_deadline(self) -> None:
        """Half a second at the pace of the guide."""
        self.assert_takes(
            self.run_lab("--pace=1"),
            "Waiter 0: Waiting for the event",
            "Waiter 0: It was not set in time.*",
            0.5,
        )

    def test_no_order_of_three_leaves_a_waiter_behind(self) -> None:
        """All six, judged by the lab itself."""
        run = self.run_lab("--schedule=all")
        counts = self.captures(run, r"Main: Notified waiters: (\d in \d) of 6")
        self.assert_outcomes(counts, ["2 in 6"])

    def test_one_event_wakes_a_crowd(self) -> None:
        """Eleven waiters, one set."""
        run = self.run_lab("--schedule=ABCDEFGHIJKL")
        self.check(run)
        self.assert_count(run, "Main: Notified 11 of 11 waiters", 1)

    def test_a_waiter_killed_in_its_sleep_harms_no_other_process(self) -> None:
        """It never continues; the others do, and the setter ends well."""
        run = self.run_lab()
        killed = "Main: Waiter 1 ended: killed by SIGKILL"
        self.assert_before(run, "Setter: Killing a waiter.*", killed)
        self.assert_count(run, killed, 1)
        self.assert_count(run, f"Waiter 1: {RECEIVED}", 2)
        self.assert_count(run, f"Waiter 2: {RECEIVED}", 3)


if __name__ == "__main__":
    lab.main()

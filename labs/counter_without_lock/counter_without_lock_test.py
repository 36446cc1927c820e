"""Proves what the chapter on counting without a lock promises."""

import itertools
import re

from harness import lab

_OUTCOME = re.compile(r"Main: Final value (\d+) in (\d+) of (\d+) orders")


def final_value(order: str) -> int:
    """Returns the counter after each process has loaded, and later stored."""
    counter, loaded = 0, dict[str, int]()
    for letter in order:
        if letter in loaded:
            counter = loaded[letter] + 1
        else:
            loaded[letter] = counter
    return counter


class CounterWithoutLockTest(lab.LabTest):
    """How an update is lost, and how often."""

    raw = True
    wrong = {
        variant: lab.Caught(by="outcome", saying="outcome 1 was reached")
        for variant in (
            "check_then_store",
            "raw_two_calls",
            "sequential_consistency",
            "volatile_counter",
        )
    }

    explored = (
        lab.Explored({"1": 4, "2": 2}),
        lab.Explored({"1": 48, "2": 36, "3": 6}, flags=("--workers=3",)),
        lab.Explored({"1", "2"}, request={"reduce": True}),
        lab.Explored(
            {"1": 12, "2": 18, "3": 6},
            flags=("--workers=3",),
            schedules=36,
            request={"reduce": True},
        ),
        *lab.Explored({"1": 22, "2": 2}, request={"kills": 1}).both(),
        lab.Explored(
            {"1, 0 before the start", "2, 0 before the start"},
            scenario="race",
            request={"reduce": True},
        ),
        *(
            lab.Explored({"1": 4, "2": 2}, variant=name)
            for name in wrong
            if not name.startswith("raw_")
        ),
    )

    def check(self, run: lab.Run) -> None:
        """Safe increments all count; the number of lost ones is right."""
        believed = self.captures(run, r"Incremented counter to \d+$")
        finals = self.captures(run, r"Main: Final counter value.*: (\d+)")
        if believed:
            self.assert_outcomes(finals, [str(len(believed))])
        figures = self.captures(run, r"Main: Lost (\d+ of \d+) updates")
        for final, figure in zip(finals, figures):
            lost, updates = map(int, figure.split(" of "))
            self.assertEqual(int(final) + lost, updates)

    def story(self, run: lab.Run) -> object:
        """Everything but the losses in the race, which are chance."""
        story: dict[str, list[str]] = {}
        is_race = False
        for line in run.lines:
            text = line.text
            if is_race:
                text = re.sub(r"(lock\): |Lost |\()\d[\d.]*", r"\1<n>", text)
            is_race |= text.startswith("Now ")
            story.setdefault(line.speaker, []).append(text)
        return story

    def test_an_update_is_lost_on_every_run(self) -> None:
        """Luck does not decide, because the order is arranged."""
        for _ in range(5):
            run = self.run_lab("--increments=1000")
            self.assert_said(
                run, "Worker 0", ["Loaded 0", r"Incremented .* 1 \(unsafe\)"]
            )
            self.assert_said(
                run, "Worker 1", ["Loaded 0", r"Incremented .* 1 \(unsafe\)"]
            )
            self.assert_before(
                run, "Worker 1: Loaded 0", r"Worker 0: Incremented .*"
            )
            self.assert_before(
                run,
                r"Main: Final counter value \(without lock\): 1",
                r"Main: Lost 1 of 2 updates \(50.0 %\)",
            )

    def test_each_order_of_two_workers_has_its_outcome(self) -> None:
        """All six, one run each."""
        outcomes = []
        for order in sorted(set(itertools.permutations("AABB"))):
            text = "".join(order)
            run = self.run_lab(f"--schedule={text}")
            outcomes.append(self.capture(run, r"Final counter value .*: (\d+)"))
            self.assertEqual(int(outcomes[-1]), final_value(text), text)
        self.assert_outcomes(outcomes, ["1", "2"])
        self.assertEqual(sorted(outcomes), ["1"] * 4 + ["2"] * 2)

    def test_the_orders_of_three_workers_are_counted(self) -> None:
        """90 orders, three outcomes, and a witness that can be played."""
        run = self.run_lab("--schedule=all", "--workers=3")
        found = {
            match[1]: int(match[2])
            for line in run.lines
            if (match := _OUTCOME.match(line.raw))
        }
        self.assert_outcomes(found, {"1": 48, "2": 36, "3": 6})
        for final, witness in zip(
            found, self.captures(run, r"orders, first in (\w+)")
        ):
            self.assertEqual(final_value(witness), int(final), witness)
            again = self.run_lab(f"--schedule={witness}")
            self.assert_count(
                again, rf"Main: Final counter value .*: {final}", 1
            )

    def test_an_order_that_does_not_fit_gets_one_clear_line(self) -> None:
        """For a character that is not a letter, too few steps, and too many."""
        for order, problem in (
            ("AB1B", "'1' is not a process"),
            ("ABA", "too short: B takes 2 steps, not 1"),
            ("ABABB", "too long: B takes 2 steps, not 3"),
        ):
            run = self.run_program(self.program(), f"--schedule={order}")
            self.assertEqual((run.status, run.lines), (2, ()))
            self.assertEqual(run.stderr.count("\n"), 1)
            self.assertIn(problem, run.stderr)

    def test_the_steps_are_in_the_event_log(self) -> None:
        """One point event for each stop, in the order that was asked for."""
        run = self.run_lab("--schedule=BABA")
        points = [
            (event.process, event.object)
            for event in run.events
            if event.kind == "point" and event.object != "start"
        ]
        self.assertEqual(
            points, [("Worker 1", "after load"), ("Worker 0", "after load")]
        )


if __name__ == "__main__":
    lab.main()

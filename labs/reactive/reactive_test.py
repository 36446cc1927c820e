"""Proves what the chapter on reactive values promises."""

import itertools
import re

from harness import lab

_STATE = r"^Sum: (Epoch \d+: \d+ \+ \d+ = \d+)"


class ReactiveTest(lab.LabTest):
    """No glitch in any order, and the newest value in place of a backlog."""

    compared_numbers = {
        "value is {} below the point where it wraps": lab.COUNTS_FROM,
        "checks its publisher after {} s": lab.RECHECK_S,
        "are told `died` within {} s": lab.RECHECK_S,
    }
    wrong = {
        "backlog": lab.Caught(
            by="output", saying="Slow saw 1, 2, 3, .* and not 1, 100"
        ),
        "glitchy_diamond": lab.Caught(
            by="output", saying=r"Epoch 2: 4 \+ 3 = 7: a glitch"
        ),
        "own_epochs": lab.Caught(
            by="output", saying=r"Epoch 2: 4 \+ 9 = 13: a glitch"
        ),
    }

    explored = (
        lab.Explored({"10": 252, "5 then 10": 796}),
        lab.Explored(
            {"10": 38, "5 then 10": 178},
            schedules=216,
            request={"reduce": True},
        ),
        *lab.Explored(
            {"sums of one epoch": 52, "a sum of two epochs": 38},
            variant="glitchy_diamond",
        ).both(),
        *lab.Explored(
            {
                "a sum of one change": 32,
                "a sum of two changes": 8,
                "epochs that differ": 20,
            },
            variant="own_epochs",
        ).both(),
    )

    def check(self, run: lab.Run) -> None:
        """Each state that is shown is of one epoch; Slow sees the newest."""
        for state in self.captures(run, _STATE):
            epoch, doubled, tripled, total = map(int, re.findall(r"\d+", state))
            self.assertEqual(
                (doubled, tripled, total),
                (2 * epoch, 3 * epoch, 5 * epoch),
                f"{state}: a glitch",
            )
        saw = self.captures(run, r"^Slow: Saw (\d+)")
        for newest in self.captures(run, r"^Source: Published 1 to (\d+)"):
            self.assertEqual(
                saw,
                ["1", newest],
                f"Slow saw {', '.join(saw)} and not 1, {newest}",
            )

    def test_no_order_shows_a_glitch(self) -> None:
        """All 90 orders of two steps of each process, and one narrated."""
        run = self.run_lab("--schedule=all")
        found = self.captures(run, r"^Main: Shown: (.*) in \d+ of 90 orders")
        self.assert_outcomes(found, ["5 then 10", "10"])
        run = self.run_lab("--schedule=AACBBC")
        self.assert_said(run, "Sum", ["Epoch 2: 4 + 6 = 10"])

    def test_the_half_that_has_come_first_waits_for_the_other(self) -> None:
        """In both orders of the two."""
        for pair in itertools.permutations("AB"):
            first, second = pair
            run = self.run_lab(f"--schedule=C{first * 2}C{second * 2}")
            self.check(run)
            self.assert_before(
                run,
                "Main: Sum has to wait for the Observable",
                "Sum: Epoch 2: 4 \\+ 6 = 10",
            )
            for value in ("Double: Publishing 4", "Triple: Publishing 6"):
                self.assert_before(
                    run, f"{value} of epoch 2", "Sum: Epoch 2: 4 \\+ 6 = 10"
                )

    def test_the_last_change_is_always_shown(self) -> None:
        """Act 2, also if there are too many to see each of them."""
        for changes in (0, 300):
            run = self.run_lab(f"--changes={changes}")
            self.check(run)
            last = self._act_two(run, "Sum")
            self.assertEqual(last[-1], "No state will follow")
            epochs = [
                int(text.split()[1].rstrip(":"))
                for text in last
                if text.startswith("Epoch")
            ]
            self.assertEqual(epochs, sorted(set(epochs)))
            self.assertEqual(epochs[-1], changes + 1)

    def test_when_a_subscriber_is_slow_it_sees_the_newest_value(self) -> None:
        """Act 3: the rest is counted, and the publisher's death reported."""
        for burst in (2, 100_000):
            run = self.run_lab(f"--burst={burst}")
            self.assert_said(
                run,
                "Slow",
                [
                    "Saw 1; 0 were replaced before that",
                    f"Saw {burst}; {burst - 2} were replaced before that",
                    f"The newest is still {burst}; its publisher: died",
                ],
            )

    def _act_two(self, run: lab.Run, speaker: str) -> list[str]:
        lines = [line.raw for line in run.lines]
        begin = next(i for i, x in enumerate(lines) if "Main: Act 2" in x)
        end = next(i for i, x in enumerate(lines) if "Main: Act 3" in x)
        return [
            line.text
            for line in run.lines[begin:end]
            if line.speaker == speaker
        ]


if __name__ == "__main__":
    lab.main()

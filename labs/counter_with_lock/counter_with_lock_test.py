"""Proves what the chapter on counting with a lock promises."""

import itertools
import re
from collections.abc import Sequence

from harness import lab
from harness.run import Line

_NOBODY_WAKES = "Worker 1 waits for a futex at .* that no process wakes"
_FINAL = r"Main: Final counter value \(with lock\): (\d+)"


class CounterWithLockTest(lab.LabTest):
    """The same counter; with a lock no order loses an update."""

    raw = True
    wrong = {
        "lock_per_process": lab.Caught(
            by="outcome", saying="outcome 1 was reached but not declared"
        ),
        "unlocked_too_early": lab.Caught(
            by="outcome", saying="outcome 1 was reached but not declared"
        ),
        "raw_lost_wakeup": lab.Caught(by="hang", saying=_NOBODY_WAKES),
        "raw_unknown_owner": lab.Caught(by="hang", saying=_NOBODY_WAKES),
    }

    explored = (
        *lab.Explored({"2": 4}, flags=("--workers=2",)).both(),
        *lab.Explored({"3": 42}, flags=("--workers=3",)).both(),
        # A worker that dies loses its own update, and no other.
        *lab.Explored({"2": 294, "3": 42}, request={"kills": 1}).both(),
        *lab.Explored({"1": 4, "2": 2}, variant="lock_per_process").both(),
        *lab.Explored({"1": 4, "2": 2}, variant="unlocked_too_early").both(),
    )

    def check(self, run: lab.Run) -> None:
        """Each part counts 1, 2, 3, ... up to its final value."""
        part: list[str] = []
        for line in run.lines:
            if counted := re.search(r"Incremented counter to (\d+)", line.text):
                part.append(counted[1])
            elif final := re.match(_FINAL, line.raw):
                self.assert_outcomes([final[1]], [str(len(part))])
                self.assertEqual(part, [str(i + 1) for i in range(len(part))])
                part = []

    def story(self, run: lab.Run) -> object:
        """What Main and the workers say; after "Now" their order is chance.

        raw.cc, which has no flags, plays the story of --kill after it.
        """
        return self._by_speaker(run.lines[: self._begin_of_last(run) or -1])

    def _begin_of_last(self, run: lab.Run) -> int:
        """Returns where the last arranged part begins."""
        orders = [line.raw == "Main: Order ABAB" for line in run.lines]
        return len(orders) - 1 - orders[::-1].index(True)

    def _by_speaker(self, lines: Sequence[Line]) -> dict[str, list[str]]:
        said: dict[str, list[str]] = {}
        is_arranged = True
        for line in lines:
            is_arranged &= not line.raw.startswith("Main: Now")
            text = line.text
            if not is_arranged and line.speaker != "Main":
                text = re.sub(r"\d+", "<n>", text)
            said.setdefault(line.speaker, []).append(text)
        return said

    def test_raw_plays_the_death_of_an_owner_too(self) -> None:
        """Its last part prints what the lab prints with --kill."""
        run = self.run_raw()
        last = run.lines[self._begin_of_last(run) :]
        killed = self.run_lab("--kill")
        self.assertEqual(self._by_speaker(last), self._by_speaker(killed.lines))

    def test_the_guides_five_workers_count_to_fifty(self) -> None:
        """Ten increments each, and every number from 1 to 50 once."""
        run = self.run_lab()
        self.check(run)
        self.assertEqual(self.captures(run, _FINAL), ["2", "50"])
        for number in range(5):
            counted = rf"Worker {number}: Incremented counter to \d+"
            self.assert_count(run, counted, 10 + (number < 2))

    def test_every_order_has_one_outcome_if_the_lock_is_held(self) -> None:
        """All six orders of two workers, all 90 of three."""
        for order in sorted(set(itertools.permutations("AABB"))):
            run = self.run_lab(f"--schedule={''.join(order)}")
            self.assert_outcomes(self.captures(run, _FINAL), ["2"])
        run = self.run_lab("--schedule=all", "--workers=3")
        finals = self.captures(run, r"Main: Final value (\d+ in \d+) of 90")
        self.assert_outcomes(finals, ["3 in 90"])

    def test_the_second_worker_waits_and_is_not_stuck(self) -> None:
        """The order asks for worker 1 while worker 0 holds the lock."""
        run = self.run_lab("--schedule=ABBA")
        waits = "Main: Worker 1 has to wait for the Lock"
        first, second = (
            f"Worker {i}: Incremented counter to {i + 1}" for i in (0, 1)
        )
        self.assert_before(run, waits, first)
        self.assert_before(run, first, second)

    def test_the_next_owner_is_told_that_the_last_one_died(self) -> None:
        """It was killed between load and store, with the lock held."""
        run = self.run_lab("--kill")
        self.assert_before(
            run,
            "Main: Worker 0 ended: killed by SIGKILL",
            "Worker 1: The last owner died inside the lock",
        )
        self.assert_outcomes(self.captures(run, _FINAL), ["1"])

    def test_only_the_next_owner_is_told(self) -> None:
        """It has repaired the data, so later owners find nothing broken."""
        run = self.run_lab("--kill", "--schedule=AABBCC")
        self.assert_count(run, "Worker .: The last owner died .*", 1)
        self.assert_outcomes(self.captures(run, _FINAL), ["2"])


if __name__ == "__main__":
    lab.main()

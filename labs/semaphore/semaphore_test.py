"""Proves what the chapter on semaphores promises."""

import re

from harness import lab

ACQUIRED = "Acquired the semaphore"
RELEASING = "Releasing the semaphore"


class SemaphoreTest(lab.LabTest):
    """Two permits: in no order three holders, and no log that shows three."""

    raw = True
    compared_numbers = {
        "{} counts before the wrap": lab.COUNTS_FROM,
        "within {} ms to one that is already asleep": lab.Source(
            "common/base/clock.h", "kRecheckSeconds = {};", 1000
        ),
    }
    wrong = {
        "raw_undone_release": lab.Caught(
            by="output", saying="3 holders of 2 permits at 'Worker 3:"
        ),
        "released_twice": lab.Caught(
            by="output", saying="3 holders of 2 permits"
        ),
        "said_too_late": lab.Caught(
            by="output", saying="3 holders of 2 permits"
        ),
        "lost_permit": lab.Caught(
            by="hang", saying="Heir waits for Semaphore 'the only permit'"
        ),
    }

    explored = (
        *lab.Explored({"1 at a time": 6, "2 at a time": 84}).both(),
        # A permit that is lost leaves one for the others.
        *lab.Explored(
            {"1 at a time": 42, "2 at a time": 402}, request={"kills": 1}
        ).both(),
        *lab.Explored(
            {"broken: 2 holders of 1 permit": 10, "1 at a time": 38},
            variant="released_twice",
        ).both(),
        *lab.Explored(
            {"broken: 3 holders of 2 permits": 60, "at most 2 holders": 600},
            variant="said_too_late",
        ).both(),
        *lab.Explored(
            {
                "deadlock: Heir waits for Semaphore 'the only permit'": 2,
                "nobody waits": 11,
            },
            variant="lost_permit",
        ).both(),
    )

    def story(self, run: lab.Run) -> object:
        """How many meet in act 2 is not the same in two runs."""
        return {
            line.speaker: [
                re.sub(r"(time:) \d", r"\1 <n>", text)
                for text in run.said(line.speaker)
            ]
            for line in run.lines
        }

    def check(self, run: lab.Run) -> None:
        """By the log alone, there are at most two holders at any line."""
        holders: set[str] = set()
        for line in run.lines:
            if line.text == ACQUIRED:
                holders.add(line.speaker)
            elif line.text.startswith(("Releasing ", "Released ")):
                holders.remove(line.speaker)
            self.assertLessEqual(
                len(holders),
                2,
                f"{len(holders)} holders of 2 permits at '{line.raw}'",
            )
        self.assertEqual(holders, set())
        for most in self.captures(run, r"Main: Most holders at a time: (\d+)"):
            self.assertIn(most, ("1", "2"))

    def test_the_guides_five_workers_get_a_permit_each(self) -> None:
        """In whatever order, and the third of act 1 has to wait."""
        run = self.run_lab()
        for worker in range(5):
            times = 1 + (worker < 3)
            for text in (ACQUIRED, RELEASING):
                self.assert_count(run, f"Worker {worker}: {text}", times)
        waits = "Main: Worker 2 has to wait for the Semaphore"
        self.assert_before(run, waits, f"Worker 0: {RELEASING}")
        self.assert_before(
            run, f"Worker 0: {RELEASING}", f"Worker 2: {ACQUIRED}"
        )

    def test_no_order_of_three_workers_has_three_holders(self) -> None:
        """All 90; in some of them two hold a permit at the same time."""
        run = self.run_lab("--schedule=all")
        found = self.captures(run, r"Main: Most holders (\d in \d+) of 90")
        self.assert_outcomes(found, ["1 in 6", "2 in 84"])

    def test_twenty_workers_hold_at_most_two_permits_at_a_time(self) -> None:
        """With pauses, so that they do meet."""
        run = self.run_lab("--workers=20", "--pace=0.01")
        self.check(run)
        self.assert_count(run, f".*: {RELEASING}", 23)

    def test_only_a_bounded_semaphore_outlives_its_holder(self) -> None:
        """Both permits are lost, or both come back."""
        run = self.run_lab()
        gave_up, acquired = "Main: Gave up", "Main: Acquired a permit of.*"
        self.assert_before(run, "Main: Act 3.*", gave_up)
        self.assert_before(run, gave_up, "Main: Act 4.*")
        self.assert_before(run, "Main: Act 4.*", acquired)
        left = self.captures(run, r"Main: Permits left: (\d of \d)")
        self.assertEqual(left, ["0 of 2", "2 of 2"])


if __name__ == "__main__":
    lab.main()

"""Proves what the chapter on the granularity of locks promises."""

from harness import lab

SPREAD = r"[\d.]+ \([\d.]+ to [\d.]+\)"
COUNTERS = 64


class LockGranularityTest(lab.LabTest):
    """One lock, many locks, or none, and always the same total."""

    wrong = {
        "torn_total": lab.Caught(
            by="outcome", saying="outcome 90 was reached but not declared"
        ),
        "other_lock": lab.Caught(
            by="outcome", saying="outcome 1 was reached but not declared"
        ),
        "parts_overlap": lab.Caught(
            by="outcome", saying="outcome 8 was reached but not declared"
        ),
    }

    explored = (
        *lab.Explored(
            {"2, nobody waits": 2, "2, one waits": 2}, scenario="one_lock"
        ).both(),
        *lab.Explored({"2, nobody waits": 6}, scenario="lock_each").both(),
        *lab.Explored(
            {"2, nobody waits": 2, "2, one waits": 2}, scenario="same_counter"
        ).both(),
        *lab.Explored(
            {"2, nobody waits": 2, "2, one waits": 2}, scenario="own_counts"
        ).both(),
        *lab.Explored(
            {"1, nobody waits": 2, "1, one waits": 2}, scenario="total"
        ).both(),
        *lab.Explored({"1 of 2": 4, "2 of 2": 2}, variant="other_lock").both(),
        *lab.Explored(
            {"8 of 9": 4, "9 of 9": 2}, variant="parts_overlap"
        ).both(),
        *lab.Explored(
            {"90 of 100": 1, "100 of 100": 2}, variant="torn_total"
        ).both(),
    )

    def check(self, run: lab.Run) -> None:
        """Each total is what it should be."""
        totals = self.captures(run, r"[Tt]otal (\d+ of \d+)")
        for total in totals:
            found, expected = total.split(" of ")
            self.assert_outcomes([found], [expected])
        self.assertTrue(totals)

    def test_finer_locks_are_waited_for_in_fewer_orders(self) -> None:
        """Counted in all six, and the same on every run."""
        run = self.run_lab("--updates=1", "--rounds=1")
        self.assertEqual(
            self.captures(run, "Main: (.*): one waits in (.*) of 6 orders"),
            [
                "One lock, two counters",
                "A lock for each, two counters",
                "A lock for each, the same counter",
            ],
        )
        self.assertEqual(
            self.captures(run, "one waits in (.*) of 6 orders"),
            ["4", "0", "4"],
        )

    def test_locks_are_taken_as_often_as_the_way_demands(self) -> None:
        """Once for each update, or once for each worker."""
        for workers, updates in ((1, 1), (2, 300), (5, 100)):
            run = self.run_lab(
                f"--workers={workers}", f"--updates={updates}", "--rounds=1"
            )
            self.check(run)
            number = workers * updates
            for way, calls in (
                ("One lock", number),
                ("A lock for each", number),
                ("Own counts", workers),
            ):
                counted = self.captures(
                    run, rf"Main: {way}: total {number} of .*, (\d+) lock calls"
                )
                self.assertEqual(counted, [str(calls)])
                waits = self.capture(run, rf"Main: {way}: .* (\d+) waits")
                self.assertLessEqual(int(waits), calls if workers > 1 else 0)

    def test_a_total_takes_all_locks_there_are(self) -> None:
        """Act 3: one, or one for each counter."""
        run = self.run_lab("--updates=1", "--rounds=1")
        self.assertEqual(
            self.captures(run, r": lock calls (\d+)"), ["1", str(COUNTERS)]
        )

    def test_times_are_shown_with_their_spread(self) -> None:
        """Whatever they are."""
        run = self.run_lab("--updates=100", "--rounds=3")
        for name in ("A lock for each is", "Own counts are"):
            self.assert_count(run, f"Main: {name} {SPREAD} times as fast", 1)


if __name__ == "__main__":
    lab.main()

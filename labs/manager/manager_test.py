"""Proves what the chapter on the manager promises."""

from harness import lab

_TOTAL = r"Main: With (?:one call|a lock): 2 updates, total (\d+)"


class ManagerTest(lab.LabTest):
    """Workers share a dictionary, a list and a lock of a server."""

    compared_numbers = {
        "the workers report {} times": lab.Lines(
            r"Worker .: Updated shared data:", act=2
        ),
    }
    wrong = {
        "read_then_write": lab.Caught(
            by="outcome", saying="outcome 1 was reached but not declared"
        ),
        "lock_per_worker": lab.Caught(
            by="outcome", saying="outcome 1 was reached but not declared"
        ),
        "changed_copy": lab.Caught(
            by="output", saying="the list does not grow by one"
        ),
    }

    explored = (
        lab.Explored({"total 1": 4, "total 2": 2}, scenario="two calls"),
        lab.Explored({"total 2": 2}, scenario="one call"),
        lab.Explored({"total 2": 4}, scenario="a lock"),
        lab.Explored({"total 1": 4, "total 2": 2}, variant="read_then_write"),
        lab.Explored({"total 1": 4, "total 2": 2}, variant="lock_per_worker"),
    )

    def check(self, run: lab.Run) -> None:
        """No update is lost, and what is said in the lock stays together."""
        totals = self.captures(run, _TOTAL)
        if totals:
            self.assert_outcomes(totals, ["2"])
        lengths = self.captures(run, r"  - List length: (\d+)")
        expected = [str(i + 1) for i in range(len(lengths))]
        self.assertEqual(lengths, expected, "the list does not grow by one")
        for speaker in {line.speaker for line in run.lines} - {"Main"}:
            mine = rf"^{speaker}:   - My counter: (\d+)"
            counts = self.captures(run, mine)
            self.assertEqual(counts, [str(i + 1) for i in range(len(counts))])
        for i, line in enumerate(run.lines):
            if line.text == "Updated shared data:":
                block = {each.speaker for each in run.lines[i : i + 3]}
                self.assertEqual(block, {line.speaker}, "others talk between")

    def test_other_updates_may_come_between_two_calls(self) -> None:
        """In an order, so on every run."""
        run = self.run_lab()
        self.check(run)
        self.assert_count(run, "With two calls: 2 updates, total 1", 1)
        self.assertEqual(self.captures(run, _TOTAL), ["2", "2"])
        self.assert_before(
            run, "Main: Worker 1 has to wait for the Lock", "Worker 1: Set.* 2"
        )

    def test_three_workers_make_fifteen_items(self) -> None:
        """As in the guide: 5 rounds each, 15 items, counters of 5."""
        run = self.run_lab()
        self.check(run)
        for worker in range(3):
            self.assert_count(run, rf"Main:   - worker_{worker}: 5", 1)
            for i in range(5):
                item = rf"Main:   - Item from worker {worker}, iteration {i}"
                self.assert_count(run, item, 1)
        self.assert_count(run, "Main:   - total: 15", 1)
        self.assert_count(run, r"Worker \d: Updated shared data:", 15)

    def test_the_next_owner_learns_of_the_death_and_repairs(self) -> None:
        """The half update of the dead worker is not counted."""
        run = self.run_lab("--workers=2", "--rounds=3")
        self.check(run)
        death = "Main: Worker 2: killed by SIGKILL, with the lock"
        told = (
            r"Worker \d: The last owner died with the lock; I repair the data"
        )
        self.assert_before(run, death, told)
        self.assert_count(run, told, 1)
        self.assert_before(run, told, r"Worker \d: Updated shared data:")
        self.assert_count(run, "Main:   - worker_2: 0", 1)
        self.assert_count(run, "Main:   - total: 6", 1)


if __name__ == "__main__":
    lab.main()

"""Proves what the chapter on deadlocks promises."""

from harness import lab


def circle(*names: str) -> str:
    """Returns how the harness reports processes that wait for each other."""
    return "in a circle: " + " -> ".join((*names, names[0]))


def stuck(*wanted: str) -> str:
    """Returns the deadlock in which each waits for what the next one holds."""
    count = len(wanted)
    return "deadlock: " + "; ".join(
        f"Worker {i} waits for Lock '{name}', held by Worker {(i + 1) % count}"
        for i, name in enumerate(wanted)
    )


class DeadlockTest(lab.LabTest):
    """A circle of transfers stands still; there are two cures."""

    compared_numbers = {
        "wakes every {} s": lab.RECHECK_S,
    }
    wrong = {
        "opposite_order": lab.Caught(
            by="hang",
            saying="Worker 0 waits for Lock 'account B', held by Worker 1"
            rf"[\s\S]*{circle('Worker 0', 'Worker 1')}",
        ),
        "circle_of_three": lab.Caught(
            by="hang", saying=circle("Worker 0", "Worker 1", "Worker 2")
        ),
        "join_with_lock": lab.Caught(
            by="hang",
            saying="Main waits in poll for its child"
            rf"[\s\S]*{circle('Main', 'Worker 0')}",
        ),
    }

    explored = (
        *lab.Explored(
            {stuck("B", "A"): 4, "all came to an end": 2},
            scenario="own_first",
        ).both(),
        *lab.Explored(
            {stuck("B", "C", "A"): 48, "all came to an end": 54},
            scenario="own_first",
            flags=("--processes=3",),
        ).both(),
        *lab.Explored({"all came to an end": 4}, scenario="lower_first").both(),
        *lab.Explored(
            {"all came to an end": 66},
            scenario="lower_first",
            flags=("--processes=3",),
        ).both(),
        *lab.Explored(
            {
                stuck("account B", "account A"): 4,
                "both came to an end": 2,
            },
            variant="opposite_order",
        ).both(),
        *lab.Explored(
            {
                stuck("account B", "account C", "account A"): 48,
                "all came to an end": 54,
            },
            variant="circle_of_three",
        ).both(),
        *lab.Explored(
            {
                "deadlock: Main waits for Event 'end of the worker'; "
                "Worker 0 waits for Lock 'account A', held by Main": 1,
                "both came to an end": 1,
            },
            variant="join_with_lock",
        ).both(),
    )

    def check(self, run: lab.Run) -> None:
        """All money is there, and no process failed."""
        count = len(set(self.captures(run, "^(Worker .): Holds")))
        if count:  # A wrong variant may print no accounts.
            self.assert_count(
                run, f"Main: The accounts hold {100 * count} together", 1
            )
        self.assert_never(run, "failed")

    def _act(self, run: lab.Run, number: int) -> list[str]:
        lines = [line.raw for line in run.lines]
        starts = [i for i, line in enumerate(lines) if "Main: Act " in line]
        starts.append(len(lines))
        return lines[starts[number - 1] + 1 : starts[number]]

    def test_two_and_more_stand_still_if_each_takes_its_own_first(self) -> None:
        """Act 1: all have one lock, all wait, and none moves anything."""
        for count in (2, 5):
            run = self.run_lab(f"--processes={count}")
            lines = self._act(run, 1)
            for i in range(count):
                held, wanted = (chr(65 + k % count) for k in (i, i + 1))
                holds = f"Worker {i}: Holds {held}, wants {wanted}"
                waits = f"Main: Worker {i} has to wait for the Lock"
                self.assertLess(lines.index(holds), lines.index(waits))
            self.assertTrue(
                lines[-1].startswith("Main: no process can go on: ")
            )
            self.assertEqual(lines[-1].count("waits for the Lock"), count)
            self.assertFalse([line for line in lines if "Moved" in line])

    def test_the_same_order_ends_if_all_take_the_lower_first(self) -> None:
        """Act 2: the last one has to wait before it holds anything."""
        for count in (2, 3):
            lines = self._act(self.run_lab(f"--processes={count}"), 2)
            self.assertEqual(sum("Moved" in line for line in lines), count)
            last = f"Worker {count - 1}: Holds A, wants {chr(64 + count)}"
            first = "Worker 0: Moved 10 from A to B"
            self.assertLess(lines.index(first), lines.index(last))

    def test_whichever_worker_gives_up_the_other_continues(self) -> None:
        """Act 3: each moves its money once, after its neighbour gave up."""
        for count in (2, 5):
            run = self.run_lab(f"--processes={count}")
            lines = self._act(run, 3)
            moved = [line for line in lines if "Moved" in line]
            self.assertEqual(len(set(moved)), count)
            self.assertEqual(len(moved), count)
            first = int(moved[0].split(":")[0].removeprefix("Worker "))
            neighbour = (first + 1) % count
            gives_up = f"Worker {neighbour}: Gives {chr(65 + neighbour)} up"
            self.assertLess(lines.index(gives_up), lines.index(moved[0]))
            self.check(run)

    def test_no_order_is_a_deadlock_if_all_take_the_lower_first(self) -> None:
        """In all orders; some orders are, if all take their own first."""
        run = self.run_lab("--processes=3", "--schedule=all")
        self.assert_outcomes(
            self.captures(run, "Main: (.* in .* of .*) orders, first in"),
            [
                "Own account first: a deadlock in 48 of 90",
                "Own account first: no deadlock in 42 of 90",
                "Lower letter first: no deadlock in 90 of 90",
            ],
        )

    def test_the_death_of_one_ends_the_deadlock(self) -> None:
        """The next owner is told, and all other transfers come to an end."""
        for count in (2, 3):
            run = self.run_lab(f"--processes={count}", "--kill")
            self.check(run)
            heir = f"Worker {count - 1}"
            told = f"{heir}: The owner of A died before it moved anything"
            self.assert_before(
                run, "Main: No worker can continue. Killing Worker 0", told
            )
            self.assert_before(run, told, f"{heir}: Moved 10 .*")
            self.assert_count(run, "Worker .: Moved .*", count - 1)
            self.assert_never(run, "Worker 0: Moved")


if __name__ == "__main__":
    lab.main()

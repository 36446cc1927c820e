"""Proves what the chapter on reusing processes promises."""

import re

from harness import lab

TOLD = r"Main: (.*): (\d+) tasks in (\d+) processes, (\d+) began in a new one"
TIME = r"[\d.]+ (s|ms|us|ns) \([\d.]+ to [\d.]+ (s|ms|us|ns)\)"


def primes_below(limit: int) -> int:
    """Returns how many primes there are."""
    return sum(all(n % d for d in range(2, n)) for n in range(2, limit))


class PoolReuseTest(lab.LabTest):
    """Who did the tasks; never how fast, which is shown and not judged."""

    known_numbers = {
        "301": "one less than the 302 that a try has seen",
    }
    wrong = {
        "pool_for_each_call": lab.Caught(
            by="output", saying="a pool of 1 had 5 processes"
        ),
        "kept_variable": lab.Caught(
            by="output", saying="'92 primes below 200', not 46"
        ),
    }

    def check(self, run: lab.Run) -> None:
        """A pool has no more processes than its size, and right answers."""
        for line in run.lines:
            match = re.fullmatch(TOLD, line.raw)
            size = match and re.search(r"pool of (\d+)", match[1])
            if match and size:
                self.assertLessEqual(
                    int(match[3]),
                    int(size[1]),
                    f"a pool of {size[1]} had {match[3]} processes",
                )
            told = re.fullmatch(r"(\d+) primes below (\d+)", line.text)
            if told:
                right = primes_below(int(told[2]))
                self.assertEqual(
                    int(told[1]), right, f"'{line.text}', not {right}"
                )

    def told(self, run: lab.Run, how: str) -> tuple[int, int, int]:
        """Returns tasks, processes, and how many began in a new one."""
        for line in run.lines:
            match = re.fullmatch(TOLD, line.raw)
            if match and match[1] == how:
                return int(match[2]), int(match[3]), int(match[4])
        raise self.failureException(
            f"no line about '{how}'\n{run.transcript()}"
        )

    def test_each_task_has_its_process_and_the_pool_has_two(self) -> None:
        """A process that does one task finds all as it was in the parent."""
        run = self.run_lab("--rounds=1")
        self.assertEqual(self.told(run, "A process each"), (40, 40, 40))
        tasks, processes, found_new = self.told(run, "A pool of 2")
        self.assertEqual(tasks, 40)
        self.assertIn(processes, (1, 2))
        self.assertEqual(found_new, processes)

    def test_the_second_call_of_the_pool_finds_few_processes_new(self) -> None:
        """Only a worker that had no task in the first call is new still."""
        for _ in range(10):
            # Enough for both workers to wake up before all are done.
            run = self.run_lab("--rounds=1", "--tasks=300")
            _, first, _ = self.told(run, "A pool of 2")
            _, second, found_new = self.told(run, "The same pool")
            self.assertLessEqual(first + found_new, 2)
            if found_new < second:
                return
        # One worker may do all of a call, and the other one all of the next;
        # but not each time.
        self.fail("the second call never found a worker of the first")

    def test_times_are_told_with_their_spread(self) -> None:
        """Of both ways, and of four sizes; and the ratio."""
        run = self.run_lab("--rounds=3", "--tasks=10")
        self.assert_count(run, f"Main: A process each: {TIME}", 1)
        self.assert_count(run, f"Main: A pool of \\d: {TIME}", 5)
        self.assert_count(
            run, r"Main: The pool is [\d.]+ \([\d.]+ to [\d.]+\) times .*", 1
        )

    def test_one_task_and_many(self) -> None:
        """The least, and more than there are workers by far."""
        for tasks in (1, 300):
            run = self.run_lab(f"--tasks={tasks}", "--rounds=1", "--limit=2")
            self.assertEqual(
                self.told(run, "A process each"), (tasks, tasks, tasks)
            )


if __name__ == "__main__":
    lab.main()

"""Proves what the chapter on distributing tasks promises."""

import re

from harness import lab

_BOOKS = r"Collector: In the books: (\d+ of \d+) tasks, each done once"
_FACT = r"Collector: In fact: (begun \d+ times, done \d+ times)"


class TaskDistributionTest(lab.LabTest):
    """Workers are killed, and every task is done."""

    raw = True
    wrong = {
        "counted_markers": lab.Caught(
            by="hang", saying=r"Worker \d waits for a message in Queue 'tasks'"
        ),
        "counted_results": lab.Caught(
            by="output", saying="BAD     '0'\n(?s:.*)MISSING '2'"
        ),
        "no_redelivery": lab.Caught(
            by="hang",
            saying="Collector waits for a message in Queue 'results'",
        ),
        "raw_no_redelivery": lab.Caught(
            by="hang", saying="Collector waits in recvfrom"
        ),
    }

    # A process that puts a task may find it done, and the queue closed.
    explored = (
        lab.Explored(
            {"begun 1 times, 1 results": 29}, flags=("--tasks=1", "--kills=0")
        ),
    )

    def story(self, run: lab.Run) -> object:
        """All lines, in no order: whose turn it is differs in each run.

        So does how much each worker has done. Tasks take no time in raw.cc, and
        are all of one type.
        """
        lines = (
            re.sub(
                r"([Ww]orker|processing) \d+|\(\w+\)|[\d.]+ seconds",
                r"\1",
                line.raw,
            )
            for line in run.lines
        )
        return sorted(lines)

    def entered(self, run: lab.Run) -> list[str]:
        """Returns the tasks that were entered in the books, in order."""
        return self.captures(
            run, r"^Collector: Received result for task (\d+) from worker \d+$"
        )

    def check(self, run: lab.Run) -> None:
        """Every task is in the books once, and was worked on before."""
        created = self.captures(run, r": Created task (\d+)$")
        self.assertEqual(sorted(self.entered(run)), sorted(created))
        for task in created:
            work = rf"Worker \d+: Processing task {task} \(\w+\)"
            self.assert_before(run, f".*: Created task {task}", work)
            received = f"Collector: Received result for task {task} .*"
            self.assert_before(run, work, received)

    def assert_accounts(self, run: lab.Run, books: str, fact: str) -> None:
        """The books and the facts are these, and the lines agree."""
        self.check(run)
        self.assertEqual(self.capture(run, _BOOKS), books)
        self.assertEqual(self.capture(run, _FACT), fact)
        begun = self.captures(run, r"^Worker \d+: Processing task \d+")
        received = self.captures(run, r"^Collector: Received result for task")
        counted = f"begun {len(begun)} times, done {len(received)} times"
        self.assertEqual(counted, fact)

    def test_three_workers_are_killed_and_nothing_is_lost(self) -> None:
        """Before the claim, in the middle, and before the acknowledgement."""
        run = self.run_lab()
        self.assert_accounts(run, "20 of 20", "begun 22 times, done 21 times")
        self.assert_count(run, r"Main: Worker \d+ was killed by SIGKILL", 3)
        for task, begun in (("3", 1), ("7", 2), ("11", 2)):
            work = rf"Worker \d+: Processing task {task} \(\w+\)"
            self.assert_count(run, work, begun)
        put_back = self.captures(run, r"^Main: Task (\d+) is put back")
        self.assertEqual(sorted(put_back), ["11", "7"])
        again = self.captures(run, r"result for task (\d+) .* again")
        self.assertEqual(again, ["11"])

    def test_without_a_death_everything_is_done_once(self) -> None:
        """Nothing is put back, and nothing done twice."""
        run = self.run_lab("--kills=0")
        self.assert_accounts(run, "20 of 20", "begun 20 times, done 20 times")
        self.assert_never(run, "put back|again|killed")

    def test_the_end_reaches_more_workers_than_there_are_tasks(self) -> None:
        """All are told, whatever their number, and end."""
        run = self.run_lab("--workers=9", "--tasks=4", "--kills=1")
        self.assert_accounts(run, "4 of 4", "begun 4 times, done 4 times")
        self.assert_count(run, r"Worker \d: The tasks are closed", 9)

    def test_one_worker_at_a_time_does_it_all(self) -> None:
        """No other worker is there when it dies."""
        run = self.run_lab("--workers=1")
        self.assert_accounts(run, "20 of 20", "begun 22 times, done 21 times")
        finished = self.captures(run, r"Finished after processing (\d+) tasks")
        self.assertEqual(len(finished), 1, "the other three were killed")

    def test_every_worker_finishes_after_what_it_has_acknowledged(self) -> None:
        """What all workers count together is the number of tasks."""
        run = self.run_lab("--kills=0", "--workers=5")
        finished = self.captures(run, r"Finished after processing (\d+) tasks")
        self.assertEqual(sum(int(count) for count in finished), 20)
        self.assertEqual(len(finished), 5)

    def test_the_seed_decides_the_processing_time(self) -> None:
        """The sum is of the tasks in the books, and not of the clock."""
        times = {
            self.capture(
                self.run_lab("--seed=1", flag),
                r"Total processing time: ([\d.]+) seconds",
            )
            for flag in ("--kills=0", "--kills=3", "--workers=3")
        }
        self.assertEqual(len(times), 1, times)


if __name__ == "__main__":
    lab.main()

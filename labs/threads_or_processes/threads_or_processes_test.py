"""Proves what the chapter on threads and processes promises."""

from harness import lab

SPREAD = r"[\d.]+ \([\d.]+ to [\d.]+\)"
WAYS = ("Processes", "Threads", "One thread and poll")


class ThreadsOrProcessesTest(lab.LabTest):
    """What they share, what a crash costs, and who can wait."""

    wrong = {
        "crew_of_threads": lab.Caught(
            by="output",
            saying="one worker has crashed, and 0 of 3 results are there",
        ),
        "fork_with_threads": lab.Caught(
            by="hang",
            saying="Child waits for a futex at .* that no process wakes",
        ),
        "one_after_the_other": lab.Caught(
            by="hang", saying=r"Main waits .*(?s:.*)Server waits "
        ),
    }

    def check(self, run: lab.Run) -> None:
        """A crash takes only its own result with it; all get an answer."""
        for answers in self.captures(run, r"Main: .*: (\d+ of \d+) answers"):
            found, asked = answers.split(" of ")
            self.assertEqual(int(found), int(asked), f"{answers} answers")
        for counts in self.captures(run, r"Main: Processes: (.*) results"):
            status, left, _, total = counts.rsplit(" ", 3)
            self.assertEqual(
                int(left),
                int(total) - 1,
                f"one worker has crashed, and {left} of {total} results are "
                "there",
            )
            self.assertEqual(status, "killed by SIGSEGV,")

    def test_only_a_thread_writes_to_its_parents_memory(self) -> None:
        """Act 1: the same assignment, twice."""
        run = self.run_lab("--rounds=1")
        self.assert_count(run, "Main: A thread has set my number to 42", 1)
        self.assert_count(run, "Main: A process has left my number at 7", 1)

    def test_a_crash_ends_a_worker_or_the_whole_crew(self) -> None:
        """Act 2: whichever of them it is."""
        for unlucky in range(3):
            run = self.run_lab(f"--unlucky={unlucky}", "--rounds=1")
            for way, left in (("Threads", 0), ("Processes", 2)):
                line = f"{way}: killed by SIGSEGV, {left} of 3 results"
                self.assert_count(run, f"Main: {line}", 1)

    def test_all_three_ways_get_every_answer(self) -> None:
        """Act 3: one question, and many."""
        for count in (1, 20):
            run = self.run_lab(f"--questions={count}", "--rounds=2")
            for way in WAYS:
                self.assert_count(
                    run, f"Main: {way}: {count} of {count} answers", 1
                )
            for way in WAYS[1:]:
                self.assert_count(
                    run,
                    rf"Main: {way}: {SPREAD} times as fast as processes",
                    1,
                )


if __name__ == "__main__":
    lab.main()

"""Proves what the chapter on MPI jobs promises."""

from harness import lab

SUM = 8765904833.1667  # Of a million numbers, as one process adds them up.
PARTS = ("1 to 333334", "333335 to 666667", "666668 to 1000000")


class ClusterTest(lab.LabTest):
    """A job whose ranks sum a million numbers, and the death of a rank."""

    wrong = {
        "ignored_status": lab.Caught(
            by="output", saying="nothing matches 'has the sum"
        ),
        "lost_remainder": lab.Caught(
            by="output", saying="the sum is that of all numbers"
        ),
    }

    tolerates = {
        "Worker .*": "the pool forks another one",
    }

    def check(self, run: lab.Run) -> None:
        """Each sum that is printed is that of all the numbers."""
        self.capture(run, r"has the sum ([\d.]+)")
        for found in self.captures(run, r"has the sum ([\d.]+)"):
            self.assertAlmostEqual(
                float(found), SUM, delta=1, msg="the sum is that of all numbers"
            )
        if run.said("Main")[0].startswith("Act 1"):
            self._check_acts(run)

    def _check_acts(self, run: lab.Run) -> None:
        job = [
            f"rank 0 has summed {PARTS[0]}",
            r"rank 0 has the sum [\d.]+",
            f"rank 1 has summed {PARTS[1]}",
            f"rank 2 has summed {PARTS[2]}",
            "mpirun: exit status 0; 3 of 3 ranks finished",
        ]
        self.assert_said(
            run,
            "Main",
            [
                "Act 1: 3 ranks, and all of them live",
                *job,
                "Act 2: rank 1 is killed when its part is done",
                "mpirun: exit status 137; 0 of 3 ranks finished",
                "There is no sum, and nothing is left of the other parts",
                "Act 3: the job is run again, from the beginning",
                *job,
                "One death: 6 parts were summed; 3 would have been enough",
                "Act 4: a pool, and the worker of part 1 is killed",
                "One death: 4 parts were summed; 3 would have been enough",
                "PASS",
            ],
        )

    def test_whichever_rank_is_killed_no_other_ends(self) -> None:
        """Also if it is the rank that prints the sum, or the last rank."""
        for rank in (0, 2):
            run = self.run_lab("--numbers=1000", f"--dies={rank}")
            self.assert_count(
                run,
                "Main: mpirun: exit status 137; 0 of 3 ranks finished",
                1,
            )

    def test_each_number_is_in_one_part(self) -> None:
        """However many ranks there are, even if some have nothing to do."""
        for ranks, numbers in ((1, 10), (3, 2), (4, 10), (5, 1000)):
            run = self.run_lab(
                f"--numbers={numbers}", f"--ranks={ranks}", "--dies=0"
            )
            ends = [
                tuple(map(int, text.split(" to ")))
                for text in self.captures(run, r"has summed (\d+ to \d+)")
            ]
            self.assertEqual(len(ends), 2 * ranks)
            counted = [n for a, b in ends for n in range(a, b + 1)]
            wanted = sorted(2 * list(range(1, numbers + 1)))
            self.assertEqual(sorted(counted), wanted)

    def test_a_rank_that_is_not_there_cannot_be_killed(self) -> None:
        """One clear line says so."""
        run = self.run_program(self.program(), "--ranks=2", "--dies=2")
        self.assertEqual(run.status, 1)
        self.assertEqual(run.said("Main"), ["FAIL there is no rank 2 of 2"])

    def test_a_rank_that_the_lab_did_not_start_says_so(self) -> None:
        """As by `mpirun bazel-bin/labs/cluster/cluster`: one clear line."""
        run = self.run_program(
            self.program(), env={"OMPI_COMM_WORLD_RANK": "0"}, events=False
        )
        self.assertEqual((run.status, run.lines, run.leaks), (2, (), ()))
        self.assertRegex(run.stderr, "^.*: started by mpirun, but .*\n$")

    def test_a_missing_file_of_hosts_is_reported(self) -> None:
        """With what mpirun says about it."""
        run = self.run_program(self.program(), "--hosts=/no/such/file")
        self.assertEqual(run.status, 1)
        self.assertRegex(run.lines[-1].raw, "Main: FAIL the job failed: .+")


if __name__ == "__main__":
    lab.main()

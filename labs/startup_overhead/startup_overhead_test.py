"""Proves what the chapter on the overhead of a start promises."""

import os

from harness import lab

SPREAD = r"[\d.]+ \([\d.]+ to [\d.]+\)"
PAGES_PER_MIB = 256
QUICK = ("--starts=1", "--rounds=1")


class StartupOverheadTest(lab.LabTest):
    """What a child gets, when it pays, and what a start costs."""

    compared_numbers = {
        "It copies {} entries": lab.Source(
            "main.cc", "int megabyte_count = {};", 1 / 2
        ),
    }
    wrong = {
        "buffered_before_fork": lab.Caught(
            by="output", saying="Main: Act 1: .* must be said once, not 2 times"
        ),
        "never_reaped": lab.Caught(by="leak", saying="zombie"),
        "status_ignored": lab.Caught(
            by="output",
            saying="a program that is not there was started",
        ),
    }

    def check(self, run: lab.Run) -> None:
        """A line is said once, and only what is there can be started."""
        for line in sorted({line.raw for line in run.lines}):
            count = sum(other.raw == line for other in run.lines)
            self.assertEqual(
                count, 1, f"{line} must be said once, not {count} times"
            )
        if self.captures(run, "Main: (Spawn): .*"):
            other = self.rerun(run, "--program=/no/such/program")
            self.assertEqual(
                self.captures(other, "Main: (Spawn): .*"),
                [],
                "a program that is not there was started",
            )

    def test_a_child_gets_the_page_tables_and_pays_when_it_writes(self) -> None:
        """Act 1, by the counts of the kernel."""
        if "TSAN_OPTIONS" in os.environ:
            self.skipTest("the thread sanitizer has pages of its own")
        for megabytes in (16, 64):
            run = self.run_lab(f"--megabytes={megabytes}", *QUICK)
            pages = megabytes * PAGES_PER_MIB
            read = self.capture(run, rf"Child: {pages} pages read: (\d+) .*")
            written = self.capture(
                run, rf"Child: {pages} pages written: (\d+) .*"
            )
            self.assertLess(int(read), pages // 4)
            self.assertGreaterEqual(int(written), pages)
            added = self.capture(run, r"Main: The ballast adds (\d+) KiB .*")
            self.assertGreaterEqual(int(added), 2 * megabytes - 8)

    def test_every_kind_of_start_is_compared_with_itself(self) -> None:
        """Whatever the figures are."""
        run = self.run_lab("--starts=2", "--rounds=3")
        for kind in ("Thread", "Fork", "Spawn"):
            line = rf"Main: {kind}: {SPREAD} times as expensive with ballast"
            self.assert_count(run, line, 1)

    def test_a_program_that_cannot_be_started_is_an_error(self) -> None:
        """Not a fast start."""
        run = self.run_lab("--program=/no/such/program", *QUICK, clean=False)
        self.assertEqual(run.status, 1)
        self.assert_count(run, "Main: FAIL .*No such file or directory.*", 1)
        run = self.run_lab("--program=/bin/false", *QUICK, clean=False)
        self.assert_count(run, "Main: FAIL /bin/false failed", 1)


if __name__ == "__main__":
    lab.main()

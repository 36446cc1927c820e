"""Proves what the chapter on debugging promises."""

import re

from harness import lab

_STAMPED = r"(-?[\d.]+) s, pid (\d+): (.*)"
_STEPS = ("sent", "began", "ended", "got the result of")


class DebuggingTest(lab.LabTest):
    """What processes do can be seen from outside, and in order."""

    compared_numbers = {
        "waits for the answer for at most {} s": lab.Source(
            "examine.cc", "kLimitS = {};"
        ),
        "and the hog {} MiB more": lab.Source(
            "patients.h", "kHogBytes = {};", 2**-20
        ),
    }
    wrong = {
        "buffered_log": lab.Caught(
            by="output", saying="job 1 was sent and never begun"
        ),
        "clock_set_back": lab.Caught(
            by="output", saying="job 1: 'began' is not after 'sent'"
        ),
        "no_deadline": lab.Caught(
            by="hang",
            saying="(?s)Main waits in poll for data .*, held by Mute.*"
            "Mute waits in read .*Mute itself",
        ),
    }

    def check(self, run: lab.Run) -> None:
        """In the log each job's steps are in order; each pid has one name."""
        stamps: dict[str, dict[str, float]] = {}
        speakers: dict[str, str] = {}
        for line in run.lines:
            found = re.fullmatch(_STAMPED, line.text)
            if not found:
                continue
            speaker = speakers.setdefault(found[2], line.speaker)
            self.assertEqual(speaker, line.speaker, "two names of one process")
            step, _, job = found[3].partition(" job ")
            if job:
                stamps.setdefault(job, {})[step] = float(found[1])
        for job, times in stamps.items():
            self.assertIn("began", times, f"job {job} was sent and never begun")
            steps = [step for step in _STEPS if step in times]
            for earlier, later in zip(steps, steps[1:]):
                self.assertGreaterEqual(
                    times[later],
                    times[earlier],
                    f"job {job}: '{later}' is not after '{earlier}'",
                )

    def test_the_last_line_of_a_dead_process_says_where_it_was(self) -> None:
        """Act 1: the third job was begun, but not ended."""
        run = self.run_lab()
        self.check(run)
        said = [text.partition(": ")[2] for text in run.said("Worker")]
        self.assertEqual(
            said,
            [
                "began job 1",
                "ended job 1",
                "began job 2",
                "ended job 2",
                "began job 3",
            ],
        )
        self.assert_count(run, "Main: .*: Worker: killed by SIGKILL", 1)
        self.assert_never(run, "got the result of job 3")

    def test_each_patient_is_diagnosed(self) -> None:
        """Act 2: by its answers, its descriptors, its memory, its time."""
        for count in (1, 50):
            run = self.run_lab(f"--questions={count}")
            findings = self.captures(run, "Main: ([A-Z][a-z]+: .* MiB: .*)")
            memory = self.captures(run, r"Main: Hog: .* memory \+(\d+) MiB.*")
            (hog_mib,) = map(int, memory)
            # A sanitizer keeps one byte for every eight of the program's.
            self.assertGreaterEqual(hog_mib, 2 * count)
            self.assertLessEqual(hog_mib, 2 * count * 9 / 8)
            self.assertEqual(
                findings,
                [
                    f"Healthy: {count} answers, descriptors +0,"
                    " memory +0 MiB: is well",
                    f"Leaker: {count} answers, descriptors +{count},"
                    " memory +0 MiB: leaks descriptors",
                    f"Hog: {count} answers, descriptors +0,"
                    f" memory +{hog_mib} MiB: leaks memory",
                    "Spinner: 0 answers, descriptors +0,"
                    " memory +0 MiB: uses the processor, and gets nowhere",
                    # The pipe that it waits for is its own.
                    "Waiter: 0 answers, descriptors +2,"
                    " memory +0 MiB: sleeps in read",
                ],
            )


if __name__ == "__main__":
    lab.main()

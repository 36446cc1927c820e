"""Proves what the chapter on shared memory promises."""

import pathlib
import re

from harness import lab

_TORN = r"Reader: Torn: (\d+) of \d+ looks, last value \d+"
_LAST = r"Reader: Torn: \d+ of \d+ looks, last value (\d+)"


class SharedMemoryTest(lab.LabTest):
    """Ten numbers with a name, read while they are written."""

    wrong = {
        "no_sequence": lab.Caught(by="output", saying="torn copies: 1"),
        "leaves_early": lab.Caught(by="output", saying="the last value is 9"),
        "not_unlinked": lab.Caught(by="leak", saying="shm"),
        "used_after_close": lab.Caught(by="status", saying="killed by SIGSEGV"),
    }

    explored = (
        lab.Explored(
            {
                "0 of 2 looks torn": 79,
                "1 of 2 looks torn": 46,
                "2 of 2 looks torn": 1,
            },
            scenario="no sequence",
        ),
        lab.Explored({"0 of 2 looks torn": 126}, scenario="sequence"),
        lab.Explored({"torn": 2, "whole": 4}, variant="no_sequence"),
    )

    def check(self, run: lab.Run) -> None:
        """No copy is torn unless it says so; the last value is seen."""
        for line in run.lines:
            if (torn := re.fullmatch(_TORN, line.raw)) and torn[1] != "0":
                self.fail(f"torn copies: {torn[1]}")
            if last := re.match(_LAST, line.raw):
                self.assertEqual(last[1], "9", "the last value is 9")

    def test_without_the_sequence_nine_copies_are_torn_on_every_run(
        self,
    ) -> None:
        """All numbers but 0, which was there before."""
        for _ in range(3):
            run = self.run_lab()
            act = run.said("Reader")
            act = act[: act.index(next(t for t in act if "Torn" in t)) + 1]
            torn = [t for t in act if "nobody wrote" in t]
            self.assertEqual(len(torn), 9, act)
            self.assertEqual(
                torn[0],
                f"Saw {[1] * 5 + [0] * 5}, which nobody wrote",
            )
            self.assert_count(
                run, r"Reader: Torn: 9 of 20 .* 9 \(without sequence\)", 1
            )

    def test_with_it_none_is_torn_and_every_value_is_seen(self) -> None:
        """Ten looks come too early, and the other ten see 0 to 9."""
        said = self.run_lab().said("Reader")
        begin = next(i for i, t in enumerate(said) if "Torn" in t) + 1
        self.assertEqual(
            said[begin:],
            [
                *(f"Saw {i}" for i in range(10)),
                "Torn: 0 of 20 looks, last value 9",
            ],
        )

    def test_close_is_for_one_and_unlink_for_all(self) -> None:
        """Errors that can be handled, and no signal."""
        run = self.run_lab()
        self.assertEqual(
            run.said("Main")[-6:],
            [
                "Act 3: close and unlink",
                "Access after close: Bad file descriptor",
                "Open after close: it works",
                "Open after unlink: No such file or directory",
                "Who has it, keeps it: 9",
                "PASS",
            ],
        )

    def test_the_reader_may_be_python(self) -> None:
        """It attaches by name, sees the last value, and leaves the name."""
        if not pathlib.Path("/usr/bin/python3").exists():
            self.skipTest("there is no /usr/bin/python3")
        run = self.run_lab("--python")
        self.check(run)
        self.assert_count(run, r"Reader: Torn: 0 of \d+ looks, last value 9", 1)
        self.assert_count(run, "Main: Open after close: it works", 1)


if __name__ == "__main__":
    lab.main()

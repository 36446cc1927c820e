"""Proves what the chapter on shared memory promises."""

import pathlib
import re
import runpy
import signal
import subprocess
import sys
import tempfile

from harness import lab

_TORN = r"Reader: Torn: (\d+) of \d+ looks, last value \d+"
_LAST = r"Reader: Torn: \d+ of \d+ looks, last value (\d+)"


class SharedMemoryTest(lab.LabTest):
    """Ten numbers with a name, read while they are written."""

    raw = True
    wrong = {
        "no_sequence": lab.Caught(by="output", saying="torn copies: 1"),
        "leaves_early": lab.Caught(by="output", saying="the last value is 9"),
        "not_unlinked": lab.Caught(by="leak", saying="shm"),
        "used_after_close": lab.Caught(by="status", saying="killed by SIGSEGV"),
        "raw_not_sized": lab.Caught(
            by="output", saying="BAD +Main: Reader ended: killed by SIGBUS"
        ),
        "raw_stale_object": lab.Caught(by="output", saying="last value is 9"),
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
        self.assert_never(run, "Main: Reader ended: killed by .*")
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

    def test_with_the_sequence_none_is_torn_and_every_value_is_seen(
        self,
    ) -> None:
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
                "Read after unlink: 9",
                "PASS",
            ],
        )

    def test_raw_removes_its_name_when_a_signal_ends_it(self) -> None:
        """Also in the middle: only SIGKILL leaves it."""
        for number in (
            signal.SIGHUP,
            signal.SIGINT,
            signal.SIGPIPE,
            signal.SIGTERM,
        ):
            run = self.run_raw(interrupt_after=": ", interrupt_signal=number)
            # It may have come to its end before.
            self.assertIn(run.status, (0, -number))
            left = [leak for leak in run.leaks if leak.kind == "shm"]
            self.assertEqual(left, [], f"left after {signal.strsignal(number)}")

    def test_the_reader_may_be_python(self) -> None:
        """It attaches by name, sees the last value, and leaves the name."""
        if not pathlib.Path("/usr/bin/python3").exists():
            self.skipTest("there is no /usr/bin/python3")
        self._assert_attached("--python", "by memoryview: 10 items .* 'q'")

    def test_the_reader_may_be_an_array_of_numpy(self) -> None:
        """The same memory as an ndarray. Skipped where there is no NumPy."""
        self._assert_attached("--numpy", "by numpy.ndarray: 10 items of int64")

    def _assert_attached(self, flag: str, how: str) -> None:
        run = self.run_lab(flag)
        self.check(run)
        self.assert_said(
            run,
            "Reader",
            [f"Attached {how}", r"Torn: 0 of \d+ looks, last value 9"],
        )
        self.assert_count(run, "Main: Open after close: it works", 1)

    def test_the_python_reader_takes_no_copy_that_changed_meanwhile(
        self,
    ) -> None:
        """Copies that are torn while the sequence is odd, or changes."""
        read = runpy.run_path(str(self.folder / "reader.py"))["read"]
        for first, later, found in (
            (1, [1, 2], "0 of 1"),  # The writer is in the middle.
            (2, [3, 4], "0 of 1"),  # It begins while we copy.
            (2, [4], "0 of 1"),  # It begins and ends while we copy.
            (2, [2], "1 of 2"),  # It does not keep to the sequence.
        ):
            sequence, to_come = [first], iter(later)

            def copy() -> list[int]:
                # pylint: disable=cell-var-from-loop
                for sequence[0] in to_come:
                    return [8] * 5 + [7] * 5
                return [9] * 10

            self.assertEqual(
                read(sequence, copy), f"Torn: {found} looks, last value 9"
            )

    def test_the_python_reader_refuses_what_is_not_a_board(self) -> None:
        """No name, a name that nobody has, and an object that is too small."""
        with tempfile.NamedTemporaryFile(dir="/dev/shm") as small:
            small.write(b"12345678")
            small.flush()
            name = pathlib.Path(small.name).name
            for arguments, problem in (
                ((), "usage: reader.py NAME [--numpy]"),
                (("--what",), "usage: reader.py NAME [--numpy]"),
                (("no-such",), "reader.py: no-such: No such file or directory"),
                ((name,), f"reader.py: {name}: 8 bytes are less than 88"),
            ):
                ran = subprocess.run(
                    [sys.executable, self.folder / "reader.py", *arguments],
                    capture_output=True,
                    check=False,
                    text=True,
                )
                self.assertEqual(ran.stderr, problem + "\n")
                self.assertEqual((ran.returncode, ran.stdout), (1, ""))


if __name__ == "__main__":
    lab.main()

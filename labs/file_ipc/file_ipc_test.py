"""Proves what the chapter on files promises."""

import dataclasses
import json
import os
import pathlib
import re
import tempfile
from collections.abc import Sequence

from harness import lab, trace

# A call in a trace with paths for descriptors (strace -y), and its process.
_CALL = re.compile(r"\d+ +(write|fsync|renameat)\((.*)")
_IN_A_FILE = re.compile(r"\d+<(/.*?)>")
_RENAMED = re.compile(r'\d+<(/.*?)>, "(.*?)", \d+<(/.*?)>, "(.*?)"')


def careless_renames(calls: Sequence[str]) -> list[str]:
    """Returns which files got a name before they were on the disk.

    calls: the trace of a run. What is written must be synced before it gets
        its name, and the folder must be synced after that.
    """
    found: list[str] = []
    unsynced: dict[str, str] = {}  # What it lacks, by its path.
    for call in filter(None, map(_CALL.match, calls)):
        if call[1] == "renameat":
            old, new = _paths_renamed(call[2])
            if old in unsynced:
                found.append(f"{new} has its name before its content is synced")
            unsynced[os.path.dirname(new)] = new
        elif file := _IN_A_FILE.match(call[2]):
            if call[1] == "write":
                unsynced[file[1]] = file[1]
            else:
                unsynced.pop(file[1], None)
    return found + [
        f"the name {new} is not synced"
        for path, new in unsynced.items()
        if path == os.path.dirname(new)
    ]


def _paths_renamed(arguments: str) -> tuple[str, str]:
    renamed = _RENAMED.match(arguments)
    assert renamed, arguments
    return f"{renamed[1]}/{renamed[2]}", f"{renamed[3]}/{renamed[4]}"


class FileIpcTest(lab.LabTest):
    """Data points that are handed over through files."""

    raw = True
    wrong = {
        "naive_overwrite": lab.Caught(
            by="output", saying="'Reader: Half a data point.*' must never be"
        ),
        "no_acknowledgement": lab.Caught(
            by="output", saying="lost: data points 0, 1, 2, 3, 4"
        ),
        "shared_status": lab.Caught(
            by="hang", saying=r"Reader waits in poll .*(folder|status\.txt)"
        ),
        "raw_no_fsync": lab.Caught(
            by="output",
            saying="/data has its name before its content is synced",
        ),
        "raw_no_o_excl": lab.Caught(by="output", saying="lost: data points 0"),
    }

    explored = (
        lab.Explored({"received 0 1 and the end": 152}),
        lab.Explored(
            {"saw all of it": 1, "saw half of it": 1, "saw nothing": 1},
            variant="naive_overwrite",
        ),
        lab.Explored(
            {
                "0 of 2 data points lost": 2,
                "1 of 2 data points lost": 5,
                "2 of 2 data points lost": 2,
            },
            variant="no_acknowledgement",
        ),
        lab.Explored(
            {
                "0 of 1 data point lost": 4,
                "1 of 1 data point lost": 2,
                "deadlock: Reader waits for file 'status.txt'": 2,
            },
            variant="shared_status",
        ),
    )

    def story(self, run: lab.Run) -> object:
        """Without the shell, which raw.cc does not start.

        What every second call does to a shell is the shell's affair.
        """
        lines = [line for line in run.lines if line.speaker != "Shell"]
        return super().story(dataclasses.replace(run, lines=tuple(lines)))

    def check(self, run: lab.Run) -> None:
        """What was written is received: all, whole, once, and in order."""
        self.assert_never(run, "Reader: Half a data point.*")
        self.assert_never(run, "(Reader|Writer): failed.*")
        wrote = self.captures(run, r"Writer: Wrote data point (\d+)")
        got = self.captures(run, r"Reader: Received data point (\d+): \d+")
        lost = [number for number in wrote if number not in got]
        if lost:
            self.fail(f"lost: data points {', '.join(lost)}")
        self.assertEqual(got, wrote)
        for number in wrote:
            self.assert_before(
                run,
                f"Writer: Wrote data point {number}",
                f"Reader: Received data point {number}: {int(number) * 10}",
            )
        for text in self.captures(run, "^Shell: (.*)"):
            last = {"is_last": True, "iteration": len(wrote), "value": 0}
            self.assertLessEqual(last.items(), json.loads(text).items())
        # The library has a test of its own for what it does with the disk.
        if re.match("(wrong_)?raw", pathlib.Path(run.command[0]).name):
            self.assert_durable(run.command)

    def assert_durable(self, command: Sequence[str]) -> None:
        """Each file is on the disk before it gets its name, and then the name.

        A reader cannot see that, except after a power failure. So this looks
        at the system calls.
        """
        if reason := trace.why_not():
            self.skipTest(reason)
        folder = os.environ.get("TEST_TMPDIR")
        with tempfile.NamedTemporaryFile(dir=folder) as file:
            calls = "--trace=write,fsync,renameat"
            self.run_traced(
                ["strace", "-f", "-y", "-o", file.name, calls], command
            )
            traced = pathlib.Path(file.name).read_text("latin-1").splitlines()
        self.assertTrue(any("renameat(" in call for call in traced), traced)
        self.fail_if(careless_renames(traced))

    def test_the_disk_has_the_content_before_the_name(self) -> None:
        """As in raw.cc, which check() looks at."""
        self.assert_durable([self.program(), "--pace=0"])

    def test_what_is_written_outlives_writer_and_reader(self) -> None:
        """Two processes read it later, and one of them knows only JSON."""
        run = self.run_lab("--points=3")
        self.assert_said(run, "Latecomer", ["3 were written, 3 received"])
        for earlier in ("Writer: Finished", "Reader: Finished"):
            self.assert_before(run, earlier, "Latecomer: .*")
        text = self.capture(run, "^Shell: (.*)")
        self.assertEqual(
            json.loads(text),
            {
                "is_last": True,
                "iteration": 3,
                "message": "Data point 3",
                "value": 0,
            },
        )

    def test_both_say_what_they_say_in_the_guide(self) -> None:
        """Each speaker's lines, which are always the same."""
        run = self.run_lab()
        self.assert_said(
            run,
            "Writer",
            [
                "Starting up",
                *(f"Wrote data point {i}" for i in range(5)),
                "Finished",
            ],
        )
        self.assert_said(
            run,
            "Reader",
            [
                "Starting up",
                *(f"Received data point {i}: {i * 10}" for i in range(5)),
                "Received completion signal",
                "Finished",
            ],
        )

    def test_no_data_point_is_written_before_the_last_was_received(
        self,
    ) -> None:
        """The writer waits for the acknowledgement."""
        run = self.run_lab()
        for i in range(4):
            self.assert_before(
                run,
                f"Reader: Received data point {i}: {i * 10}",
                f"Writer: Wrote data point {i + 1}",
            )

    def test_many_data_points_without_a_pause_are_all_received(self) -> None:
        """In the same case the guide's example loses all of them."""
        self.check(self.run_lab("--points=100"))

    def test_no_data_points_at_all_can_be_handed_over(self) -> None:
        """Only the end is handed over."""
        run = self.run_lab("--points=0")
        self.assert_said(
            run,
            "Reader",
            ["Starting up", "Received completion signal", "Finished"],
        )

    def test_after_the_readers_death_nothing_is_lost(self) -> None:
        """What was received but not acknowledged is received again."""
        for dies_at in (0, 2, 4):
            run = self.run_lab(f"--reader-dies-at={dies_at}")
            got = self.captures(run, r"Reader: Received data point (\d+): \d+")
            self.assertEqual(
                [int(number) for number in got],
                [*range(dies_at + 1), *range(dies_at, 5)],
            )
            self.assert_count(run, "Main: The reader was killed.*", 1)


if __name__ == "__main__":
    lab.main()

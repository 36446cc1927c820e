"""The tests of the journal: a grader may be killed at any point."""

import dataclasses
import itertools
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from unittest import mock

from grader import journal, model
from harness import results

KILLS = 25
# Adds judgements from a number on, and says each that is kept.
WRITER = """
import pathlib, sys
from grader import journal, journal_test
with journal.Journal(pathlib.Path(sys.argv[1])) as kept:
    for number in range(int(sys.argv[2]), 10**9):
        one = journal_test.judgement(number)
        if kept.find(journal_test.submission(number), "judge") is None:
            kept.add(one, "judge")
        print(number, flush=True)
"""


def submission(number: int) -> model.Submission:
    """Returns one of many submissions."""
    return model.Submission(f"learner {number}", "pipes/receive", b"x")


def judgement(number: int, status: str = model.WRONG) -> model.Judgement:
    """Returns a judgement of it, of some length."""
    check = model.Check("a", model.FAILED, "output", "d" * (number % 9000))
    digest = submission(number).digest
    return model.Judgement(
        f"learner {number}", "pipes/receive", digest, status, checks=(check,)
    )


class JournalTest(unittest.TestCase):
    """The base is an output folder."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name) / "out"
        self.file = self.folder / journal.FILE

    def test_what_another_journal_has_is_added_once(self) -> None:
        other = self.folder.parent / "part"
        with journal.Journal(other) as part:
            for number in range(3):
                part.add(judgement(number), "judge")
            part.add(judgement(3), "another judge")
        file = other / journal.FILE
        with file.open("a", encoding="utf-8") as torn:
            torn.write('{"judge": "ju')
        own = self.open()
        first = dataclasses.replace(judgement(0), reason="this one's")
        own.add(first, "judge")
        own.take(file)
        own.take(file)
        self.assertEqual(own.find(submission(0), "judge"), first)
        self.assertEqual(own.find(submission(2), "judge"), judgement(2))
        self.assertIsNone(own.find(submission(3), "judge"))
        self.assertEqual(len(self.file.read_bytes().splitlines()), 4)

    def open(self) -> journal.Journal:
        """Opens the journal until the end of the test."""
        opened = journal.Journal(self.folder)
        self.addCleanup(opened.close)
        return opened

    def fill(self, count: int) -> bytes:
        """Adds judgements; returns what is in the file."""
        with journal.Journal(self.folder) as opened:
            for number in range(count):
                opened.add(judgement(number), "judge")
        return self.file.read_bytes()

    def assert_kept(self, opened: journal.Journal, count: int) -> None:
        """Checks that exactly the first judgements are there."""
        for number in range(count):
            found = opened.find(submission(number), "judge")
            self.assertEqual(found, judgement(number))
        self.assertIsNone(opened.find(submission(count), "judge"))

    def test_what_was_added_is_found(self) -> None:
        """In the same journal, and in the next one."""
        opened = self.open()
        for number in range(3):
            opened.add(judgement(number), "judge")
        self.assert_kept(opened, 3)
        opened.close()
        self.assert_kept(self.open(), 3)
        self.assertEqual(self.file.stat().st_mode & 0o777, 0o600)

    def test_another_file_or_judge_is_another_judgement(self) -> None:
        self.fill(1)
        opened = self.open()
        one = submission(0)
        self.assertIsNone(opened.find(one, "another judge"))
        for other in (
            dataclasses.replace(one, source=b"y"),
            dataclasses.replace(one, learner="y"),
            dataclasses.replace(one, exercise="y"),
        ):
            self.assertIsNone(opened.find(other, "judge"))

    def test_the_newest_line_wins(self) -> None:
        right = judgement(0, model.RIGHT)
        self.fill(1)
        opened = self.open()
        opened.add(right, "judge")
        self.assertEqual(opened.find(submission(0), "judge"), right)
        opened.close()
        self.assertEqual(self.open().find(submission(0), "judge"), right)

    def test_what_could_not_be_judged_is_tried_again(self) -> None:
        opened = self.open()
        opened.add(judgement(0, model.BROKEN), "judge")
        self.assertIsNone(opened.find(submission(0), "judge"))
        self.assertEqual(self.file.read_bytes(), b"")

    def test_any_text_survives(self) -> None:
        """Also surrogates beside each other, and ends of lines."""
        dice = random.Random(17)
        found = ["\ud83d\ude00", "\udcff\n", "\u2028\r\x00\x85"]
        for _ in range(200):
            found.append("".join(chr(dice.randrange(0x110000)) for _ in "four"))
        opened = self.open()
        for text in found:
            check = model.Check(text, model.OK, text, text)
            one = model.Judgement(
                text, text, text, model.RIGHT, text, (check,), (text,), (text,)
            )
            opened.add(one, text)
        kept = {**vars(opened)["_known"]}
        opened.close()
        again = vars(self.open())["_known"]
        self.assertEqual(kept, again)
        self.assertEqual({key.learner for key in again}, {*found})

    def test_a_torn_last_line_is_dropped(self) -> None:
        """At whatever byte it was torn; and the next one begins afresh."""
        whole = self.fill(3)
        start = whole.rindex(b"\n", 0, -1) + 1
        for end in range(start, len(whole)):
            self.file.write_bytes(whole[:end])
            with journal.Journal(self.folder) as opened:
                self.assert_kept(opened, 2)
                opened.add(judgement(2), "judge")
            self.assertEqual(self.file.read_bytes(), whole)

    def test_a_nonsense_last_line_is_dropped(self) -> None:
        """As a file system may leave it when the power fails."""
        whole = self.fill(2)
        for rest in (b"\0" * 4096, b"\0\n", b"{}\n", b"[]\n", b"\xff\n", b"\n"):
            self.file.write_bytes(whole + rest)
            with journal.Journal(self.folder) as opened:
                self.assert_kept(opened, 2)
            self.assertEqual(self.file.read_bytes(), whole)

    def test_a_nonsense_line_elsewhere_is_an_error(self) -> None:
        """Which names the line, and changes nothing."""
        whole = self.fill(2)
        first, second = whole.splitlines(keepends=True)
        for wrong in (
            b"\0\n",
            b"{}\n",
            b"1\n",
            first[:-2] + b"\n",
            first.replace(b'"wrong"', b'"fine"'),
            first.replace(b'"failed"', b'"fine"'),
            first.replace(b'"reason": ""', b'"reason": 1'),
            first.replace(b'"reason"', b'"why"'),
            first.replace(b'"hints": []', b'"hints": [1]'),
        ):
            text = first + wrong + second
            self.file.write_bytes(text)
            with self.assertRaisesRegex(journal.Spoiled, "line 2: ") as caught:
                journal.Journal(self.folder)
            self.assertNotIn("\n", str(caught.exception))
            self.assertEqual(self.file.read_bytes(), text)

    def test_two_graders_never_write_into_one_folder(self) -> None:
        """The lock ends with the journal."""
        opened = self.open()
        with self.assertRaisesRegex(journal.Busy, "another grader") as caught:
            journal.Journal(self.folder)
        self.assertNotIn("\n", str(caught.exception))
        opened.close()
        self.open()

    def test_a_full_disk_leaves_no_part_of_a_line(self) -> None:
        """What is added after that is found."""
        whole = self.fill(2)
        opened = self.open()
        write = os.write

        def fill_up(fd: int, data: bytes) -> int:
            if len(data) > 20:
                return write(fd, data[:20])
            raise OSError(28, "No space left on device")

        with mock.patch("os.write", fill_up):
            with self.assertRaises(OSError):
                opened.add(judgement(2), "judge")
        self.assert_kept(opened, 2)
        self.assertEqual(self.file.read_bytes(), whole)
        opened.add(judgement(2), "judge")
        opened.close()
        self.assert_kept(self.open(), 3)

    def test_a_killed_grader_goes_on(self) -> None:
        """At many points: nothing is lost, and nothing is there twice."""
        dice = random.Random(17)
        said = 0
        for _ in range(KILLS):
            said = max(said, self.run_and_kill(said, dice.uniform(0, 0.03)))
            with journal.Journal(self.folder) as opened:
                for number in range(said):
                    self.assertEqual(
                        opened.find(submission(number), "judge"),
                        judgement(number),
                    )
        self.assertGreater(said, KILLS)
        lines = self.file.read_bytes().splitlines()
        self.assertEqual(len(lines), len({*lines}))
        self.assertLessEqual(said, len(lines))

    def run_and_kill(self, first: int, after_s: float) -> int:
        """Runs a writer, kills it, and returns how many it says are kept."""
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(self.folder), str(first)],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert writer.stdout is not None
        begun = writer.stdout.readline()
        time.sleep(after_s)
        writer.send_signal(signal.SIGKILL)
        rest, _ = writer.communicate()
        self.assertEqual(writer.returncode, -signal.SIGKILL)
        whole = (begun + rest).rpartition(b"\n")[0].split(b"\n")
        numbers = [*map(int, whole)]
        self.assertEqual(
            numbers, [*itertools.islice(itertools.count(first), len(numbers))]
        )
        return numbers[-1] + 1


if __name__ == "__main__":
    results.main()

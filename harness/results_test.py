"""What tests find is printed at once, and not lost at the limit."""

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest
from unittest import mock
from xml.etree import ElementTree

from harness import results
from harness.run import time_scale

_TESTS = """
import unittest
from harness import results

class TheseTest(unittest.TestCase):
    def test_1_fails(self):
        self.fail("the first fault")

    def test_2_waits(self):
        open(FIFO).read()

    def test_3_is_skipped(self):
        self.skipTest("no second user")

    def test_4_passes(self):
        pass

if __name__ == "__main__":
    results.main()
"""


class ResultsTest(unittest.TestCase):
    """A program whose tests fail, wait, are skipped and pass."""

    def setUp(self) -> None:
        folder = self.enterContext(tempfile.TemporaryDirectory())
        self.folder = pathlib.Path(folder)
        self.fifo = self.folder / "fifo"
        os.mkfifo(self.fifo)
        text = _TESTS.replace("FIFO", repr(str(self.fifo)))
        (self.folder / "these_test.py").write_text(text, encoding="utf-8")

    def start(
        self, limit: str = "", **environment: str
    ) -> "subprocess.Popen[str]":
        """Starts the tests, as Bazel does."""
        return subprocess.Popen(
            [sys.executable, self.folder / "these_test.py"],
            stderr=subprocess.PIPE,
            text=True,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(sys.path),
                "TEST_TIMEOUT": limit,
                "XML_OUTPUT_FILE": str(self.folder / "out.xml"),
                **environment,
            },
        )

    def test_a_failure_is_printed_before_the_next_test_has_ended(self) -> None:
        """So it is on the screen even if the program is killed."""
        with self.start() as process:
            assert process.stderr
            told = ""
            while "AssertionError: the first fault" not in told:
                line = process.stderr.readline()
                self.assertTrue(line, told)
                told += line
            self.assertIn("FAIL  test_1_fails", told)
            self.fifo.write_text("", encoding="utf-8")  # Now it continues.
            rest = process.stderr.read()
        self.assertEqual(process.returncode, 1)
        self.assertIn("SKIPPED: no second user", rest)
        self.assertIn("4 tests: 1 failed, 1 skipped", rest)
        suite = ElementTree.parse(self.folder / "out.xml").getroot()
        self.assertEqual(suite.get("tests"), "4")

    def test_the_tests_end_before_the_limit_with_what_they_found(self) -> None:
        """And say where they were, and which tests they did not reach."""
        with self.start(limit="5") as process:
            _, told = process.communicate(timeout=60 * time_scale())
        self.assertEqual(process.returncode, 1)
        self.assertIn("AssertionError: the first fault", told)
        self.assertRegex(told, "FAIL  test_2_waits")
        self.assertIn("Bazel's limit is near", told)
        self.assertIn("in test_2_waits", told)
        self.assertIn("2 not run: test_3_is_skipped, test_4_passes", told)

    def test_several_processes_share_the_tests(self) -> None:
        """Each is run by one of them, and Bazel is told that it is so."""
        said = []
        for index in ("0", "1", "2"):
            mark = self.folder / f"shard {index}"
            process = self.start(
                limit="5",  # For the one that waits, and if it is not shared.
                TEST_TOTAL_SHARDS="3",
                TEST_SHARD_INDEX=index,
                TEST_SHARD_STATUS_FILE=str(mark),
            )
            with process:
                _, told = process.communicate(timeout=60 * time_scale())
            self.assertTrue(mark.exists())
            said.append(told)
        self.assertIn("2 tests: 1 failed, 0 skipped", said[0])
        self.assertIn("test_1_fails", said[0])
        self.assertIn("test_4_passes", said[0])
        self.assertIn("FAIL  test_2_waits", said[1])
        self.assertIn("1 test: 0 failed, 1 skipped", said[2])

    def test_a_run_has_time_left_to_be_explained(self) -> None:
        """Its limit ends before that of the test."""
        self.assertIsNone(_remaining(""))
        self.assertIsNone(_remaining("0"))
        left_s = _remaining("60")
        assert left_s is not None
        self.assertLess(left_s, 55)


def _remaining(limit: str) -> float | None:
    with mock.patch.dict(os.environ, {"TEST_TIMEOUT": limit}):
        return results.remaining_s()


if __name__ == "__main__":
    results.main()

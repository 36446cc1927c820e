"""The tests of the course: what it prints, writes and returns."""

import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time
import unittest
from xml.etree import ElementTree

from harness import course, fake_lab
from harness.run import time_scale


class CourseTest(unittest.TestCase):
    """A course of two labs made of scripts."""

    def setUp(self) -> None:
        self.root = fake_lab.scratch_folder(self)
        self.second = fake_lab.FakeLab(self.root, "second")
        self.first = fake_lab.FakeLab(self.root, "first")
        (self.root / "harness").mkdir()
        (self.root / "harness" / "syllabus.json").write_text(
            json.dumps([["second", "Why <two> & not one?"], ["first", "What?"]])
        )

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """Starts the course as bazel run does, in another folder."""
        return subprocess.Popen(
            [
                sys.executable,
                course.__file__,
                f"--root={self.root}",
                *arguments,
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd="/",
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(sys.path),
                "BUILD_WORKING_DIRECTORY": str(self.root),
            },
            start_new_session=True,
        )

    def run_course(self, *arguments: str) -> tuple[int, str, str]:
        """Runs the course; returns its status and what it printed."""
        process = self.start(*arguments)
        out, err = process.communicate()
        return process.returncode, out, err

    def test_labs_are_shown_in_the_order_of_the_syllabus(self) -> None:
        """One line per check, no colours into a pipe, a summary."""
        status, out, err = self.run_course()
        self.assertEqual((status, err), (0, ""), out)
        self.assertLess(
            out.index("second: Why <two>"), out.index("first: What")
        )
        checks = re.findall(r"^  ok    (.*\S) +\d+\.\d\d s$", out, re.M)
        self.assertEqual(checks[: len(checks) // 2], checks[len(checks) // 2 :])
        self.assertEqual(
            checks[:3],
            [
                "it passes and leaves nothing",
                "wrong variant late is caught by its output",
                "wrong variant lost is caught by its outcome",
            ],
        )
        self.assertIn(f"2 labs, {len(checks)} checks: all passed in", out)
        self.assertIn("The world of the runs: ", out)
        self.assertNotIn("\x1b", out)

    def test_a_failure_is_told_in_full_and_by_the_status(self) -> None:
        """Only the chosen lab is checked; all reports tell the same."""
        self.first.program("first", "printf '<&\\001\\n'; exit 7\n")
        status, out, err = self.run_course(
            "first", "--json=x.json", "--junit=x.xml", "--html=x.html"
        )
        self.assertEqual((status, err), (1, ""), out)
        self.assertNotIn("second", out)
        self.assertIn("  FAIL  it passes and leaves nothing", out)
        self.assertIn("        its exit status is 7; its last line is not", out)
        self.assertIn("FAIL  first: it passes and leaves nothing", out)
        self.assertNotIn("Traceback", out)
        self.assertNotIn("\x01", out)

        document = json.loads((self.root / "x.json").read_text())
        self.assertFalse(document["passed"])
        self.assertEqual([lab["lab"] for lab in document["labs"]], ["first"])
        failed = {
            check["name"]: check
            for check in document["labs"][0]["checks"]
            if check["status"] == "failed"
        }
        run = failed["it passes and leaves nothing"]["runs"][0]
        self.assertEqual(run["lines"][0]["raw"], "<&\x01")

        suites = ElementTree.parse(self.root / "x.xml").getroot()
        self.assertEqual(suites.get("failures"), str(len(failed)))
        cases = {
            str(case.get("name")): case.findtext("failure")
            for case in suites.iter("testcase")
            if case.find("failure") is not None
        }
        self.assertEqual(set(cases), set(failed))
        told = cases["it passes and leaves nothing"]
        self.assertIn("its exit status is 7", str(told))

        page = (self.root / "x.html").read_text()
        self.assertIn("&lt;&amp;\\x01", page)

    def test_what_cannot_be_played_here_is_skipped_and_says_why(self) -> None:
        """Not passed, in the summary too; and not failed, by the status."""
        self.first.program("first", "echo 'Main: SKIP no broker'; exit 77\n")
        status, out, _ = self.run_course("first")
        self.assertEqual(status, 0, out)
        self.assertRegex(out, r"(?m)^  skip  it passes and leaves nothing ")
        self.assertIn("skip  first: no broker\n", out)
        self.assertRegex(out, r"0 failed, \d+ skipped, the others passed in")

    def test_a_test_that_ends_early_is_a_failure(self) -> None:
        """Its own errors are shown; the other lab is checked all the same."""
        self.second.test("import os\nprint('stray', flush=True)\nos._exit(3)\n")
        status, out, _ = self.run_course()
        self.assertEqual(status, 1)
        self.assertIn("it ended early, with exit status 3\n        stray", out)
        self.assertIn("ok    it passes and leaves nothing", out)
        self.second.test("raise ValueError('broken test')\n")
        status, out, _ = self.run_course("second")
        self.assertEqual(status, 1)
        self.assertIn("ValueError: broken test", out)

    def test_a_test_without_checks_is_a_failure(self) -> None:
        """Nothing checked is not all passed."""
        self.second.test("")
        status, out, _ = self.run_course("second")
        self.assertEqual(status, 1, out)

    def test_wrong_usage_is_one_line_and_status_two(self) -> None:
        """Before anything is run."""
        for arguments, told in (
            (
                ["fourth"],
                "there is no lab 'fourth'; --list shows what there is",
            ),
            (["--jobs=0"], "--jobs must be at least 1, not 0"),
            (["--html=none/x.html"], f"there is no folder {self.root}/none"),
        ):
            status, out, err = self.run_course(*arguments)
            self.assertEqual((status, out), (2, ""))
            self.assertIn(told, err)
            self.assertEqual(err.count("\n"), 1, err)

    def test_the_labs_are_listed(self) -> None:
        """In their order, with their questions."""
        status, out, err = self.run_course("--list")
        self.assertEqual((status, err), (0, ""))
        self.assertEqual(out, "second  Why <two> & not one?\nfirst   What?\n")

    def test_ctrl_c_ends_the_course_and_what_it_runs(self) -> None:
        """Soon, with one line, and no process of a lab is left."""
        mark = self.root / "pid"
        self.first.program("first", f"echo $$ > {mark}.new\nsleep 300\n")
        self.first.replace(
            "first", "sleep", f"mv {mark}.new {mark}\nexec sleep"
        )
        process = self.start("first")
        while not mark.exists():
            self.assertIsNone(process.poll(), "the course ended by itself")
            time.sleep(0.01)
        start_s = time.monotonic()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
        self.assertEqual(process.returncode, 130, out)
        self.assertEqual(err, "course: interrupted\n")
        # The worlds die with the course, but not in the same instant.
        while left := self.labs_left():
            self.assertLess(time.monotonic() - start_s, 10 * time_scale(), left)
            time.sleep(0.01)

    def labs_left(self) -> list[str]:
        """Returns the processes that are this test's labs or workers."""
        return [
            name
            for name in os.listdir("/proc")
            if name.isdigit() and self.is_lab(name)
        ]

    def is_lab(self, pid: str) -> bool:
        """Whether the process is one of this test's labs or workers."""
        try:
            command = pathlib.Path("/proc", pid, "cmdline").read_bytes()
        except OSError:
            return False
        return str(self.root).encode() in command or b"sleep\x00300" in command


if __name__ == "__main__":
    unittest.main()

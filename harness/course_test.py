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
from collections.abc import Mapping, Sequence
from xml.etree import ElementTree

from harness import course, fake_lab, results
from harness.run import time_scale


class TwoLabsTest(unittest.TestCase):
    """A course of two labs made of scripts."""

    def setUp(self) -> None:
        self.root = fake_lab.scratch_folder(self)
        self.second = fake_lab.FakeLab(self.root, "second")
        self.first = fake_lab.FakeLab(self.root, "first")
        (self.root / "harness").mkdir()
        (self.root / "harness" / "syllabus.json").write_text(
            json.dumps([["second", "Why <two> & not one?"], ["first", "What?"]])
        )

    def start(
        self,
        *arguments: str,
        by: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
    ) -> "subprocess.Popen[str]":
        """Starts the course as bazel run does, in another folder.

        Or another program starts it: `by`, with its arguments.
        """
        return subprocess.Popen(
            [
                *by,
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
                **(env or {}),
            },
            start_new_session=True,
        )

    def run_course(self, *arguments: str) -> tuple[int, str, str]:
        """Runs the course; returns its status and what it printed."""
        process = self.start(*arguments)
        out, err = process.communicate()
        return process.returncode, out, err


class CourseTest(TwoLabsTest):
    """What it prints, writes and returns."""

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

    def test_a_failure_is_shown_in_full_and_sets_the_status(self) -> None:
        """Only the chosen lab is checked; all reports agree."""
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

    def test_it_ends_quietly_when_its_output_is_closed(self) -> None:
        """As in `course | head -1`; and nothing of it runs on."""
        process = self.start("first")
        assert process.stdout and process.stderr
        with process:
            process.stdout.readline()
            process.stdout.close()
            self.assertEqual(process.stderr.read(), "")
        self.assertEqual(process.returncode, 128 + signal.SIGPIPE)
        start_s = time.monotonic()
        while left := self.labs_left():
            self.assertLess(time.monotonic() - start_s, 10 * time_scale(), left)
            time.sleep(0.01)

    def test_standard_descriptors_may_be_closed(self) -> None:
        """The status is right, and what was opened gets no line of ours."""
        closed = ["/bin/sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh"]
        status = self.start("first", by=closed).wait()
        self.assertEqual(status, 0)
        self.first.program("first", "echo 'Main: FAIL'; exit 1\n")
        self.assertEqual(self.start("first", by=closed).wait(), 1)

    def test_a_full_disk_gets_one_line(self) -> None:
        """No traceback."""
        full = ["/bin/sh", "-c", 'exec "$@" > /dev/full', "sh"]
        with self.start("first", by=full) as process:
            _, err = process.communicate()
        self.assertEqual(process.returncode, 1)
        self.assertRegex(err, r"^course: .*No space left on device\n$")

    def test_a_careless_starter_does_no_harm(self) -> None:
        """It copes with odd signals, masks, limits, folders and variables."""
        (self.root / "gone").mkdir()
        code = (
            "import os, resource, signal, sys;"
            "signal.signal(signal.SIGCHLD, signal.SIG_IGN);"
            "signal.pthread_sigmask(signal.SIG_BLOCK,"
            " [signal.SIGCHLD, signal.SIGALRM, signal.SIGTERM]);"
            "resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64));"
            f"os.chdir({str(self.root / 'gone')!r});"
            f"os.rmdir({str(self.root / 'gone')!r});"
            "os.environ.pop('HOME', None); os.environ.pop('TERM', None);"
            "os.umask(0o777); os.close(0);"
            "os.execv(sys.argv[1], sys.argv[1:])"
        )
        # Neither text in any character set, nor fit for a terminal.
        odd = "printf 'Odd: \\377 \\033[31m \\000 \\303\\251\\n'\n"
        late = fake_lab.LATE.replace("echo 'Receiver: Sum", f"{odd}echo 'A: ")
        self.first.program("first", late)
        with self.start(
            "first",
            by=[sys.executable, "-c", code],
            env={
                "TMPDIR": "/proc/nowhere",
                "LC_ALL": "C",
                "PYTHONIOENCODING": "ascii",
                "PYTHONWARNINGS": "error",
                "COLUMNS": "1",
            },
        ) as process:
            out, err = process.communicate()
        self.assertEqual((process.returncode, err), (1, ""), out)
        self.assertIn("FAIL  it passes and leaves nothing", out)
        self.assertIn("ok    SIGTERM ends it and leaves nothing", out)
        self.assertIn("Odd: ", out)
        self.assertNotIn("\x1b", out)

    def test_nonsense_in_the_environment_gets_one_line(self) -> None:
        """Before anything is run."""
        for name in ("IPC_LABS_TIME_SCALE", "IPC_LABS_WORLD"):
            with self.start("first", env={name: "none"}) as process:
                out, err = process.communicate()
            self.assertEqual((process.returncode, out), (1, ""))
            self.assertRegex(err, f"^course: {name} is 'none', not .*\n$")

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


class WrongTest(TwoLabsTest):
    """How a wrong variant is caught can be asked for."""

    def test_it_shows_what_is_wrong_and_what_has_seen_it(self) -> None:
        """Its comment, what it printed, the verdict, and the declaration."""
        self.first.write("wrong/late.cc", "// Wrong: it is late.\n\nint x;\n")
        status, out, err = self.run_course("first:wrong_late")
        self.assertEqual((status, err), (0, ""), out)
        self.assertIn("first:wrong_late\n  Wrong: it is late.\n", out)
        self.assertIn("  Receiver: Got 1\n          Sender: Sent 2\n", out)
        self.assertIn("Caught by its output:\n", out)
        self.assertIn("MISSING Receiver: Got 2", out)
        words = " ".join(out.split())
        self.assertIn("It ends with Main: PASS, but", words)
        self.assertIn("the expectations in labs/first/first_test.py", words)
        self.assertIn("Caught as declared: by its output.\n", out)

    def test_a_hang_is_explained(self) -> None:
        """That is what it is for."""
        self.first.wrong("late", fake_lab.HANGS)
        status, out, _ = self.run_course("//labs/first:wrong_late")
        self.assertIn("Caught by its hang:\n", out)
        self.assertIn("The run was stopped: nothing had happened for", out)
        self.assertNotIn("It ends with Main: PASS", out)
        # Its test declares that it is caught by its output.
        self.assertEqual(status, 1)
        self.assertIn("wrong_late must be caught by its output", out)

    def test_an_unknown_variant_gets_a_list_of_the_known_ones(self) -> None:
        """And neither reports nor labs come with them."""
        for arguments, told in (
            (
                ["first:wrong_x"],
                "has no wrong_x; it has wrong_late, wrong_lost",
            ),
            (["third:wrong_late"], "there is no lab 'third:wrong_late'"),
            (["first:wrong_late", "second"], "cannot share a run"),
            (["first:wrong_late", "--json=x"], "cannot share a run"),
        ):
            status, out, err = self.run_course(*arguments)
            self.assertEqual((status, out), (2, ""))
            self.assertIn(told, err)
            self.assertEqual(err.count("\n"), 1, err)


if __name__ == "__main__":
    results.main()

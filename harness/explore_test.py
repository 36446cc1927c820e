"""The tests of the explorer's program: what it compares, prints and refuses."""

import contextlib
import io
import json
import os
import pathlib
import signal
import subprocess
import sys
import time
import unittest
from collections.abc import Mapping, Sequence
from typing import Any
from unittest import mock

from harness import explore, fake_lab, results, transcript
from harness.run import time_scale
from harness.screen import Screen

_SCENARIO = {
    "name": "steps",
    "kills": 0,
    "inner": False,
    "memory_only": True,
    "reduce": False,
    "max_preemptions": -1,
    "max_schedules": -1,
    "random": 0,
    "seed": 0,
}
_LONG = "Worker 0 waits for Lock 'left', held by a very patient other worker"


def outcome(text: str, count: int, kind: str = "outcome") -> dict[str, Any]:
    """Returns an outcome as a lab answers it."""
    return {"kind": kind, "text": text, "count": count, "witness": "ABBA"}


def found(*outcomes: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    """Returns an exploration as a lab answers it."""
    return {
        "processes": ["Left", "Right"],
        "outcomes": outcomes,
        "schedules": 6,
        "cut": 0,
        "choices": 24,
        "seconds": 0.5,
        "reduced": False,
        "complete": True,
        **changes,
    }


def call(*arguments: str) -> tuple[int, str, str]:
    """Explores; returns the status, and what was printed."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = explore.main(arguments)
        except SystemExit as ended:
            status = int(str(ended.code or 0))
    return status, out.getvalue(), err.getvalue()


class ExploreTest(unittest.TestCase):
    """A lab of the course, as it is."""

    def assert_fits(self, text: str) -> None:
        """No line is longer than a terminal is wide."""
        for line in text.splitlines():
            self.assertLessEqual(len(line), 80, line)

    def test_each_outcome_has_its_count_and_a_schedule(self) -> None:
        """Three workers: 90 schedules, which the lab's test declares."""
        status, out, err = call("counter_without_lock", "--workers=3")
        self.assertEqual((status, err), (0, ""), out)
        self.assertIn("\n       48  53.3  1        ABBCCA\n", out)
        self.assertIn("\n       36  40.0  2        AABCCB\n", out)
        self.assertIn("\n        6   6.7  3        AABBCC\n", out)
        self.assertIn("Processes: A Worker 0, B Worker 1, C Worker 2\n", out)
        self.assertIn("90 schedules with 540 steps in ", out)
        self.assertIn("\nComplete: every order was played.\n", out)
        self.assertIn("\nAs declared by the lab's test.\n", out)
        self.assertIn("--schedule=ABBCCA", out)
        self.assert_fits(out)

    def test_a_flag_can_be_two_words_and_the_lab_a_label(self) -> None:
        """The lab's flags are compared by what they mean."""
        status, out, _ = call("//labs:counter_without_lock", "--workers", "3")
        self.assertEqual(status, 0)
        self.assertIn("\nAs declared", out)

    def test_reduced_it_finds_what_is_declared_as_well(self) -> None:
        """The outcomes are the same, the counts are not."""
        status, out, _ = call("counter_without_lock", "--reduce")
        self.assertEqual(status, 0, out)
        self.assertIn("Reduced: of orders with the same effect only one", out)
        self.assertIn("\nAs declared", out)

    def test_what_was_bounded_says_so_and_is_not_compared(self) -> None:
        """One outcome only, but that is no contradiction."""
        status, out, _ = call("counter_without_lock", "--max-preemptions=0")
        self.assertEqual(status, 0, out)
        self.assertIn(
            "Bounded by 0 pre-emptions: outcomes that need more were not",
            out,
        )
        self.assertIn("Nothing is declared for these flags.", out)
        # A bound that has left nothing out is none.
        status, out, _ = call("counter_without_lock", "--max-preemptions=9")
        self.assertIn("\nAs declared", out)

    def test_a_sample_depends_on_its_seed(self) -> None:
        """And says that it is one."""
        one = call("counter_without_lock", "--random=3", "--seed=1")[1]
        self.assertIn("A sample at random (seed 1)", one)
        table = one[: one.index("3 schedules with")]
        again = call("counter_without_lock", "--random=3", "--seed=1")[1]
        self.assertTrue(again.startswith(table), again)

    def test_a_schedule_is_shown_in_two_columns(self) -> None:
        """Left: what a process does. Right: what is shared. A star: changed."""
        status, out, _ = call("counter_without_lock", "--schedule=ABBA")
        self.assertEqual(status, 0)
        self.assertEqual(
            out,
            """\
counter_without_lock
Scenario: increments
Schedule: ABBA (2 switches)

each step                                  | what is shared
                                           |   counter = 0
A Worker 0: start -> after load            |   counter = 0
    says Loaded 0                          |
B Worker 1: start -> after load            |   counter = 0
    says Loaded 0                          |
B Worker 1: after load -> its end          | * counter = 1
    says Incremented counter to 1 (unsafe) |
A Worker 0: after load -> its end          |   counter = 1
    says Incremented counter to 1 (unsafe) |

Outcome: 1
""",
        )

    def test_a_schedule_may_end_early_and_may_kill(self) -> None:
        """Then it says what can come next."""
        _, out, _ = call("counter_without_lock", "--schedule=Aa")
        self.assertIn("a Worker 0: is killed at: after load", out)
        self.assertIn("It has not ended. What can come next:\n", out)
        self.assertIn("  B Worker 1, now at: start\n", out)
        _, out, _ = call("counter_without_lock", "--schedule=A", "--kills=1")
        self.assertIn("  A Worker 0, now at: after load (a kills it)\n", out)

    def test_json_has_the_answer_and_what_was_asked(self) -> None:
        """For machines, with the judgement."""
        status, out, _ = call(
            "counter_without_lock", "--kills=1", "--workers=2", "--json"
        )
        document = json.loads(out)
        self.assertEqual(status, 0)
        self.assertEqual(document["lab"], "counter_without_lock")
        self.assertEqual(document["flags"], ["--workers=2"])
        self.assertEqual(document["request"], {"kills": 1})
        self.assertEqual(document["problems"], [])
        self.assertEqual(document["answer"]["schedules"], 24)

    def test_a_terminal_shows_how_far_it_is(self) -> None:
        """In a line that is gone in the end."""

        class Terminal(io.StringIO):
            """Says that it is one."""

            def isatty(self) -> bool:
                return True

        out = Terminal()
        with mock.patch.dict(os.environ, {"TERM": "xterm"}):
            explore.explore(["counter_without_lock"], Screen(out))
        before, _, after = out.getvalue().partition("Scenario:")
        self.assertIn("... counter_without_lock: 1 schedule, 0 s", before)
        self.assertTrue(before.rpartition("\r\x1b[K")[0], before)
        self.assertNotIn("\r", after)

    def test_wrong_usage_is_one_line_and_status_two(self) -> None:
        """Whether the explorer finds it, or the lab."""
        for arguments, told in (
            ("", "which lab? --list shows"),
            ("no_lab", "there is no lab 'no_lab'; --list shows"),
            ("counter_without_lock:other", "counter_without_lock has no other"),
            (
                "//labs/counter_without_lock:wrong_x",
                "it has wrong_check_then_store, wrong_sequential_consistency,",
            ),
            (
                "counter_without_lock:wrong_raw_two_calls",
                "counter_without_lock has no wrong_raw_two_calls; it has",
            ),
            ("counter_without_lock --scenario=x", "there are: increments"),
            ("counter_without_lock --nothing", "not expected: --nothing"),
            ("counter_without_lock --workers=0", "--workers: Value 0 not in"),
            ("counter_without_lock --kills=-1", "'-1' is not a number"),
            ("counter_without_lock --seed=1", "--seed is for --random"),
            ("counter_without_lock -- --seed=x", "--seed"),
            (
                "counter_without_lock --schedule=AAA",
                "choice 3: A cannot be chosen: it is finished",
            ),
            ("counter_without_lock --schedule=Q", "1: Q is not a process"),
        ):
            with self.subTest(arguments):
                status, out, err = call(*arguments.split())
                self.assertEqual((status, out), (2, ""))
                self.assertIn(told, err)
                self.assertTrue(err.startswith("explore: "), err)
                self.assertEqual(err.count("\n"), 1, err)

    def test_help_fits_on_a_terminal(self) -> None:
        """And names each flag."""
        status, out, _ = call("--help")
        self.assertEqual(status, 0)
        self.assert_fits(out)
        for flag in ("--schedule", "--max-preemptions", "--inner", "--json"):
            self.assertIn(flag, out)


class JudgementTest(unittest.TestCase):
    """A lab that answers as it is told to."""

    def lab(
        self,
        answer: Mapping[str, Any],
        declared: str = "",
        scenario: Mapping[str, Any] | None = None,
    ) -> str:
        """Makes a lab, with a wrong variant; returns the flag --root."""
        root = fake_lab.scratch_folder(self)
        fake = fake_lab.FakeLab(root)
        (root / "harness").mkdir()
        (root / "harness" / "syllabus.json").write_text('[["fake", "Why?"]]')
        listed = [{**_SCENARIO, **(scenario or {})}]
        listed.append({**_SCENARIO, "name": "others"})
        fake.write("list.json", json.dumps(listed) + "\n")
        fake.write("found.json", json.dumps(answer) + "\n")
        script = """\
        case $IPC_LABS_EXPLORE in
          *list*) cat $(dirname $0)/list.json ;;
          *) cat $(dirname $0)/found.json ;;
        esac
        """
        fake.program("fake", script)
        fake.program("wrong_lost", script)
        fake.test(
            "from harness import lab\n\nclass FakeTest(lab.LabTest):\n"
            f"    explored = ({declared})\n"
        )
        return f"--root={root}"

    def judge(
        self, root: str, *arguments: str, lab: str = "fake"
    ) -> tuple[int, str]:
        """Explores; returns the status, and what was printed."""
        status, out, err = call(lab, root, *arguments)
        self.assertEqual(err, "")
        for line in out.splitlines():
            self.assertLessEqual(len(line), 80, line)
        return status, out

    def test_too_much_and_too_little_are_both_wrong(self) -> None:
        """In the words of the lab's own test."""
        root = self.lab(
            found(outcome("1", 4), outcome("2", 2)),
            'lab.Explored({"1", "3"}),',
        )
        status, out = self.judge(root)
        self.assertEqual(status, 1)
        self.assertIn("Not as declared by the lab's test.\n", out)
        self.assertIn("  outcome 2 was reached but not declared\n", out)
        self.assertIn(
            "  outcome 3 was declared but never reached; reached were: 1, 2\n",
            out,
        )
        self.assertIn("  The simplest schedule of what was not declared:", out)
        self.assertIn("2: ABBA\n", out)
        words = " ".join(out.split())
        self.assertIn(
            "./bazelw run //harness:explore -- fake --schedule=ABBA", words
        )
        self.assertNotIn("outcome 1 ", out)

    def test_counts_are_compared_if_they_are_declared(self) -> None:
        """But not those of a reduced exploration with those of another."""
        root = self.lab(found(outcome("1", 6)), 'lab.Explored({"1": 5}),')
        status, out = self.judge(root)
        self.assertEqual(status, 1)
        self.assertIn(
            "outcome '1' came of 6 schedules, but its test declares 5", out
        )
        self.assertEqual(self.judge(root, "--reduce")[0], 0)
        root = self.lab(
            found(outcome("1", 6)), 'lab.Explored({"1"}, schedules=7),'
        )
        status, out = self.judge(root)
        self.assertEqual(status, 1)
        self.assertIn("there are 6 schedules, not 7", out)

    def test_what_is_declared_is_found_by_program_flags_and_request(
        self,
    ) -> None:
        """Each of these declarations is of another exploration."""
        root = self.lab(
            found(outcome("1", 6)),
            'lab.Explored({"a"}, flags=("--count=2", "--seed=1")),'
            'lab.Explored({"b"}, variant="lost"),'
            'lab.Explored({"c"}, scenario="others"),'
            'lab.Explored({"d"}, request={"kills": 1}),'
            'lab.Explored({"e"}, request={"random": 2, "seed": 4}),'
            'lab.Explored({"1"}, scenario="steps", request={"kills": 0}),',
        )
        for arguments, declared in (
            (["--count=2", "--", "--seed=1"], "a"),
            (["--", "--seed=1", "--count=2"], "a"),
            (["--scenario=others"], "c"),
            (["--kills=1"], "d"),
            (["--random=2", "--seed=4"], "e"),
        ):
            status, out = self.judge(root, *arguments)
            self.assertEqual(status, 1, arguments)
            self.assertIn(f"outcome {declared} was declared but never", out)
        status, out = self.judge(root, lab="fake:wrong_lost")
        self.assertIn("outcome b was declared but never", out)
        for flags in ("", "--scenario=steps", "--kills=0"):
            status, out = self.judge(root, *flags.split())
            self.assertEqual(status, 0, out)
            self.assertIn("\nAs declared by the lab's test.\n", out)
        for flags in ("--count=3", "--inner", "--random=2"):
            status, out = self.judge(root, flags)
            self.assertEqual(status, 0, out)
            self.assertIn("Nothing is declared for these flags.", out)

    def test_a_lab_that_fails_and_declares_nothing_is_wrong(self) -> None:
        """Of a wrong variant nothing else is expected."""
        for kind in ("deadlock", "broken", "failed", "endless"):
            root = self.lab(found(outcome(_LONG, 6, kind)))
            status, out = self.judge(root)
            self.assertEqual(status, 1)
            self.assertIn(f"  {kind}, and nothing is declared\n", out)
            status, out = self.judge(root, lab="//labs/fake:wrong_lost")
            self.assertEqual(status, 0, out)

    def test_a_deadlock_is_shown_in_full(self) -> None:
        """A line for each process that waits, however long."""
        text = f"{_LONG}; {_LONG}, and by nobody else"
        root = self.lab(
            found(
                outcome("done", 1),
                {**outcome(text, 5, "deadlock"), "witness": "AB" * 60},
            ),
            f'lab.Explored({{"done", "deadlock: {text}"}}),',
        )
        status, out = self.judge(root)
        self.assertEqual(status, 0, out)
        self.assertIn(
            "        5  83.3  deadlock:\n"
            "                   Worker 0 waits for Lock 'left', held by a very "
            "patient other\n"
            "                     worker;\n"
            "                   Worker 0 waits for Lock 'left', held by a very "
            "patient other\n"
            "                     worker, and by nobody else\n"
            "                   ABAB",
            out,
        )
        self.assertIn("--schedule=<its letters>\n", out)

    def test_a_schedule_without_an_end_is_shown_by_its_beginning(self) -> None:
        """It has a thousand letters, and the exploration ends with it."""
        endless = {**outcome("for ever", 1, "endless"), "witness": "AB" * 500}
        root = self.lab(found(endless, complete=False))
        _, out = self.judge(root)
        self.assertIn("... 1,000 letters\n", out)
        self.assertLess(out.count("AB"), 100)
        self.assertIn("Stopped at a schedule that seems to have no end", out)
        self.assertNotIn("Complete", out)

    def test_a_lab_without_scenarios_has_nothing_to_explore(self) -> None:
        """One line."""
        root = self.lab(found())
        folder = pathlib.Path(root.removeprefix("--root=")) / "labs" / "fake"
        (folder / "list.json").write_text("[]\n")
        status, out, err = call("fake", root)
        self.assertEqual((status, out), (2, ""))
        self.assertEqual(
            err,
            "explore: fake has nothing to explore; --list shows what has\n",
        )

    def test_a_lab_that_dies_is_a_failure_not_a_wrong_usage(self) -> None:
        """With its own words."""
        root = self.lab(found())
        folder = pathlib.Path(root.removeprefix("--root=")) / "labs" / "fake"
        (folder / "found.json").unlink()
        status, out, err = call("fake", root)
        self.assertEqual((status, out), (1, ""))
        self.assertIn("found.json", err)

    def test_what_can_be_explored_is_listed(self) -> None:
        """All labs that declare something; or the scenarios of one."""
        root = self.lab(
            found(),
            'lab.Explored({"a"}, flags=("--count=2",), request={"kills": 1}),'
            'lab.Explored({"b"}, variant="lost", scenario="others"),',
            scenario={"kills": 2},
        )
        status, out, _ = call("--list", root)
        self.assertEqual(status, 0)
        declared = (
            "  fake --kills=1 --count=2\n"
            "  fake:wrong_lost --scenario=others\n"
        )
        self.assertEqual(out, f"fake\n{declared}")
        status, out, _ = call("--list", "fake", root)
        self.assertEqual(
            out,
            "Scenarios of fake:\n"
            "  steps (2 deaths, can be reduced)\n"
            "  others (can be reduced)\n"
            f"Declared by its test:\n{declared}",
        )

    def test_ctrl_c_ends_it_and_leaves_nothing(self) -> None:
        """Soon, with one line, and no process of the lab is left."""
        root = self.lab(found())
        folder = pathlib.Path(root.removeprefix("--root=")) / "labs" / "fake"
        os.mkfifo(folder / "begun")
        (folder / "found.json").unlink()
        os.mkfifo(folder / "found.json")
        text = (folder / "fake").read_text()
        (folder / "fake").write_text(
            text.replace("*) cat $(d", "*) echo > $(dirname $0)/begun; cat $(d")
        )
        process = subprocess.Popen(
            [sys.executable, explore.__file__, "fake", root],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            start_new_session=True,
        )
        (folder / "begun").read_text()  # Waits for the exploration.
        start_s = time.monotonic()
        os.killpg(process.pid, signal.SIGINT)  # As a terminal does.
        out, err = process.communicate()
        self.assertEqual(process.returncode, 130, err)
        self.assertEqual((out, err), ("", "explore: interrupted\n"))
        self.assertLess(time.monotonic() - start_s, 5 * time_scale())
        while left := self.left(str(folder)):
            self.assertLess(time.monotonic() - start_s, 10 * time_scale(), left)
            time.sleep(0.01)

    def left(self, folder: str) -> list[str]:
        """Returns the processes that have to do with the lab."""
        found_there = []
        for name in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):
                file = pathlib.Path("/proc", name, "cmdline")
                if folder.encode() in file.read_bytes():
                    found_there.append(name)
        return found_there


class TranscriptTest(unittest.TestCase):
    """Texts at most 80 columns wide."""

    def test_much_that_is_shared_is_shown_when_it_changes(self) -> None:
        """Few things are shown at each step."""
        before = [(f"item {i}", "0") for i in range(7)]
        after = [*before[:6], ("item 6", "7")]
        self.assertEqual(
            transcript.state(after, before, 30),
            ["* item 6 = 7", "  (6 as before)"],
        )
        self.assertEqual(
            transcript.state(after[5:], before[5:], 30),
            ["  item 5 = 0", "* item 6 = 7"],
        )

    def test_long_names_and_values_stay_in_their_columns(self) -> None:
        """Both columns wrap."""
        taken = {
            "letter": "A",
            "from": "start",
            "to": "waits for " + "x" * 70,
            "notes": ["say " + "word " * 30, "wait something"],
            "views": [["list", "value " * 20]],
        }
        replayed = {
            "first_views": [["list", ""]],
            "steps": [taken],
            "processes": [{"name": "Worker"}],
        }
        lines = transcript.replay(replayed, Screen(io.StringIO()))
        column = lines[0].index(" |")
        for line in lines:
            self.assertLessEqual(len(line), 80)
            self.assertEqual(line[column : column + 2], " |", line)
        self.assertGreater(sum("value" in line for line in lines), 2)

    def test_switches_are_between_processes(self) -> None:
        """A death is a choice of the process that dies."""
        self.assertEqual(transcript.switches(""), 0)
        self.assertEqual(transcript.switches("AABBA"), 2)
        self.assertEqual(transcript.switches("AaB"), 1)

    def test_what_was_explored_is_said_in_clear_words(self) -> None:
        """What was left out is said."""
        some = found(complete=False, cut=1)
        cases: Sequence[tuple[dict[str, Any], dict[str, Any], str]] = (
            ({"max_schedules": 6}, some, "Ended after 6 schedules: the"),
            ({"max_preemptions": 1}, some, "Bounded by 1 pre-emption: out"),
            ({"kills": 1}, found(), "Up to 1 death, anywhere"),
            ({"random": 6, "seed": 3}, some, "A sample at random (seed 3)"),
            ({}, found(reduced=True), "every order that matters was played."),
            ({"reduce": True, "memory_only": False}, found(), "more than mem"),
            ({"reduce": True, "max_preemptions": 1}, some, "cannot be."),
            ({}, some, "1 more begun and cut"),
        )
        for effective, answer, told in cases:
            text = "\n".join(explore.extent({**_SCENARIO, **effective}, answer))
            self.assertIn(told, text)
            self.assertNotEqual(answer is some, "Complete" in text, text)


if __name__ == "__main__":
    results.main()

"""The tests of a lab's test: it finds what is wrong, and says it clearly."""

import dataclasses
import os
import unittest
from collections.abc import Sequence
from unittest import mock

from harness import expect, fake_lab, lab, report, results
from harness.run import Event, Hang, Leak, Line, Run, time_scale


def run_of(*texts: str, status: int = 0, stderr: str = "") -> Run:
    """Returns a run that printed these lines."""
    lines = []
    for text in texts:
        speaker, colon, said = text.partition(": ")
        lines.append(
            Line(0, speaker if colon else "", said if colon else text, text)
        )
    return Run(
        command=("labs/fake/fake", "--pace=0"),
        lines=tuple(lines),
        stderr=stderr,
        status=status,
        duration_s=0.1,
        hang=None,
        leaks=(),
        events=(),
        world="none",
    )


def timed(texts: Sequence[str], step_ns: int) -> Run:
    """Returns such a run, whose first and last line are `step_ns` apart."""
    run = run_of(*texts)
    events = [
        Event(step_ns * i // (len(texts) - 1), 1, x.speaker, "say", x.text, "")
        for i, x in enumerate(run.lines)
    ]
    return dataclasses.replace(run, events=tuple(events))


class ExpectationsTest(unittest.TestCase):
    """Each expectation holds, fails, and shows what it failed on."""

    def setUp(self) -> None:
        self.lab = lab.LabTest()

    def message(self, function: str, *arguments: object, **more: object) -> str:
        """Returns the message with which the expectation fails."""
        with self.assertRaises(lab.CheckFailed) as caught:
            getattr(self.lab, function)(*arguments, **more)
        return str(caught.exception)

    def test_what_a_speaker_said_is_compared_in_order(self) -> None:
        """Other speakers may come between; groups are captured."""
        run = run_of("A: 1 of 2", "B: x", "A: 2 of 2", "A: end (all)")
        self.assertEqual(
            self.lab.assert_said(
                run, "A", [r"(\d) of (\d)", r"2 of (2)", "end (all)"]
            ),
            [("1", "2"), ("2",), ()],
        )
        self.lab.assert_said(run, "A", [..., "end (all)"])
        self.lab.assert_said(run, "A", ["1 of 2", ..., "end (all)", ...])

    def test_a_wrong_order_is_shown_in_the_margin(self) -> None:
        """GOOD, BAD and MISSING, with two lines around."""
        run = run_of(
            *(f"B: {i}" for i in range(5)),
            "A: 1",
            "B: 5",
            "A: 3",
            "A: 2",
            "B: 6",
            "B: 7",
            "B: 8",
            "B: 9",
        )
        self.assertEqual(
            self.message("assert_said", run, "A", ["1", "2", "3", "4"]),
            "A did not say what it should\n"
            "  $ fake/fake --pace=0\n"
            "          ...\n"
            "  GOOD    A: 1\n"
            "          B: 5\n"
            "  BAD     A: 3\n"
            "  GOOD    A: 2\n"
            "          B: 6\n"
            "          ...\n"
            "          B: 8\n"
            "          B: 9\n"
            "  MISSING A: 3\n"
            "  MISSING A: 4\n",
        )

    def test_what_must_never_be_said_may_have_a_meaning(self) -> None:
        """Which is told in place of a pattern that is hard to read."""
        run = run_of("A: it is 7")
        message = self.message("assert_never", run, "it is (?!6$)")
        self.assertIn("'it is (?!6$)' must never be said", message)
        message = self.message("assert_never", run, "it is (?!6$)", "not 6")
        self.assertTrue(message.startswith("not 6 must never be said"))

    def test_an_exploration_that_cannot_be_played_is_skipped(self) -> None:
        """With the reason of the lab, as any other run."""
        run = run_of("Main: SKIP no broker", status=77)
        with mock.patch("harness.run.run", return_value=run):
            with self.assertRaisesRegex(unittest.SkipTest, "^no broker$"):
                self.lab.assert_explored(lab.Explored({"1"}))

    def test_one_line_is_expected_before_another(self) -> None:
        """Both must be there, and the first line that matches counts."""
        run = run_of("A: sent 1", "B: got 1", "A: sent 2")
        self.lab.assert_before(run, "A: sent 1", "B: got 1")
        self.lab.assert_before(run, r"A: sent \d", "B: got 1")
        message = self.message("assert_before", run, "A: sent 2", "B: got 1")
        self.assertIn("'B: got 1' comes before 'A: sent 2'", message)
        self.assertIn("  BAD     B: got 1\n  GOOD    A: sent 2\n", message)
        message = self.message("assert_before", run, "A: sent 1", "B: got 2")
        self.assertIn("there is no line 'B: got 2'", message)
        self.assertIn("  MISSING B: got 2", message)
        # Which of the two is wrong is not known: what is there is shown.
        message = self.message("assert_before", run, "A: sent 3", "B: got 1")
        self.assertTrue(
            message.startswith(
                "there is 'B: got 1', but no line 'A: sent 3' before it\n"
            )
        )
        self.assertIn("  BAD     B: got 1", message)
        self.assertNotIn("MISSING", message)

    def test_the_time_between_two_lines_is_measured(self) -> None:
        """Too short and far too long both mean another unit."""
        lines = ("A: waits", "B: x", "A: has waited")
        for took_ns, seconds in (
            (200_000_000, 0.2),
            (900_000_000, 0.2),
        ):
            self.lab.assert_takes(timed(lines, took_ns), *lines[::2], seconds)
        for took_ns, told in (
            (200_000, "it took 0.0002 s, but 0.2 s are meant"),
            (200_000_000_000, "it took 200 s, but 0.2 s are meant"),
        ):
            message = self.message(
                "assert_takes", timed(lines, took_ns), *lines[::2], 0.2
            )
            self.assertIn(told, message)
            self.assertIn("  BAD     A: waits\n", message)
        self.assertIn(
            "no line 'A: other'",
            self.message("assert_takes", run_of(*lines), "A: other", "x", 1),
        )
        self.assertIn(
            "the run has no events",
            self.message("assert_takes", run_of(*lines), *lines[::2], 1),
        )

    def test_lines_are_counted(self) -> None:
        """Too few and too many are both wrong."""
        run = run_of("A: x", "A: x", "B: x")
        self.lab.assert_count(run, "A: x", 2)
        self.lab.assert_count(run, "x", 3)
        self.lab.assert_count(run, "y", 0)
        self.assertIn("BAD     B: x", self.message("assert_count", run, "x", 2))
        self.assertIn("MISSING y", self.message("assert_count", run, "y", 1))

    def test_what_must_never_be_said_is_found_in_any_line(self) -> None:
        """A part of a line is enough."""
        run = run_of("A: all is well", "B: torn: 1 and 2")
        self.lab.assert_never(run, "lost")
        message = self.message("assert_never", run, "torn|lost")
        self.assertIn("BAD     B: torn: 1 and 2", message)

    def test_values_are_captured(self) -> None:
        """capture wants one at least."""
        run = run_of("A: sum 3", "A: sum 4")
        self.assertEqual(self.lab.capture(run, r"sum (\d)"), "3")
        self.assertEqual(self.lab.captures(run, r"sum (\d)"), ["3", "4"])
        self.assertIn("MISSING", self.message("capture", run, r"total (\d)"))

    def test_outcomes_are_compared_in_both_directions(self) -> None:
        """One not declared, one never reached, and another count."""
        self.lab.assert_outcomes(["1", "2", "1"], {"1", "2"})
        self.lab.assert_outcomes({"1": 48, "2": 36}, {"2": 36, "1": 48})
        self.lab.assert_outcomes({"1": 48, "2": 36}, ["1", "2"])
        message = self.message("assert_outcomes", {"1": 48, "4": 6}, {"1": 48})
        self.assertEqual(
            message,
            "outcome 4 was reached but not declared\n"
            "  GOOD    1 in 48\n  BAD     4 in 6",
        )
        message = self.message("assert_outcomes", ["1"], ["1", "2"])
        self.assertIn("outcome 2 was declared but never reached", message)
        self.assertIn("; reached were: 1\n", message)
        self.assertIn("  MISSING 2", message)
        message = self.message("assert_outcomes", ["1" * 61], ["2"])
        self.assertEqual(message.count("1" * 61), 2, message)
        message = self.message("assert_outcomes", ["1Main: x"], ["1"])
        self.assertTrue(message.startswith("another line follows '1' at once"))
        message = self.message("assert_outcomes", {"1": 48}, {"1": 47})
        self.assertIn("BAD     1 in 48, not in 47", message)

    def test_the_outcome_of_a_run_is_captured(self) -> None:
        """A run without one fails."""
        runs = [run_of("A: sum 3"), run_of("A: sum 2")]
        self.lab.assert_outcomes(runs, ["2", "3"], capture=r"sum (\d)")
        self.assertIn(
            "nothing matches",
            self.message("assert_outcomes", [run_of()], ["3"], capture="sum"),
        )

    def test_a_run_that_is_not_clean_says_why(self) -> None:
        """Status, last line and stderr."""
        self.lab.assert_clean(run_of("Main: PASS"))
        for run, told in (
            (run_of("Main: PASS", status=3), "exit status is 3"),
            (run_of("Main: PASS", status=-11), "killed by signal 11"),
            (
                run_of("Main: FAIL it", status=1),
                "Main says why: it\nits exit status is 1; its last line is not",
            ),
            (run_of(stderr="oh\n", status=1), "    oh\nits exit status is 1;"),
            (run_of(), "(it printed nothing)"),
            (
                run_of("A: 1Main: PASS"),
                "another line follows 'A: 1' at once: it lacks its \"\\n\"\n",
            ),
            (
                run_of("Main: PASS", stderr="oh\n"),
                "it wrote to stderr:\n    oh",
            ),
        ):
            self.assertIn(told, self.message("assert_clean", run))

    def test_a_run_that_was_killed_is_blamed_for_nothing_else(self) -> None:
        """It could neither end nor tidy up."""
        run = dataclasses.replace(
            run_of("A: 1", status=-9, stderr="oh\n"),
            hang=Hang((), ("A", "B")),
            leaks=(Leak("file", "/dev/shm/x", ""),),
        )
        found = expect.verdicts(run)
        self.assertEqual([verdict.kind for verdict in found], ["hang"])
        self.assertIn("A: 1", found[0].text)


class FakeLabTest(unittest.TestCase):
    """The base of the tests of a lab that is right until they break it."""

    def setUp(self) -> None:
        self.fake = fake_lab.FakeLab(fake_lab.scratch_folder(self))

    def assert_fails(self, test: str, *told: str) -> None:
        """The test of the lab fails, and says so."""
        message = self.fake.run_test(test)
        for text in told:
            self.assertIn(text, message)


class LabTestTest(FakeLabTest):
    """What every lab inherits."""

    def test_a_right_lab_passes_every_check(self) -> None:
        """The control: nothing is found where nothing is wrong."""
        self.assertEqual("\n".join(self.fake.run_all().values()), "")

    def test_a_lab_that_cannot_be_played_here_is_skipped(self) -> None:
        """Neither passed nor failed, and the reason is told."""
        skips = "echo 'Main: SKIP no broker'; exit 77\n"
        self.fake.program("fake", skips)
        name = "test_it_passes_and_leaves_nothing"
        result = unittest.TestResult()
        unittest.TestSuite([self.fake.load()(name)]).run(result)
        self.assertEqual([r for _, r in result.skipped], ["no broker"])
        self.assertEqual(result.failures + result.errors, [])
        # Neither does another status skip, nor another line.
        self.fake.program("fake", skips.replace("77", "1"))
        self.assert_fails(name, "its exit status is 1")
        self.fake.program("fake", skips.replace("SKIP", "FAIL"))
        self.assert_fails(name, "its exit status is 77")

    def test_a_lab_that_prints_out_of_order_is_caught(self) -> None:
        """With the transcript marked in its margin."""
        self.fake.program("fake", fake_lab.LATE)
        self.assert_fails(
            "test_it_passes_and_leaves_nothing",
            "GOOD    Receiver: Got 1\n",
            "BAD     Receiver: Got 1\n",
            "MISSING Receiver: Got 2\n",
        )

    def test_two_lines_in_the_wrong_order_are_caught(self) -> None:
        """Each speaker's own order is right here."""
        early = fake_lab.RIGHT.splitlines(keepends=True)
        early[2], early[3] = early[3], early[2]
        self.fake.program("fake", "".join(early))
        self.assert_fails(
            "test_it_passes_and_leaves_nothing",
            "'Receiver: Got 2' comes before 'Sender: Sent 2'",
            "BAD     Receiver: Got 2\n  GOOD    Sender: Sent 2\n",
        )

    def test_a_lab_must_have_expectations(self) -> None:
        """A lab that checks nothing fails."""
        self.fake.test("from harness import lab\nclass T(lab.LabTest): pass\n")
        self.assert_fails(
            "test_it_passes_and_leaves_nothing", "there is no T.check"
        )

    def test_a_lab_that_ignores_ctrl_c_is_caught(self) -> None:
        """It goes on for longer than a second."""
        self.fake.program(
            "fake",
            "trap '' INT\necho 'Main: begin'\n" f"sleep {1.3 * time_scale()}\n",
        )
        self.assert_fails("test_ctrl_c_ends_it_and_leaves_nothing", "SIGINT")

    def test_a_lab_that_leaves_a_child_behind_is_caught(self) -> None:
        """SIGTERM is for the lab alone; its children are its own business."""
        self.fake.program("fake", "sleep 300 &\necho 'Main: begin'\nwait\n")
        self.assert_fails(
            "test_sigterm_ends_it_and_leaves_nothing",
            "it leaves a process behind: ",
        )

    def test_help_must_fit_on_a_screen(self) -> None:
        """At most 24 lines of 80 columns."""
        self.fake.program("fake", "", "#!/bin/sh\nseq 25\n")
        self.assert_fails(
            "test_help_fits_on_one_screen", "prints 25 lines, more than 24"
        )
        self.fake.program("fake", "", "#!/bin/sh\nprintf '%081d\\n' 1\n")
        self.assert_fails(
            "test_help_fits_on_one_screen", "81 columns, more than 80"
        )

    def test_a_wrong_flag_must_get_one_line_and_status_two(self) -> None:
        """Flags that only this lab has are tried too."""
        test = "test_a_wrong_flag_gets_one_clear_line"
        self.fake.program("fake", "", "#!/bin/sh\necho no-such-flag >&2\n")
        self.assert_fails(test, "--no-such-flag: the status is 0, not 2")
        self.fake.program(
            "fake", "", "#!/bin/sh\nprintf 'a\\nb\\n' >&2; exit 2\n"
        )
        self.assert_fails(test, "gets 2 lines on stderr, not 1")
        self.fake.replace("fake", "a\\nb", "no-such-flag --pace --seed")
        # It has no --help either, and so no flags of its own.
        self.assertEqual(self.fake.run_test(test), "")
        self.fake.program("fake", fake_lab.RIGHT)
        self.fake.replace("fake", "--count=[0-9]*", "--count=*")
        self.assert_fails(test, "--count=many: the status is 0, not 2")

    def test_every_variant_is_declared_and_every_declared_one_exists(
        self,
    ) -> None:
        """In both directions, and two at least."""
        test = "test_every_wrong_variant_says_how_it_is_caught"
        self.fake.wrong("other", fake_lab.LATE)
        self.assert_fails(test, "wrong/other.cc does not say how it is caught")
        (self.fake.folder / "wrong" / "other.cc").unlink()
        (self.fake.folder / "wrong" / "late.cc").unlink()
        self.assert_fails(test, "there is no wrong/late.cc")


class WordsTest(FakeLabTest):
    """Plain assertions are put into words that a student can use."""

    def told(self, statement: str) -> str:
        """Returns what is told of a check that consists of this statement."""
        self.fake.test(
            "from harness import lab\n"
            "class T(lab.LabTest):\n"
            "    def check(self, run):\n"
            "        said = run.said('Receiver')\n"
            f"        {statement}\n"
        )
        checks: list[report.Check] = []
        name = "test_it_passes_and_leaves_nothing"
        suite = unittest.TestSuite([self.fake.load()(name)])
        suite.run(results.Results(checks.append))
        self.assertEqual([check.status for check in checks], [report.FAILED])
        detail = checks[0].detail
        for line in (
            "expected by check in fake_test.py, line 5:",
            f"    {statement}",
            "  $ fake/fake --pace=0",
            "          Receiver: Sum 3",
        ):
            self.assertIn(f"\n{line}", detail)
        return detail.partition("\n")[0]

    def test_numbers_and_texts_are_put_into_a_sentence(self) -> None:
        """With what was found, and what was expected."""
        for statement, sentence in (
            ("self.assertEqual(len(said), 2)", "it is 3, but 2 was expected"),
            (
                "self.assertEqual(len(said), 2, 'lines of the receiver')",
                "it is 3, but 2 was expected (lines of the receiver)",
            ),
            (
                "self.assertLessEqual(len(said), 1)",
                "it is 3, and must be at most 1",
            ),
            ("self.assertGreater(len(said), 3)", "it is 3, and must be more"),
            ("self.assertTrue(said[0] == 'x')", "this does not hold: it is"),
            (
                "said.index('Got 9')",
                " is not among what was found",
            ),
            ("said[7]", "it could not be compared: IndexError: list index"),
        ):
            with self.subTest(statement):
                self.assertIn(sentence, self.told(statement))

    def test_the_items_of_a_list_are_marked(self) -> None:
        """Not cut to "Lists differ: [Entr..."."""
        self.fake.test(fake_lab.TEST)
        test = self.fake.load()("check")
        with self.assertRaises(AssertionError) as caught:
            test.assertEqual(["a", "b", "d"], ["a", "c", "d"])
        self.assertEqual(
            str(caught.exception),
            "the items are not those that were expected:\n"
            "  GOOD    'a'\n  BAD     'b'\n  MISSING 'c'\n  GOOD    'd'",
        )

    def test_a_check_that_fails_on_a_wrong_variant_says_so_too(self) -> None:
        """It is caught by its output, and does not end the test."""
        self.fake.test(
            "from harness import lab\n"
            "class T(lab.LabTest):\n"
            "    wrong = {'lost': lab.Caught(by='output', saying='Sum 3')}\n"
            "    def check(self, run):\n"
            "        run.said('Receiver').index('Sum 3')\n"
        )
        name = "test_wrong_lost_is_caught_by_its_output"
        self.assertEqual(self.fake.run_test(name), "")


class FaultsTest(FakeLabTest):
    """What the lab makes of a child that fails, and of a pace."""

    FAILS = "test_no_child_that_fails_is_overlooked"
    # As the library does: a child that comes to its end, and fails on order.
    CHILD = """\
tell() {
  echo "{\\"t_ns\\":1,\\"pid\\":9,\\"process\\":\\"Receiver\\"," \\
    "\\"kind\\":\\"$1\\",\\"object\\":\\"$2\\",\\"id\\":\\"\\"}" >> $IPC_LABS_EVENTS
}
tell exit Receiver
failed=${IPC_LABS_FAULT+yes}
if [ $failed ]; then
  [ "$IPC_LABS_FAULT" = "Receiver:exit=1@end" ] || exit 9
  tell point fault
fi
"""

    def test_a_swallowed_status_is_seen(self) -> None:
        """The lab passes although its child has failed."""
        self.fake.program("fake", self.CHILD + fake_lab.RIGHT)
        self.assert_fails(
            self.FAILS,
            "it passes although Receiver has exited with status 1",
            "Receiver: Sum 3",
        )
        self.fake.replace(
            "fake_test.py",
            "    wrong =",
            "    tolerates = {'Re.*': 'so'}\n    wrong =",
        )
        self.assertEqual(self.fake.run_test(self.FAILS), "")

    def test_a_lab_that_fails_then_is_right(self) -> None:
        """By its last line and its status."""
        says = "[ $failed ] && echo 'Main: FAIL it' && exit 1\n"
        self.fake.program("fake", self.CHILD + says + fake_lab.RIGHT)
        self.assertEqual(self.fake.run_test(self.FAILS), "")
        self.fake.replace("fake", "exit 1\n", "exit 3\n")
        self.assert_fails(self.FAILS, "does not end with PASS or FAIL when")

    def test_a_lab_that_hangs_then_is_reported(self) -> None:
        """With the explanation of the hang."""
        waits = f"[ $failed ] && {{ {fake_lab.HANGS} }}\n"
        self.fake.program("fake", self.CHILD + waits + fake_lab.RIGHT)
        self.assert_fails(
            self.FAILS, "it hangs when Receiver has failed", "waits"
        )

    def test_a_pause_of_milliseconds_is_seen(self) -> None:
        """At a small pace it takes longer than without a pace."""
        pause = "case $* in *=0.01*) sleep 4 ;; esac\n"
        self.fake.program("fake", pause + fake_lab.RIGHT)
        with mock.patch.dict(os.environ, {"IPC_LABS_TIME_SCALE": "1"}):
            self.assert_fails(
                "test_its_pauses_follow_its_pace", "is a time in milliseconds"
            )


class RawTest(FakeLabTest):
    """raw.cc tells the lab's story, and by itself."""

    SOURCE = '#include "labs/raw.h"\n#include <unistd.h>\n'
    HEAD = "#!/bin/sh\n[ -e /proc/$$/fd/1 ] || exec >/dev/null\n"

    def setUp(self) -> None:
        super().setUp()
        self.fake.replace(
            "fake_test.py", "    wrong =", "    raw = True\n    wrong ="
        )
        self.fake.write("raw.cc", self.SOURCE)
        self.fake.program("raw", fake_lab.RIGHT, self.HEAD)

    def test_a_raw_program_that_is_right_passes(self) -> None:
        """The control. No shell survives being interrupted by signals."""
        failed = self.fake.run_all()
        failed.pop("test_raw_goes_on_after_a_signal", None)
        self.assertEqual(failed, {})

    def test_another_story_is_found(self) -> None:
        """It passes the check of the lab, and yet says something else."""
        said = fake_lab.RIGHT.replace("Sent 1", "Sent one")
        self.fake.program("raw", said, "#!/bin/sh\n")
        name = "test_raw_tells_the_same_story"
        self.assert_fails(name, "raw.cc tells it so", "Sent one", "Sent 1")
        self.fake.program("raw", fake_lab.LATE, "#!/bin/sh\n")
        self.assert_fails(name, "MISSING Receiver: Got 2")

    def test_a_header_that_hides_the_calls_is_found(self) -> None:
        """Also in a wrong variant that is raw."""
        name = "test_raw_makes_its_calls_itself"
        self.assertEqual(self.fake.run_test(name), "")
        hides = self.SOURCE + '# include "common/sync/lock.h"\n'
        self.fake.write("wrong/raw_late.cc", hides)
        self.assert_fails(name, "raw_late.cc includes common/sync/lock.h")

    def test_a_child_that_outlives_it_is_found(self) -> None:
        """However it is ended."""
        leaks = fake_lab.LEAK + fake_lab.RIGHT
        self.fake.program("raw", leaks, "#!/bin/sh\ntrap '' INT\n")
        self.assert_fails("test_raw_ends_whatever_ends_it", "left after SIGINT")

    def test_a_name_that_outlives_it_is_found(self) -> None:
        """It could have been removed: the signal was not SIGKILL."""
        leaks = "touch /dev/shm/ipc-labs-fake-$$\n" + fake_lab.RIGHT
        self.fake.program("raw", leaks, "#!/bin/sh\n")
        self.assert_fails("test_raw_ends_whatever_ends_it", "left after SIGINT")

    def test_a_raw_program_that_needs_its_output_is_found(self) -> None:
        """A shell has none of what a raw program opens in its place."""
        self.fake.program("raw", fake_lab.RIGHT, "#!/bin/sh\n")
        name = "test_raw_needs_no_inheritance"
        self.assert_fails(name, "I/O error")

    def test_a_raw_program_that_no_test_runs_is_found(self) -> None:
        """It proves nothing."""
        self.fake.replace("fake_test.py", "raw = True", "raw = False")
        self.assert_fails("test_raw_is_declared", "raw.cc, and `raw`")


class VariantsTest(FakeLabTest):
    """A wrong variant must be caught, and for the declared reason only."""

    TEST = "test_wrong_late_is_caught_by_its_{}"

    def declare(self, by: str, saying: str, also: str = "") -> str:
        """Declares how `late` is caught; returns what the test then says."""
        self.fake.replace(
            "fake_test.py",
            'by="output", saying="MISSING Receiver: Got 2"',
            f"by={by!r}, saying={saying!r}"
            + (f", also=({also!r},)" * bool(also)),
        )
        return self.fake.run_test(self.TEST.format(by))

    def test_a_variant_without_a_defect_is_not_caught(self) -> None:
        """It shows that the check sees nothing."""
        self.fake.wrong("late", fake_lab.RIGHT)
        self.assert_fails(
            self.TEST.format("output"),
            "wrong_late must be caught by its output",
            "but nothing was found wrong with it:",
            "Receiver: Sum 3",
        )

    def test_another_reason_than_the_declared_one_fails(self) -> None:
        """Another text of the same kind."""
        message = self.declare("output", "MISSING Receiver: Got 7")
        self.assertIn(
            "saying 'MISSING Receiver: Got 7', but it is caught", message
        )
        self.assertIn("MISSING Receiver: Got 2", message)

    def test_another_kind_than_the_declared_one_fails(self) -> None:
        """The same words, but not a hang."""
        self.assertIn("by its hang", self.declare("hang", "Got 2"))

    def test_a_hang_is_caught_as_a_hang(self) -> None:
        """That it is killed is not a second defect."""
        self.fake.wrong("late", fake_lab.HANGS)
        self.assertEqual(self.declare("hang", "it hangs"), "")

    def test_a_hang_that_only_the_limit_ends_was_not_seen(self) -> None:
        """Something keeps the harness from seeing hangs."""
        caught = lab.Caught(by="hang", saying="hang")
        found = [expect.Verdict("hang", "late hangs")]
        for why, problem in (
            ("nothing had happened for 1.0 s", ""),
            ("it had not ended after 60 s", "nothing shows that"),
        ):
            run = dataclasses.replace(run_of(), hang=Hang((), (), why))
            told = lab.LabTest().uncaught("late", caught, run, found)
            self.assertIn(problem, told)
            self.assertEqual(bool(problem), bool(told))

    def test_a_hang_is_not_a_wrong_output(self) -> None:
        """A variant that hangs before it is wrong has another defect."""
        self.fake.wrong("late", fake_lab.HANGS)
        self.assert_fails(self.TEST.format("output"), "by its hang:")

    def test_a_leak_is_caught_by_its_kind_and_name(self) -> None:
        """A process, which is noticed in every world."""
        self.fake.wrong("late", fake_lab.LEAK + fake_lab.RIGHT)
        self.assertEqual(self.declare("leak", "a process behind: pid"), "")

    def test_a_leak_beside_the_declared_defect_fails(self) -> None:
        """Unless it is declared as well."""
        self.fake.wrong("late", fake_lab.LEAK + fake_lab.LATE)
        self.assert_fails(
            self.TEST.format("output"),
            "a second defect besides its output",
            "a process behind: pid",
        )
        self.assertEqual(
            self.declare("output", "MISSING Receiver: Got 2", also="leak"), ""
        )

    def test_a_wrong_status_is_caught_with_its_output(self) -> None:
        """A lab that sees its own failure has both."""
        fails = fake_lab.LATE.replace("PASS", "FAIL out of order") + "exit 1\n"
        self.fake.wrong("late", fails)
        self.assertEqual(self.declare("status", "exit status is 1"), "")

    def test_a_kind_that_does_not_exist_is_refused(self) -> None:
        """A mistake in the declaration, not in the lab."""
        with self.assertRaisesRegex(ValueError, "'luck' is none of output"):
            lab.Caught(by="luck", saying="")


if __name__ == "__main__":
    results.main()

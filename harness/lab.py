"""The test of a lab: what it promises, and how its wrong variants are caught.

    class PipesTest(lab.LabTest):
        wrong = {"unclosed_end": lab.Caught(by="hang", saying="Receiver")}

        def check(self, run: lab.Run) -> None:
            self.assert_said(run, "Receiver", ["Got 1", "Got 2", "End of file"])

        def test_what_is_received_was_sent_before(self) -> None:
            run = self.run_lab()
            self.assert_before(run, "Sender: Sent 1", "Receiver: Got 1")

`check` is what holds for every run of the right program; each wrong variant is
a program for which the harness must find the declared fault. A pattern is a
line's text, or a regular expression for all of it.
"""

import dataclasses
import os
import pathlib
import re
import signal
import sys
import tempfile
import unittest
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from harness import chapter, expect, explored, results, trace, words
from harness import run as harness_run
from harness.expect import CheckFailed, Verdict
from harness.explored import Explored
from harness.results import main
from harness.run import Run

__all__ = [
    "Caught",
    "CheckFailed",
    "Explored",
    "LabTest",
    "Run",
    "Verdict",
    "main",
]

_HELP_LINES_MAX = 24
_HELP_COLUMNS_MAX = 80
_INTERRUPT_LIMIT_S = 1.0
_TELL_S = 2.0
_WRONG_VARIANTS_MIN = 2
# A wrong variant, or a transcript of one, need not be watched for long: when
# all of its processes sleep without a limit nothing will come any more.
_QUIET_S = 0.5
_TRACES_MAX = 5
# For those who plant mistakes: a test that sees one only because the chapter
# quotes that line proves nothing.
_WITHOUT_CHAPTER = "IPC_LABS_WITHOUT_CHAPTER"


@dataclasses.dataclass(frozen=True)
class Caught:
    """How a wrong variant must be caught.

    by: the kind of verdict: "outcome" (assert_outcomes failed), "output"
        (another expectation of `check` failed), "status" (exit status, last
        line or stderr), "hang" or "leak".
    saying: a regular expression to be found in that verdict.
    flags: the flags of the run, with --pace=0 unless given.
    also: kinds of verdict that come with it. A variant has one defect: any
        other hang or leak, and after a hang or leak any other verdict, fails.
    """

    by: str
    saying: str
    flags: tuple[str, ...] = ()
    also: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for kind in (self.by, *self.also):
            if kind not in expect.KINDS:
                raise ValueError(
                    f"{kind!r} is none of {', '.join(expect.KINDS)}"
                )


class LabTest(expect.Expectations):
    """The base of every lab's test, which inherits the checks it has here."""

    wrong: ClassVar[Mapping[str, Caught]] = {}

    # What explorations of the lab find; see explored.py.
    explored: ClassVar[Sequence[Explored]] = ()

    # Every run of this test, for reports.
    runs: list[Run]

    # pylint: disable-next=arguments-differ
    def __init_subclass__(cls) -> None:
        """Adds one test for each wrong variant that the class declares."""
        super().__init_subclass__()
        for variant, caught in cls.wrong.items():
            _add_variant_test(cls, variant, caught)
        for number, wanted in enumerate(cls.explored):
            _add_exploration_test(cls, number, wanted)

    @classmethod
    def setUpClass(cls) -> None:
        """Skips the base itself, which has no lab."""
        if cls is LabTest:
            raise unittest.SkipTest("only a lab's own test has a lab")

    def setUp(self) -> None:
        """Forgets the runs of the test before."""
        self.runs = []
        if _WITHOUT_CHAPTER in os.environ and "_chapter_" in self.id():
            self.skipTest(f"{_WITHOUT_CHAPTER} is set")

    # Where the lab is.

    @property
    def folder(self) -> pathlib.Path:
        """The folder of the lab, where its programs and sources are."""
        module = sys.modules[type(self).__module__]
        return pathlib.Path(str(module.__file__)).absolute().parent

    @property
    def name(self) -> str:
        """The name of the lab."""
        return self.folder.name

    def program(self, variant: str = "") -> str:
        """Returns the lab's program, or that of a wrong variant."""
        return str(self.folder / (f"wrong_{variant}" if variant else self.name))

    # Runs.

    def run_program(self, program: str, *flags: str, **options: Any) -> Run:
        """Runs a program, at --pace=0 unless told, with options of run()."""
        if not any(flag.startswith("--pace") for flag in flags):
            flags = (*flags, "--pace=0")
        return self._run([program, *flags], **options)

    def run_lab(
        self, *flags: str, clean: bool | None = None, **options: Any
    ) -> Run:
        """Runs the lab; unless it is interrupted, it must end clean."""
        run = self.run_program(self.program(), *flags, **options)
        if clean if clean is not None else "interrupt_after" not in options:
            self.assert_clean(run)
        return run

    def run_wrong(self, variant: str, *flags: str, **options: Any) -> Run:
        """Runs a wrong variant, whatever comes of it."""
        options.setdefault("quiet_s", _QUIET_S)
        return self.run_program(self.program(variant), *flags, **options)

    def run_late(self, call: str, *flags: str, delay_s: float = 0.02) -> Run:
        """Runs the lab so that a system call returns late, in every process.

        What is said after such a call, and not before, then comes too late.
        """
        if reason := trace.why_not():
            self.skipTest(reason)
        return self.run_traced(
            ["strace", "-f", "-qqq", "-o", "/dev/null", "-e", f"trace={call}"]
            + ["-e", f"inject={call}:delay_exit={delay_s * 1e6:.0f}"],
            [self.program(), *flags, "--pace=0"],
        )

    def rerun(self, run: Run, *flags: str, **options: Any) -> Run:
        """Runs the program of `run` again, for a `check` that needs several."""
        return self.run_program(run.command[0], *flags, **options)

    def _run(self, command: Sequence[str], **options: Any) -> Run:
        # If it hangs there must be time left to tell why.
        left_s = results.remaining_s()
        if left_s is not None:
            most_s = max(1.0, left_s - _TELL_S) / harness_run.time_scale()
            options["limit_s"] = min(options.get("limit_s", 60.0), most_s)
        run = harness_run.run(command, **options)
        self.runs.append(run)
        if reason := expect.skip_reason(run):
            self.skipTest(reason)
        return run

    # Verdicts.

    def check(self, run: Run) -> None:
        """Fails unless `run` is what the lab promises."""
        self.fail(f"there is no {type(self).__name__}.check for {run.command}")

    # What every lab promises.

    def test_it_passes_and_leaves_nothing(self) -> None:
        """A plain run, and the lab's own expectations."""
        self.check(self.run_lab())

    def test_it_writes_no_events_unless_asked(self) -> None:
        """The log of events is for machines, and off by default."""
        run = self.run_lab(events=False)
        self.assertEqual(run.events, ())

    def test_ctrl_c_ends_it_and_leaves_nothing(self) -> None:
        """SIGINT to all of its processes, in the middle."""
        self._assert_ends_by(signal.SIGINT)

    def test_sigterm_ends_it_and_leaves_nothing(self) -> None:
        """SIGTERM to its first process only, in the middle."""
        self._assert_ends_by(signal.SIGTERM)

    def _assert_ends_by(self, signal_number: signal.Signals) -> None:
        # At the pace of the guide, so that the first line is not the last.
        run = self.run_lab(
            "--pace=1", interrupt_after=": ", interrupt_signal=signal_number
        )
        found = [v for v in expect.verdicts(run) if v.kind in ("hang", "leak")]
        if run.interrupted_s is None:
            text = f"it said nothing before it ended\n{expect.title(run)}"
            raise CheckFailed("output", text)
        took_s = run.duration_s - run.interrupted_s
        if took_s > _INTERRUPT_LIMIT_S * harness_run.time_scale():
            text = f"it ended {took_s:.1f} s after {signal_number.name}"
            found.append(Verdict("status", text + "\n" + expect.title(run)))
        if found:
            raise CheckFailed(found[0].kind, "\n".join(v.text for v in found))

    def test_help_fits_on_one_screen(self) -> None:
        """--help is at most 24 lines of 80 columns."""
        run = self._run([self.program(), "--help"], events=False)
        problems = []
        if run.status != 0 or run.stderr or not run.lines:
            problems.append(
                f"--help must print to standard output only, with status 0,"
                f" not {run.status}"
            )
        if len(run.lines) > _HELP_LINES_MAX:
            problems.append(
                f"--help prints {len(run.lines)} lines,"
                f" more than {_HELP_LINES_MAX}"
            )
        problems += [
            f"a line of --help has {len(line.raw)} columns,"
            f" more than {_HELP_COLUMNS_MAX}: {line.raw}"
            for line in run.lines
            if len(line.raw) > _HELP_COLUMNS_MAX
        ]
        if problems:
            self._assert_no_problems([*problems, expect.transcript(run)])

    def test_a_wrong_flag_gets_one_clear_line(self) -> None:
        """A flag that does not exist, and numbers that are none."""
        self._assert_usage_error("--no-such-flag", "no-such-flag")
        for flag in ("--pace", "--seed", *self._number_flags()):
            self._assert_usage_error(f"{flag}=many", flag)

    def _number_flags(self) -> list[str]:
        run = self._run([self.program(), "--help"], events=False)
        return re.findall(
            r"^\s*(--[\w-]+)[ =](?:N|X)\b", run.transcript(), re.M
        )

    def _assert_usage_error(self, flag: str, named: str) -> None:
        run = self._run([self.program(), flag], events=False)
        lines = len(run.stderr.splitlines())
        problems = []
        if run.status != 2:
            problems.append(f"{flag}: the status is {run.status}, not 2")
        if run.lines:
            problems.append(f"{flag} must print only to standard error")
        if lines != 1:
            problems.append(f"{flag} gets {lines} lines on stderr, not 1")
        elif named not in run.stderr:
            problems.append(f"{flag}: the message does not name {named}")
        if problems:
            self._assert_no_problems([*problems, expect.transcript(run)])

    def test_every_wrong_variant_says_how_it_is_caught(self) -> None:
        """A variant that nothing need catch proves nothing."""
        files = {file.stem for file in self.folder.glob("wrong/*.cc")}
        for variant in files - set(self.wrong):
            self.fail(f"wrong/{variant}.cc does not say how it is caught")
        for variant in set(self.wrong) - files:
            self.fail(f"there is no wrong/{variant}.cc")
        self.assertGreaterEqual(
            len(files), _WRONG_VARIANTS_MIN, "wrong variants; see wrong/"
        )

    # The chapter.

    def _chapter(self) -> chapter.Chapter:
        return chapter.Chapter.read(self.folder / "README.md")

    def _assert_no_problems(self, problems: Sequence[str]) -> None:
        if problems:
            raise CheckFailed("output", "\n".join(problems))

    def test_chapter_has_its_headings_and_links(self) -> None:
        """The same headings in all chapters; links lead somewhere."""
        text = self._chapter()
        problems = text.heading_problems()
        problems += text.naming_problems(self.wrong)
        # The other links lead out of what this test is given; the test of the
        # documents follows them.
        root = self.folder.parent.parent
        problems += text.link_problems(inside=(self.folder, root / "common"))
        self._assert_no_problems(problems)

    def test_chapter_shows_the_code_as_it_is(self) -> None:
        """Each listing is cut from the source that it names."""
        root = self.folder.parent.parent
        text = self._chapter()
        self._assert_no_problems(text.code_problems(root) + text.tag_problems())

    def test_chapter_shows_what_the_programs_print(self) -> None:
        """Each transcript is compared with a run of its command."""
        text = self._chapter()
        problems, ran_lab = [], False
        for console in text.consoles():
            variant = console.variant_of(self.name)
            if variant is None:
                problems.append(
                    f"{console.place}: {console.label} is not of this lab"
                )
                continue
            ran_lab = ran_lab or not variant
            if variant and variant not in self.wrong:
                problems.append(f"{console.place}: there is no {console.label}")
                continue
            run = self.run_program(
                self.program(variant), *console.flags, quiet_s=_QUIET_S
            )
            problems += console.problems(
                [line.raw for line in run.lines] + run.stderr.splitlines()
            )
        if not ran_lab:
            problems.append(f"{text.place}: no transcript of the lab itself")
        self._assert_no_problems(problems)

    def test_chapter_shows_the_calls_that_the_programs_make(self) -> None:
        """Each excerpt of a trace is compared with a trace of its command."""
        text = self._chapter()
        self._assert_no_problems(text.unchecked_problems())
        excerpts = text.excerpts()
        for excerpt in excerpts:
            variant = excerpt.variant_of(self.name)
            if variant is None or (variant and variant not in self.wrong):
                self.fail(f"{excerpt.place}: not `$ strace ... {self.name}`")
        if excerpts and (reason := trace.why_not()):
            self.skipTest(reason)
        self._assert_no_problems(
            [p for excerpt in excerpts for p in self._trace_problems(excerpt)]
        )

    def run_traced(
        self, strace: Sequence[str], command: Sequence[str], **options: Any
    ) -> Run:
        """Runs a command of the chapter by strace, with options of run()."""
        return self._run(
            [*strace, *command],
            events=False,
            quiet_s=_QUIET_S,
            # What looks for leaks wants to trace the process, too.
            env={"ASAN_OPTIONS": "handle_segv=0:detect_leaks=0"},
            **options,
        )

    def _trace_problems(self, excerpt: chapter.Excerpt) -> list[str]:
        """Looks for the excerpt in traces: not every run has every wait."""
        program = self.program(excerpt.variant_of(self.name) or "")
        folder = os.environ.get("TEST_TMPDIR")
        lost: list[str] = []
        for _ in range(_TRACES_MAX):
            with tempfile.NamedTemporaryFile(dir=folder) as file:
                run = self.run_traced(
                    ["strace", "-o", file.name, *excerpt.options],
                    [program, *excerpt.flags],
                )
                traced = pathlib.Path(file.name).read_text("latin-1")
            said = [line.raw for line in run.lines]
            lost = trace.missing(excerpt.calls, traced.splitlines(), said)
            if not lost:
                return []
        return [
            f"{excerpt.place}: no process makes this call, after those above "
            f"it: {line}"
            for line in lost
        ]

    # Explorations.

    def assert_explored(self, wanted: Explored) -> None:
        """An exploration finds what is declared: no more, and no less."""
        found, run = explored.ask(
            self.program(wanted.variant),
            wanted.flags,
            explored.request_of(wanted),
        )
        self.runs.append(run)
        if text := explored.differences(self.name, wanted, found):
            raise CheckFailed("outcome", text)
        # The leaks are those of any run; there is no PASS in this one.
        for leak in run.leaks:
            raise CheckFailed("leak", f"it leaves a {leak.kind}: {leak.name}")

    # The wrong variants.

    def judge(self, run: Run) -> list[Verdict]:
        """Returns all that is wrong with a run, `check` included."""
        found = expect.verdicts(run)
        if not run.hang and not run.excess:
            try:
                self.check(run)
            except CheckFailed as error:
                found.append(error.verdict)
            except Exception as error:  # pylint: disable=broad-except
                found.append(Verdict("output", self.in_words(error)))
        return found

    def in_words(self, error: BaseException) -> str:
        """Returns what a plain assertion, or its failing, means to a student.

        That is what was found, what was expected by which statement, and what
        the last run printed.
        """
        text = words.sentence(str(error))
        if not isinstance(error, AssertionError):
            text = f"it could not be compared: {type(error).__name__}: {text}"
        lines = [text, *words.expectation(error, self.folder)]
        lines += [expect.transcript(run) for run in self.runs[-1:]]
        return "\n".join(lines)

    def assert_caught(self, variant: str, caught: Caught) -> None:
        """The variant is found to be wrong for the declared reason, only."""
        run = self.run_wrong(variant, *caught.flags)
        if problem := self.uncaught(variant, caught, run, self.judge(run)):
            raise CheckFailed("output", problem)

    def uncaught(
        self,
        variant: str,
        caught: Caught,
        run: Run,
        found: Sequence[Verdict],
    ) -> str:
        """Returns why what was found is not what is declared, or ""."""
        reasons = [v for v in found if v.kind == caught.by]
        if not any(re.search(caught.saying, v.text) for v in reasons):
            return (
                f"wrong_{variant} must be caught by its {caught.by}, "
                f"saying {caught.saying!r}, but {_sum_up(found)}\n"
                + (expect.title(run) + run.transcript() if not found else "")
            )
        allowed = {caught.by, *caught.also}
        if caught.by in expect.TOLD:
            allowed.update(expect.TOLD)
        others = [v for v in found if v.kind not in allowed]
        if others:
            return (
                f"wrong_{variant} has a second defect beside its {caught.by}: "
                + _sum_up(others)
            )
        return ""


def _add_variant_test(cls: type[LabTest], variant: str, caught: Caught) -> None:
    def test(self: LabTest) -> None:
        self.assert_caught(variant, caught)

    name = f"test_wrong_{variant}_is_caught_by_its_{caught.by}"
    test.__name__ = name
    test.__qualname__ = f"{cls.__qualname__}.{name}"
    setattr(cls, name, test)


def _add_exploration_test(
    cls: type[LabTest], number: int, wanted: Explored
) -> None:
    def test(self: LabTest) -> None:
        self.assert_explored(wanted)

    title = re.sub(r"\W+", "_", wanted.title).strip("_")
    name = f"test_exploration_{number + 1}_of_{title}"
    test.__name__ = name
    test.__qualname__ = f"{cls.__qualname__}.{name}"
    test.__doc__ = f"Every order of {wanted.title}."
    setattr(cls, name, test)


def _sum_up(found: Sequence[Verdict]) -> str:
    if not found:
        return "nothing was found wrong with it:"
    return "it is caught so:\n" + "\n".join(
        f"  by its {v.kind}:\n{expect.indent(v.text)}" for v in found
    )

"""The test of a lab: what it promises, and how its wrong variants are caught.

    class PipesTest(lab.LabTest):
        wrong = {"unclosed_end": lab.Caught(by="hang", saying="Receiver")}

        def check(self, run: lab.Run) -> None:
            self.assert_said(run, "Receiver", ["Got 1", "Got 2", "End of file"])

        def test_what_is_received_was_sent_before(self) -> None:
            self.assert_before(self.run_lab(), "Sender: Sent 1", "Receiver: Got 1")

`check` is what holds for every run of the right program; each wrong variant is
a program for which the harness must find the declared fault. A pattern is a
line's text, or a regular expression for all of it.
"""

import dataclasses
import pathlib
import re
import signal
import sys
import unittest
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, NoReturn

from harness import chapter, match
from harness import run as harness_run
from harness.run import Run

__all__ = ["Caught", "CheckFailed", "LabTest", "Run", "Verdict", "main"]

# The kinds of verdict. The first three judge what a program told us, so that
# one defect may well show in several of them; the others stand alone.
_TOLD = ("output", "outcome", "status")
KINDS = (*_TOLD, "hang", "leak")

_HELP_LINES_MAX = 24
_HELP_COLUMNS_MAX = 80
_INTERRUPT_LIMIT_S = 1.0
_WRONG_VARIANTS_MIN = 2
# A wrong variant, or a transcript of one, need not be watched for long: when
# all of its processes sleep without a limit nothing will come any more.
_QUIET_S = 0.5


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
            if kind not in KINDS:
                raise ValueError(f"{kind!r} is none of {', '.join(KINDS)}")


@dataclasses.dataclass(frozen=True)
class Verdict:
    """Something that is wrong with a run."""

    kind: str
    text: str


class CheckFailed(AssertionError):
    """An expectation that a run did not meet."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.verdict = Verdict(kind, text)


class LabTest(unittest.TestCase):
    """The base of every lab's test, which inherits the checks it has here."""

    wrong: ClassVar[Mapping[str, Caught]] = {}

    # Every run of this test, for reports.
    runs: list[Run]

    # A test that compares texts shows all of the difference.
    maxDiff = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Adds one test for each wrong variant that the class declares."""
        super().__init_subclass__(**kwargs)
        for variant, caught in cls.wrong.items():
            _add_variant_test(cls, variant, caught)

    @classmethod
    def setUpClass(cls) -> None:
        """Skips the base itself, which has no lab."""
        if cls is LabTest:
            raise unittest.SkipTest("only a lab's own test has a lab")

    def setUp(self) -> None:
        """Forgets the runs of the test before."""
        self.runs = []

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
        """Runs a program at --pace=0 unless told; options are those of run()."""
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

    def rerun(self, run: Run, *flags: str, **options: Any) -> Run:
        """Runs the program of `run` again, for a `check` that needs several."""
        return self.run_program(run.command[0], *flags, **options)

    def _run(self, command: Sequence[str], **options: Any) -> Run:
        run = harness_run.run(command, **options)
        self.runs.append(run)
        return run

    # Expectations.

    def check(self, run: Run) -> None:
        """Fails unless `run` is what the lab promises; every lab has its own."""
        self.fail(f"{type(self).__name__} does not say what to check in a run")

    def fail_run(
        self, run: Run, message: str, margin: match.Margin, kind: str = "output"
    ) -> NoReturn:
        """Fails with the transcript of the run, marked in its margin."""
        raise CheckFailed(kind, f"{message}\n{_title(run)}{margin.text()}")

    def assert_clean(self, run: Run) -> None:
        """The run has ended by itself with PASS and has left nothing behind."""
        found = verdicts(run)
        if found:
            kind = found[0].kind
            raise CheckFailed(kind, "\n".join(v.text for v in found))

    def assert_said(
        self, run: Run, speaker: str, expected: Sequence[match.Expected]
    ) -> list[tuple[str, ...]]:
        """The speaker said exactly this, in this order.

        An item `...` stands for any number of lines. Returns what the groups
        of each pattern captured.
        """
        places = [
            i for i, line in enumerate(run.lines) if line.speaker == speaker
        ]
        said = [run.lines[i].text for i in places]
        alignment = match.align(expected, said)
        if alignment.complete:
            return [
                _match(expected[i], said[j]).groups("")
                for i, j in alignment.pairs
            ]
        margin = match.Margin([line.raw for line in run.lines])
        margin.good = {places[j] for _, j in alignment.pairs}
        margin.bad = {places[j] for j in alignment.extra}
        places.append(len(run.lines))
        margin.missing = [
            (places[j], f"{speaker}: {expected[i]}")
            for i, j in alignment.missing
        ]
        self.fail_run(run, f"{speaker} did not say what it should", margin)

    def assert_before(self, run: Run, first: str, then: str) -> None:
        """Some line matches `first`, and the first that matches `then` follows."""
        margin = _margin(run)
        place = _find(run, first)
        later = _find(run, then)
        if place is not None and later is not None and place < later:
            return
        for pattern, found in ((first, place), (then, later)):
            if found is None:
                margin.missing.append((len(run.lines), pattern))
                message = f"there is no line {pattern!r}"
        if place is not None:
            margin.good.add(place)
        if later is not None:
            margin.bad.add(later)
        if place is not None and later is not None:
            message = f"{then!r} comes before {first!r}"
        self.fail_run(run, message, margin)

    def assert_count(self, run: Run, pattern: str, count: int) -> None:
        """Exactly `count` lines match the pattern."""
        places = _places(run, pattern)
        if len(places) == count:
            return
        margin = _margin(run)
        margin.good = set(places[:count])
        margin.bad = set(places[count:])
        if len(places) < count:
            margin.missing = [(len(run.lines), pattern)]
        self.fail_run(
            run,
            f"there are {len(places)} lines {pattern!r}, not {count}",
            margin,
        )

    def assert_never(self, run: Run, pattern: str) -> None:
        """The pattern is found nowhere in any line."""
        margin = _margin(run)
        margin.bad = {
            i
            for i, line in enumerate(run.lines)
            if re.search(pattern, line.raw)
        }
        if margin.bad:
            self.fail_run(run, f"{pattern!r} must never be said", margin)

    def captures(self, run: Run, pattern: str) -> list[str]:
        """Returns what the first group captured in each line that matches.

        The pattern may match a part of the line.
        """
        found = (re.search(pattern, line.raw) for line in run.lines)
        return [m[1] if m.re.groups else m[0] for m in found if m]

    def capture(self, run: Run, pattern: str) -> str:
        """Returns what `captures` finds in the first line; there must be one."""
        found = self.captures(run, pattern)
        if not found:
            margin = _margin(run)
            margin.missing = [(len(run.lines), pattern)]
            self.fail_run(run, f"nothing matches {pattern!r}", margin)
        return found[0]

    def assert_outcomes(
        self,
        found: Mapping[str, int] | Iterable[str | Run],
        declared: Mapping[str, int] | Iterable[str],
        capture: str = "",
    ) -> None:
        """What was found is what was declared: no more, and no less.

        `found` are outcomes, or runs whose outcome is what `capture` captures.
        If both are counts by outcome, the counts must agree too.
        """
        counts: dict[str, int] = {}
        if isinstance(found, Mapping):
            counts.update(found)
        else:
            for item in found:
                outcome = (
                    self.capture(item, capture)
                    if isinstance(item, Run)
                    else item
                )
                counts[outcome] = counts.get(outcome, 0) + 1
        wanted = declared if isinstance(declared, Mapping) else None
        exact = wanted is not None and isinstance(found, Mapping)
        expected = set(declared)
        lines, message = [], []
        for outcome in sorted({*counts, *expected}, key=_by_number):
            count = counts.get(outcome, 0)
            note = f"{outcome} in {count}"
            if outcome not in expected:
                lines.append(f"BAD     {note}")
                message.append(
                    f"outcome {outcome} was reached but not declared"
                )
            elif not count:
                lines.append(f"MISSING {outcome}")
                message.append(
                    f"outcome {outcome} was declared but never reached"
                )
            elif exact and wanted and wanted[outcome] != count:
                lines.append(f"BAD     {note}, not in {wanted[outcome]}")
                message.append(
                    f"outcome {outcome} has another count than declared"
                )
            else:
                lines.append(f"GOOD    {note}")
        if message:
            raise CheckFailed(
                "outcome",
                "\n".join([*message, *(f"  {line}" for line in lines)]),
            )

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
        """SIGTERM, in the middle."""
        self._assert_ends_by(signal.SIGTERM)

    def _assert_ends_by(self, signal_number: signal.Signals) -> None:
        # At the pace of the guide, so that the first line is not the last.
        run = self.run_lab(
            "--pace=1", interrupt_after=": ", interrupt_signal=signal_number
        )
        found = [v for v in verdicts(run) if v.kind in ("hang", "leak")]
        if run.interrupted_s is None:
            text = f"it said nothing before it ended\n{_title(run)}"
            raise CheckFailed("output", text)
        took_s = run.duration_s - run.interrupted_s
        if took_s > _INTERRUPT_LIMIT_S * harness_run.time_scale():
            text = f"it ended {took_s:.1f} s after {signal_number.name}"
            found.append(Verdict("status", text + "\n" + _title(run)))
        if found:
            raise CheckFailed(found[0].kind, "\n".join(v.text for v in found))

    def test_help_fits_on_one_screen(self) -> None:
        """--help is at most 24 lines of 80 columns."""
        run = self._run([self.program(), "--help"], events=False)
        self.assertEqual((run.status, run.stderr), (0, ""))
        self.assertTrue(run.lines, "--help prints nothing")
        self.assertLessEqual(len(run.lines), _HELP_LINES_MAX, run.transcript())
        for line in run.lines:
            self.assertLessEqual(len(line.raw), _HELP_COLUMNS_MAX, line.raw)

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
        about = f"{flag}: status {run.status}, stderr:\n{run.stderr}"
        self.assertEqual(run.status, 2, about)
        self.assertEqual(run.lines, (), f"{flag} must print only on stderr")
        self.assertEqual(len(run.stderr.splitlines()), 1, about)
        self.assertIn(named, run.stderr, about)

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
        self._assert_no_problems(self._chapter().code_problems(root))

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

    # The wrong variants.

    def judge(self, run: Run) -> list[Verdict]:
        """Returns all that is wrong with a run, `check` included."""
        found = verdicts(run)
        if not run.hang:
            try:
                self.check(run)
            except CheckFailed as error:
                found.append(error.verdict)
            except AssertionError as error:
                found.append(Verdict("output", str(error)))
        return found

    def assert_caught(self, variant: str, caught: Caught) -> None:
        """The variant is found to be wrong for the declared reason, only."""
        run = self.run_wrong(variant, *caught.flags)
        found = self.judge(run)
        reasons = [v for v in found if v.kind == caught.by]
        if not any(re.search(caught.saying, v.text) for v in reasons):
            raise CheckFailed(
                "output",
                f"wrong_{variant} must be caught by its {caught.by}, "
                f"saying {caught.saying!r}, but {_sum_up(found)}\n"
                + (_title(run) + run.transcript() if not found else ""),
            )
        allowed = {caught.by, *caught.also}
        if caught.by in _TOLD:
            allowed.update(_TOLD)
        if caught.by == "hang":
            # It was killed: of course it was not done, nor tidy.
            allowed.update(KINDS)
        others = [v for v in found if v.kind not in allowed]
        if others:
            raise CheckFailed(
                "output",
                f"wrong_{variant} has a second defect beside its {caught.by}: "
                + _sum_up(others),
            )


def verdicts(run: Run) -> list[Verdict]:
    """Returns what is wrong with a run whatever the lab is."""
    found = []
    if run.hang:
        text = f"it hangs:\n{_indent(run.hang.explain())}"
        found.append(Verdict("hang", f"{text}\n{_said_at_the_end(run)}"))
    for leak in run.leaks:
        owner = f", made by {leak.owner}" if leak.owner else ""
        found.append(
            Verdict(
                "leak", f"it leaves a {leak.kind} behind: {leak.name}{owner}"
            )
        )
    if not run.hang:
        faults = []
        if run.status < 0:
            faults.append(f"it was killed by signal {-run.status}")
        elif run.status > 0:
            faults.append(f"its exit status is {run.status}")
        if not run.lines or run.lines[-1].raw != "Main: PASS":
            faults.append("its last line is not 'Main: PASS'")
        if run.stderr:
            faults.append(f"it wrote to stderr:\n{_indent(run.stderr)}")
        if faults:
            text = "; ".join(faults)
            found.append(Verdict("status", f"{text}\n{_said_at_the_end(run)}"))
    return found


def main() -> None:
    """Runs the tests of the lab whose test is the main module."""
    unittest.main()


def _add_variant_test(cls: type[LabTest], variant: str, caught: Caught) -> None:
    def test(self: LabTest) -> None:
        self.assert_caught(variant, caught)

    name = f"test_wrong_{variant}_is_caught_by_its_{caught.by}"
    test.__name__ = name
    test.__qualname__ = f"{cls.__qualname__}.{name}"
    setattr(cls, name, test)


def _title(run: Run) -> str:
    program = "/".join(pathlib.Path(run.command[0]).parts[-2:])
    return f"  $ {' '.join((program, *run.command[1:]))}\n"


def _said_at_the_end(run: Run, count: int = 5) -> str:
    lines = [line.raw for line in run.lines[-count:]]
    if len(run.lines) > count:
        lines.insert(0, "...")
    if not lines:
        lines.append("(it printed nothing)")
    return _title(run) + _indent("\n".join(lines), 10)


def _indent(text: str, columns: int = 4) -> str:
    return "\n".join(" " * columns + line for line in text.splitlines())


def _sum_up(found: Sequence[Verdict]) -> str:
    if not found:
        return "nothing was found wrong with it:"
    return "it is caught so:\n" + "\n".join(
        f"  by its {v.kind}:\n{_indent(v.text)}" for v in found
    )


def _margin(run: Run) -> match.Margin:
    return match.Margin([line.raw for line in run.lines])


def _match(expected: match.Expected, text: str) -> re.Match[str]:
    assert isinstance(expected, str)
    found = match.full_match(expected, text)
    assert found
    return found


def _places(run: Run, pattern: str) -> list[int]:
    return [
        i
        for i, line in enumerate(run.lines)
        if match.full_match(pattern, line.raw)
        or match.full_match(pattern, line.text)
    ]


def _find(run: Run, pattern: str) -> int | None:
    return next(iter(_places(run, pattern)), None)


def _by_number(outcome: str) -> tuple[float, str]:
    try:
        return float(outcome), outcome
    except ValueError:
        return float("inf"), outcome

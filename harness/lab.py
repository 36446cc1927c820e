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
import functools
import os
import pathlib
import re
import tempfile
import unittest
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from harness import (
    chapter,
    counted,
    expect,
    explored,
    fences,
    quiet,
    raw,
    trace,
)
from harness.counted import COUNTS_FROM, RECHECK_S, Lines, Source
from harness.expect import CheckFailed, Verdict
from harness.explored import Explored
from harness.promises import QUIET_S, RAW
from harness.results import main
from harness.run import Run

__all__ = [
    "COUNTS_FROM",
    "Caught",
    "CheckFailed",
    "Explored",
    "LabTest",
    "Lines",
    "RECHECK_S",
    "Run",
    "Source",
    "Verdict",
    "main",
]

_WRONG_VARIANTS_MIN = 2
_TRACES_MAX = 20
# For tools/mutate: a test that sees a mistake only because the chapter
# quotes that line proves nothing.
_WITHOUT_CHAPTER = "IPC_LABS_WITHOUT_CHAPTER"
# Set by --config=tsan alone; see .bazelrc.
_THREAD_SANITIZER = "TSAN_OPTIONS"


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


class LabTest(raw.RawPromises):
    """The base of every lab's test, which inherits the checks it has here."""

    wrong: ClassVar[Mapping[str, Caught]] = {}

    # What explorations of the lab find; see explored.py.
    explored: ClassVar[Sequence[Explored]] = ()

    # Numbers in the chapter that nothing compares, as they are written there,
    # and how else they are known; see counted.py.
    known_numbers: ClassVar[Mapping[str, str]] = {}

    # Small numbers in the chapter, and what they come from; see counted.py.
    compared_numbers: ClassVar[Mapping[str, Source | Lines]] = {}

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
        """Skips this base class, which has no lab."""
        if cls is LabTest:
            raise unittest.SkipTest("only a lab's own test has a lab")

    def setUp(self) -> None:
        """Forgets the runs of the test before."""
        super().setUp()
        if _WITHOUT_CHAPTER in os.environ and "_chapter_" in self.id():
            self.skipTest(f"{_WITHOUT_CHAPTER} is set")

    def test_every_wrong_variant_says_how_it_is_caught(self) -> None:
        """A variant that no test must catch proves nothing."""
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

    def test_chapter_has_its_headings_and_links(self) -> None:
        """The same headings in all chapters; links lead somewhere."""
        text = self._chapter()
        problems = text.heading_problems()
        problems += text.naming_problems(self.wrong)
        # The other links lead out of what this test is given; the test of the
        # documents follows them.
        root = self.folder.parent.parent
        problems += text.link_problems(inside=(self.folder, root / "common"))
        self.fail_if(problems)

    def test_chapter_shows_the_code_as_it_is(self) -> None:
        """Each listing is cut from the source that it names."""
        root = self.folder.parent.parent
        text = self._chapter()
        self.fail_if(text.code_problems(root) + text.tag_problems())

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
            if variant not in ("", RAW, *self.wrong):
                problems.append(f"{console.place}: there is no {console.label}")
                continue
            run = self.run_program(
                self.program(variant), *console.flags, quiet_s=QUIET_S
            )
            problems += console.problems(
                [line.raw for line in run.lines] + run.stderr.splitlines()
            )
        if not ran_lab:
            problems.append(f"{text.place}: no transcript of the lab itself")
        self.fail_if(problems)

    def test_chapter_shows_the_calls_that_the_programs_make(self) -> None:
        """Each excerpt of a trace is compared with a trace of its command."""
        text = self._chapter()
        self.fail_if(text.unchecked_problems())
        excerpts = text.excerpts()
        for excerpt in excerpts:
            variant = excerpt.variant_of(self.name)
            if variant not in ("", RAW, *self.wrong):
                self.fail(f"{excerpt.place}: not `$ strace ... {self.name}`")
        if excerpts and (reason := trace.why_not()):
            self.skipTest(reason)
        self.fail_if(
            [p for excerpt in excerpts for p in self._trace_problems(excerpt)]
        )

    def run_traced(
        self, strace: Sequence[str], command: Sequence[str], **options: Any
    ) -> Run:
        """Runs a command of the chapter by strace, with options of run()."""
        return self._run(
            [*strace, *command],
            events=False,
            quiet_s=QUIET_S,
            # The search for leaks traces the process, too.
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

    def test_chapter_states_numbers_that_there_are(self) -> None:
        """Those of orders are of explorations; others are compared, too."""
        text = self._chapter()

        @functools.cache
        def lines_of(flags: tuple[str, ...]) -> list[str]:
            return [line.raw for line in self.run_lab(*flags).lines]

        self.fail_if(
            counted.problems(
                text,
                counted.known(self.folder, self.explored),
                self.known_numbers,
                counted.stated(self.folder),
            )
            + counted.differences(text, self.compared_numbers, lines_of)
        )

    def test_chapter_has_no_block_that_nothing_compares(self) -> None:
        """Each says what it is; the test of the documents looks at commands."""
        text = self._chapter()
        self.fail_if(fences.kind_problems(text) + fences.printed_problems(text))

    def test_chapter_shows_what_other_programs_print(self) -> None:
        """Each script is run again; it may run the lab and its variants."""
        text = self._chapter()
        problems = []
        for shell in text.shells():
            script = re.sub(
                rf"bazel-bin/labs/{self.name}/(?=\w)",
                f"{self.folder}/",
                shell.label,
            )
            run = self._run(["bash", "-c", script], events=False)
            problems += shell.problems([line.raw for line in run.lines])
        self.fail_if(problems)

    def test_chapter_shows_lines_that_were_measured(self) -> None:
        """The lab prints them, in this order, with other numbers."""
        text = self._chapter()
        problems = []
        for fence in fences.texts(text, fences.MEASURED):
            said = [line.raw for line in self.run_lab().lines]
            problems += [
                f"{text.place}:{fence.line}: stale, not printed (here): {line}"
                for line in fences.lost(fence.body, said)
            ]
        self.fail_if(problems)

    def test_chapter_shows_how_hangs_are_explained(self) -> None:
        """The harness says so of these variants, with other numbers."""
        text = self._chapter()
        problems = []
        for variant, fence in fences.hangs(text).items():
            if variant not in self.wrong:
                problems.append(f"{text.place}:{fence.line}: no {variant}")
                continue
            run = self.run_wrong(variant)
            said = run.hang.explain().splitlines() if run.hang else []
            problems += [
                f"{text.place}:{fence.line}: stale, not said (here): {line}"
                for line in fences.lost(fence.body, said)
            ]
        self.fail_if(problems)

    # Explorations.

    def assert_explored(self, wanted: Explored) -> None:
        """An exploration finds what is declared: no more, and no less."""
        try:
            found, run = explored.ask(
                self.program(wanted.variant),
                wanted.flags,
                explored.request_of(wanted),
            )
        except explored.Skipped as reason:
            self.skipTest(str(reason))
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
            except unittest.SkipTest:  # It cannot be judged here.
                raise
            except Exception as error:  # pylint: disable=broad-except
                found.append(Verdict("output", self.in_words(error)))
        return found

    def assert_caught(self, variant: str, caught: Caught) -> None:
        """The variant is found to be wrong for the declared reason, only."""
        if caught.by == "hang" and _THREAD_SANITIZER in os.environ:
            self.skipTest("a process of the thread sanitizer never rests")
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
        if (
            caught.by == "hang"
            and run.hang
            and run.hang.why.startswith(quiet.NOT_ENDED)
        ):
            return f"nothing shows that wrong_{variant} hangs: {run.hang.why}"
        allowed = {caught.by, *caught.also}
        if caught.by in expect.TOLD:
            allowed.update(expect.TOLD)
        others = [v for v in found if v.kind not in allowed]
        if others:
            return (
                f"wrong_{variant} has a second defect besides its {caught.by}: "
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
    return "it is caught differently:\n" + "\n".join(
        f"  by its {v.kind}:\n{expect.indent(v.text)}" for v in found
    )

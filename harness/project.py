"""The test of a project: what a program that a learner has built must do.

    class EchoServerTest(project.ProjectTest):
        skeleton = lab.Caught(by="output", saying="before it said 'ready'")
        wrong = {"one_at_a_time": lab.Caught(by="hang", saying="Referee")}

        def test_1_what_is_sent_comes_back(self) -> None:
            self.referee("comes_back")

The plain tests judge self.program(). They are played in the order of their
names, and the first that fails is the verdict. A wrong solution, and the
skeleton, must fail for the declared reason, and one of the hints in
exercises.toml must fit what the learner then reads. `also` are the kinds of
verdict by which it may be caught instead, where that is luck. Where a test is
skipped, so is each wrong solution that only that test would catch.
"""

import dataclasses
import io
import pathlib
import re
import sys
import unittest
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from harness import exercises, expect, explored, promises, referee, transcript
from harness.expect import CheckFailed, Verdict
from harness.explored import Explored
from harness.lab import Caught
from harness.run import Run
from harness.screen import Screen

__all__ = ["Caught", "CheckFailed", "Explored", "ProjectTest", "Run"]

_SKELETON = "skeleton"
_WRONG_MIN = 3
# These prove the tests themselves; they do not judge the program.
_NOT_OF_THE_PROGRAM = ("test_wrong_", "test_the_skeleton_", "test_every_wrong_")
_LIMIT_S = 60.0
_RACE = (
    "After these choices two processes ran at the same time, and nothing"
    " keeps them apart: the result depends on which is quicker."
)
_QUIET_S = 1.0
_ROOT = str(pathlib.Path(__file__).absolute().parent.parent)


@dataclasses.dataclass(frozen=True)
class Failure:
    """The first check that a program has failed, and what that said."""

    check: str
    verdict: Verdict


class ProjectTest(promises.Runs):
    """The base of every project's test."""

    skeleton: ClassVar[Caught]
    wrong: ClassVar[Mapping[str, Caught]] = {}

    # Which program is judged: "" for the learner's, or the solution.
    variant = ""

    # Added to every seed: who judges others' programs can choose peers that
    # the authors have not met.
    seeds_from = 0

    # pylint: disable-next=arguments-differ
    def __init_subclass__(cls) -> None:
        """Adds one test for each wrong solution that the class declares."""
        super().__init_subclass__()
        for variant, caught in cls.wrong.items():
            _add_variant_test(cls, variant, caught)

    @classmethod
    def setUpClass(cls) -> None:
        """Skips this base class, which has no project."""
        if cls is ProjectTest:
            raise unittest.SkipTest("only a project's own test has a project")

    def program(self, variant: str = "") -> str:
        """Returns the program that is judged, or that of a variant."""
        variant = variant or self.variant
        if variant not in ("", _SKELETON):
            variant = f"wrong_{variant}"
        return str(self.folder / (variant or self.name))

    def referee(
        self, scenario: str, seed: int = 0, ends: bool = False, **options: Any
    ) -> Run:
        """Plays a scenario of peers.py with the program; it must pass.

        If the scenario `ends` the program, nothing may be left behind then.
        """
        options.setdefault("quiet_s", _QUIET_S)
        options.setdefault("limit_s", _LIMIT_S)
        run = self._run(
            self.runner.with_peers(
                [
                    *(sys.executable, "-S", str(self.folder / "peers.py")),
                    *(self.program(), scenario),
                ]
            ),
            events=False,
            env={
                "PYTHONPATH": _ROOT,
                "PYTHONDONTWRITEBYTECODE": "1",
                referee.SEED: str(seed + self.seeds_from),
            },
            **options,
        )
        run = dataclasses.replace(
            run, command=(f"{self.name}/peers.py", scenario, str(seed))
        )
        self.assert_passed(run if ends else dataclasses.replace(run, leaks=()))
        return run

    def assert_passed(self, run: Run) -> None:
        """The last line is PASS; nothing hangs and nothing is left behind."""
        last = run.lines[-1].raw if run.lines else ""
        if last.startswith("Main: FAIL ") and not run.hang:
            reason = last.removeprefix("Main: FAIL ")
            raise CheckFailed("output", f"{reason}\n{_shown(run)}")
        found = expect.verdicts(dataclasses.replace(run, stderr=""))
        if found:
            text = "\n".join(verdict.text for verdict in found)
            if run.stderr:
                text += f"\nstandard error was:\n{expect.indent(run.stderr)}"
            raise CheckFailed(found[0].kind, text)

    def assert_explored(self, wanted: Explored) -> None:
        """An exploration finds the declared outcomes: no more, and no less."""
        request = explored.request_of(wanted)
        found = self._ask(wanted, request)
        counts = {explored.label(o): o["count"] for o in found["outcomes"]}
        text = expect.outcome_differences(
            counts, wanted.outcomes, False, "schedule"
        )
        if not text:
            return
        undeclared = [
            outcome
            for outcome in found["outcomes"]
            if explored.label(outcome) not in wanted.outcomes
        ]
        if undeclared:
            text += "\n" + self._story(wanted, request, undeclared)
        raise CheckFailed("outcome", text)

    def _ask(self, wanted: Explored, request: Mapping[str, Any]) -> Any:
        try:
            found, run = explored.ask(
                self.program(), wanted.flags, request, limit_s=_LIMIT_S
            )
        except explored.Refused as reason:
            text = str(reason)
            kind = "hang" if text.startswith("it hangs") else "output"
            if "do not always have the same effect" in text:
                kind, text = "outcome", f"{text}\n{_RACE}"
            raise CheckFailed(kind, text) from reason
        self.runs.append(run)
        return found

    def _story(
        self,
        wanted: Explored,
        request: Mapping[str, Any],
        outcomes: Sequence[Mapping[str, Any]],
    ) -> str:
        """Returns the shortest way to one of the outcomes, step by step."""
        shortest = min(
            outcomes,
            key=lambda o: (
                transcript.switches(o["witness"]),
                len(o["witness"]),
            ),
        )
        witness = shortest["witness"]
        played = self._ask(wanted, {**request, "schedule": witness})
        steps = transcript.replay(played, Screen(io.StringIO()))
        title = (
            f"The simplest schedule that leads to"
            f" {explored.label(shortest)!r} is {witness or '-'}:"
        )
        return "\n".join([title, *(f"  {line}".rstrip() for line in steps)])

    # The skeleton and the wrong solutions.

    def first_failure(self, variant: str) -> tuple[Failure | None, list[str]]:
        """Plays the tests of a program until one fails.

        Also returns why earlier tests were skipped.
        """
        skipped: list[str] = []
        for check in unittest.defaultTestLoader.getTestCaseNames(type(self)):
            if check.startswith(_NOT_OF_THE_PROGRAM):
                continue
            test = type(self)(check)
            test.variant = variant
            test.setUp()
            try:
                getattr(test, check)()
            except CheckFailed as error:
                return Failure(check, error.verdict), skipped
            except unittest.SkipTest as reason:
                skipped.append(str(reason))
            except AssertionError as error:
                text = test.in_words(error)
                return Failure(check, Verdict("output", text)), skipped
            finally:
                test.doCleanups()
        return None, skipped

    def assert_caught(self, variant: str, caught: Caught) -> None:
        """The program fails for the declared reason, and has its hint."""
        title = variant if variant == _SKELETON else f"wrong/{variant}.cc"
        failure, skipped = self.first_failure(variant)
        is_as_declared = (
            failure is not None
            and failure.verdict.kind in (caught.by, *caught.also)
            and re.search(caught.saying, failure.verdict.text)
        )
        if skipped and not is_as_declared:
            self.skipTest(skipped[0])  # That may be what catches it.
        if failure is None:
            raise CheckFailed("output", f"nothing is found wrong with {title}")
        verdict = failure.verdict
        if not is_as_declared:
            raise CheckFailed(
                "output",
                f"{title} must be caught by its {caught.by}, saying"
                f" {caught.saying!r}, but is caught by its {verdict.kind} in"
                f" {failure.check}:\n{expect.indent(verdict.text)}",
            )
        text = f"{verdict.kind}: {verdict.text}"
        if not self._exercise().hint(failure.check, text).failed:
            raise CheckFailed(
                "output",
                f"{title} gets only the general hint for {failure.check}:\n"
                + expect.indent(verdict.text),
            )

    def test_the_skeleton_fails_as_declared(self) -> None:
        """What a learner begins with is not solved already."""
        self.assert_caught(_SKELETON, self.skeleton)

    def test_every_wrong_solution_says_how_it_is_caught(self) -> None:
        """A wrong solution that no test must catch proves nothing."""
        files = {file.stem for file in self.folder.glob("wrong/*.cc")}
        self.assertEqual(files, set(self.wrong), "wrong/*.cc, and `wrong`")
        self.assertGreaterEqual(len(files), _WRONG_MIN, "wrong solutions")

    # The name keeps it from being played with a learner's program.
    def test_every_wrong_turn_has_its_hints(self) -> None:
        """Each hint says where, what and how; the last is for the rest."""
        self.fail_if(self._exercise().problems())

    def _exercise(self) -> exercises.Exercise:
        return exercises.find(self.folder, exercises.BUILD, self.name)


def _shown(run: Run) -> str:
    """Returns what was said in a run that a referee has judged."""
    return expect.transcript(run, 10)


def _add_variant_test(
    cls: type[ProjectTest], variant: str, caught: Caught
) -> None:
    def test(self: ProjectTest) -> None:
        self.assert_caught(variant, caught)

    name = f"test_wrong_{variant}_is_caught_by_its_{caught.by}"
    test.__name__ = name
    test.__qualname__ = f"{cls.__qualname__}.{name}"
    setattr(cls, name, test)

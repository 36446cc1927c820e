"""Proves that the exercises of a lab are fair; its macro names the lab.

What is handed out fails, and not by chance: with a hint of its own for how. The
solution passes. Each wrong solution that is planted is refused as it says, and
so is a program that does nothing but print what a right one prints.
"""

import pathlib
import re
import sys
import tempfile
import unittest
from collections.abc import Callable

from harness import exercises, judge, report, results, worker, wrong
from harness.exercises import MEND, Exercise
from harness.expect import CheckFailed

_ROOT = pathlib.Path(__file__).absolute().parent.parent
_PRINTS = "#!/bin/sh\nexec cat <<'END'\n{}END\n"


def _judged(exercise: Exercise, program: str) -> report.Check | None:
    """Returns the first check that the program fails; None if it passes all."""
    folder = _ROOT / judge.room(exercise) / exercise.lab
    with judge.stage(_ROOT, exercise, folder / program) as staged:
        for test in judge.tests(staged, exercise):
            found = results.Results(lambda check: None, worker.sentence)
            unittest.TestSuite([test]).run(found)
            for check in found.checks:
                if check.status == report.SKIPPED and not _is_minor(check):
                    raise unittest.SkipTest(check.detail)
                if check.status == report.FAILED:
                    return check
    return None


def _is_minor(check: report.Check) -> bool:
    return check.detail == judge.OTHER_PROGRAM


class ExercisesTest(unittest.TestCase):
    """The exercises of one lab."""

    maxDiff = None
    folder: pathlib.Path

    def refused(
        self, exercise: Exercise, program: str, failed: str, hint: str = ""
    ) -> None:
        """The program fails as it should, and a hint of its own fits."""
        check = _judged(exercise, program)
        if check is None:
            raise CheckFailed(
                "output", f"{program} of {exercise.title} is called right"
            )
        verdict = f"{check.kind}: {check.detail}"
        if not re.search(failed, verdict):
            raise CheckFailed(
                "output", f"not {failed!r}, but {check.name}\n{verdict}"
            )
        found = exercise.hint(check.name, verdict)
        if not found.failed:
            raise CheckFailed(
                "output",
                f"only the general hint fits: {check.name}\n{verdict}",
            )
        if not re.search(hint, "\n".join(found.rungs)):
            raise CheckFailed(
                "output",
                f"the hint is not {hint!r}, but that for {found.failed!r}:"
                f" {check.name}\n{verdict}",
            )

    def passed(self, exercise: Exercise, program: str) -> None:
        """The program passes everything."""
        if check := _judged(exercise, program):
            raise CheckFailed(
                "output",
                f"{program} of {exercise.title} is refused: {check.name}\n"
                f"{check.kind}: {check.detail}",
            )

    def printing_is_refused(self, exercise: Exercise, solution: str) -> None:
        """Neither the last line is enough, nor all that the solution says."""
        program = self.folder / solution
        with judge.stage(_ROOT, exercise, program) as staged:
            test = wrong.test_of(staged, exercise.lab)("assert_caught")
            test.setUp()
            is_mend = exercise.kind == MEND
            flags = test.wrong[exercise.name].flags if is_mend else ()
            own = test.folder / judge.program_name(exercise)
            run = test.run_program(str(own), *flags)
        printed = ["Main: PASS\n"]
        if run.started:  # Where the kernel does not tell, it cannot be noticed.
            printed.append(run.transcript())
        for text in printed:
            with tempfile.TemporaryDirectory() as name:
                program = pathlib.Path(name) / "prints"
                program.write_text(_PRINTS.format(text), encoding="utf-8")
                program.chmod(0o755)
                if _judged(exercise, str(program)) is None:
                    raise CheckFailed(
                        "output",
                        f"{exercise.title} is passed by a program that only"
                        f" prints this; see `says` in exercises.toml:\n{text}",
                    )

    def test_every_wrong_variant_can_be_mended(self) -> None:
        """It has an exercise, and no exercise is about something else."""
        mends = {e.name for e in exercises.load(self.folder) if e.kind == MEND}
        found = wrong.test_of(_ROOT, self.folder.name)
        self.assertEqual(mends, {*found.wrong})

    def test_each_exercise_is_complete(self) -> None:
        """Task, hints with three rungs, a copy that differs by comments."""
        found = exercises.load(self.folder)
        problems = [text for each in found for text in each.problems()]
        names = [exercise.name for exercise in found]
        twice = {name for name in names if names.count(name) > 1}
        problems += [f"two exercises are called {name}" for name in twice]
        self.assertEqual(problems, [])

    def test_each_question_is_about_something_that_is_explored(self) -> None:
        """A scenario of the lab, or a wrong variant that is explored."""
        sources = [*self.folder.glob("*.cc"), *self.folder.glob("wrong/*.cc")]
        text = "".join(one.read_text(encoding="utf-8") for one in sources)
        known = {*re.findall(r'explores\("([^"]+)"', text)}
        test = wrong.test_of(_ROOT, self.folder.name)
        known |= {one.variant for one in test.explored}
        self.assertEqual({*exercises.asked(self.folder)} - known, set())


def _add(name: str, test: Callable[[ExercisesTest], None]) -> None:
    test.__name__ = name
    test.__qualname__ = f"ExercisesTest.{name}"
    setattr(ExercisesTest, name, test)


def _add_tests(exercise: Exercise) -> None:
    title = f"{exercise.kind}_{exercise.name}"
    is_mend = exercise.kind == MEND
    solution = f"mended_{exercise.name}" if is_mend else exercise.lab
    _add(
        f"test_{title}_needs_more_than_its_words",
        lambda self: self.printing_is_refused(exercise, solution),
    )
    if is_mend:
        _add(
            f"test_{title}_is_refused_as_it_is",
            lambda self: self.refused(exercise, f"wrong_{exercise.name}", ""),
        )
        _add(
            f"test_{title}_has_a_solution",
            lambda self: self.passed(exercise, solution),
        )
        for one in exercise.wrong:
            _add_planted_test(exercise, one, solution)
        return
    program = f"unwritten_{exercise.name}"
    _add(
        f"test_{title}_is_refused_as_it_is",
        lambda self: self.refused(exercise, program, exercise.failed),
    )
    for one in exercise.wrong:
        _add_planted_test(exercise, one, program)


def _add_planted_test(
    exercise: Exercise, planted: exercises.Planted, program: str
) -> None:
    def test(self: ExercisesTest) -> None:
        if text := exercise.altered(exercise.planted(planted.name)):
            self.assertRegex(f"output: {text}", planted.failed)
            return
        wrong_program = f"{program}_{planted.name}"
        self.refused(exercise, wrong_program, planted.failed, planted.hint)

    _add(f"test_{exercise.name}_is_refused_with_{planted.name}", test)


if __name__ == "__main__":
    ExercisesTest.folder = _ROOT / "labs" / sys.argv.pop()
    for each in exercises.load(ExercisesTest.folder):
        _add_tests(each)
    results.main()

"""Hidden checks: what an instructor adds to those of an exercise.

They stand in <folder>/<lab>/<exercise>.py, in a class with the name Hidden, of
which example/hidden has one. It is mixed into the test of the exercise's lab,
so that it has all that a test of the course has; see harness/lab.py, and Checks
here. The solution must pass them, or nothing is judged.
"""

import ast
import importlib.util
import pathlib
import random
import sys
import unittest
from typing import Any

from grader import model
from harness import judge, lab, worker
from harness.exercises import BUILD, MEND, Exercise

FOLDER = "hidden"
_CLASS = "Hidden"


class Checks(lab.LabTest):
    """The base of hidden checks.

    chosen: draws the same for all submissions, by the seed of the class. No
        submission can know what.
    variant: of the program that was handed in; see `program`.
    """

    chosen: random.Random
    variant = ""

    def run_judged(self, *flags: str, **options: Any) -> lab.Run:
        """Runs the program that was handed in, with options of run()."""
        return self.run_program(self.program(self.variant), *flags, **options)


class Refused(Exception):
    """The hidden checks cannot be used; says where and why, in one line."""


def files(
    folder: pathlib.Path, exercises: dict[str, Exercise]
) -> dict[str, pathlib.Path]:
    """Returns the files of hidden checks, by the title of their exercise.

    Raises:
      Refused: a file belongs to no exercise of a lab, is not Python, or has
        no check; or there is none.
    """
    found = {}
    for file in sorted(folder.rglob("*.py")):
        title = str(file.relative_to(folder).with_suffix(""))
        if title not in exercises:
            raise Refused(
                f"{file}: there is no exercise {model.shown(title)!r}"
            )
        if exercises[title].kind == BUILD:
            raise Refused(f"{file}: the peers of a project are hidden already")
        try:
            module = ast.parse(file.read_bytes())
            compile(module, str(file), "exec")
        except (SyntaxError, ValueError) as error:
            raise Refused(f"{file}: it is not Python: {error}") from None
        if missing := _missing(module):
            raise Refused(f"{file}: {missing}")
        found[title] = file
    if not found:
        raise Refused(f"{folder}: there is no <lab>/<exercise>.py in it")
    return found


def tests(
    file: pathlib.Path,
    exercise: Exercise,
    found: list[unittest.TestCase],
    seed: int,
) -> list[unittest.TestCase]:
    """Returns the hidden checks of an exercise.

    Args:
      file: where they stand; there need be none.
      exercise: what is judged.
      found: the checks that everybody can read.
      seed: what `chosen` depends on.
    """
    if not file.exists():
        return []
    mixed = _mixin(file)
    base = type(found[0])
    variant = judge.program_name(exercise).removeprefix("wrong_")
    if exercise.kind != MEND and variant == exercise.lab:
        variant = ""
    members = {"__module__": base.__module__, "variant": variant}
    kind: type[Checks] = type(_CLASS, (mixed, base), members)
    made: list[unittest.TestCase] = []
    for name in sorted(vars(mixed)):
        if name.startswith("test_"):
            test = kind(name)
            # No check changes what the next one draws.
            test.chosen = random.Random(f"{seed} {name}")
            made.append(test)
    return made


def sentence(test: unittest.TestCase) -> str:
    """Returns what a check promises: of a hidden one, that it is hidden."""
    is_hidden = type(test).__name__ == _CLASS
    return (model.HIDDEN if is_hidden else "") + worker.sentence(test)


def _missing(module: ast.Module) -> str:
    """Returns what the file lacks, so that it would check nothing."""
    for each in module.body:
        if isinstance(each, ast.ClassDef) and each.name == _CLASS:
            names = [getattr(one, "name", "") for one in each.body]
            if any(name.startswith("test_") for name in names):
                return ""
            return f"no method of {_CLASS} has a name that begins with test_"
    return f"there is no class {_CLASS}(hidden.Checks)"


def _mixin(file: pathlib.Path) -> type[Checks]:
    name = f"{FOLDER}.{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    mixed = getattr(module, _CLASS, None)
    if not isinstance(mixed, type) or not issubclass(mixed, Checks):
        raise Refused(f"{file.name}: {_CLASS} is not a hidden.Checks")
    return mixed

"""Judges one exercise: a learner's program, by the test of its lab.

    with judge.stage(root, exercise, program) as staged:
        for test in judge.tests(staged, exercise):
            ...

In a copy of the lab's folder the learner's program stands where the lab's own
would. So the tests are the lab's, as they are: nothing is checked twice, and
nothing here says what is right.
"""

import contextlib
import dataclasses
import pathlib
import re
import shutil
import sys
import tempfile
import unittest
from collections.abc import Iterator, Sequence
from typing import Any

from harness import (
    exercises,
    expect,
    explored,
    lab,
    promises,
    worker,
    wrong,
)
from harness.exercises import BUILD, MEND, WRITE, Exercise
from harness.expect import CheckFailed

OTHER_PROGRAM = "this needs another program of the lab"

_RUNS = 3
# No right program of a lab takes longer, at any pace at which it is tested.
_LIMIT_S = 30.0
# What is said of the lab's own files, and not of a program.
_NOT_OF_A_PROGRAM = re.compile(
    r"test_(chapter|wrong|every_wrong|the_skeleton|raw_is_declared|its_hints)"
)
_EXPLORATION = re.compile(r"test_exploration_(\d+)_of_")


def room_of(kind: str) -> str:
    """Returns the folder of the labs that have exercises of a kind."""
    return "projects" if kind == BUILD else "labs"


def room(exercise: Exercise) -> str:
    """Returns the folder of the exercise's lab."""
    return room_of(exercise.kind)


def program_name(exercise: Exercise) -> str:
    """Returns the name of its program beside the test of the lab."""
    if exercise.kind == MEND:
        return f"wrong_{exercise.name}"
    if exercise.kind == WRITE and exercise.file == "raw.cc":
        return promises.RAW
    return exercise.lab


@contextlib.contextmanager
def stage(
    root: pathlib.Path, exercise: Exercise, program: pathlib.Path
) -> Iterator[pathlib.Path]:
    """Makes a tree in which the program is that of the exercise's lab."""
    own = program_name(exercise)
    with tempfile.TemporaryDirectory(prefix="ipc-labs-") as name:
        staged = pathlib.Path(name)
        folder = staged / room(exercise) / exercise.lab
        folder.mkdir(parents=True)
        for entry in (root / room(exercise) / exercise.lab).iterdir():
            # No other program: what the learner has made is judged.
            is_program = re.match(r"(wrong|mended|unwritten)_|raw$", entry.name)
            if not is_program and entry.name not in (own, exercise.lab):
                (folder / entry.name).symlink_to(entry.absolute())
        (staged / "common").symlink_to((root / "common").absolute())
        (staged / "harness").mkdir()
        syllabus = pathlib.Path(__file__).absolute().parent / "syllabus.json"
        (staged / "harness" / syllabus.name).symlink_to(syllabus)
        shutil.copy2(program, folder / own)
        yield staged


def tests(staged: pathlib.Path, exercise: Exercise) -> list[unittest.TestCase]:
    """Returns the tests that a staged program must pass, the quick ones first.

    Their order is that of the course; what fails first is the verdict.
    """
    base = wrong.test_of(staged, exercise.lab, room(exercise))
    if exercise.kind == MEND:
        return _mend_tests(base, exercise)
    # A project's programs are all the learner's.
    kind = base if exercise.kind == BUILD else _judged(base, {})
    names = unittest.defaultTestLoader.getTestCaseNames(kind)
    is_raw = program_name(exercise) == promises.RAW
    return [
        kind(name)
        for name in names
        if not _NOT_OF_A_PROGRAM.match(name)
        and name.startswith("test_raw_") == is_raw
        and not _is_of_a_variant(base, name)
    ]


def _is_of_a_variant(base: type[lab.LabTest], name: str) -> bool:
    found = _EXPLORATION.match(name)
    if not found:
        return False
    return base.explored[int(found[1]) - 1].variant != ""


def _judged(
    base: type[lab.LabTest], members: dict[str, Any]
) -> type[lab.LabTest]:
    """Returns the test of a lab of which only one program is there."""

    def program(self: lab.LabTest, variant: str = "") -> str:
        file = base.program(self, variant)
        if not pathlib.Path(file).exists():
            self.skipTest(OTHER_PROGRAM)
        return file

    def run(self: lab.LabTest, command: Sequence[str], **options: Any) -> Any:
        # No learner should wait a minute for what will never come.
        options.setdefault("quiet_s", promises.QUIET_S)
        options.setdefault("limit_s", _LIMIT_S)
        # pylint: disable-next=protected-access
        return base._run(self, command, **options)

    own = {
        "__module__": base.__module__,
        "judged": base,  # Whose tests are the lab's own; see worker.py.
        "program": program,
        "_run": run,
    }
    kind: type[lab.LabTest] = type(base.__name__, (base,), {**own, **members})
    return kind


def _mend_tests(
    base: type[lab.LabTest], exercise: Exercise
) -> list[unittest.TestCase]:
    """Returns the tests of a mended variant: as it is caught, and explored."""
    variant = exercise.name
    caught = base.wrong[variant]

    def runs(self: lab.LabTest) -> None:
        for _ in range(_RUNS):
            run = self.run_wrong(variant, *caught.flags)
            found = self.judge(run)
            if found:
                raise CheckFailed(
                    found[0].kind, "\n".join(each.text for each in found)
                )
            for line in exercise.says:  # In any order.
                self.assert_lines(run, [line])
            _assert_alive(run, variant)

    members: dict[str, Any] = {"test_it_does_what_the_lab_promises": runs}
    wanted = [one for one in base.explored if one.variant == variant]
    for number, one in enumerate(wanted, 1):

        def explores(self: lab.LabTest, one: explored.Explored = one) -> None:
            _explore(self, one, exercise.right)

        members[f"test_every_order_of_exploration_{number}"] = explores
    kind = _judged(base, members)
    return [kind(name) for name in members]


def _assert_alive(run: lab.Run, variant: str) -> None:
    """Each that speaks is a process or thread: none is only printed."""
    wanted = {line.speaker for line in run.lines} - {""}
    # A lab has a keeper beside Main, which says nothing. Without that there are
    # two processes in any case: with one there is nothing to communicate.
    least = len(wanted) + 1
    if promises.is_raw(variant):
        least = max(2, len(wanted))
    if 0 < run.started < least:
        raise CheckFailed(
            "output",
            f"it says what {', '.join(sorted(wanted))} would say, but has not"
            f" started the processes for that\n{expect.transcript(run)}",
        )


def _explore(
    self: lab.LabTest, wanted: explored.Explored, right: Sequence[str]
) -> None:
    """Explores a mended variant: only what is right may come of it."""
    found, run = explored.ask(
        self.program(wanted.variant),
        wanted.flags,
        explored.request_of(wanted),
    )
    self.runs.append(run)
    labels = {explored.label(outcome) for outcome in found["outcomes"]}
    if not labels <= {*right}:
        allowed = dataclasses.replace(
            wanted, outcomes={*right} & labels, schedules=None
        )
        raise CheckFailed(
            "outcome", explored.differences(self.name, allowed, found)
        )
    for leak in run.leaks:
        raise CheckFailed("leak", f"it leaves a {leak.kind}: {leak.name}")


def _main(arguments: Sequence[str]) -> int:
    """Judges a staged program, for a reader of our messages; see worker.py."""
    name, kind, lab_name, exercise_name = arguments
    staged = pathlib.Path(name)
    folder = staged / room_of(kind) / lab_name
    exercise = exercises.find(folder, kind, exercise_name)
    return worker.serve(lambda: tests(staged, exercise), failfast=True)


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))

"""A learner's desk: the folder my/, with copies of exercises, and the state.

    my/pipes/receive.cc       the copy that the learner works on
    my/BUILD.bazel            how the copies are built; written again each time
    my/progress.json          what is done, and what was told
"""

import dataclasses
import datetime
import json
import os
import pathlib
import tempfile
from collections.abc import Iterator, Sequence

from harness import course, exercises, judge
from harness.exercises import BUILD, WRITE, Exercise

FOLDER = "my"
PREDICT = "predict"

OPEN, TRIED, DONE = "open", "tried", "done"

_BUILD_HEAD = """\
# Made by //harness:learn, again for each exercise that is started.
load("@rules_cc//cc:defs.bzl", "cc_binary")
"""
_BUILD_RULE = """
cc_binary(
    name = "{target}",
    srcs = ["{file}"],
    tags = ["manual"],
    deps = ["{deps}"],
)
"""
_NO_FOLDER = f"{FOLDER} is there, but is not a folder"


class Spoiled(Exception):
    """The folder cannot be used as it is; says why."""


@dataclasses.dataclass
class Mark:
    """What is known of one exercise.

    status: OPEN, TRIED or DONE.
    failures: attempts that were not right.
    rung: how many rungs were told of the hint for `failed`.
    seen: whether the solution was seen before it was done.
    when: the day on which it was done.
    """

    status: str = OPEN
    failures: int = 0
    failed: str = ""
    words: str = ""
    rung: int = 0
    asked: int = 0
    seen: bool = False
    when: str = ""


class Desk:
    """The learner's folder in a tree of the course."""

    def __init__(self, root: pathlib.Path) -> None:
        self.root = root
        self.folder = root / FOLDER
        self.current = ""
        self._marks: dict[str, Mark] = {}
        self._read()

    # The state.

    @property
    def _file(self) -> pathlib.Path:
        return self.folder / "progress.json"

    def _read(self) -> None:
        try:
            data = self._file.read_bytes()
        except FileNotFoundError:
            return
        except NotADirectoryError:
            raise Spoiled(_NO_FOLDER) from None
        try:
            state = json.loads(data)
            self.current = str(state["current"])
            for name, fields in state["exercises"].items():
                self._marks[name] = Mark(**fields)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise Spoiled(
                f"{FOLDER}/progress.json cannot be read ({error}); mend it, or"
                " move it away to start over: your copies stay"
            ) from None

    def mark(self, title: str) -> Mark:
        """Returns what is known of an exercise."""
        return self._marks.setdefault(title, Mark())

    def is_done(self, title: str) -> bool:
        """Whether an exercise is done."""
        return title in self._marks and self._marks[title].status == DONE

    def finish(self, title: str) -> None:
        """Remembers that an exercise is done."""
        mark = self.mark(title)
        mark.status = DONE
        mark.when = mark.when or datetime.date.today().isoformat()
        self.save()

    def save(self) -> None:
        """Writes the state: whole or not at all."""
        self._make()
        known = {
            name: dataclasses.asdict(mark)
            for name, mark in sorted(self._marks.items())
            if mark != Mark()
        }
        state = {"current": self.current, "exercises": known}
        _write(self._file, json.dumps(state, indent=1) + "\n")

    def _make(self) -> None:
        try:
            self.folder.mkdir(exist_ok=True)
        except FileExistsError:
            raise Spoiled(_NO_FOLDER) from None

    # The copies.

    def file(self, exercise: Exercise) -> pathlib.Path:
        """Returns the learner's copy, whether it is there or not."""
        return self.folder / exercise.shelf / f"{exercise.name}.cc"

    def has(self, exercise: Exercise) -> bool:
        """Whether the exercise was started."""
        return self.file(exercise).is_file()

    def start(self, exercise: Exercise) -> bool:
        """Makes it the current one; returns whether a new copy was made."""
        is_new = not self.has(exercise)
        if is_new:
            self._make()
            self.file(exercise).parent.mkdir(exist_ok=True)
            _write(self.file(exercise), exercise.copy())
        self.current = exercise.title
        self.save()
        return is_new

    def reset(self, exercise: Exercise) -> pathlib.Path | None:
        """Makes a new copy; returns where the old one is now."""
        if not self.has(exercise):
            self.start(exercise)
            return None
        file = self.file(exercise)
        number = 1
        while (kept := file.with_suffix(f".{number}.cc")).exists():
            number += 1
        file.rename(kept)
        self.start(exercise)
        return kept

    # The build.

    def _target(self, exercise: Exercise) -> str:
        return f"{exercise.shelf}.{exercise.name}"

    def program(self, exercise: Exercise) -> pathlib.Path:
        """Returns where the build puts the learner's program."""
        return self.root / "bazel-bin" / FOLDER / self._target(exercise)

    def build_command(self, exercise: Exercise) -> Sequence[str]:
        """Writes the BUILD file; returns the command that builds a copy."""
        package = f"//{judge.room(exercise)}/{exercise.lab}"
        deps = f"{package}:exercise_deps"
        if exercise.kind == WRITE:
            deps = f"{package}:beside_{exercise.name}"
        rule = _BUILD_RULE.format(
            target=self._target(exercise),
            file=self.file(exercise).relative_to(self.folder),
            deps=deps,
        )
        build_file = self.folder / "BUILD.bazel"
        text = build_file.read_text("utf-8") if build_file.is_file() else ""
        # Bazel looks at all of it again if a byte of it has changed.
        if rule not in text or not text.startswith(_BUILD_HEAD):
            if not text.startswith(_BUILD_HEAD):
                text = _BUILD_HEAD
            _write(build_file, text + rule)
        return build_words(self.root, f"//{FOLDER}:{self._target(exercise)}")


def build_words(root: pathlib.Path, target: str) -> list[str]:
    """Returns the command that builds a target and says only what is wrong."""
    return [
        str(root / "bazelw"),
        "build",
        "--color=no",
        "--curses=no",
        "--noshow_progress",
        "--show_result=0",
        target,
    ]


def _write(file: pathlib.Path, text: str) -> None:
    """Replaces a file: a reader sees the old text or the new."""
    fd, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(fd, "w", encoding="utf-8") as out:
            out.write(text)
        os.chmod(name, 0o644)
        os.replace(name, file)
    except BaseException:
        pathlib.Path(name).unlink(missing_ok=True)
        raise


def all_exercises(
    root: pathlib.Path, lessons: Sequence[course.Lesson]
) -> list[Exercise]:
    """Returns all exercises of the tree, in the order of the course."""
    return [
        *(
            e
            for one in lessons
            for e in exercises.load(root / "labs" / one.lab)
        ),
        *_projects(root),
    ]


def _projects(root: pathlib.Path) -> Iterator[Exercise]:
    for folder in sorted((root / "projects").glob("*")):
        yield from (e for e in exercises.load(folder) if e.kind == BUILD)

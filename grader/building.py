"""Compiles submissions, each in a cell.

    tree = building.Tree(runfiles, folder)
    built = building.build(tree, exercise, source, limits)

A source is hostile: it may include files that it should not see, keep the
compiler busy without end, and make of three lines an object of gigabytes. So
the compiler sees the headers of the course, the system's, and nothing else.
"""

import json
import os
import pathlib
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from grader import cell
from grader.hidden import FOLDER as HIDDEN
from harness.exercises import WRITE, Exercise
from harness.judge import room
from harness.run import time_scale

# The parts of the course that judging takes; all else stays outside.
_ROOMS = ("common", "grader", "harness", "labs", "projects")
_SUFFIXES = (
    *(".cc", ".h", ".json", ".md", ".py", ".service", ".toml"),
    *(".bazel", ".txt"),
)
_PROGRAM_BYTES_MAX = 64 << 20
_SAID_BYTES_MAX = 64 << 10
_COMPILER = "/usr/bin/g++"
# Seconds, bytes of a file, bytes of memory, processes of the user.
_LIMITS = {"CPU": 90, "FSIZE": 128 << 20, "AS": 3 << 30, "NPROC": 100}
# By the clock: on a machine that does much else, the compiler waits for long
# before it has used its own limit.
_LIMIT_S = 600.0
# What the compiler, or its assembler, says when one of them holds.
_TOOK_TOO_MUCH = re.compile(
    r"^(?:g\+\+: .* signal terminated program \w+|cc1plus: out of memory"
    r"|virtual memory exhausted|.*: No space left on device)",
    re.M,
)
_FLAGS = (
    *("-std=c++20", "-fPIC", "-fno-omit-frame-pointer", "-fmax-errors=5"),
    *("-fdiagnostics-color=never", "-iquote", "/course"),
)


class Tree:
    """The course as cells see it: a copy that no later change reaches.

    Args:
      runfiles: the course.
      folder: where the copy goes.
      hidden: files of hidden checks, by the title of their exercise.
    """

    def __init__(
        self,
        runfiles: pathlib.Path,
        folder: pathlib.Path,
        hidden: Mapping[str, pathlib.Path] | None = None,
    ) -> None:
        self.folder = folder / "course"
        self.archives = folder / "archives"
        self.wall = folder / "wall"
        self.scratch = folder / "scratch"
        self.scratch.mkdir()
        shutil.copy2(runfiles / "grader" / "wall", self.wall)
        kits: dict[str, Any] = {}
        for top in _ROOMS:
            for place, _, names in os.walk(runfiles / top, followlinks=True):
                for name in names:
                    file = pathlib.Path(place) / name
                    if file.suffix in _SUFFIXES:
                        own = self.folder / file.relative_to(runfiles)
                        own.parent.mkdir(parents=True, exist_ok=True)
                        shutil.copyfile(file, own)
                    if name == "kit.json":
                        kits |= json.loads(file.read_text(encoding="utf-8"))
        self._kits = kits
        for title, file in (hidden or {}).items():
            own = self.folder / HIDDEN / f"{title}.py"
            own.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, own)
        needed = {
            name
            for one in kits.values()
            for name in (*one["archives"], *one["whole"])
        }
        for name in needed:
            own = self.archives / name
            own.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(runfiles / name, own)

    def kit(self, exercise: Exercise) -> Mapping[str, Any]:
        """Returns what a program for an exercise is linked with."""
        target = "exercise_deps"
        if exercise.kind == WRITE:
            target = f"beside_{exercise.name}"
        kit: Mapping[str, Any] = self._kits[
            f"{room(exercise)}/{exercise.lab}:{target}"
        ]
        return kit

    def headers(self, exercise: Exercise) -> list[tuple[str, str]]:
        """Returns what a source may include, as a cell shows it."""
        shown = [(str(self.folder / "common"), "/course/common")]
        # Some labs use the headers of another.
        top = room(exercise)
        for pattern in (f"{top}/*.h", f"{top}/*/*.h"):
            for file in sorted(self.folder.glob(pattern)):
                name = file.relative_to(self.folder)
                shown.append((str(file), f"/course/{name}"))
        return shown


@dataclass(frozen=True)
class Built:
    """What came of compiling: a program, or what the compiler says.

    problem: why there is no program though it is not the source's fault.
    """

    program: bytes | None
    output: str
    problem: str = ""


def command(tree: Tree, exercise: Exercise) -> list[str]:
    """Returns the command that compiles and links a submission."""
    kit = tree.kit(exercise)
    whole = [f"/archives/{name}" for name in kit["whole"]]
    if whole:
        whole = ["-Wl,--whole-archive", *whole, "-Wl,--no-whole-archive"]
    return [
        _COMPILER,
        *_FLAGS,
        *(f"-D{text}" for text in kit["defines"]),
        *("-o", "/tmp/program", source_name(exercise)),
        *whole,
        *(f"/archives/{name}" for name in kit["archives"]),
        *kit["flags"],
    ]


def source_name(exercise: Exercise) -> str:
    """Returns what the learner's file is called, as the compiler says it."""
    return f"my/{exercise.shelf}/{exercise.name}.cc"


def build(
    tree: Tree,
    exercise: Exercise,
    source: bytes,
    users_from: int,
    run: Callable[[cell.Cell], cell.Answer] = cell.run,
) -> Built:
    """Compiles a submission; for `users_from`, see cell.Cell."""
    name = source_name(exercise)
    with tempfile.TemporaryDirectory(dir=tree.scratch) as folder:
        file = pathlib.Path(folder) / "source.cc"
        file.write_bytes(source)
        answer = run(
            cell.Cell(
                command=command(tree, exercise),
                shows=[
                    *tree.headers(exercise),
                    (str(tree.archives), "/archives"),
                    (str(file), f"/{name}"),
                ],
                env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TMPDIR": "/tmp"},
                users_from=users_from,
                user=cell.SUBMITTER if users_from else 0,
                has_processes=False,
                limits=_LIMITS,
                limit_s=_LIMIT_S * time_scale(),
                result="/tmp/program",
                result_bytes_max=_PROGRAM_BYTES_MAX,
                said_bytes_max=_SAID_BYTES_MAX,
            )
        )
    if answer.problem and not answer.lacked_memory:
        return Built(None, "", answer.problem)
    said = answer.said.decode(errors="replace")
    if answer.is_late:
        said = f"{name}: the compiler had not ended after {_LIMIT_S:.0f} s"
    elif answer.lacked_memory or (answer.status and not said.strip()):
        said = f"{name}: the compiler was ended: it took too much"
    elif answer.status and (found := _TOOK_TOO_MUCH.search(said)):
        said = f"{name}: the compiler was ended: it took too much ({found[0]})"
    elif answer.status < 0:  # Perhaps it has found an error before that.
        said += f"\n{name}: error: the compiler was ended: it said too much"
    elif answer.status == 0 and answer.result is None:
        said = (
            f"{name}: the program is larger than"
            f" {_PROGRAM_BYTES_MAX >> 20} MiB"
        )
    is_good = answer.status == 0 and answer.result is not None
    return Built(answer.result if is_good else None, said)

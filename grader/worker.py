"""Judges one submission, from inside of a cell; see cell.py.

It reads what to judge from its standard input, and writes what it finds to the
file /tmp/judged, a JSON object a line. No submission can reach either: it runs
as another user, and in a world of its own, where /tmp is another one.
"""

import json
import os
import pathlib
import shutil
import sys
import tempfile
import unittest
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

from grader import hidden
from harness import (
    exercises,
    judge,
    project,
    promises,
    report,
    results,
    runner,
    worker,
)

JUDGED = "/tmp/judged"
SUBMISSIONS = "/submission"
WALL = "/judge/wall"
# It would hang again in the next check, and that takes time.
_LAST_KINDS = ("hang",)
_ENDED = "so it was ended"
_DETAIL_MAX = 20_000
# Stands, as a wall, where a test runs unshare(1) for the program.
_UNSHARE = "unshare"
_SHARING = ("/bin/sh", "-c", 'umask 0; exec "$@"', "sh")
_LAST_PROCESS = pathlib.Path("/proc/sys/kernel/ns_last_pid")


def _stage(asked: Mapping[str, Any], staged: pathlib.Path) -> None:
    """Tells the wall, which stands for the program, what it is to become."""
    exercise = _exercise(asked)
    own = judge.program_name(exercise)
    folder = staged / judge.room(exercise) / exercise.lab
    _show_data(folder)
    becomes = {own: f"{SUBMISSIONS}/{own}"}
    unshare = shutil.which("unshare")
    if asked["namespaces"] and unshare:
        becomes[_UNSHARE] = unshare
        shutil.copy2(WALL, folder / _UNSHARE)
    for name, program in becomes.items():
        words = [program, str(asked["user"])]
        if asked["namespaces"]:
            words.append("namespaces")
        text = "\n".join(words)
        (folder / f"{name}.wall").write_text(text, encoding="utf-8")


class _Submitter(runner.Runner):
    """Has programs run by the user of the submission, while tests are root."""

    def in_namespaces(
        self, command: Sequence[str], program: str
    ) -> Sequence[str]:
        """Has unshare(1) itself run behind the wall.

        Root of a namespace that root has made is the same user as root
        outside: what is for the owner of a file, such as
        /proc/sys/kernel/core_pattern, it may do.
        """
        place = pathlib.Path(program)
        own = f"{SUBMISSIONS}/{place.name}"
        _, *words = command
        return [
            str(place.with_name(_UNSHARE)),
            *(own if word == program else word for word in words),
        ]

    def with_peers(self, command: Sequence[str]) -> Sequence[str]:
        """Lets the program write to what its peers make."""
        return [*_SHARING, *command]

    def may_write(self, folder: str) -> None:
        os.chmod(folder, 0o777)


# What a program does not read, and a submission should not.
_SOURCES = (".bazel", ".cc", ".h", ".md", ".service", ".toml")


def _show_data(folder: pathlib.Path) -> None:
    """Lets the program read what lies beside it, such as a reader in Python.

    The way to it is open then; all else there leads to what is secret.
    """
    for file in folder.iterdir():
        is_test = file.name.endswith("_test.py")
        if file.is_file() and file.is_symlink() and not is_test:
            if file.suffix not in _SOURCES:
                data = file.read_bytes()
                file.unlink()
                file.write_bytes(data)
    folder.parent.parent.chmod(0o711)


def _exercise(asked: Mapping[str, Any]) -> exercises.Exercise:
    root = pathlib.Path(asked["root"])
    folder = root / judge.room_of(asked["kind"]) / asked["lab"]
    return exercises.find(folder, asked["kind"], asked["name"])


def _last_process() -> int:
    """Returns the number of the newest process of the cell; see proc(5).

    It grows by one for each that is started in it, whatever that says of
    itself. 0 on a kernel that does not tell.
    """
    try:
        text = _LAST_PROCESS.read_text(encoding="ascii")
    except FileNotFoundError:
        return 0
    return int(text)


def _is_last(check: report.Check) -> bool:
    if check.status != report.FAILED:
        return False
    return check.kind in _LAST_KINDS or _ENDED in check.detail


def run(asked: Mapping[str, Any], out: TextIO) -> None:
    """Runs all checks of an exercise, and writes each to `out`."""
    root, exercise = pathlib.Path(asked["root"]), _exercise(asked)
    newest = _last_process()

    def tell(check: report.Check) -> None:
        nonlocal newest
        before, newest = newest, _last_process()
        line = {
            "name": check.name,
            "status": check.status,
            "kind": check.kind
            or ("" if check.status != "failed" else "status"),
            "detail": check.detail[:_DETAIL_MAX],
            "processes": newest - before,
        }
        out.write(json.dumps(line) + "\n")
        out.flush()
        if _is_last(check):
            told.stop()

    told = results.Results(tell, hidden.sentence)
    project.ProjectTest.seeds_from = asked["seed"]
    program = pathlib.Path(WALL if asked["user"] else f"{SUBMISSIONS}/program")
    with judge.stage(root, exercise, program) as staged:
        if asked["user"]:
            _stage(asked, staged)
            promises.Runs.runner = _Submitter()
            # Where the world of a run does not cover it.
            os.environ["TEST_TMPDIR"] = tempfile.mkdtemp(dir="/run")
            os.chmod(os.environ["TEST_TMPDIR"], 0o711)
        found = sorted(judge.tests(staged, exercise), key=worker.place)
        file = root / hidden.FOLDER / f"{exercise.title}.py"
        found += hidden.tests(file, exercise, found, asked["seed"])
        names = [hidden.sentence(test) for test in found]
        out.write(json.dumps(names) + "\n")
        unittest.TestSuite(found).run(told)
    out.write(json.dumps(None) + "\n")


def main() -> None:
    """Judges what standard input says."""
    asked = json.load(sys.stdin)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with os.fdopen(os.open(JUDGED, flags, 0o600), "w", encoding="utf-8") as out:
        run(asked, out)

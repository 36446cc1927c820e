"""Plays docs/tour.md again: what a learner types, edits, and reads.

Each `$` line of a fence `console` is a command, with what it prints below it. A
fence `diff` is an edit of the learner's file. Here the programs that come from
the edits are built already, and a stand-in for ./bazelw finds out which one is
meant by what the compiler would see of the file; any other file goes to
the compiler itself, which must refuse it.
"""

import difflib
import itertools
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import unittest

from harness import chapter, exercises, fake_lab, learn, results
from harness.expect import CheckFailed

_ROOT = pathlib.Path(learn.__file__).absolute().parent.parent
_LAB, _EXERCISE = "pipes", "play_act"
_PLANTED = "keeps_ends"
_COMMAND = "./bazelw run //harness:learn"

_BAZELW = """#!/bin/sh
cd "$(dirname "$0")" || exit 1
exec env PYTHONPATH={path} {python} {file} --build {root}
"""


def _build(root: pathlib.Path) -> int:
    """Builds the learner's file as ./bazelw would."""
    found = exercises.find(_ROOT / "labs" / _LAB, "write", _EXERCISE)
    file = root / "my" / _LAB / f"{_EXERCISE}.cc"
    unwritten = f"unwritten_{_EXERCISE}"
    known = {
        unwritten: found.copy(),
        f"{unwritten}_{_PLANTED}": found.planted(_PLANTED),
        _LAB: found.solution(),
    }
    seen = exercises.tokens(file.read_text(encoding="utf-8"))
    for program, source in known.items():
        if exercises.tokens(source) == seen:
            made = root / "bazel-bin" / "my" / f"{_LAB}.{_EXERCISE}"
            made.parent.mkdir(parents=True, exist_ok=True)
            made.unlink(missing_ok=True)
            made.symlink_to(_ROOT / "labs" / _LAB / program)
            return 0
    command = ["g++", "-std=c++20", "-fsyntax-only", f"-I{_ROOT}"]
    place = file.relative_to(root)
    done = subprocess.run([*command, str(place)], cwd=root, check=False)
    return done.returncode or 1


def _same(text: str) -> str:
    """Replaces what differs from run to run."""
    text = re.sub(r"\(\d+\.\d s\)", "(1.2 s)", text)
    text = re.sub(r"for \d+\.\d s", "for 1.2 s", text)
    text = re.sub(r"pipe:\[\d+\]", "pipe:[1234]", text)
    # How many exercises there are is not what the tour is about.
    return re.sub(r"\[#*-*\] (\d+) of \d+", r"[----] \1 of 99", text)


def _in_order(lines: list[str]) -> list[str]:
    """Sorts each transcript: two processes may speak in another order."""
    found: list[str] = []
    for is_said, part in itertools.groupby(
        lines, lambda line: line.startswith(" " * 12)
    ):
        found += sorted(part) if is_said else part
    return found


class TourTest(unittest.TestCase):
    """One learner, from the first command to the first success."""

    maxDiff = None

    def setUp(self) -> None:
        self.root = fake_lab.scratch_folder(self)
        for name in ("labs", "common"):
            (self.root / name).symlink_to(_ROOT / name)
        (self.root / "harness").mkdir()
        (self.root / "harness" / "syllabus.json").write_text(
            json.dumps([[_LAB, "What?"]])
        )
        (self.root / "bazelw").write_text(
            _BAZELW.format(
                path=shlex.quote(":".join(sys.path)),
                python=shlex.quote(sys.executable),
                file=shlex.quote(str(pathlib.Path(__file__).absolute())),
                root=shlex.quote(str(self.root)),
            )
        )
        (self.root / "bazelw").chmod(0o755)

    def learn(self, command: str) -> list[str]:
        """Returns what a command prints."""
        words = shlex.split(command.removeprefix(_COMMAND))
        done = subprocess.run(
            [
                sys.executable,
                learn.__file__,
                f"--root={self.root}",
                *(word for word in words if word != "--"),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            check=False,
        )
        return done.stdout.splitlines()

    def edit(self, lines: tuple[str, ...]) -> None:
        """Changes the learner's file as a fence says."""
        file = self.root / "my" / _LAB / f"{_EXERCISE}.cc"
        text = file.read_text(encoding="utf-8")
        old = "".join(f"{x[1:]}\n" for x in lines if x[:1] in ("-", " ", ""))
        new = "".join(f"{x[1:]}\n" for x in lines if x[:1] in ("+", " ", ""))
        self.assertEqual(text.count(old), 1, old)
        file.write_text(text.replace(old, new), encoding="utf-8")

    def test_it_goes_as_the_page_says(self) -> None:
        page = chapter.Chapter.read(_ROOT / "docs" / "tour.md")
        wanted: list[str] = []
        found: list[str] = []
        for fence in page.fences:
            if fence.info[:1] == ("diff",):
                self.edit(fence.body)
            elif fence.info[:1] == ("console",):
                wanted += fence.body
                for line in fence.body:
                    if line.startswith("$ "):
                        found += [line, *self.learn(line.removeprefix("$ "))]
        commands = [line for line in wanted if line.startswith("$ ")]
        self.assertGreater(len(commands), 6)
        before, after = (
            _in_order([_same(line).rstrip() for line in lines])
            for lines in (wanted, found)
        )
        if before != after:
            changed = difflib.unified_diff(before, after, "page", "now", n=1)
            text = "\n".join([*changed, "", "What is printed now:", *found])
            raise CheckFailed("output", f"the page is stale:\n{text}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--build"]:
        sys.exit(_build(pathlib.Path(sys.argv[2])))
    results.main()

"""Shows how a wrong variant of a lab is caught, and why.

    bazel run //harness:course -- pipes:wrong_unclosed_end

It is run and judged as by the test of its lab; what that says of it, such as
the explanation of a hang, is printed in full.
"""

import pathlib
import re
import textwrap
import unittest
from collections.abc import Sequence
from typing import Any

from harness import expect, lab, promises, report, worker
from harness.expect import Verdict
from harness.screen import Screen

_WORD = re.compile(r"(?:@?//)?(?:labs[:/])?(\w+)(?::(\w+))?")
# What has found the defect, since the program itself has not.
_JUDGES = {
    "output": "the expectations in {test}, of what is said and in which order",
    "outcome": "the expectations in {test}, of what may come of it",
    "status": "the harness, by the status, the last line and standard error",
    "hang": "the harness, which saw that nothing more would ever happen",
    "leak": "the harness, which looked for what the program left behind",
}


class Unknown(Exception):
    """There is no such variant; names those that there are."""


def split(word: str) -> tuple[str, str]:
    """Returns lab and variant of "pipes:wrong_x", "//labs/pipes:wrong_x".

    The variant of a lab itself is ""; the lab of any other word is "", too.
    """
    match = _WORD.fullmatch(word)
    if not match:
        return "", ""
    variant = match[2] or match[1]
    if variant == match[1]:
        return match[1], ""
    return match[1], variant.removeprefix("wrong_")


def test_of(root: pathlib.Path, name: str, room: str = "labs") -> type[Any]:
    """Returns the class that tests a lab, or a project."""
    module = worker.load(root, name, room)
    found = [
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, promises.Runs)
        and value.__module__ == module.__name__
    ]
    # The test of the lab, if there is a second class beside it.
    return max(found, key=lambda each: len(each.wrong), default=lab.LabTest)


def find(root: pathlib.Path, name: str, variant: str) -> lab.LabTest:
    """Returns the test that catches the variant.

    Raises:
      Unknown: the lab has no such variant.
    """
    test = test_of(root, name)
    if variant not in test.wrong:
        known = ", ".join(f"wrong_{each}" for each in sorted(test.wrong))
        raise Unknown(
            f"{name} has no wrong_{variant}; it has {known or 'none'}"
        )
    found: lab.LabTest = test("assert_caught")
    found.setUp()
    return found


def show(test: lab.LabTest, variant: str, screen: Screen) -> bool:
    """Runs the variant and prints all; returns whether it is caught."""
    caught = test.wrong[variant]
    screen.line(screen.paint("bold", f"{test.name}:wrong_{variant}"))
    for line in _story(test.folder / "wrong" / f"{variant}.cc"):
        screen.line(f"  {line}".rstrip())
    try:
        run = test.run_wrong(variant, *caught.flags)
    except unittest.SkipTest as reason:
        screen.line(f"{screen.paint('faint', 'skip')}  {reason}")
        return True
    found = test.judge(run)
    screen.line()
    screen.line(report.xml_text(expect.transcript(run)))
    screen.line()
    for verdict in found:
        screen.line(screen.paint("bold", f"Caught by its {verdict.kind}:"))
        text = verdict.text
        if verdict.kind in ("hang", "status"):  # The transcript is above.
            text = text.partition(expect.title(run))[0]
        screen.line(textwrap.indent(report.xml_text(text.rstrip()), "  "))
    if run.status == 0 and run.lines and run.lines[-1].raw == "Main: PASS":
        screen.line()
        for line in _who_knows_better(test, found):
            screen.line(line)
    problem = test.uncaught(variant, caught, run, found)
    screen.line()
    if problem:
        screen.line(screen.paint("bad", problem.rstrip()))
    else:
        words = f"Caught as declared: by its {caught.by}."
        screen.line(screen.paint("good", words))
    return not problem


def _story(source: pathlib.Path) -> list[str]:
    """Returns the comment at the top of a program: what is wrong with it."""
    story = []
    for line in source.read_text(encoding="utf-8").splitlines():
        if not line.startswith("//"):
            break
        story.append(line.removeprefix("//").strip())
    return story


def _who_knows_better(test: lab.LabTest, found: Sequence[Verdict]) -> list[str]:
    judges = [
        _JUDGES[kind].format(test=f"labs/{test.name}/{test.name}_test.py")
        for kind in dict.fromkeys(verdict.kind for verdict in found)
    ]
    text = (
        "It ends with Main: PASS, but that is only what the program says of"
        " itself: it does not see its own mistake."
    )
    if judges:
        text += f" What does see it: {'; '.join(judges)}."
    return textwrap.wrap(text, 80)

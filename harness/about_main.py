"""Prints what a lab says about itself: bazel run //harness:about -- <lab>.

    bazel run //harness:about            # the labs: minutes, what comes before
    bazel run //harness:about -- pipes   # the notes of one lab, for a teacher
    bazel run //harness:about -- --heads # writes the heads of chapters again
"""

import argparse
import os
import pathlib
import sys
import textwrap
from collections.abc import Iterator, Sequence

from harness import about, course, program
from harness.about import About

_WRONG_USAGE = 2
_COLUMNS = 80
_ROOT = pathlib.Path(__file__).absolute().parent.parent


def _wrapped(text: str, first: str = "  ", rest: str = "  ") -> list[str]:
    return textwrap.wrap(
        text,
        _COLUMNS,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )


def overview(abouts: Sequence[About]) -> Iterator[str]:
    """Yields a line for each lab: its minutes, and the labs that it needs."""
    width = max((len(each.lab) for each in abouts), default=0)
    yield f"{'lab':{width}}  read    do  after"
    for each in abouts:
        first = f"{each.lab:{width}}  {each.reading_min:4}  {each.doing_min:4}"
        names = ", ".join(each.after) or "-"
        yield from _wrapped(names, f"{first}  ", " " * (len(first) + 2))
    total = about.describe_minutes(sum(each.minutes for each in abouts))
    yield f"{len(abouts)} labs, {total}"


def notes(lab: About) -> Iterator[str]:
    """Yields the notes of a lab, for its teacher."""
    yield (
        f"{lab.lab}: {lab.reading_min} min to read, {lab.doing_min} min to do"
    )
    yield "After this lab a student can"
    for objective in lab.objectives:
        small = objective[0].lower() + objective[1:]
        yield from _wrapped(small, "  - ", "    ")
    for title, names in (
        ("Comes after", lab.after),
        ("Teaches", lab.teaches),
        ("Needs", lab.needs),
        ("Calls", lab.calls),
    ):
        yield from _wrapped(f"{title}: {', '.join(names) or '-'}", "", "  ")
    yield "Ask before the lab is run"
    yield from _wrapped(lab.teaching.ask)
    yield "What most answer"
    yield from _wrapped(lab.teaching.wrong)
    yield "Show"
    yield f"  {lab.teaching.command}"
    _, _, what = lab.teaching.show.partition("`: ")
    yield from _wrapped(what[:1].upper() + what[1:])
    yield "Common mistakes"
    for name in lab.mistakes:
        yield f"  ./bazelw run //labs/{lab.lab}:wrong_{name}"
    yield "In Python, in this library, and below it"
    for row in lab.table:
        yield from _wrapped(row.python, "  - ", "    ")
        yield from _wrapped(row.cpp, "    ", "      ")
        yield from _wrapped(row.system, "    ", "      ")


def write_heads(root: pathlib.Path, abouts: Sequence[About]) -> None:
    """Writes the head of each chapter that does not have it."""
    for each in abouts:
        file = root / "labs" / each.lab / "README.md"
        page = file.read_text(encoding="utf-8")
        wanted = about.with_head(page, each)
        if wanted != page:
            file.write_text(wanted, encoding="utf-8")


def main(arguments: Sequence[str]) -> int:
    """Prints the list or the notes; returns 0, or 2 for an unknown lab."""
    parser = argparse.ArgumentParser(
        prog="about", description="Prints what a lab is for and what it takes."
    )
    parser.add_argument("lab", nargs="?", help="by default the list of labs")
    parser.add_argument(
        "--root", type=pathlib.Path, default=_ROOT, help=argparse.SUPPRESS
    )
    parser.add_argument(
        "--heads",
        action="store_true",
        help="write the heads of all chapters, from about.toml",
    )
    options = parser.parse_args(arguments)
    labs = [lesson.lab for lesson in course.read_syllabus(options.root)]
    if options.lab is not None and options.lab not in labs:
        print(f"about: there is no lab {options.lab}", file=sys.stderr)
        return _WRONG_USAGE
    try:
        abouts = about.read(options.root, labs)
    except about.Malformed as error:
        print(f"about: {error}", file=sys.stderr)
        return 1
    if options.heads:
        tree = os.environ.get("BUILD_WORKSPACE_DIRECTORY", options.root)
        write_heads(pathlib.Path(tree), abouts)
        return 0
    chosen = [each for each in abouts if each.lab == options.lab]
    for line in notes(chosen[0]) if chosen else overview(abouts):
        print(line)
    return 0


if __name__ == "__main__":
    program.start("about", main)

"""What is explored: a lab or a wrong variant of it, with its flags.

Shared by //harness:explore and //harness:play, with their command lines.
"""

import argparse
import dataclasses
import pathlib
import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

from harness import course, explored, lab, worker
from harness import run as harness_run
from harness.screen import Screen
from harness.transcript import count

_WRONG_USAGE = 2
_PROGRAM = re.compile(r"(?://)?(?:labs[:/])?(\w+)(?::(\w+))?")

# What bounds an exploration and, if nothing is left out, makes no difference.
_BOUNDS = ("max_preemptions", "max_schedules")


class WrongUsage(Exception):
    """The command line is wrong; says how in one line."""


@dataclasses.dataclass(frozen=True)
class Subject:
    """A program that can be explored, and what its test declares.

    scenarios: what can be explored of it: the name of each, and how it is
        explored unless a request differs.
    chosen: which of them is.
    declared: what the lab's test declares of this and other programs.
    """

    lab: str
    variant: str
    program: str
    flags: tuple[str, ...]
    scenarios: Sequence[Mapping[str, Any]]
    chosen: int
    declared: tuple[explored.Explored, ...]

    @property
    def title(self) -> str:
        """The command that it stands for: "pipes:wrong_no_end --count=2"."""
        return " ".join(
            [explored.program_name(self.lab, self.variant), *self.flags]
        )

    @property
    def scenario(self) -> Mapping[str, Any]:
        """The scenario that is explored."""
        return self.scenarios[self.chosen]

    def ask(
        self,
        request: Mapping[str, Any],
        tell: Callable[[int], None] | None = None,
    ) -> tuple[Any, harness_run.Run]:
        """Has the program answer a request about the scenario.

        Raises:
          explored.Refused: it did not; with its reason.
        """
        asked = {**request, "scenario": self.scenario["name"]}
        return explored.ask(self.program, self.flags, asked, tell)

    def explore(
        self, request: Mapping[str, Any], screen: Screen
    ) -> tuple[Any, harness_run.Run]:
        """As ask(), and the screen shows how far it is."""
        start_s = time.monotonic()

        def tell(schedules: int) -> None:
            screen.status(
                f"  ... {self.title}: {count(schedules, 'schedule')}, "
                f"{time.monotonic() - start_s:.0f} s"
            )

        screen.status(f"  ... {self.title}")
        try:
            return self.ask(request, tell)
        finally:
            screen.status()

    def declaration(
        self, request: Mapping[str, Any], found: Mapping[str, Any]
    ) -> tuple[explored.Explored | None, bool]:
        """Returns what the lab's test declares about such an exploration.

        Also whether the schedules can be compared, not only the outcomes.
        """
        for wanted in self.declared:
            if wanted.variant != self.variant:
                continue
            first = self.scenarios[0]["name"]
            if (wanted.scenario or first) != self.scenario["name"]:
                continue
            if _normal(wanted.flags) != _normal(self.flags):
                continue
            asked = self._effective(request, found["complete"])
            meant = self._effective(wanted.request, found["complete"])
            counted = asked.pop("reduce") == meant.pop("reduce")
            if asked == meant:
                return wanted, counted
        return None, False

    def _effective(
        self, request: Mapping[str, Any], complete: bool
    ) -> dict[str, Any]:
        """Returns all that affects an exploration, by name."""
        both = {**self.scenario, **request}
        both.pop("name")
        both.pop("scenario", None)
        if not both["random"]:
            both.pop("seed")
        for bound in _BOUNDS if complete else ():
            both.pop(bound)
        return both


def _normal(flags: Sequence[str]) -> list[str]:
    """Returns flags in one order, and --flag value as --flag=value."""
    found: list[str] = []
    for flag in flags:
        if found and not flag.startswith("-") and "=" not in found[-1]:
            found[-1] += f"={flag}"
        else:
            found.append(flag)
    return sorted(found)


def find(
    root: pathlib.Path, word: str, flags: Sequence[str], scenario: str
) -> Subject:
    """Returns what `word` stands for: "pipes", or "//labs/pipes:wrong_no_end".

    Raises:
      WrongUsage: there is no such lab, variant or scenario.
      explored.Refused: the lab does not take the flags.
    """
    match = _PROGRAM.fullmatch(word)
    names = [lesson.lab for lesson in course.read_syllabus(root)]
    if not match or match[1] not in names:
        raise WrongUsage(
            f"there is no lab {word!r}; --list shows what can be explored"
        )
    name, target = match[1], match[2] or match[1]
    variant = target.removeprefix("wrong_") if target != name else ""
    folder = root / "labs" / name
    # A raw program has no point of ours at which it could be stopped.
    is_raw = variant.startswith("raw_")
    is_there = (folder / target).is_file() and not is_raw
    if not is_there or target not in (name, f"wrong_{variant}"):
        known = sorted(
            file.stem
            for file in folder.glob("wrong/*.cc")
            if not file.stem.startswith("raw_")
        )
        raise WrongUsage(
            f"{name} has no {target}; it has "
            + ", ".join(f"wrong_{stem}" for stem in known)
        )
    program = str(folder / target)
    scenarios, _ = explored.ask(program, flags, {"list": True})
    if not scenarios:
        raise WrongUsage(
            f"{explored.program_name(name, variant)} has nothing to explore; "
            "--list shows what has"
        )
    known = [found["name"] for found in scenarios]
    if scenario and scenario not in known:
        raise WrongUsage(
            f"there is no scenario {scenario!r}; there are: {', '.join(known)}"
        )
    return Subject(
        lab=name,
        variant=variant,
        program=program,
        flags=tuple(flags),
        scenarios=scenarios,
        chosen=known.index(scenario) if scenario else 0,
        declared=declared(root, name),
    )


def declared(root: pathlib.Path, name: str) -> tuple[explored.Explored, ...]:
    """Returns the explorations that the test of a lab declares."""
    module = worker.load(root, name)
    return tuple(
        wanted
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, lab.LabTest)
        and value.__module__ == module.__name__
        for wanted in value.explored
    )


# Command lines.


class Parser(argparse.ArgumentParser):
    """Reads the flags of a program of the harness, and leaves those of a lab.

    A wrong one gets one line. What comes after a second "--" is for the lab.
    """

    def __init__(self, prog: str, description: str, epilog: str) -> None:
        super().__init__(
            prog=prog,
            description=description,
            epilog=epilog,
            usage=f"{prog} <lab>[:wrong_<variant>] [flags] [flags of the lab]",
            allow_abbrev=False,
            formatter_class=lambda prog: argparse.RawDescriptionHelpFormatter(
                prog, max_help_position=26, width=79
            ),
        )
        self.add_argument("lab", nargs="?", help=argparse.SUPPRESS)
        self.add_argument("--scenario", metavar="NAME", default="")
        self.add_argument(
            "--kills",
            type=number,
            metavar="N",
            help="up to N processes may be killed, anywhere",
        )
        self.add_argument(
            "--inner",
            action="store_true",
            help="stop at the points inside the library as well",
        )
        self.add_argument(
            "--root",
            type=pathlib.Path,
            default=pathlib.Path(__file__).absolute().parent.parent,
            help=argparse.SUPPRESS,
        )

    def read(
        self, arguments: Sequence[str]
    ) -> tuple[argparse.Namespace, list[str]]:
        """Returns the flags, and those of the lab."""
        words = list(arguments)
        end = words.index("--") if "--" in words else len(words)
        options, rest = self.parse_known_args(words[:end])
        return options, rest + words[end + 1 :]

    def error(self, message: str) -> NoReturn:
        """Says what is wrong in one line."""
        self.exit(_WRONG_USAGE, f"{self.prog}: {message}; see --help\n")


def number(text: str) -> int:
    """Reads the value of a flag."""
    if not re.fullmatch(r"\d{1,18}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number")
    return int(text)


def refuse(prog: str, error: Exception) -> int:
    """Says why it cannot be done; returns the exit status."""
    text = str(error) or type(error).__name__
    print(f"{prog}: {text}", file=sys.stderr)
    if isinstance(error, WrongUsage):
        return _WRONG_USAGE
    if isinstance(error, explored.Refused) and error.wrong_request:
        return _WRONG_USAGE
    return 1

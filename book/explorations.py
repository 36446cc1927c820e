"""Records explorations of real processes, for the scheduler in the book.

What a lab's test declares is explored with the tree of all its states. A page
only walks in that tree, so whatever it shows has happened, on a machine and on
a date that the recording names.
"""

import dataclasses
import pathlib
import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent import futures
from typing import Any

from harness import explored, game, subject

# More states than this, and the tree is that of the schedules with few
# pre-emptions: what goes wrong goes wrong with few.
SCHEDULES_MAX = 300
STATES_MAX = 4000


@dataclasses.dataclass(frozen=True)
class Wanted:
    """An exploration of a lab, or of a wrong variant, that is recorded."""

    lab: str
    variant: str
    scenario: str
    flags: tuple[str, ...]
    kills: int | None

    @property
    def key(self) -> str:
        """A name for it in addresses and files: "one_woken--all"."""
        words = [self.variant or "right", self.scenario, *self.flags]
        if self.kills is not None:
            words.append(f"kills-{self.kills}")
        slugs = (re.sub(r"\W+", "-", w.lower()).strip("-") for w in words)
        return "--".join(slug for slug in slugs if slug)

    @property
    def request(self) -> dict[str, Any]:
        """Returns what the program is asked for."""
        request: dict[str, Any] = {"reduce": False}
        if self.scenario:
            request["scenario"] = self.scenario
        if self.kills is not None:
            request["kills"] = self.kills
        return request

    @property
    def command(self) -> str:
        """Returns the command that explores the same in a terminal."""
        words = ["./bazelw run //harness:explore --"]
        words.append(explored.program_name(self.lab, self.variant))
        if self.scenario:
            words.append(f"--scenario={shlex.quote(self.scenario)}")
        if self.kills is not None:
            words.append(f"--kills={self.kills}")
        return " ".join([*words, *map(shlex.quote, self.flags)])


def wanted(root: pathlib.Path, lab: str) -> list[Wanted]:
    """Returns what is recorded of a lab: what its test declares, each once."""
    found = [
        Wanted(
            lab=lab,
            variant=one.variant,
            scenario=one.scenario,
            flags=tuple(one.flags),
            kills=one.request.get("kills"),
        )
        for one in subject.declared(root, lab)
        if not one.request.get("random") and not one.request.get("inner")
    ]
    return list(dict.fromkeys(found))


def _attempts(program: str, one: Wanted) -> Iterator[tuple[Any, int]]:
    """Yields explorations, each smaller than the one before, and its bound."""
    for bound in (-1, 2, 1, 0):
        request = {
            **one.request,
            "record": True,
            "max_schedules": SCHEDULES_MAX,
            "max_preemptions": bound,
        }
        found, _ = explored.ask(program, one.flags, request)
        yield found, bound


def record(program: str, one: Wanted) -> dict[str, Any]:
    """Explores, and returns what the scheduler shows of it.

    The texts of the states are numbers of `texts`; see compact().

    Raises:
      explored.Refused: the program does not answer; Skipped on this machine.
    """
    found: Any = None
    bound = -1
    for found, bound in _attempts(program, one):
        few = len(found["recorded"]) <= STATES_MAX
        if few and found["schedules"] < SCHEDULES_MAX:
            break
    scenarios, _ = explored.ask(program, one.flags, {"list": True})
    goals = game.goals_of(found["outcomes"])
    return {
        "key": one.key,
        "lab": one.lab,
        "variant": one.variant,
        "scenario": one.scenario or scenarios[0]["name"],
        "flags": list(one.flags),
        "command": one.command,
        "processes": found["processes"],
        # All orders, or those with at most so many pre-emptions, or the first.
        "complete": found["complete"],
        "preemptions": bound if bound >= 0 else None,
        "schedules": found["schedules"],
        "outcomes": [
            {
                "kind": goal.kind,
                "text": goal.text,
                "witness": goal.witness,
                "par": goal.par,
                "wrong": goal.wrong,
                "count": _count(found["outcomes"], goal),
            }
            for goal in goals
        ],
        **compact(found["recorded"]),
    }


def record_all(
    root: pathlib.Path,
    labs: Sequence[str],
    programs: Callable[[str, str], str | None],
    jobs: int,
    add: Callable[[Wanted, str, dict[str, Any]], None],
) -> tuple[dict[str, list[dict[str, Any]]], list[str]]:
    """Records all labs, `jobs` explorations at a time.

    Args:
      root: the tree with the tests of the labs, which declare explorations.
      labs: whose.
      programs: finds a program of a lab, as "wrong_no_end"; see runs.py.
      add: adds to a recording what needs the program.

    Returns:
      The explorations of each lab that has any, and why some are missing.
    """

    def recorded(program: str, one: Wanted) -> dict[str, Any]:
        recording = record(program, one)
        add(one, program, recording)
        return recording

    found: dict[str, list[dict[str, Any]]] = {}
    missing = []
    begun = []
    with futures.ThreadPoolExecutor(jobs) as pool:
        for one in (one for lab in labs for one in wanted(root, lab)):
            target = f"wrong_{one.variant}" if one.variant else one.lab
            program = programs(one.lab, target)
            if program is None:
                missing.append(f"{one.command}: it is not built")
            else:
                begun.append((one, pool.submit(recorded, program, one)))
        for one, recording in begun:
            try:
                found.setdefault(one.lab, []).append(recording.result())
            except explored.Refused as refused:
                missing.append(f"{one.command}: {refused}")
    return found, missing


def _count(outcomes: Sequence[Mapping[str, Any]], goal: game.Goal) -> int:
    for outcome in outcomes:
        if (outcome["kind"], outcome["text"]) == (goal.kind, goal.text):
            return int(outcome["count"])
    raise AssertionError(goal)


class _Texts:
    """Gives each text a number."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def number(self, text: str) -> int:
        """Returns the number of a text, the same for the same text."""
        return self._numbers.setdefault(text, len(self._numbers))

    @property
    def all(self) -> list[str]:
        """The texts by their numbers."""
        return list(self._numbers)


def compact(states: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Returns the states of a recorded tree with each text only once.

    A state is {p, v, o, n, e}:
      p: for each process its state and its place, as [text, text, text, ...]
      v: what is shared, as [name, value, name, value, ...]
      o: the letters that could be chosen; "" if it has ended
      n: {letter: [state, from, to, [note, ...]]} for those that were
      e: [kind, text] if it has ended
    """
    texts = _Texts()
    number = texts.number

    def numbers(items: Sequence[Sequence[str]]) -> list[int]:
        return [number(text) for item in items for text in item]

    compacted = []
    for state in states:
        one: dict[str, Any] = {
            "p": numbers(
                [(p["state"], p["place"]) for p in state["processes"]]
            ),
            "v": numbers(state["views"]),
            "o": state["options"],
            "n": {
                each["step"]["letter"]: [
                    each["state"],
                    number(each["step"]["from"]),
                    number(each["step"]["to"]),
                    [number(note) for note in each["step"]["notes"]],
                ]
                for each in state["next"]
            },
        }
        if state["kind"]:
            one["e"] = [number(state["kind"]), number(state["text"])]
        compacted.append(one)
    return {"texts": texts.all, "states": compacted}

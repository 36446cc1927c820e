"""Questions that are asked before a run: which of these can come out?

The key is not stored: the explorer plays every order, now, and what it finds is
the key. The wrong choices are near misses: what wrong variants of the lab lead
to, a number off by one, a deadlock.
"""

import dataclasses
import pathlib
import random
import re
import string
from collections.abc import Mapping, Sequence
from typing import Any

from harness import explored, subject
from harness.explored import Explored
from harness.transcript import count

_RIGHT_MAX, _WRONG_MAX = 3, 3
_DEADLOCK = "deadlock: some of them wait for each other forever"


@dataclasses.dataclass(frozen=True)
class Choice:
    """Something that may come out, or not.

    witness: a schedule that leads to it; None if there is none.
    """

    letter: str
    label: str
    witness: str | None


@dataclasses.dataclass(frozen=True)
class Question:
    """What is asked about an exploration.

    orders: how many there are, in words.
    """

    lab: str
    wanted: Explored
    scenario: str
    processes: Sequence[str]
    orders: str
    choices: tuple[Choice, ...]

    @property
    def key(self) -> str:
        """The letters of what can come out."""
        return "".join(c.letter for c in self.choices if c.witness is not None)

    def answers(self, given: str) -> list[str]:
        """Returns what is to be said of each choice that was taken wrongly."""
        lines = []
        for choice in self.choices:
            taken = choice.letter in given
            if taken and choice.witness is None:
                lines.append(
                    f"{choice.letter} cannot come out: none of the"
                    f" {self.orders} leads to it."
                )
            elif not taken and choice.witness is not None:
                lines += [
                    f"{choice.letter} can come out. To see how, step by step:",
                    "  "
                    + explored.replay_command(
                        self.lab, self.wanted, choice.witness
                    ),
                ]
        return lines


def candidates(root: pathlib.Path, lab: str) -> list[Explored]:
    """Returns what can be asked about: explorations that play every order."""
    return [
        wanted
        for wanted in subject.declared(root, lab)
        if not wanted.request.get("random")
    ]


def choose(lab: str, found: Sequence[Explored], seed: int) -> Explored:
    """Returns the exploration that a seed asks about."""
    return random.Random(f"{lab} {seed}").choice(list(found))


def _off_by_one(label: str, chance: random.Random) -> str:
    """Returns a label with one number changed, "" if it has none."""
    numbers = list(re.finditer(r"\d+", label))
    if not numbers or ":" in label.partition(" ")[0]:
        return ""
    number = chance.choice(numbers)
    changed = int(number[0]) + chance.choice((-1, 1))
    if changed < 0:
        changed = int(number[0]) + 1
    return f"{label[:number.start()]}{changed}{label[number.end():]}"


def _near_misses(
    right: Sequence[str], others: Sequence[Explored], chance: random.Random
) -> list[str]:
    """Returns what does not come out but might seem to, the best first."""
    elsewhere = [label for other in others for label in other.outcomes]
    chance.shuffle(elsewhere)
    changed = [_off_by_one(label, chance) for label in right]
    misses = [*elsewhere[:2], *changed, *elsewhere[2:]]
    if not any(label.startswith("deadlock") for label in right):
        misses.insert(2, _DEADLOCK)
    taken = {*right, ""}
    return [
        label
        for label in dict.fromkeys(misses)
        if label not in taken
        and not (label.startswith("deadlock") and label != _DEADLOCK)
    ]


def ask(
    lab: str,
    wanted: Explored,
    others: Sequence[Explored],
    program: str,
    seed: int,
) -> Question | None:
    """Explores, and returns the question; None if not every order was played.

    Raises:
      explored.Refused: the program does not answer.
    """
    found: Mapping[str, Any]
    found, _ = explored.ask(program, wanted.flags, explored.request_of(wanted))
    if not found["complete"]:
        return None
    chance = random.Random(f"{lab} {seed}")
    outcomes = {explored.label(o): o["witness"] for o in found["outcomes"]}
    right = list(outcomes)
    wrong = _near_misses(right, others, chance)[:_WRONG_MAX]
    chance.shuffle(right)
    labels: list[str] = [*right[:_RIGHT_MAX], *wrong]
    chance.shuffle(labels)
    orders = count(found["schedules"], "order")
    if found["reduced"]:
        orders += " that can matter"
    scenarios, _ = explored.ask(program, wanted.flags, {"list": True})
    return Question(
        lab=lab,
        wanted=wanted,
        scenario=wanted.scenario or scenarios[0]["name"],
        processes=found["processes"],
        orders=orders,
        choices=tuple(
            Choice(letter, label, outcomes.get(label))
            for letter, label in zip(string.ascii_uppercase, labels)
        ),
    )

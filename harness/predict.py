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
from harness.exercises import Asked
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

    means: what an outcome tells, "" if that is plain.
    orders: how many there are, in words.
    """

    lab: str
    wanted: Explored
    scenario: str
    means: str
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


def _shape(label: str) -> str:
    """Returns a label without its numbers: what is said, not how much."""
    return re.sub(r"(?<!of )-?\b\d+", "#", label)


def _off_by_one(
    label: str, processes: Sequence[str], chance: random.Random
) -> str:
    """Returns a label with one number changed, "" if it has none.

    The number of a process is a name, and so is what stands behind "of".
    """
    roles = {re.sub(r"\W*\d+$", "", name) for name in processes}
    names = "|".join(map(re.escape, sorted({*roles, "of"})))
    numbers = [
        number
        for number in re.finditer(r"(?<![\w-])-?\d+\b", label)
        if not re.search(rf"(?i)\b({names}) $", label[: number.start()])
    ]
    if not numbers or ":" in label.partition(" ")[0]:
        return ""
    number = chance.choice(numbers)
    value, step = int(number[0]), chance.choice((-1, 1))
    whole = re.match(r"[^\d,;]* of (\d+)", label[number.end() :])
    most = int(whole[1]) if whole else value + 1
    if value == 0 == most:
        return ""
    if value == 0:
        step = 1
    elif value == most:
        step = -1
    return f"{label[:number.start()]}{value + step}{label[number.end():]}"


def _swapped(label: str, processes: Sequence[str]) -> str:
    """Returns a deadlock in which two processes have changed places, or ""."""
    if not label.startswith("deadlock: ") or len(processes) < 2:
        return ""
    one, other = processes[:2]
    places = {one: other, other: one}
    names = "|".join(map(re.escape, places))
    waits = label.removeprefix("deadlock: ").split("; ")
    found = [
        re.sub(rf"\b({names})\b", lambda name: places[str(name[0])], wait)
        for wait in waits
    ]
    # Who waits for nothing that is held may change places with anybody.
    if len(waits) < 2 or {*found} == {*waits}:
        return ""
    order = {name: place for place, name in enumerate(processes)}
    found.sort(key=lambda wait: order.get(wait.partition(" waits")[0], -1))
    return f"deadlock: {'; '.join(found)}"


def _elsewhere(
    wanted: Explored, right: Sequence[str], others: Sequence[Explored]
) -> list[str]:
    """Returns what other explorations lead to, if it can be understood here.

    That is what is said in the same words, or of the same program.
    """
    shapes = {*map(_shape, right)}
    return [
        label
        for other in others
        # Of a set, in one order: the same seed asks the same question.
        for label in sorted(other.outcomes)
        if _shape(label) in shapes
        or (other.variant, other.scenario) == (wanted.variant, wanted.scenario)
    ]


def _near_misses(
    wanted: Explored,
    right: Sequence[str],
    others: Sequence[Explored],
    processes: Sequence[str],
    by_hand: Sequence[str],
    chance: random.Random,
) -> list[str]:
    """Returns what does not come out but might seem to, the best first."""
    elsewhere = _elsewhere(wanted, right, others)
    chance.shuffle(elsewhere)
    changed = [_off_by_one(label, processes, chance) for label in right]
    swapped = [_swapped(label, processes) for label in right]
    misses = [*swapped, *by_hand, *elsewhere[:2], *changed, *elsewhere[2:]]
    if not any(label.startswith("deadlock") for label in right):
        misses.insert(2, _DEADLOCK)
    taken = {*right, ""}
    return [
        label
        for label in dict.fromkeys(misses)
        if label not in taken
        and not (
            label.startswith("deadlock")
            and label not in (_DEADLOCK, *swapped, *by_hand)
        )
    ]


def ask(
    lab: str,
    wanted: Explored,
    others: Sequence[Explored],
    program: str,
    seed: int,
    asked: Mapping[str, Asked],
) -> Question | None:
    """Explores, and returns the question; None if not every order was played.

    `asked` is what questions about the lab say; see exercises.py.

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
    scenarios, _ = explored.ask(program, wanted.flags, {"list": True})
    scenario = wanted.scenario or scenarios[0]["name"]
    told = asked.get(wanted.variant) or asked.get(scenario) or Asked()
    wrong = _near_misses(
        wanted, right, others, found["processes"], told.misses, chance
    )[:_WRONG_MAX]
    chance.shuffle(right)
    labels: list[str] = [*right[:_RIGHT_MAX], *wrong]
    chance.shuffle(labels)
    orders = count(found["schedules"], "order")
    if found["reduced"]:
        orders += " that can matter"
    return Question(
        lab=lab,
        wanted=wanted,
        scenario=scenario,
        means=told.means,
        processes=found["processes"],
        orders=orders,
        choices=tuple(
            Choice(letter, label, outcomes.get(label))
            for letter, label in zip(string.ascii_uppercase, labels)
        ),
    )

"""A game: you are the scheduler, and look for what should not happen."""

import dataclasses
from collections.abc import Mapping, Sequence
from concurrent import futures
from typing import Any

from harness import explored, subject
from harness.screen import Screen
from harness.transcript import count, letter_of, switches

# Of the schedules that may be explored, this many are for all orders. If there
# are more, the rest is for those with few pre-emptions: what goes wrong goes
# wrong with few, and the depths of one corner are of no use to a player.
_SHARE_OF_ALL = 0.2
_JOBS = 4


@dataclasses.dataclass(frozen=True)
class Survey:
    """What a game can lead to, as far as that was explored."""

    outcomes: Sequence[Mapping[str, Any]]
    schedules: int
    complete: bool


def survey(
    what: subject.Subject,
    request: Mapping[str, Any],
    schedules_max: int,
    screen: Screen,
) -> Survey:
    """Finds what can be reached, and how with the fewest switches."""
    best: dict[tuple[str, str], Mapping[str, Any]] = {}
    schedules, bound = 0, -1
    limit = max(1, int(schedules_max * _SHARE_OF_ALL))
    while True:
        # Not reduced: that would leave out the orders with few switches.
        asked = {
            **request,
            "reduce": False,
            "random": 0,
            "max_preemptions": bound,
            "max_schedules": limit,
        }
        found, _ = what.explore(asked, screen)
        for outcome in found["outcomes"]:
            key = (outcome["kind"], outcome["text"])
            best[key] = min(best.get(key, outcome), outcome, key=_simplicity)
        schedules += found["schedules"]
        limit = schedules_max - schedules
        # The first schedule that seems to have no end ends an exploration.
        endless = any(kind == "endless" for kind, _ in best)
        if found["complete"] or endless or limit <= 0:
            outcomes = [outcome for _, outcome in sorted(best.items())]
            return Survey(outcomes, schedules, found["complete"])
        bound += 1


def _simplicity(outcome: Mapping[str, Any]) -> tuple[int, int, str]:
    witness = outcome["witness"]
    return switches(witness), len(witness), witness


@dataclasses.dataclass(frozen=True)
class Goal:
    """An outcome that can be reached, and the best schedule known for it."""

    kind: str
    text: str
    witness: str
    wrong: bool

    @property
    def par(self) -> int:
        """The fewest switches with which it can be reached."""
        return switches(self.witness)

    @property
    def title(self) -> str:
        """The outcome in one line: "outcome 1", or "deadlock: ..."."""
        if self.kind == "outcome":
            return f"outcome {self.text or '(an empty text)'}"
        return f"{self.kind}: {self.text}"


def is_serial(schedule: str) -> bool:
    """Returns whether each process does all its steps at one stretch."""
    return schedule == schedule.upper() and (
        switches(schedule) == len(set(schedule)) - 1
    )


def goals_of(outcomes: Sequence[Mapping[str, Any]]) -> list[Goal]:
    """Returns the outcomes as goals: first what should not happen.

    Outcomes are as expected if the processes, one after the other, reach them;
    or, if they cannot do that, the one with the fewest switches is.
    """
    values = [o["witness"] for o in outcomes if o["kind"] == "outcome"]
    expected = [witness for witness in values if is_serial(witness)]
    expected = (
        expected or sorted(values, key=lambda w: (switches(w), len(w)))[:1]
    )
    goals = [
        Goal(
            kind=outcome["kind"],
            text=outcome["text"],
            witness=outcome["witness"],
            wrong=outcome["witness"] not in expected,
        )
        for outcome in outcomes
    ]
    return sorted(
        goals,
        key=lambda goal: (
            not goal.wrong,
            goal.kind == "outcome",
            goal.par,
            len(goal.witness),
        ),
    )


class Game:
    """A schedule that grows, the processes as they are, and a goal.

    Each state is a replay of the schedule so far. The states that one choice
    leads to are replayed as well, to show what each choice would do.
    """

    def __init__(
        self,
        what: subject.Subject,
        request: Mapping[str, Any],
        found: Survey,
    ) -> None:
        self._what = what
        self._request = dict(request)
        self._known: dict[str, Mapping[str, Any]] = {}
        self.goals = goals_of(found.outcomes)
        wrong = any(goal.wrong for goal in self.goals)
        self.goal = self.goals[0] if wrong else None
        self.complete = found.complete
        self.schedule = ""

    def state(self, schedule: str) -> Mapping[str, Any]:
        """Returns the state after a schedule.

        Raises:
          explored.Refused: it cannot be played.
        """
        if schedule not in self._known:
            asked = {**self._request, "schedule": schedule}
            self._known[schedule], _ = self._what.ask(asked)
        return self._known[schedule]

    @property
    def now(self) -> Mapping[str, Any]:
        """The state now."""
        return self.state(self.schedule)

    @property
    def names(self) -> list[str]:
        """The names of the processes."""
        return [process["name"] for process in self.now["processes"]]

    def look_ahead(self) -> None:
        """Plays all that can come next at once, so that it is known."""
        ahead = [
            self.schedule + letter
            for letter in self.now["options"]
            if letter.isupper()
        ]
        with futures.ThreadPoolExecutor(_JOBS) as pool:
            list(pool.map(self.state, ahead))

    def next_step(self, letter: str) -> Mapping[str, Any]:
        """Returns the step that a choice would be now."""
        taken = self.state(self.schedule + letter)["steps"][-1]
        assert isinstance(taken, Mapping)
        return taken

    def choose(self, letters: str) -> str:
        """Makes choices; returns why one cannot be made, or ""."""
        try:
            self.state(self.schedule + letters)
            self.schedule += letters
            return ""
        except explored.Refused as refused:
            if not refused.wrong_request:
                raise
        for letter in letters:
            if letter not in self.now["options"]:
                return self._why_not(letter)
            self.schedule += letter
        return ""

    def _why_not(self, letter: str) -> str:
        if self.now["kind"]:
            return "it has ended; u takes the last choice back, r restarts"
        index = ord(letter.upper()) - ord("A")
        if index >= len(self.names):
            last = letter_of(len(self.names) - 1)
            return f"there is no process {letter}; there are A to {last}"
        process = self.now["processes"][index]
        name = process["name"]
        if process["state"] == "finished":
            return f"{name} has finished"
        if letter.islower():
            kills = self._request.get("kills", self._what.scenario["kills"])
            if not kills:
                return "no process can be killed without --kills=1"
            return f"--kills allows {count(kills, 'death')}, no more"
        return f"{letter} cannot move: {name} waits for {process['place']}"

    def undo(self) -> str:
        """Takes the last choice back; returns why that cannot be, or ""."""
        if not self.schedule:
            return "there is nothing to undo"
        self.schedule = self.schedule[:-1]
        return ""

    def hint(self) -> str:
        """Returns what to do next, in one sentence."""
        if not self.goal:
            return "there is no goal; goal lists those that there are"
        if self.now["kind"]:
            return "it has ended; u takes the last choice back"
        witness = self.goal.witness
        if not witness.startswith(self.schedule):
            on_it = self.schedule
            while not witness.startswith(on_it):
                on_it = on_it[:-1]
            back = len(self.schedule) - len(on_it)
            return (
                f"you are off the best way known: undo {count(back, 'choice')}"
            )
        letter = witness[len(self.schedule)]
        return f"Hint: {'kill ' if letter.islower() else ''}{letter.upper()}"

    def won(self) -> bool:
        """Returns whether the goal is reached."""
        goal = self.goal
        return bool(
            goal
            and self.now["kind"] == goal.kind
            and self.now["text"] == goal.text
        )

"""The instructor's plan: what is graded, and what it is worth.

It is a TOML file, and everything in it is optional:

    exercises = ["pipes/receive"]   # else: all that any learner has handed in
    seed = "any text"       # chooses what hidden checks do; else a random one
    hints = 1               # rungs of the hint that a learner is shown, 0 to 3
    partial = true          # credit for a part of the checks
    learners = ["ada"]      # must appear, even if they have handed in nothing
    [weights]               # points of an exercise; 1 unless given
    "pipes/receive" = 3
    [checks."pipes/receive"]    # weights of its checks; 1 unless given
    "exploration" = 2       # a regular expression; the first that fits counts
    [accept]                # what is held, and was looked at, and counts
    "pipes/receive" = ["ben"]
    [late]
    due = 2026-12-01T18:00:00+01:00
    per_day = 0.1           # of the points, for each day that has begun
    most_days = 5           # later than this: no points
    [submitted]             # a learner who is not named is in time
    ada = 2026-12-02T09:00:00+01:00
"""

import dataclasses
import datetime
import difflib
import os
import pathlib
import re
import secrets
import tomllib
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from grader import model
from harness import exercises

# The weight of an exercise or a check is at most this.
MOST_WEIGHT = 1000

_DAY = datetime.timedelta(days=1)
_SEED_FILE = "seed"
_SEED_BYTES = 32
_KEYS = (
    "exercises",
    "seed",
    "hints",
    "partial",
    "learners",
    "weights",
    "checks",
    "accept",
    "late",
    "submitted",
)
_LATE_KEYS = ("due", "per_day", "most_days")


class Refused(Exception):
    """The plan cannot be used; says where and why, in one line."""


@dataclasses.dataclass(frozen=True)
class Late:
    """What lateness costs.

    per_day: the share of the points that each day costs, 0 to 1.
    most_days: a later submission has no points; None: there is no such day.
    """

    due: datetime.datetime
    per_day: float = 0.0
    most_days: int | None = None


@dataclasses.dataclass(frozen=True)
class Plan:
    """What the instructor has decided; see the head of this file.

    exercises: their titles; none for all that any learner has handed in.
    seed: "" for one that is chosen at random; see `kept_seed`.
    checks: for an exercise, patterns of names of checks and their weights.
    accepted: for an exercise, the learners whose HELD submission counts.
    submitted: when, by the learner's name, or as `model.shown` prints it.
    """

    exercises: tuple[str, ...] = ()
    seed: str = ""
    hints: int = 0
    partial: bool = True
    learners: tuple[str, ...] = ()
    weights: Mapping[str, float] = dataclasses.field(default_factory=dict)
    checks: Mapping[
        str, tuple[tuple[re.Pattern[str], float], ...]
    ] = dataclasses.field(default_factory=dict)
    accepted: Mapping[str, tuple[str, ...]] = dataclasses.field(
        default_factory=dict
    )
    late: Late | None = None
    submitted: Mapping[str, datetime.datetime] = dataclasses.field(
        default_factory=dict
    )

    def most(self, exercise: str) -> float:
        """Returns how many points an exercise is worth."""
        return self.weights.get(exercise, 1.0)

    def check_weight(self, exercise: str, check: str) -> float:
        """Returns the weight of one check among those of its exercise."""
        for pattern, weight in self.checks.get(exercise, ()):
            if pattern.search(check):
                return weight
        return 1.0

    def accepts(self, learner: str, exercise: str) -> bool:
        """Whether a submission counts although it is HELD."""
        own = self.accepted.get(exercise, ())
        return learner in own or model.shown(learner) in own

    def days_late(self, learner: str) -> int:
        """Returns how many days late, each that has begun; 0 if in time."""
        when = self.submitted.get(learner)
        if when is None:
            when = self.submitted.get(model.shown(learner))
        if when is None or self.late is None:
            return 0
        return max(0, -((self.late.due - when) // _DAY))

    def strangers(self, learners: Iterable[str]) -> list[str]:
        """Returns whom the plan has submit, but who is not of these learners.

        Such a name may be misspelled: then its learner counts as in time.
        """
        known = {*self.learners}
        for learner in learners:
            known |= {learner, model.shown(learner)}
        return [name for name in self.submitted if name not in known]


def read(path: pathlib.Path, known_exercises: Collection[str]) -> Plan:
    """Reads a plan.

    Args:
      path: of the TOML file.
      known_exercises: the titles of all that there are.

    Raises:
      Refused: the file cannot be read, or is not as it must be.
    """
    where = model.shown(path.name)
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Refused(f"{where}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Refused(f"{where}: it is not UTF-8") from None
    except ValueError as error:  # Also of a number with too many digits.
        text = model.shown(str(error))
        raise Refused(f"{where}: it is not TOML: {text}") from None
    return _Reader(where, known_exercises).plan(tables)


def kept_seed(plan: Plan, folder: pathlib.Path) -> str:
    """Returns the seed of the plan, or one that an output folder keeps.

    The first call for a folder chooses it, so that a grader that was killed
    goes on with the same one. Only its owner can read the file. Two callers at
    once must be kept apart; see `journal.Journal`.

    Raises:
      OSError: the file cannot be read or written.
    """
    if plan.seed:
        return plan.seed
    file = folder / _SEED_FILE
    try:
        if kept := file.read_text(encoding="ascii"):
            return kept
    except FileNotFoundError:
        pass
    seed = secrets.token_hex(_SEED_BYTES)
    new = folder / f".{_SEED_FILE}.new"
    fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(fd, "w", encoding="ascii") as out:
        out.write(seed)
        out.flush()
        os.fsync(out.fileno())
    os.replace(new, file)
    return seed


class _Reader:
    """Makes a plan of what a TOML file holds."""

    def __init__(self, file: str, known: Collection[str]) -> None:
        self._file = file
        self._known = known

    def plan(self, tables: Mapping[str, Any]) -> Plan:
        """Returns the plan, or raises Refused."""
        self._only(tables, _KEYS, "")
        late = self._late(tables["late"]) if "late" in tables else None
        return Plan(
            exercises=self._exercises(tables),
            seed=self._seed(tables),
            hints=self._hints(tables.get("hints", 0)),
            partial=self._is(bool, tables.get("partial", True), "partial"),
            learners=self._learners(tables.get("learners", [])),
            weights=self._weights(tables.get("weights", {})),
            checks=self._checks(tables.get("checks", {})),
            accepted={
                self._exercise(title, "accept"): self._texts(
                    names, f"accept.{title}"
                )
                for title, names in self._table(
                    tables.get("accept", {}), "accept"
                ).items()
            },
            late=late,
            submitted={
                name: self._time(when, f"submitted.{name}")
                for name, when in self._table(
                    tables.get("submitted", {}), "submitted"
                ).items()
            },
        )

    def _refused(self, key: str, why: str) -> Refused:
        return Refused(f"{self._file}: {model.shown(key)}: {why}")

    def _is(self, kind: type, value: Any, key: str) -> Any:
        words = {
            bool: "true or false",
            str: "a text",
            list: "a list",
            dict: "a table",
        }
        if not isinstance(value, kind):
            raise self._refused(key, f"must be {words[kind]}")
        return value

    def _only(
        self, table: Mapping[str, Any], keys: Collection[str], within: str
    ) -> None:
        for key in table:
            if key not in keys:
                raise self._refused(
                    within + key, f"there is no such key{_nearest(key, keys)}"
                )

    def _table(self, value: Any, key: str) -> Mapping[str, Any]:
        table: Mapping[str, Any] = self._is(dict, value, key)
        return table

    def _texts(self, value: Any, key: str) -> tuple[str, ...]:
        texts = [
            self._is(str, each, key) for each in self._is(list, value, key)
        ]
        for text in texts:
            if texts.count(text) > 1:
                raise self._refused(key, f"has {_quoted(text)} twice")
        return tuple(texts)

    def _exercise(self, title: str, key: str) -> str:
        if title not in self._known:
            raise self._refused(
                key,
                f"there is no exercise {_quoted(title)}"
                f"{_nearest(title, self._known)}",
            )
        return title

    def _exercises(self, tables: Mapping[str, Any]) -> tuple[str, ...]:
        if "exercises" not in tables:
            return ()
        titles = self._texts(tables["exercises"], "exercises")
        if not titles:
            raise self._refused("exercises", "must name one at least")
        return tuple(self._exercise(title, "exercises") for title in titles)

    def _seed(self, tables: Mapping[str, Any]) -> str:
        seed = str(self._is(str, tables.get("seed", ""), "seed"))
        if "seed" in tables and not seed:
            raise self._refused("seed", "must not be empty")
        return seed

    def _learners(self, value: Any) -> tuple[str, ...]:
        names = self._texts(value, "learners")
        for name in names:
            if not name or name in (".", "..") or {"/", "\0"} & {*name}:
                raise self._refused(
                    "learners", f"{_quoted(name)} cannot be the name of a file"
                )
        return names

    def _hints(self, value: Any) -> int:
        rungs = len(exercises.RUNGS)
        if not _is_whole(value) or not 0 <= value <= rungs:
            raise self._refused("hints", f"must be a number from 0 to {rungs}")
        return int(value)

    def _number(self, value: Any, most: int, key: str) -> float:
        is_number = _is_whole(value) or isinstance(value, float)
        if not is_number or not 0 <= value <= most:
            raise self._refused(key, f"must be a number from 0 to {most}")
        return float(value)

    def _weights(self, value: Any) -> dict[str, float]:
        return {
            self._exercise(title, "weights"): self._number(
                weight, MOST_WEIGHT, f"weights.{title}"
            )
            for title, weight in self._table(value, "weights").items()
        }

    def _checks(
        self, value: Any
    ) -> dict[str, tuple[tuple[re.Pattern[str], float], ...]]:
        return {
            self._exercise(title, "checks"): tuple(
                self._check(pattern, weight, f"checks.{title}")
                for pattern, weight in self._table(
                    table, f"checks.{title}"
                ).items()
            )
            for title, table in self._table(value, "checks").items()
        }

    def _check(
        self, pattern: str, weight: Any, key: str
    ) -> tuple[re.Pattern[str], float]:
        try:
            compiled = re.compile(pattern)
        except (re.error, OverflowError, RecursionError) as error:
            raise self._refused(
                key,
                f"{_quoted(pattern)} is not a regular expression: "
                f"{model.shown(str(error))}",
            ) from None
        return compiled, self._number(weight, MOST_WEIGHT, f"{key}.{pattern}")

    def _late(self, value: Any) -> Late:
        table = self._table(value, "late")
        self._only(table, _LATE_KEYS, "late.")
        if "due" not in table:
            raise self._refused("late", "there is no due")
        most_days = table.get("most_days")
        if most_days is not None and (
            not _is_whole(most_days) or most_days < 0
        ):
            raise self._refused("late.most_days", "must be a number, 0 or more")
        return Late(
            self._time(table["due"], "late.due"),
            self._number(table.get("per_day", 0), 1, "late.per_day"),
            most_days,
        )

    def _time(self, value: Any, key: str) -> datetime.datetime:
        if not isinstance(value, datetime.datetime):
            raise self._refused(key, "must be a date with a time")
        if value.tzinfo is None:
            raise self._refused(
                key, f"must have a zone: {value.isoformat()}+01:00 or the like"
            )
        return value


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _quoted(text: str) -> str:
    return f'"{model.shown(text)}"'


def _nearest(word: str, known: Collection[str]) -> str:
    for near in difflib.get_close_matches(word, [*known], n=1):
        return f"; do you mean {_quoted(near)}?"
    return ""

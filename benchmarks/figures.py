"""Makes figures of samples: medians, and ratios within a round.

A ratio is made of two samples of the same round, between which the distance of
the CPUs did not change; what remains of all rounds has a median and quartiles.
Results are made of plain lists and dicts, as results.json has them.
"""

import statistics
from collections.abc import Iterable, Sequence
from typing import Any

from benchmarks import goals
from benchmarks.samples import BETWEEN, NEAR, TAGS, Name, Sample

# Fewer rounds than this decide nothing.
ROUNDS_MIN = 7

Round = dict[Name, Sample]
# A record of results.json.
Record = dict[str, Any]
# Low quartile, median, high quartile.
Spread = list[float]


def spread(values: Sequence[float]) -> Spread:
    """Returns quartiles and median, of four digits."""
    low = high = middle = values[0]
    if len(values) > 1:
        low, middle, high = statistics.quantiles(
            values, n=4, method="inclusive"
        )
    return [float(f"{value:.4g}") for value in (low, middle, high)]


def rounds_of(record: Record) -> int:
    """Returns how many rounds a record is made of."""
    return int(record["rounds"])


def median_ns(record: Record) -> float:
    """Returns the median time of an operation."""
    return float(record["ns"][1])


def _tags(placement: str) -> Sequence[str]:
    return ("",) if placement == "same" else TAGS


def times(rounds: Sequence[Round]) -> list[Record]:
    """Returns what an operation takes, of every contender, by distance."""
    found = []
    for name in dict.fromkeys(name for one in rounds for name in one):
        samples = [one[name] for one in rounds if name in one]
        samples = [sample for sample in samples if sample.good]
        for tag in _tags(name.placement):
            chosen = [sample for sample in samples if sample.tag == tag]
            if not chosen:
                continue
            found.append(
                {
                    "group": name.group,
                    "placement": name.placement,
                    "contender": name.contender,
                    "tag": tag,
                    "rounds": len(chosen),
                    "ns": spread([sample.ns for sample in chosen]),
                    "cpu": spread([sample.cpu for sample in chosen])[1],
                    "switches": spread([x.switches for x in chosen])[1],
                }
            )
    return found


def goal_names(goal: goals.Goal) -> list[Name]:
    """Returns the benchmarks that a goal is about: ours, and the peer."""
    names = [Name(goal.group, goal.placement, goal.ours)]
    if goal.peer:
        group = goal.peer_group or goal.group
        names.append(Name(group, goal.placement, goal.peer))
    return names


def _pairs(goal: goals.Goal, rounds: Iterable[Round]) -> list[list[Sample]]:
    names = goal_names(goal)
    pairs = []
    for one in rounds:
        pair = [one[name] for name in names if name in one]
        if len(pair) == len(names) and all(sample.good for sample in pair):
            pairs.append(pair)
    return pairs


def _value(goal: goals.Goal, pair: list[Sample]) -> float:
    if not goal.peer:
        return float(getattr(pair[0], goal.sense))
    ours, peer = pair
    if goal.sense == goals.FASTER:
        return peer.ns / ours.ns
    return ours.ns / peer.ns


def rows(goal: goals.Goal, rounds: Sequence[Round]) -> list[Record]:
    """Returns what the rounds say of a goal: a record for each distance.

    Of those that have too few rounds to decide only the best is kept, and that
    only if none has enough. A goal for one distance has no other, but if the
    CPUs were not near, there is something to be seen where they nearly were.
    """
    pairs = _pairs(goal, rounds)
    if not pairs:
        return []
    # A figure that is compared with no other needs no equal distance.
    tags: Sequence[str] = _tags(goal.placement)
    if goal.tag:
        tags = [NEAR, BETWEEN] if goal.tag == NEAR else [goal.tag]
    found = []
    for tag in tags if goal.peer else [""]:
        chosen = [
            pair
            for pair in pairs
            if not goal.peer or all(sample.tag == tag for sample in pair)
        ]
        record: Record = {"key": goal.key, "tag": tag, "rounds": len(chosen)}
        if chosen:
            values = [_value(goal, x) for x in chosen]
            record["figure"] = spread(values)
            if goal.sense == goals.DEAD:  # Yes or no: the mean says how often.
                record["figure"][1] = statistics.fmean(values)
            record["ours_ns"] = spread([pair[0].ns for pair in chosen])
        found.append(record)
    enough = [record for record in found if rounds_of(record) >= ROUNDS_MIN]
    if goal.tag:
        wanted = found[:1]
        return wanted if wanted[0] in enough else wanted + enough
    return enough or [max(found, key=rounds_of)]


def decided(goal: goals.Goal, rounds: Sequence[Round]) -> bool:
    """Whether more rounds would add nothing that a goal needs."""
    # We cannot choose how far the CPUs are from each other, but most
    # are near for most of the time.
    if goal.tag not in ("", NEAR):
        return True
    found = rows(goal, rounds)
    return not found or found[0]["rounds"] >= ROUNDS_MIN


AIM, REACH, NOT, FEW, BESIDE = "aim", "reach", "NOT", "few", "-"


def verdict(goal: goals.Goal, record: Record) -> str:
    """Returns which level of the goal the median of a record reaches."""
    if record["rounds"] < ROUNDS_MIN:
        return FEW
    if goal.reach is None or goal.aim is None:
        return BESIDE
    if goal.tag and record["tag"] != goal.tag:
        return BESIDE
    sign = 1 if goal.sense == goals.FASTER else -1
    median = record["figure"][1]
    if sign * median >= sign * goal.aim:
        return AIM
    return REACH if sign * median >= sign * goal.reach else NOT


def distances(rounds: Iterable[Round]) -> list[Record]:
    """Returns how far the CPUs were from each other, and how often."""
    kinds: dict[str, list[float]] = {tag: [] for tag in (*TAGS, "changed")}
    for one in rounds:
        for sample in one.values():
            if sample.good and sample.name.placement != "same":
                mean = (sample.near_before + sample.near_after) / 2
                kinds[sample.tag or "changed"].append(mean)
    return [
        {
            "tag": tag,
            "samples": len(values),
            "ns": spread(values) if values else [],
        }
        for tag, values in kinds.items()
    ]


def failures(rounds: Sequence[Round]) -> tuple[list[str], list[str]]:
    """Returns a line for each contender that is left out, or that failed.

    A peer may fail now and then, as long as it does in most of its rounds what
    it is here for: those in which it did not are left out.
    """
    left_out: dict[Name, str] = {}
    errors: dict[Name, list[str]] = {}
    for one in rounds:
        for name, sample in one.items():
            if sample.missing:
                left_out[name] = f"{name}: missing: {sample.missing}"
            if sample.error:
                errors.setdefault(name, []).append(sample.error)
    failed = []
    for name, texts in errors.items():
        taken = sum(name in one for one in rounds)
        line = f"{name}: in {len(texts)} of {taken} rounds: {texts[0]}"
        if 2 * len(texts) < taken and not name.is_ours:
            left_out[name] = line
        else:
            failed.append(line)
    return list(left_out.values()), failed

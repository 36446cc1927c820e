"""What judgements are worth: points, and totals of a learner and a class."""

import dataclasses
import math
import statistics
from collections.abc import Collection, Sequence

from grader import model
from grader.plan import Plan

# The kind of a check that failed because nothing could be compiled.
BUILD = "build"

_DIGITS = 6


@dataclasses.dataclass(frozen=True)
class Total:
    """What a learner has reached.

    points: of what was judged, from 0 to `most`.
    most: of all exercises, also of those that are undecided.
    counts: how many exercises have each of model.STATUSES.
    """

    learner: str
    points: float
    most: float
    counts: dict[str, int]

    @property
    def undecided(self) -> int:
        """How many exercises have no points yet."""
        return sum(self.counts[status] for status in model.UNDECIDED)


@dataclasses.dataclass(frozen=True)
class ClassTotal:
    """What a class has reached.

    judged: how many learners have no exercise that is undecided.
    mean, median: of their points; None if there are none of them.
    undecided: how many submissions have no points yet.
    right: how many learners have each exercise right.
    """

    learners: tuple[Total, ...]
    judged: int
    mean: float | None
    median: float | None
    undecided: int
    right: dict[str, int]


def grade(
    judgement: model.Judgement,
    baseline: Collection[str],
    plan: Plan,
    exercise_title: str,
) -> model.Grade:
    """Returns what a judgement is worth.

    A judgement that is UNDECIDED has no points yet: its grade has the 0 of one
    that is not counted, and the totals say how many there are.

    Args:
      judgement: of the exercise.
      baseline: the names of the checks that the exercise passes as it was
        handed out. They earn nothing, but must still pass.
      plan: has the weights and the price of lateness.
      exercise_title: by which the plan names the exercise.
    """
    most = plan.most(exercise_title)
    share = _share(judgement, baseline, plan, exercise_title)
    days_late = 0
    if judgement.status != model.MISSING:
        days_late = plan.days_late(judgement.learner)
    points = most * share * _left_after(days_late, plan)
    return model.Grade(
        judgement, min(most, round(points, _DIGITS)), most, days_late
    )


def _share(
    judgement: model.Judgement,
    baseline: Collection[str],
    plan: Plan,
    title: str,
) -> float:
    """Returns how much of it is right, 0 to 1."""
    if judgement.status == model.RIGHT:
        return 1.0
    if judgement.status != model.WRONG or not plan.partial:
        return 0.0
    passed, counted = [], []
    for check in judgement.checks:
        failed = check.status == model.FAILED
        if failed and (check.kind == BUILD or check.name in baseline):
            return 0.0
        if check.status == model.SKIPPED or check.name in baseline:
            continue
        weight = plan.check_weight(title, check.name)
        counted.append(weight)
        if not failed:
            passed.append(weight)
    whole = math.fsum(counted)
    return math.fsum(passed) / whole if whole else 0.0


def _left_after(days_late: int, plan: Plan) -> float:
    """Returns the share of the points that lateness leaves, 0 to 1."""
    if not days_late or plan.late is None:
        return 1.0
    if plan.late.most_days is not None and days_late > plan.late.most_days:
        return 0.0
    return max(0.0, 1.0 - plan.late.per_day * days_late)


def by_learner(
    grades: Sequence[model.Grade],
) -> dict[str, list[model.Grade]]:
    """Returns the grades of each learner, in the order of first appearance."""
    found: dict[str, list[model.Grade]] = {}
    for each in grades:
        found.setdefault(each.judgement.learner, []).append(each)
    return found


def titles(grades: Sequence[model.Grade]) -> list[str]:
    """Returns the exercises that occur, in the order of first appearance."""
    return [*dict.fromkeys(each.judgement.exercise for each in grades)]


def total(own: Sequence[model.Grade]) -> Total:
    """Returns the total of one learner, from one grade at least."""
    statuses = [each.judgement.status for each in own]
    return Total(
        own[0].judgement.learner,
        round(math.fsum(each.points for each in own), _DIGITS),
        round(math.fsum(each.most for each in own), _DIGITS),
        {status: statuses.count(status) for status in model.STATUSES},
    )


def class_total(grades: Sequence[model.Grade]) -> ClassTotal:
    """Returns the totals of all learners."""
    totals = tuple(total(own) for own in by_learner(grades).values())
    points = [each.points for each in totals if not each.undecided]
    right = {title: 0 for title in titles(grades)}
    for each in grades:
        right[each.judgement.exercise] += each.judgement.status == model.RIGHT
    return ClassTotal(
        totals,
        len(points),
        round(statistics.fmean(points), _DIGITS) if points else None,
        round(statistics.median(points), _DIGITS) if points else None,
        sum(each.undecided for each in totals),
        right,
    )

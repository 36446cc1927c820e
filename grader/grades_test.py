"""The tests of points and totals."""

import datetime
import random
import re
import unittest

from grader import grades, model
from grader.plan import Late, Plan
from harness import results

TITLE = "pipes/receive"
DUE = datetime.datetime(2026, 12, 1, tzinfo=datetime.UTC)


def checks(words: str) -> tuple[model.Check, ...]:
    """Returns checks of "name:status name:status:kind"."""
    found = []
    for word in words.split():
        name, status, kind = (word + "::").split(":")[:3]
        found.append(model.Check(name, status, kind))
    return tuple(found)


def judged(
    status: str, words: str = "", learner: str = "ada", title: str = TITLE
) -> model.Judgement:
    """Returns a judgement with these checks."""
    return model.Judgement(
        learner, title, "digest", status, checks=checks(words)
    )


def worth(
    judgement: model.Judgement, plan: Plan, *baseline: str
) -> model.Grade:
    """Returns its grade."""
    return grades.grade(judgement, baseline, plan, judgement.exercise)


def some_plan(dice: random.Random, names: str) -> Plan:
    """Returns one of many plans for checks with these names."""
    return Plan(
        weights={TITLE: dice.uniform(0, 10)},
        checks={
            TITLE: tuple(
                (re.compile(name), dice.choice([0.0, 0.5, 3.0]))
                for name in names
            )
        },
        late=Late(DUE, dice.random(), dice.choice([None, 2])),
        submitted={"ada": DUE + datetime.timedelta(days=1)},
    )


def part(
    names: str, statuses: list[str], plan: Plan, baseline: list[str]
) -> model.Grade:
    """Returns the grade of what is WRONG with these checks."""
    words = " ".join(map(":".join, zip(names, statuses)))
    return worth(judged(model.WRONG, words), plan, *baseline)


class GradeTest(unittest.TestCase):
    """What one judgement is worth."""

    def assert_points(
        self, points: float, words: str, plan: Plan, *baseline: str
    ) -> None:
        """Checks the points of what is WRONG with these checks."""
        found = worth(judged(model.WRONG, words), plan, *baseline)
        self.assertEqual(found.points, points)

    def test_all_or_nothing(self) -> None:
        """By the status alone."""
        plan = Plan(weights={TITLE: 3})
        for status in model.STATUSES:
            found = worth(judged(status, "a:ok"), plan)
            if status != model.WRONG:
                expected = 3 if status == model.RIGHT else 0
                self.assertEqual((found.points, found.most), (expected, 3))

    def test_a_part_counts(self) -> None:
        """The weighted share of the checks that are not in the baseline."""
        plan = Plan(
            weights={TITLE: 3}, checks={TITLE: ((re.compile("^c$"), 2.0),)}
        )
        self.assert_points(1.5, "a:ok b:ok c:failed", plan)
        self.assert_points(2.25, "a:ok b:failed c:ok", plan)
        self.assert_points(2, "a:ok b:failed c:ok", plan, "a")
        self.assert_points(0, "a:ok b:failed", plan, "a")
        self.assert_points(0.75, "a:ok c:failed", Plan(weights={TITLE: 1.5}))

    def test_without_partial_credit_a_part_is_nothing(self) -> None:
        self.assert_points(0, "a:ok b:failed", Plan(partial=False))

    def test_what_worked_must_still_work(self) -> None:
        self.assert_points(0, "a:failed b:ok c:ok", Plan(), "a")

    def test_what_was_not_compiled_is_nothing(self) -> None:
        self.assert_points(0, "a:ok b:failed:build", Plan())
        self.assert_points(0, "", Plan())

    def test_what_was_skipped_counts_neither_way(self) -> None:
        self.assert_points(0.5, "a:ok b:failed c:skipped", Plan())
        self.assert_points(0, "b:failed c:skipped", Plan())
        self.assert_points(0.5, "a:ok b:failed c:skipped", Plan(), "c")

    def test_lateness_costs_a_share_for_each_day(self) -> None:
        """And everything after the last day."""
        for days, most_days, points in (
            (0, 2, 3),
            (1, 2, 2.7),
            (2, 2, 2.4),
            (3, 2, 0),
            (20, None, 0),
        ):
            plan = Plan(
                weights={TITLE: 3},
                late=Late(DUE, 0.1, most_days),
                submitted={"ada": DUE + datetime.timedelta(days=days)},
            )
            found = worth(judged(model.RIGHT), plan)
            self.assertEqual((found.points, found.days_late), (points, days))
            missing = worth(judged(model.MISSING), plan)
            self.assertEqual((missing.points, missing.days_late), (0, 0))

    def test_points_are_rounded_and_never_above_most(self) -> None:
        self.assert_points(0.333333, "a:ok b:failed c:failed", Plan())
        plan = Plan(weights={TITLE: 0.0000006})
        found = worth(judged(model.RIGHT), plan)
        self.assertEqual(found.points, found.most)

    def test_points_are_always_within_bounds(self) -> None:
        """And a check more that passes is never worth less."""
        dice = random.Random(17)
        for _ in range(500):
            names = "abcdef"[: dice.randint(1, 6)]
            statuses = [dice.choice(["ok", "failed", "skipped"]) for _ in names]
            plan = some_plan(dice, names)
            baseline = [name for name in names if dice.random() < 0.2]
            before = part(names, statuses, plan, baseline)
            self.assertTrue(0 <= before.points <= before.most)
            for place, status in enumerate(statuses):
                if status == "failed":
                    better = statuses.copy()
                    better[place] = "ok"
                    after = part(names, better, plan, baseline)
                    self.assertTrue(before.points <= after.points <= after.most)


class TotalTest(unittest.TestCase):
    """What a learner and a class have reached."""

    def test_the_totals_of_a_class(self) -> None:
        """What could not be judged is counted apart."""
        plan = Plan(weights={"a": 2, "b": 1})
        found = [
            worth(judged(status, "", learner, title), plan)
            for learner, title, status in (
                ("ada", "a", model.RIGHT),
                ("ada", "b", model.RIGHT),
                ("ben", "a", model.RIGHT),
                ("ben", "b", model.MISSING),
                ("cyd", "a", model.REFUSED),
                ("cyd", "b", model.WRONG),
                ("dan", "a", model.RIGHT),
                ("dan", "b", model.BROKEN),
            )
        ]
        whole = grades.class_total(found)
        self.assertEqual(
            [(each.learner, each.points) for each in whole.learners],
            [("ada", 3), ("ben", 2), ("cyd", 0), ("dan", 2)],
        )
        self.assertEqual({each.most for each in whole.learners}, {3})
        self.assertEqual([e.undecided for e in whole.learners], [0, 0, 0, 1])
        self.assertEqual((whole.judged, whole.undecided), (3, 1))
        self.assertEqual((whole.mean, whole.median), (1.666667, 2))
        self.assertEqual(whole.right, {"a": 3, "b": 1})

    def test_a_class_of_which_nothing_was_judged_has_no_mean(self) -> None:
        whole = grades.class_total([worth(judged(model.BROKEN), Plan())])
        self.assertEqual((whole.mean, whole.median), (None, None))
        self.assertIsNone(grades.class_total([]).mean)

    def test_many_small_points_add_up(self) -> None:
        own = [worth(judged(model.RIGHT), Plan(weights={TITLE: 0.1}))] * 10
        self.assertEqual(grades.total(own).points, 1)


if __name__ == "__main__":
    results.main()

"""The tests of the plan: what it may say, and how it is refused."""

import dataclasses
import datetime
import pathlib
import tempfile
import unittest

from grader import plan
from harness import results

KNOWN = ("pipes/receive", "semaphore/lost_permit", "projects/pool")
FULL = """
exercises = ["pipes/receive", "semaphore/lost_permit"]
seed = "any text"
hints = 1
partial = false
learners = ["ada", "ben"]
[weights]
"pipes/receive" = 3
[checks."pipes/receive"]
"^expl" = 2
"exploration" = 0.5
[accept]
"pipes/receive" = ["ben", 'b\\xff']
[late]
due = 2026-12-01T18:00:00+01:00
per_day = 0.1
most_days = 5
[submitted]
ada = 2026-12-02T09:00:00+01:00
'b\\xff' = 2026-12-02T18:00:00+01:00
"""

# What is refused, and words of the line that says so.
REFUSED = {
    "exercise = []": 'exercise: there is no such key; do you mean "exercises"?',
    "[late]\ndue = 2026-12-01T18:00:00Z\nday = 1": "late.day: there is no such",
    'exercises = ["pipes/receives"]': (
        'exercises: there is no exercise "pipes/receives"; do you mean'
        ' "pipes/receive"?'
    ),
    "[weights]\nx = 1": 'weights: there is no exercise "x"',
    "[checks.x]\ny = 1": 'checks: there is no exercise "x"',
    "exercises = []": "exercises: must name one at least",
    'exercises = "pipes/receive"': "exercises: must be a list",
    "exercises = [1]": "exercises: must be a text",
    'exercises = ["pipes/receive", "pipes/receive"]': "twice",
    "seed = 1": "seed: must be a text",
    'seed = ""': "seed: must not be empty",
    "hints = 4": "hints: must be a number from 0 to 3",
    "hints = -1": "hints: must be a number from 0 to 3",
    "hints = true": "hints: must be a number from 0 to 3",
    "hints = 1.0": "hints: must be a number from 0 to 3",
    "partial = 1": "partial: must be true or false",
    'learners = ["a/b"]': "learners: ",
    'learners = [""]': "learners: ",
    "weights = 1": "weights: must be a table",
    '[accept]\nx = ["ada"]': 'accept: there is no exercise "x"',
    '[accept]\n"pipes/receive" = "ada"': "accept.pipes/receive: must be a list",
    '[weights]\n"pipes/receive" = -1': "weights.pipes/receive: must be",
    '[weights]\n"pipes/receive" = nan': "weights.pipes/receive: must be",
    '[weights]\n"pipes/receive" = inf': "weights.pipes/receive: must be",
    '[weights]\n"pipes/receive" = true': "weights.pipes/receive: must be",
    f'[weights]\n"pipes/receive" = {10**400}': "weights.pipes/receive: must",
    '[weights]\n"pipes/receive" = "3"': "weights.pipes/receive: must be",
    '[checks."pipes/receive"]\n"(" = 1': '"(" is not a regular expression',
    '[checks."pipes/receive"]\na = -0.1': "checks.pipes/receive.a: must be",
    '[checks]\n"pipes/receive" = 1': "checks.pipes/receive: must be a table",
    "late = 1": "late: must be a table",
    "[late]\nper_day = 0.1": "late: there is no due",
    "[late]\ndue = 2026-12-01": "late.due: must be a date with a time",
    "[late]\ndue = 2026-12-01T18:00:00": "late.due: must have a zone",
    "[late]\ndue = 2026-12-01T18:00:00Z\nper_day = 1.1": "late.per_day: must",
    "[late]\ndue = 2026-12-01T18:00:00Z\nper_day = -0.1": "late.per_day: must",
    "[late]\ndue = 2026-12-01T18:00:00Z\nmost_days = -1": "late.most_days: ",
    "[late]\ndue = 2026-12-01T18:00:00Z\nmost_days = 0.5": "late.most_days: ",
    "[submitted]\nada = 2026-12-01T18:00:00": "submitted.ada: must have a zone",
    '[submitted]\nada = "now"': "submitted.ada: must be a date with a time",
    "a = ": "it is not TOML",
    f"hints = {'9' * 5000}": "it is not TOML",
    '"\\n\\u202e" = 1': "\\x0a\\u202e: there is no such key",
}


class PlanTest(unittest.TestCase):
    """Plans are read from a file."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.file = self.folder / "plan.toml"

    def read(self, text: str) -> plan.Plan:
        """Reads a plan with this text."""
        self.file.write_text(text, encoding="utf-8")
        return plan.read(self.file, KNOWN)

    def test_the_example_has_everything(self) -> None:
        example = pathlib.Path(plan.__file__).parent / "example" / "plan.toml"
        found = plan.read(example, KNOWN)
        for field in dataclasses.fields(found):
            if field.name == "partial":
                continue
            self.assertNotEqual(
                getattr(found, field.name),
                getattr(plan.Plan(), field.name),
                field.name,
            )

    def test_what_is_held_counts_for_those_who_are_named(self) -> None:
        found = self.read(FULL)
        for learner, title, counts in (
            ("ben", "pipes/receive", True),
            ("b\udcff", "pipes/receive", True),
            ("ada", "pipes/receive", False),
            ("ben", "projects/pool", False),
        ):
            self.assertEqual(found.accepts(learner, title), counts, learner)

    def test_everything_is_optional(self) -> None:
        """An empty plan has the defaults, and no learner is late."""
        empty = self.read("")
        self.assertEqual(empty, plan.Plan())
        self.assertEqual(empty.exercises, ())
        self.assertTrue(empty.partial)
        self.assertEqual(empty.most("pipes/receive"), 1)
        self.assertEqual(empty.check_weight("pipes/receive", "x"), 1)
        self.assertEqual(empty.days_late("ada"), 0)

    def test_all_of_it_is_read(self) -> None:
        """The first pattern that fits a check gives its weight."""
        full = self.read(FULL)
        self.assertEqual(full.exercises, KNOWN[:2])
        self.assertEqual((full.seed, full.hints), ("any text", 1))
        self.assertFalse(full.partial)
        self.assertEqual(full.learners, ("ada", "ben"))
        self.assertEqual(full.most("pipes/receive"), 3)
        self.assertEqual(full.most("projects/pool"), 1)
        for name, weight in (
            ("exploration of all", 2),
            ("an exploration", 0.5),
            ("another", 1),
        ):
            self.assertEqual(full.check_weight("pipes/receive", name), weight)
        self.assertEqual(full.check_weight("projects/pool", "exploration"), 1)

    def test_a_day_that_has_begun_counts(self) -> None:
        """Also for a learner whose name is no UTF-8."""
        full = self.read(FULL)
        self.assertEqual(full.days_late("ada"), 1)
        self.assertEqual(full.days_late("b\udcff"), 1)
        self.assertEqual(full.days_late("ben"), 0)
        due = datetime.datetime(2026, 12, 1, 17, tzinfo=datetime.UTC)
        for late_us, days in (
            (-1, 0),
            (0, 0),
            (1, 1),
            (86400_000_000, 1),
            (86400_000_001, 2),
        ):
            when = due + datetime.timedelta(microseconds=late_us)
            one = plan.Plan(late=plan.Late(due), submitted={"ada": when})
            self.assertEqual(one.days_late("ada"), days)

    def test_a_misspelled_name_is_found(self) -> None:
        """Of those who have submitted, in the plan, but are not there."""
        full = self.read(FULL)
        self.assertEqual(full.strangers(["ben"]), ["b\\xff"])
        self.assertEqual(full.strangers(["b\udcff"]), [])

    def test_what_is_wrong_is_refused_in_a_line(self) -> None:
        """The line says where, and what was meant."""
        for text, words in REFUSED.items():
            with self.subTest(text[:60]):
                with self.assertRaises(plan.Refused) as caught:
                    self.read(text)
                line = str(caught.exception)
                self.assertIn(words, line)
                self.assertTrue(line.startswith("plan.toml: "))
                self.assertTrue(line.isprintable(), line)

    def test_a_file_that_cannot_be_read_is_refused(self) -> None:
        """Because it is not there, or because it is not UTF-8."""
        with self.assertRaisesRegex(plan.Refused, "cannot be read: No such"):
            plan.read(self.file, KNOWN)
        self.file.write_bytes(b'seed = "\xff"')
        with self.assertRaisesRegex(plan.Refused, "not UTF-8"):
            plan.read(self.file, KNOWN)

    def test_a_random_seed_is_kept(self) -> None:
        """For the owner only; that of a plan is not."""
        given = plan.kept_seed(plan.Plan(seed="given"), self.folder)
        self.assertEqual(given, "given")
        self.assertEqual([*self.folder.iterdir()], [])
        first = plan.kept_seed(plan.Plan(), self.folder)
        self.assertEqual(len(first), 64)
        self.assertEqual(plan.kept_seed(plan.Plan(), self.folder), first)
        (file,) = self.folder.iterdir()
        self.assertEqual(file.stat().st_mode & 0o777, 0o600)
        file.unlink()
        self.assertNotEqual(plan.kept_seed(plan.Plan(), self.folder), first)


if __name__ == "__main__":
    results.main()

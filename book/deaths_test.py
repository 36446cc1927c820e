"""Each row of docs/death.md has a class, and so a picture."""

import pathlib
import unittest
from xml.etree import ElementTree

from book import deaths
from book.deaths import Outcome
from harness import results

ROOT = pathlib.Path(__file__).absolute().parent.parent
HEAD = "| primitive | which | what | lost | by |\n|---|---|---|---|---|\n"


class DeathsTest(unittest.TestCase):
    """The real table."""

    def setUp(self) -> None:
        file = ROOT / "docs" / "death.md"
        self.text = file.read_text(encoding="utf-8")
        self.rows = deaths.rows(self.text)

    def found(self, primitive: str, who: str) -> deaths.Row:
        """Returns a row by its primitive and the beginning of its second."""
        return next(
            row
            for row in self.rows
            if row.primitive == primitive and row.who.startswith(who)
        )

    def test_every_row_is_read(self) -> None:
        lines = [
            line
            for line in self.text.splitlines()
            if line.startswith("| ") and not line.startswith("| primitive")
        ]
        self.assertEqual(len(self.rows), len(lines))

    def test_every_row_has_a_class(self) -> None:
        for row in self.rows:
            with self.subTest(primitive=row.primitive, who=row.who):
                self.assertIsInstance(row.outcome, Outcome)

    def test_every_rule_and_every_class_is_used(self) -> None:
        groups = deaths.by_outcome(self.rows)
        for outcome in Outcome:
            self.assertTrue(groups[outcome], outcome)

    def test_rows_are_in_the_class_that_a_reader_expects(self) -> None:
        for primitive, who, outcome, loses in (
            ("Process", "a child", Outcome.TOLD, False),
            ("Process", "the parent", Outcome.DIE_TOO, True),
            ("Lock", "the owner", Outcome.TOLD, True),
            ("Lock", "a waiter", Outcome.SOON, False),
            ("Semaphore", "a process that has", Outcome.STUCK, True),
            ("BoundedSemaphore", "a holder", Outcome.SOON, False),
            ("Event", "a waiter", Outcome.GOES_ON, False),
            ("Event", "a process inside `set`, bef", Outcome.STUCK, True),
            ("Barrier", "a waiting party", Outcome.BROKEN, True),
            ("Barrier", "a party that has not", Outcome.STUCK, True),
            ("Pipe", "the writer", Outcome.TOLD, True),
            ("Queue", "a producer", Outcome.GOES_ON, True),
            ("Queue", "a waiter", Outcome.GOES_ON, False),
            ("SpscRing", "either", Outcome.STUCK, False),
            ("Pool", "the owner", Outcome.DIE_TOO, True),
            ("Manager", "the server", Outcome.BROKEN, True),
            ("broker", "a consumer", Outcome.GOES_ON, False),
        ):
            with self.subTest(primitive=primitive, who=who):
                row = self.found(primitive, who)
                self.assertEqual((row.outcome, row.loses), (outcome, loses))

    def test_who_is_not_dead_is_not_crossed(self) -> None:
        self.assertEqual(self.found("Lock", "the owner").fate, "dies")
        stopped = self.found("Queue", "a process that is not dead")
        self.assertEqual(stopped.fate, "is stopped")
        stuck = self.found("Pool", "a worker that is alive")
        self.assertEqual(stuck.fate, "is stuck")
        throws = self.found("Manager", "no process: a registered")
        self.assertEqual(throws.fate, "throws")

    def test_a_row_without_a_rule_is_refused(self) -> None:
        """Rather than drawn as something that it is not."""
        row = "| [New](new.h) | a friend | they sing | nothing | - |"
        with self.assertRaisesRegex(deaths.Unclassified, "a friend: they sing"):
            deaths.html(HEAD + row)

    def test_a_row_without_a_name_is_of_the_one_above(self) -> None:
        rows = deaths.rows(
            HEAD
            + "| [New](new.h) | a | nothing | nothing | - |\n"
            + "| | b | nothing | nothing | - |\n"
        )
        self.assertEqual([row.primitive for row in rows], ["New", "New"])

    def test_the_pictures_say_their_content_in_words(self) -> None:
        """The words of the table are there, too, and escaped."""
        page = deaths.html(self.text)
        root = ElementTree.fromstring(page)
        pictures = [
            each
            for each in root.iter("{http://www.w3.org/2000/svg}svg")
            if each.get("role") == "img"
        ]
        self.assertEqual(len(pictures), len(self.rows))
        labels = [str(each.get("aria-label")) for each in pictures]
        self.assertIn(
            "Barrier: a process dies; the others find it broken; something is"
            " lost.",
            labels,
        )
        self.assertIn("the path stays, and keeps", page.lower())
        self.assertIn("create&lt;T&gt;()", page)


if __name__ == "__main__":
    results.main()

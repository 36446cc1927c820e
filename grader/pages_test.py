"""The tests of the pages: they are well formed whatever a learner is called."""

import datetime
import html.parser
import os
import pathlib
import random
import re
import tempfile
import unicodedata
import unittest
from collections.abc import Sequence
from unittest import mock

from grader import forms, forms_test, grades, model, pages
from harness import results

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onclick='alert(1)",
    "\x1b[2J\x07\x00",
    "\u202egnp.exe\u2066",
    "\udcff\udc80",
    "..",
    "a\nb",
    "</pre></style><!--",
    "&lt;b&gt;",
)
WALLS = ("another user: stands", "<b>no network</b>: stands")
DAY = datetime.date(2026, 12, 1)
ELEMENTS = (
    *("html", "head", "meta", "title", "style", "body", "h1", "h2", "h3", "p"),
    *("div", "table", "thead", "tbody", "tfoot", "tr", "th", "td", "span"),
    *("a", "bdi", "ul", "li", "strong", "pre", "article", "footer"),
)


class Tags(html.parser.HTMLParser):
    """Sees that the elements are closed, and what a reader sees."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: set[str] = set()
        self.attributes: set[str] = set()
        self.links: list[str] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(
        self, tag: str, attrs: list[tuple[str, str | None]]
    ) -> None:
        self.found.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [str(to) for name, to in attrs if name == "href"]
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        opened = self.open.pop()
        assert opened == tag, f"{opened} is closed by {tag}"

    def handle_data(self, data: str) -> None:
        self.text += data


def hostile_class() -> list[model.Grade]:
    """Returns a class in which all that learners choose is hostile."""
    return [
        forms_test.grade_of(
            name,
            exercise,
            status,
            reason=name,
            checks=tuple(
                model.Check(text, model.FAILED, "output", f"{text}\n{name}")
                for text in HOSTILE
            ),
            hints=(name,),
            suspicions=(f"SUSPICIOUS {name}",),
        )
        for name in HOSTILE
        for exercise, status in (
            ("pipes/receive", model.WRONG),
            ("pipes/write", model.BROKEN),
        )
    ]


class PagesTest(unittest.TestCase):
    """All forms are written into a folder."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.out = pathlib.Path(folder.name) / "out"

    def write(self, all_grades: Sequence[model.Grade]) -> None:
        """Writes the forms of a class."""
        pages.write(self.out, all_grades, WALLS, DAY)

    def read(self, name: str) -> str:
        """Returns one of the files."""
        return (self.out / name).read_text(encoding="utf-8")

    def assert_harmless(self, page: str) -> Tags:
        """Checks that a page has only what we put there."""
        tags = Tags(page)
        self.assertEqual(tags.open, [])
        self.assertLessEqual(tags.found, {*ELEMENTS})
        self.assertFalse([a for a in tags.attributes if a.startswith("on")])
        wrong = {c for c in page if unicodedata.category(c) in ("Cc", "Cf")}
        self.assertLessEqual(wrong, {"\n"})
        return tags

    def test_only_the_instructor_is_told_what_a_hidden_check_does(self) -> None:
        """Whatever form it is; JUnit XML is the instructor's."""
        checks = (
            model.Check("it ends", model.OK),
            model.Check(f"{model.HIDDEN}SECRET 1", model.OK),
            model.Check(f"{model.HIDDEN}SECRET 2", model.FAILED, "hang", "WHY"),
        )
        self.write(
            [forms_test.grade_of("ada", "a/b", model.WRONG, checks=checks)]
        )
        for file in self.out.glob("learners/ada/*"):
            text = file.read_text(encoding="utf-8")
            self.assertNotIn("SECRET", text, file.name)
            self.assertNotIn("WHY", text, file.name)
            self.assertIn("hidden check 2", text, file.name)
        page = self.read("index.html")
        self.assertIn("SECRET 2", page)
        self.assertIn("WHY", page)
        self.assertNotIn("SECRET 1", page)
        self.assertIn("SECRET 2", self.read("junit.xml"))

    def test_every_form_is_there(self) -> None:
        """Only for the owner, and nothing else is."""
        self.write(forms_test.class_of("ada", "Ben"))
        found = {
            str(file.relative_to(self.out)): file.stat().st_mode & 0o777
            for file in self.out.rglob("*")
            if file.is_file()
        }
        names = {"index.html", "class.csv", "junit.xml"}
        for safe in ("ada", pages.safe_name("Ben")):
            for name in ("index.html", "results.json", "autograding.json"):
                names.add(f"learners/{safe}/{name}")
        self.assertEqual({*found}, names)
        self.assertEqual({*found.values()}, {0o600})
        own = forms_test.class_of("ada")
        self.assertEqual(
            self.read("learners/ada/results.json"), forms.to_gradescope(own)
        )
        self.assertEqual(
            self.read("learners/ada/autograding.json"), forms.to_classroom(own)
        )

    def test_everything_is_escaped(self) -> None:
        """On every page; and the pages are complete in themselves."""
        self.write(hostile_class())
        files = [*self.out.rglob("index.html")]
        self.assertEqual(len(files), len(HOSTILE) + 1)
        for file in files:
            page = file.read_text(encoding="utf-8")
            self.assert_harmless(page)
            self.assertNotRegex(page, r"https?://|url\(|@import")

    def test_the_table_links_to_each_learner(self) -> None:
        self.write(hostile_class())
        first, *links = Tags(self.read("index.html")).links
        self.assertEqual(first, "#undecided")
        self.assertEqual(len({*links}), len(HOSTILE))
        for link in links:
            self.assertTrue((self.out / link).is_file(), link)
            self.assertRegex(link, r"^learners/[a-z0-9._-]+/index\.html$")

    def test_a_learner_sees_only_their_own(self) -> None:
        """And nothing of what is suspicious, or of the class."""
        self.write(forms_test.class_of("ada", "ben"))
        tags = Tags(self.read("learners/ada/index.html"))
        for hidden in ("SUSPICIOUS", "ben", "Mean"):
            self.assertNotIn(hidden, tags.text)
        self.assertEqual(tags.links, [])
        for shown in (
            "4.5 of 15 points",
            "1.5 of 3 points, 1 day late",
            "a receiver sees the end",
            "Hint:",
            "1 undecided",
            "no points",
            "refused: no file",
        ):
            self.assertIn(shown, tags.text)
        self.assertIn("SUSPICIOUS", Tags(self.read("index.html")).text)

    def test_the_foot_says_which_walls_stood_and_when(self) -> None:
        self.write(forms_test.class_of("ada"))
        for name in ("index.html", "learners/ada/index.html"):
            tags = Tags(self.read(name))
            self.assertIn("Graded on 2026-12-01.", tags.text)
            for wall in WALLS:
                self.assertIn(wall, tags.text)

    def test_the_table_says_what_was_undecided(self) -> None:
        """And has no points for it."""
        self.write(forms_test.class_of("ada"))
        tags = Tags(self.read("index.html"))
        self.assertIn("1 undecided", tags.text)
        self.assertIn("ada, b/broken: no compiler", tags.text)
        page = self.read("index.html")
        cells = re.findall(r'<td class="broken">(.*?)</td>', page)
        self.assertEqual(len(cells), 1)
        self.assertNotRegex(cells[0], "[0-9]")

    def test_an_empty_class_has_a_page(self) -> None:
        self.write([])
        self.assert_harmless(self.read("index.html"))

    def test_a_file_is_replaced_whole_or_not_at_all(self) -> None:
        """Also if the grader is killed while it writes."""
        self.write(forms_test.class_of("ada"))
        before = self.read("index.html")
        with mock.patch("os.fsync", side_effect=OSError):
            with self.assertRaises(OSError):
                self.write(forms_test.class_of("ada", "ben"))
        self.assertEqual(self.read("index.html"), before)
        self.write(forms_test.class_of("ada", "ben"))
        self.assertIn("ben", self.read("index.html"))
        left = [file.name for file in self.out.rglob(".*")]
        self.assertEqual(left, [])

    def test_a_link_in_the_folder_is_not_followed(self) -> None:
        victim = self.out.parent / "victim"
        victim.write_text("mine")
        self.out.mkdir()
        os.symlink(victim, self.out / "index.html")
        self.write(forms_test.class_of("ada"))
        self.assertEqual(victim.read_text(), "mine")
        self.assertFalse((self.out / "index.html").is_symlink())

    def test_the_same_grades_make_the_same_files(self) -> None:
        all_grades = hostile_class()
        self.write(all_grades)
        files = sorted(f for f in self.out.rglob("*") if f.is_file())
        before = [file.read_bytes() for file in files]
        self.write(all_grades)
        self.assertEqual([file.read_bytes() for file in files], before)


class SafeNameTest(unittest.TestCase):
    """The names of the folders of learners."""

    def test_a_name_that_is_safe_is_kept(self) -> None:
        for name in ("ada", "ada-lovelace_2", "0", "a" * 64):
            self.assertEqual(pages.safe_name(name), name)

    def test_names_are_safe_and_never_the_same(self) -> None:
        """Also those that differ in case only, or in what is replaced."""
        dice = random.Random(17)
        learners = {*HOSTILE, "Ada", "ada", "ADA", "ada ", " ada", "-ada", "é"}
        learners |= {"e\u0301", ".", "..", "ada.0", "a" * 65, "b" * 255}
        for _ in range(2000):
            size = dice.randint(1, 4)
            learners.add(
                "".join(dice.choice("aA.-_ \udcffé") for _ in "x" * size)
            )
        # What a name is made into may be a name itself.
        learners |= {pages.safe_name(learner) for learner in learners}
        found = [pages.safe_name(learner) for learner in learners]
        for name in found:
            self.assertRegex(name, r"^[a-z0-9][a-z0-9._-]*$")
            self.assertLessEqual(len(name), 64)
        self.assertEqual(len({*found}), len(learners))

    def test_names_of_learners_are_never_shown_the_same(self) -> None:
        learners = ["\udcff", "\\xff", "\\xff (2)", "\\xff (2) (2)"]
        found = forms.names(learners)
        self.assertEqual(len({*found.values()}), len(learners))
        self.assertEqual([*found], learners)

    def test_the_class_is_in_the_order_given(self) -> None:
        found = grades.by_learner(forms_test.class_of("ben", "ada"))
        self.assertEqual([*found], ["ben", "ada"])


if __name__ == "__main__":
    results.main()

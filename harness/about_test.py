"""What labs say about themselves is true, and a fault in it would be seen."""

import contextlib
import dataclasses
import io
import os
import pathlib
import re
import tempfile
import unittest

from harness import about, about_main, course, results
from harness.about import About, Malformed, Row, Teaching

ROOT = pathlib.Path(__file__).absolute().parent.parent


class AboutTest(unittest.TestCase):
    """The files of all labs."""

    def setUp(self) -> None:
        labs = [lesson.lab for lesson in course.read_syllabus(ROOT)]
        self.abouts = about.read(ROOT, labs)

    def test_nothing_is_wrong_with_what_the_labs_say(self) -> None:
        """Order, concepts, variants, calls, names and minutes."""
        self.assertEqual(about.problems(self.abouts, ROOT), [])

    def test_the_primer_has_the_words_that_it_is_said_to_teach(self) -> None:
        page = (ROOT / "docs/start.md").read_text(encoding="utf-8")
        for term in about.PRIMER:
            self.assertIn(term, page)


SOUND = """
objectives = ["Explain a", "Use b"]
after = []
teaches = ["word"]
needs = ["point"]
reading_min = 10
doing_min = 25
mistakes = ["one", "two"]
calls = ["fork(2)"]
[[table]]
python = "os.fork()"
cpp = "ipc::Process"
system = "fork(2)"
[[table]]
python = "-"
cpp = "ipc::Process::join"
system = "waitid(2)"
[teaching]
ask = "What?"
wrong = "Most say that."
show = "`./bazelw run //labs/first:wrong_one`: look at it."
"""


class FormTest(unittest.TestCase):
    """A file that is not as it should be is refused."""

    def test_a_sound_file_is_read(self) -> None:
        read = about.parse("first", SOUND)
        self.assertEqual(read.objectives, ("Explain a", "Use b"))
        self.assertEqual(read.minutes, 35)
        self.assertEqual(read.table[1].system, "waitid(2)")
        self.assertEqual(
            read.teaching.command, "./bazelw run //labs/first:wrong_one"
        )

    def test_keys_and_kinds_of_values_are_checked(self) -> None:
        """Each change by itself, and what is said of it."""
        for old, new, problem in (
            ("after = []\n", "", "there is no after"),
            ("after = []", "after = []\nnote = 1", "unknown key note"),
            ('cpp = "ipc::Process"\n', "", "table: there is no cpp"),
            ('ask = "What?"', 'ask = "What?"\nhint = ""', "unknown key hint"),
            ('"What?"', '""', "ask: not a text, or empty"),
            ("doing_min = 25", 'doing_min = "25"', "doing_min: not a number"),
            ('["fork(2)"]', '"fork(2)"', "calls: not a list"),
            ('"word"', "1", "teaches: not a text"),
            ("[teaching]", "[[teaching]]", "teaching: not a table"),
            ("after = []", "after = [", "about.toml: "),
        ):
            with self.subTest(problem):
                self.assertIn(old, SOUND)
                with self.assertRaisesRegex(Malformed, re.escape(problem)):
                    about.parse("first", SOUND.replace(old, new, 1))

    def test_a_lab_without_a_file_is_named(self) -> None:
        with tempfile.TemporaryDirectory(
            dir=os.environ.get("TEST_TMPDIR")
        ) as folder:
            with self.assertRaisesRegex(Malformed, "^first: there is no about"):
                about.read(pathlib.Path(folder), ["first"])

    def test_minutes_are_told_in_hours(self) -> None:
        told = [about.describe_minutes(n) for n in (0, 50, 120, 85)]
        self.assertEqual(told, ["0 min", "50 min", "2 h", "1 h 25 min"])


class FaultTest(unittest.TestCase):
    """A fault in what labs say would be seen: a course of three labs."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(dir=os.environ.get("TEST_TMPDIR"))
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        (self.root / "common/process").mkdir(parents=True)
        (self.root / "common/process/process.h").write_text(
            "class Process {\n  int join();\n};\n"
        )
        for lab in ("first", "second", "third"):
            (self.root / "labs" / lab / "wrong").mkdir(parents=True)
            (self.root / "labs" / lab / "main.cc").write_text("")
            for name in ("one", "two"):
                (self.root / f"labs/{lab}/wrong/{name}.cc").write_text("")
        first = about.parse("first", SOUND)
        self.first = first
        self.second = dataclasses.replace(
            first,
            lab="second",
            after=("first",),
            teaches=("term",),
            needs=("word",),
        )
        self.third = dataclasses.replace(
            first,
            lab="third",
            after=("second",),
            teaches=(),
            needs=("word", "term", "schedule"),
        )

    def found(
        self, first: About | None = None, third: About | None = None
    ) -> list[str]:
        """Returns the problems of the course with labs replaced."""
        return about.problems(
            [first or self.first, self.second, third or self.third], self.root
        )

    def change(self, **changes: object) -> list[str]:
        """Returns the problems of the course with the third lab changed."""
        third = dataclasses.replace(self.third, **changes)
        return self.found(third=third)

    def test_nothing_is_found_where_nothing_is_wrong(self) -> None:
        self.assertEqual(self.found(), [])

    def test_labs_come_after_earlier_ones_only(self) -> None:
        """Not after a later one, itself, or one that does not exist."""
        for name in ("third", "fourth"):
            self.assertEqual(
                self.change(after=("second", name)),
                [f"third: {name} does not come before it"],
            )
        early = dataclasses.replace(self.first, after=("second",))
        self.assertIn(
            "first: second does not come before it", self.found(first=early)
        )

    def test_what_comes_before_by_another_one_is_not_direct(self) -> None:
        self.assertEqual(
            self.change(after=("first", "second")),
            ["third: second comes after first already"],
        )

    def test_needed_terms_are_taught_by_labs_before(self) -> None:
        """By one that is reached, and not merely earlier in the list."""
        self.assertEqual(
            self.change(needs=("other",)),
            ["third: no lab before it teaches other"],
        )
        self.assertEqual(
            self.change(after=("first",)),
            [
                "third: term is taught by second, "
                "which is not among those before it"
            ],
        )
        self.assertEqual(
            self.change(teaches=("own",), needs=("own",)),
            ["third: no lab before it teaches own"],
        )

    def test_no_term_is_taught_twice(self) -> None:
        """Nor one that the primer teaches."""
        for term, teacher in (("word", "first"), ("point", "docs/start.md")):
            self.assertEqual(
                self.change(teaches=(term,)),
                [f"third: {teacher} teaches {term} already"],
            )

    def test_mistakes_are_variants_of_the_lab(self) -> None:
        self.assertEqual(
            self.change(mistakes=("one", "gone")),
            ["third: there is no wrong/gone.cc"],
        )

    def test_objectives_begin_with_a_verb_and_have_no_full_stop(self) -> None:
        for text in ("explain a", "The lock", "Understanding a"):
            self.assertEqual(
                self.change(objectives=("Use b", text)),
                [f"third: does not begin with a verb: {text}"],
            )
        self.assertEqual(
            self.change(objectives=("Use b", "Use c.")),
            ["third: ends with a full stop: Use c."],
        )

    def test_minutes_are_multiples_of_five(self) -> None:
        for key in ("reading_min", "doing_min"):
            for minutes in (12, 0, -5):
                self.assertEqual(
                    self.change(**{key: minutes}),
                    [f"third: {key} is {minutes}, not a multiple of 5"],
                )

    def test_there_are_neither_too_few_nor_too_many(self) -> None:
        row = self.third.table[0]
        for key, values, problem in (
            ("objectives", ("Use b",), "1 objectives, not 2 to 4"),
            ("objectives", ("Use b",) * 5, "5 objectives, not 2 to 4"),
            ("mistakes", ("one",), "1 mistakes, not 2 to 4"),
            ("table", (row,), "1 rows of the table, not 2 to 5"),
            ("table", (row,) * 6, "6 rows of the table, not 2 to 5"),
            ("calls", (), "0 calls, not 1 to 9"),
        ):
            self.assertEqual(
                self.change(**{key: values}), [f"third: {problem}"]
            )

    def test_terms_and_calls_have_their_form(self) -> None:
        self.assertEqual(
            self.change(teaches=("FIFO",)), ["third: not in lower case: FIFO"]
        )
        for call in ("fork", "fork()", "fork(2), exec"):
            self.assertEqual(
                self.change(calls=(call,)),
                [f"third: not the name of a man page: {call}"],
            )

    def test_names_of_the_table_exist(self) -> None:
        """In Python, and in the headers of common."""
        row = self.third.table[0]
        for cell, value, problem in (
            ("python", "os.spoon(f)", "Python has no os.spoon"),
            (
                "python",
                "multiprocessing.Task(f)",
                "Python has no multiprocessing.Task",
            ),
            ("cpp", "ipc::Fork", "common has no Fork of ipc::Fork"),
            (
                "cpp",
                "ipc::Process::fork",
                "common has no fork of ipc::Process::fork",
            ),
        ):
            changed = dataclasses.replace(row, **{cell: value})
            self.assertEqual(
                self.change(table=(row, changed)), [f"third: {problem}"]
            )
        good = Row("p.start(); multiprocessing.connection.wait(x)", "-", "-")
        self.assertEqual(self.change(table=(row, good)), [])

    def test_what_is_to_be_shown_exists(self) -> None:
        """The command, and the labs and variants of all three texts."""
        for show, problem in (
            ("Look.", "does not begin with a command: Look."),
            ("`ls`: look.", "does not begin with a command: `ls`: look."),
            (
                "`./bazelw run //labs/first:wrong_x`: look.",
                "there is no first:wrong_x",
            ),
            (
                "`./bazelw run //harness:explore -- first:wrong_x`: look.",
                "there is no first:wrong_x",
            ),
            ("`./bazelw run //labs:gone`: look.", "there is no lab gone"),
        ):
            self.assertEqual(
                self.change(teaching=Teaching("What?", "That.", show)),
                [f"third: {problem}"],
            )


class NotesTest(unittest.TestCase):
    """//harness:about prints the notes."""

    def run_main(self, *arguments: str) -> tuple[int, str, str]:
        """Returns the status, and what is printed and complained of."""
        out, errors = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(
            errors
        ):
            status = about_main.main(arguments)
        return status, out.getvalue(), errors.getvalue()

    def test_without_a_lab_all_are_listed(self) -> None:
        status, printed, errors = self.run_main()
        self.assertEqual((status, errors), (0, ""))
        for lesson in course.read_syllabus(ROOT):
            self.assertRegex(printed, rf"(?m)^{lesson.lab} +\d+ +\d+  \S")
        self.assertRegex(printed, r"(?m)^pipes +\d+ +\d+  isolation$")

    def test_the_notes_of_a_lab_have_all_that_it_says(self) -> None:
        status, printed, errors = self.run_main("pipes")
        self.assertEqual((status, errors), (0, ""))
        for text in (
            "write a receiver that ends at end of file",
            "Comes after: isolation",
            "./bazelw run //labs/pipes:wrong_no_framing",
            "Ask before the lab is run",
            "pipe2(2)",
            "multiprocessing.Pipe(duplex=False)",
            "ipc::make_one_way_connections()",
        ):
            self.assertIn(text, printed)

    def test_nothing_but_a_command_is_wider_than_a_terminal(self) -> None:
        names: list[tuple[str, ...]] = [()]
        names += [(each.lab,) for each in course.read_syllabus(ROOT)]
        for arguments in names:
            _, printed, _ = self.run_main(*arguments)
            for line in printed.splitlines():
                if not line.startswith("  ./bazelw "):
                    self.assertLessEqual(len(line), 80, line)

    def test_an_unknown_lab_is_one_line_and_status_2(self) -> None:
        self.assertEqual(
            self.run_main("pipe"), (2, "", "about: there is no lab pipe\n")
        )


if __name__ == "__main__":
    results.main()

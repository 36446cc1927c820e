"""The tests of what is said about orders, and what docs/exploring.md says."""

import pathlib
import re
import unittest

from harness import chapter, counted, explored, fake_lab, results, subject

ROOT = pathlib.Path(__file__).absolute().parent.parent


def _main(text: str, times: float = 1) -> counted.Source:
    return counted.Source("main.cc", text, times)


def table_problems(
    page: chapter.Chapter, spaces: dict[str, list[counted.Space]]
) -> list[str]:
    """Returns the rows of the table of spaces that no exploration has.

    Its second cell has the numbers of schedules; in the third, "in 4" is how
    many of them have the outcome.
    """
    problems = []
    for number, line in page.prose():
        row = re.fullmatch(r"\| `(\w+)`[^|]* \| ([^|]+) \| ([^|]+) \|", line)
        if not row or row[1] not in spaces:
            continue
        wholes = [sum(space) for space in spaces[row[1]]]
        parts = {part for space in spaces[row[1]] for part in space}
        problems += [
            f"{page.place}:{number}: {row[1]} has no space of {text}"
            for text in re.findall(r"[\d,]+", row[2])
            if int(text.replace(",", "")) not in wholes
        ] + [
            f"{page.place}:{number}: {row[1]} has no outcome in {text}"
            for text in re.findall(r"\bin (\d[\d,]*)", row[3])
            if int(text.replace(",", "")) not in parts
        ]
    return problems


class CountedTest(unittest.TestCase):
    """What is read in a text, and that a wrong number is found."""

    SPACES = [(4, 2), (48, 36, 6), (1000, 48)]

    def setUp(self) -> None:
        self.folder = fake_lab.scratch_folder(self)

    def chapter(self, text: str) -> chapter.Chapter:
        """Writes and reads a chapter."""
        file = self.folder / "README.md"
        file.write_text(text, encoding="utf-8")
        return chapter.Chapter.read(file)

    def words(self, text: str) -> list[str]:
        """Returns the words of what a text states."""
        return [claim.words for claim in counted.claims(self.chapter(text))]

    def problems(self, text: str, **reasons: str) -> list[str]:
        """Returns the problems of a text."""
        found = self.chapter(text)
        return counted.problems(found, self.SPACES, reasons)

    def test_wholes_and_parts_are_read(self) -> None:
        """In digits and in words, across lines, and in a list."""
        for text, words in (
            ("All 4\nof 6 schedules go on.", ["4 of 6"]),
            ("There are 1,048 schedules.", ["1,048 schedules"]),
            ("It has five orders. In two rows, it waits.", ["five orders"]),
            (
                "It has five orders. In two, it waits.",
                ["five orders", "In two"],
            ),
            ("1 of 3, and 2 of 30 schedules", ["1 of 3", "2 of 30"]),
            ("8 orders, 3 of them", ["8 orders", "3 of them"]),
            ("6 orders, the two in which", ["6 orders", "the two in which"]),
        ):
            self.assertEqual(self.words(text), words, text)

    def test_what_is_no_number_of_orders_is_left(self) -> None:
        """Other things, paragraphs that state none, code, and fences."""
        for text in (
            "One of 20 runs; the orders differ.",
            "In 4 of 6 cases.\n\nAll orders are played.",
            "The order is `4 of 6 orders`.",
            "```text\n4 of 6 orders\n```",
            "It has one of two locks in 0.1 s in all orders.",
        ):
            self.assertEqual(self.words(text), [], text)

    def test_what_explorations_find_is_right(self) -> None:
        """Sums of counts, too; not a part of another whole."""
        for text in (
            "in 4 of 6 schedules",
            "42 of the 90 orders",
            "There are 90 orders: 3 comes out in 6, 1 in 48, more in 84.",
            "1,048 schedules",
        ):
            self.assertEqual(self.problems(text), [], text)
        for text, words in (
            ("in 3 of 6 schedules", "3 of 6"),
            ("in 4 of 90 orders", "4 of 90"),
            ("89 orders", "89 orders"),
            ("There are 90 orders: 3 comes out in 7.", "in 7"),
        ):
            (problem,) = self.problems(text)
            self.assertIn(f"README.md:1: no exploration has {words};", problem)

    def test_a_reason_is_for_what_is_said(self) -> None:
        """And is not left behind."""
        self.assertEqual(self.problems("89 orders", **{"89 orders": "6!"}), [])
        self.assertEqual(
            self.problems("6 orders", **{"89 orders": "6!"}),
            [
                "README.md: does not say 89 orders, for which there is a "
                "reason"
            ],
        )

    def test_spaces_are_declared_tried_and_printed(self) -> None:
        """Printed lines are parts of one whole until they make it up."""
        self.chapter(
            "```console\n"
            "in 4 of 6 orders\n"
            "in 2 of 6 orders\n"
            "in 1 of 6 orders\n```\n```text\n"
            "in 7 of 9 orders\n```\n"
        )
        (self.folder / "tries.toml").write_text(
            "[try.1]\nexplore = {outcomes = {a = 67, b = 5}}\n"
            "[try.2]\nsays = ['x in 8 of 10 orders']\n"
        )
        declared = (
            explored.Explored({"a": 3, "b": 1}),
            explored.Explored({"a", "b"}, schedules=216),
            explored.Explored({"a": 7, "b": 7}, request={"reduce": True}),
        )
        self.assertEqual(
            set(counted.known(self.folder, declared)),
            {(3, 1), (216,), (67, 5), (4, 2), (2, 4), (1, 5), (8, 2)},
        )

    def test_large_numbers_are_those_of_what_is_compared(self) -> None:
        """In a listing, a source, a test or a try; or there is a reason."""
        (self.folder / "main.cc").write_text("int a = 10'000;\n")
        (self.folder / "tries.toml").write_text("says = 'It has 777'\n")
        block = "```console\nMain: 65536 bytes\n```\n"
        for sentence, word in (
            ("It has 65,536 bytes, 10,000 and 777 of them.", ""),
            ("It has 90 bytes, or 1,048 of 1,048 orders.", ""),
            ("In one run it has 999.", ""),
            ("It dates from RFC 999.", ""),
            ("It is of November 28, 2026.", ""),
            ("It has 65,537 bytes.", "65,537"),
            ("It has 999.\n\nHere in one run it had 1,000.", "999"),
            ("It has none.\n\n## See\n\nBooks of 1965.", ""),
        ):
            text = self.chapter(f"{block}\n{sentence}\n")
            numbers = counted.stated(self.folder)
            found = counted.problems(text, self.SPACES, {}, numbers)
            wanted = "README.md:5: nothing that is compared has"
            self.assertEqual(found, [f"{wanted} {word}"] if word else [])
            reasons = {word: "It is so."} if word else {}
            found = counted.problems(text, self.SPACES, reasons, numbers)
            self.assertEqual(found, [])

    def differences(
        self, text: str, phrase: str, source: counted.Source | counted.Lines
    ) -> list[str]:
        """Compares a phrase of a chapter with the lines of a small run."""
        lines = ["A: Go", "Main: Act 1: one", "A: Go", "A: Go", "B: Go"]
        lines += ["Main: Act 2: more", "A: Go", "A: Stop"]
        return counted.differences(
            self.chapter(text),
            {phrase: source},
            lambda flags: lines if not flags else lines[-1:],
        )

    def test_a_number_of_a_source_is_compared(self) -> None:
        """In digits and words, across lines, and in other units."""
        (self.folder / "main.cc").write_text(
            "int a = 10'000;\ndouble b = 0.05;\nint c = 1 << 20;\nint d =\n 3;"
        )
        for text, phrase, source in (
            ("It is\n10,000.", "It is {}.", _main("a = {};")),
            ("after 50 ms, or 50 ms", "{} ms", _main("b = {};", 1000)),
            ("after 0.05 s", "{} s", _main("b = {};")),
            ("half a second", "{} second", _main("b = {};", 10)),
            ("- A MiB", "{} MiB", _main("c = {};", 2**-20)),
            ("Three lives", "{} lives", _main("int d = {};")),
        ):
            self.assertEqual(self.differences(text, phrase, source), [])

    def test_a_wrong_number_is_found(self) -> None:
        """Wherever it stands, with both sides; and what has gone."""
        (self.folder / "main.cc").write_text("int a = 3;\nint b = 0.05;\n")
        for text, phrase, source, problem in (
            (
                "It has\n3 sides.\n\nIt\nhas four sides.",
                "has {} sides",
                _main("a = {};"),
                ':5: says "has four sides", but "a = {};" of main.cc is 3',
            ),
            (
                "within 5 ms",
                "within {} ms",
                _main("b = {};", 1000),
                ':1: says "within 5 ms", but "b = {};" times 1000 of main.cc '
                "is 50",
            ),
            ("30.5 s", "{} s", _main("a = {};"), ':1: says "30.5 s", but '),
            (
                "half 3.",
                "{} lives",
                _main("a = {};"),
                ': does not say "{} lives"',
            ),
            ("13.3 s", "3 {} s", _main("a = {};"), ': does not say "3 {} s"'),
            (
                "3 s",
                "{} s",
                _main("c = {};"),
                ': "c = {};" of main.cc is not th',
            ),
            ("3 s", "{} s", _main("= {};"), ': "= {};" of main.cc is 0.05, 3'),
            (
                "3 s",
                "{} s",
                _main(" = 3{}"),
                ': " = 3{}" of main.cc is not there',
            ),
        ):
            (found,) = self.differences(text, phrase, source)
            self.assertIn(f"README.md{problem}", found)
        with self.assertRaisesRegex(ValueError, "must have one place {}"):
            self.differences("3 s", "3 s", _main("a = {};"))

    def test_of_a_chapter_its_blocks_are_a_source(self) -> None:
        """Its prose cannot vouch for itself."""
        text = "after 10 ms\n\n```text\nagain in {} s\n```\nagain in 0.3 s"
        source = counted.Source("README.md", "again in {} s", 1000)
        phrase = "after {} ms"
        self.assertEqual(
            self.differences(text.format("0.01"), phrase, source), []
        )
        (found,) = self.differences(text.format("0.02"), phrase, source)
        self.assertIn("README.md:1: says", found)

    def test_lines_of_a_run_are_counted(self) -> None:
        """Of all of it, of one act, and with other flags."""
        for text, lines, other in (
            ("4 lines", counted.Lines("A: Go"), None),
            ("two lines", counted.Lines("A: .*", act=1), None),
            ("1 lines", counted.Lines("A: Go", act=2), None),
            ("1 lines", counted.Lines("A: .*", ("--few",)), None),
            ("3 lines", counted.Lines("A: Go", act=2), 1),
            ("4 lines", counted.Lines("A: .*", ("--few",)), 1),
            ("4 lines", counted.Lines("C: .*"), 0),
        ):
            problem = f'README.md:1: says "{text}", but {lines} is {other}'
            self.assertEqual(
                self.differences(text, "{} lines", lines),
                [] if other is None else [problem],
            )
        self.assertEqual(
            str(counted.Lines("A: .*", ("--few", "--fast"), act=2)),
            'the number of lines "A: .*" of act 2 in a run with --few --fast',
        )

    def test_a_chapter_that_miscounts_is_found(self) -> None:
        """By the test of its lab, which may have a reason."""
        name = "test_chapter_states_numbers_that_there_are"
        fake = fake_lab.FakeLab(self.folder)
        fake.write("README.md", fake_lab.CHAPTER + "\nIt has 5 orders.\n")
        test = fake_lab.TEST.replace(
            "    wrong = {",
            "    explored = (lab.Explored({'a': 3, 'b': 1}),)\n    wrong = {",
        )
        fake.test(test)
        self.assertIn("no exploration has 5 orders", fake.run_test(name))
        fake.replace("README.md", "5 orders", "4 orders")
        self.assertEqual(fake.run_test(name), "")

    def test_a_chapter_that_miscounts_lines_is_found(self) -> None:
        """By the test of its lab, which runs the lab."""
        name = "test_chapter_states_numbers_that_there_are"
        fake = fake_lab.FakeLab(self.folder)
        fake.write("README.md", fake_lab.CHAPTER + "\nIt gets three lines.\n")
        fake.test(
            fake_lab.TEST.replace(
                "    wrong = {",
                "    compared_numbers = {'gets {} lines':"
                " lab.Lines('Receiver: Got .')}\n    wrong = {",
            )
        )
        problem = 'says "gets three lines", but the number of lines "Receiver'
        self.assertIn(problem, fake.run_test(name))
        fake.replace("README.md", "three lines", "two lines")
        self.assertEqual(fake.run_test(name), "")


class ExploringTest(unittest.TestCase):
    """The table of spaces in docs/exploring.md."""

    def setUp(self) -> None:
        self.page = chapter.Chapter.read(ROOT / "docs/exploring.md")
        labs = {
            match[1]
            for line in self.page.lines
            if (match := re.match(r"\| `([a-z]\w*)`", line))
        }
        self.spaces = {
            lab: counted.spaces(subject.declared(ROOT, lab)) for lab in labs
        }

    def test_each_row_is_an_exploration_of_its_lab(self) -> None:
        self.assertGreater(len(self.spaces), 15)
        self.assertEqual(table_problems(self.page, self.spaces), [])

    def test_the_spaces_of_the_library_are_those_of_its_test(self) -> None:
        """Which demands that there are this many schedules."""
        source = ROOT / "common/testing/explore_primitives_test.cc"
        text = source.read_text(encoding="utf-8")
        table = text.partition("} spaces[] = {")[2].partition("};")[0]
        known = set(re.findall(r",\s+(\d+)\},", table))
        rows = re.findall(
            r"^\| `\w+`[^|]* \| ([\d,]+) \| \d+ and \d+",
            "\n".join(self.page.lines),
            re.MULTILINE,
        )
        self.assertEqual(len(rows), 5)
        self.assertEqual({row.replace(",", "") for row in rows} - known, set())

    def test_the_prose_counts_what_the_counters_find(self) -> None:
        """Two and three workers are the example throughout."""
        spaces = counted.spaces(subject.declared(ROOT, "counter_without_lock"))
        reasons = {
            "1,400 schedules": "a rate, measured",
            "900 of three": "a rate, measured",
            "one of the two": "of two steps, in general",
        }
        self.assertEqual(counted.problems(self.page, spaces, reasons), [])

    def test_a_wrong_row_is_found(self) -> None:
        """A number of schedules, and that of an outcome."""
        row = "| `deadlock`, own first | 6 and {} | it waits in 4 and in {} |"
        for whole, part, problem in (
            ("102", "48", []),
            ("103", "48", ["exploring.md:1: deadlock has no space of 103"]),
            ("102", "47", ["exploring.md:1: deadlock has no outcome in 47"]),
        ):
            line = row.format(whole, part)
            page = chapter.Chapter(self.page.file, (line,), ())
            self.assertEqual(table_problems(page, self.spaces), problem)


if __name__ == "__main__":
    results.main()

"""What labs say about themselves is true, and the teaching page adds up."""

import contextlib
import dataclasses
import io
import os
import pathlib
import re
import tempfile
import tomllib
import unittest
from collections.abc import Iterator, Sequence

from harness import about, about_main, chapter, course, results
from harness.about import About, Malformed, Row, Teaching

ROOT = pathlib.Path(__file__).absolute().parent.parent


# What docs/teaching.md has, and what may be wrong with it.


def section(page: str, title: str) -> str:
    """Returns what is below a heading, up to the next one of its level."""
    match = re.search(rf"^(#+) {re.escape(title)}$", page, re.MULTILINE)
    if not match:
        return ""
    rest = page[match.end() :]
    end = re.search(rf"^#{{1,{len(match[1])}}} ", rest, re.MULTILINE)
    return rest[: end.start()] if end else rest


def rows(text: str) -> list[list[str]]:
    """Returns the cells of a table, without those of its head."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[c.strip() for c in line[1:-1].split("|")] for line in lines[2:]]


def linked(text: str) -> list[str]:
    """Returns the labs and projects whose pages are linked, in order."""
    return re.findall(r"\]\(\.\./(?:labs|projects)/(\w+)/README\.md\)", text)


# The rule by which docs/teaching.md estimates, in minutes.
RUN_MIN, TRY_MIN, MEND_MIN, WRITE_MIN, PROJECT_MIN = 5, 5, 5, 15, 240
WORDS_PER_MIN, LINES_PER_MIN = 150, 30
READING_OFF_MIN = 5  # Chapters are edited; the estimate is a round one.


def minute_problems(each: About, root: pathlib.Path) -> Iterator[str]:
    """Yields where the minutes of a lab are not those of the rule."""
    folder = root / "labs" / each.lab
    page = chapter.Chapter.read(folder / "README.md")
    file = folder / "exercises.toml"
    exercises = tomllib.loads(file.read_text(encoding="utf-8"))
    doing_min = RUN_MIN + TRY_MIN * len(page.tries())
    doing_min += MEND_MIN * len(exercises.get("mend", {}))
    doing_min += WRITE_MIN * len(exercises.get("write", {}))
    if each.doing_min != doing_min:
        yield f"{each.lab}: what there is to do takes {doing_min} minutes"
    words = sum(len(line.split()) for _, line in page.prose())
    lines = len((folder / "main.cc").read_text(encoding="utf-8").splitlines())
    reading_min = words / WORDS_PER_MIN + lines / LINES_PER_MIN
    if abs(each.reading_min - reading_min) > READING_OFF_MIN:
        yield f"{each.lab}: reading takes about {reading_min:.0f} minutes"


def read_projects(page: str) -> dict[str, tuple[str, int]]:
    """Returns for each project the lab before it, and its minutes."""
    table = section(page, "Modules").partition("| project |")[2]
    return {
        linked(name)[0]: (linked(lab)[0], int(minutes))
        for name, lab, minutes in rows(f"| project |{table}")
    }


def module_problems(
    page: str, reading_order: str, abouts: Sequence[About]
) -> Iterator[str]:
    """Yields where the modules are not the course, or their hours no sums."""
    text = section(page, "Modules").partition("| project |")[0]
    minutes = {each.lab: each.minutes for each in abouts}
    found = rows(text)
    whole = about.describe_minutes(sum(minutes.values()))
    if f"All labs, in the order of the course: {whole}." not in text:
        yield f"all labs take {whole}"
    if [lab for row in found for lab in linked(row[2])] != list(minutes):
        yield "the modules are not the labs in their order"
        return
    for title, _, cell, time in found:
        labs = linked(cell)
        if not 4 <= len(labs) <= 7:
            yield f"{title}: {len(labs)} labs, not 4 to 7"
        wanted = about.describe_minutes(sum(minutes[lab] for lab in labs))
        if time != wanted:
            yield f"{title}: {time}, but its labs take {wanted}"
        if linked(section(reading_order, title)) != labs:
            yield f"{title}: not the same in the reading order"


@dataclasses.dataclass(frozen=True)
class Plan:
    """What a course plan must be: units, and the minutes that a class has."""

    title: str
    units: int
    unit_min: int | None  # None: any, as long as all are `whole_min`.
    whole_min: int
    is_whole_course: bool = False


PLANS = (
    Plan("One afternoon", 4, None, 240),
    Plan("Six weeks of two hours", 6, 120, 720),
    Plan("A term: 14 weeks of three hours", 14, 180, 2520, True),
)


def plan_problems(
    plan: Plan, page: str, abouts: Sequence[About]
) -> Iterator[str]:
    """Yields where a plan does not add up, or keeps to no order."""
    *units, whole = rows(section(page, plan.title))
    projects = read_projects(page)
    minutes = {each.lab: each.minutes for each in abouts}
    minutes |= {name: time for name, (_, time) in projects.items()}
    needs = {each.lab: each.after for each in abouts}
    needs |= {name: (lab,) for name, (lab, _) in projects.items()}
    if len(units) != plan.units:
        yield f"{plan.title}: {len(units)} units, not {plan.units}"
    done: list[str] = []
    for unit, cell, in_class, at_home in units:
        names = linked(cell)
        wanted = sum(minutes[name] for name in names)
        if int(in_class) + int(at_home) != wanted:
            yield f"{plan.title}: {unit}: its labs take {wanted} minutes"
        if plan.unit_min is not None and int(in_class) != plan.unit_min:
            yield f"{plan.title}: {unit}: not {plan.unit_min} in class"
        for name in names:
            for other in needs[name]:
                if other not in done:
                    yield f"{plan.title}: {name} is before {other}"
            done.append(name)
    if len(done) != len(set(done)):
        yield f"{plan.title}: something comes twice"
    if plan.is_whole_course and set(done) != set(minutes):
        yield f"{plan.title}: not all labs and projects"
    sums = [sum(int(unit[i]) for unit in units) for i in (2, 3)]
    in_class, at_home = map(about.describe_minutes, sums)
    wanted_row = [
        *("all", f"{in_class} in class, {at_home} at home"),
        *map(str, sums),
    ]
    if whole != wanted_row or sums[0] != plan.whole_min:
        yield f"{plan.title}: the sums are {wanted_row}"


def paths(page: str) -> dict[str, str]:
    """Returns the text of each learning path by its title."""
    text = section(page, "Learning paths")
    titles = re.findall(r"^### (.+)$", text, re.MULTILINE)
    return {title: section(text, title) for title in titles}


def path_problems(
    title: str, text: str, abouts: Sequence[About]
) -> Iterator[str]:
    """Yields where a path leaves the order, or out what it needs."""
    order = [each.lab for each in abouts]
    needs = {each.lab: each.after for each in abouts}
    known = linked(text.partition("|")[0])
    labs = [lab for row in rows(text) for lab in linked(row[0])]
    if labs != sorted(labs, key=order.index):
        yield f"{title}: not in the order of the syllabus"
    for lab in labs:
        for other in needs[lab]:
            if other not in labs + known:
                yield f"{title}: {lab} needs {other}"
    for row in rows(text):
        if not row[1]:
            yield f"{title}: nothing says why: {row[0]}"


@dataclasses.dataclass(frozen=True)
class Question:
    """An exam question, and its answer."""

    kind: str
    text: str
    answer: str


_QUESTION = re.compile(
    r"^(\d+)\. (.+?)\n\n +<details>\n +<summary>Answer</summary>\n\n"
    r"(.+?)\n\n +</details>$",
    re.MULTILINE | re.DOTALL,
)


def questions(page: str) -> list[Question]:
    """Returns the questions whose answers are folded below them."""
    return [
        Question(kind, match[2], match[3])
        for kind in ("Computed", "Explained")
        for match in _QUESTION.finditer(
            section(section(page, "Exam questions"), kind)
        )
    ]


def question_problems(question: Question, pages: pathlib.Path) -> Iterator[str]:
    """Yields the counts of an answer that no page it links to has.

    A count is "4 of 6", or a number of two digits and more.
    """
    answer = question.answer
    name = question.text.splitlines()[0]
    targets = re.findall(r"\]\(([^)]+\.md)\)", answer)
    if not targets:
        yield f"{name}: links to no page that says so"
    if question.kind == "Computed" and "./bazelw run //" not in answer:
        yield f"{name}: no command computes it"
    # Transcripts and tables of one number are quoted in sentences, too.
    there = " ".join(
        " ".join((pages / target).read_text(encoding="utf-8").split())
        for target in targets
    )
    said = " ".join(
        re.sub(r"\]\([^)]+\)|```.*```", " ", answer, flags=re.S).split()
    )
    for count in re.findall(r"\b\d[\d,]* of \d[\d,]*\b|\b\d[\d,]*\d\b", said):
        if not re.search(rf"(?<![\d,]){re.escape(count)}(?![\d,]*\d)", there):
            yield f"{name}: no linked page has {count}"


class AboutTest(unittest.TestCase):
    """The files of all labs."""

    def setUp(self) -> None:
        labs = [lesson.lab for lesson in course.read_syllabus(ROOT)]
        self.abouts = about.read(ROOT, labs)

    def test_nothing_is_wrong_with_what_the_labs_say(self) -> None:
        """Order, concepts, variants, calls, names and minutes."""
        self.assertEqual(about.problems(self.abouts, ROOT), [])

    def test_minutes_are_those_of_the_exercises(self) -> None:
        """And of the words, by the rule that docs/teaching.md states."""
        for each in self.abouts:
            self.assertEqual([*minute_problems(each, ROOT)], [])

    def test_minutes_that_are_not_are_found(self) -> None:
        """An exercise that was added, and a chapter that has grown."""
        for key, off_min, problem in (
            ("doing_min", 5, "isolation: what there is to do takes 85 minutes"),
            (
                "doing_min",
                -5,
                "isolation: what there is to do takes 85 minutes",
            ),
            ("reading_min", 10, "isolation: reading takes about"),
            ("reading_min", -10, "isolation: reading takes about"),
        ):
            (first,) = (x for x in self.abouts if x.lab == "isolation")
            minutes = getattr(first, key) + off_min
            changed = dataclasses.replace(first, **{key: minutes})
            (found,) = minute_problems(changed, ROOT)
            self.assertIn(problem, found)

    def test_the_rule_is_the_one_that_is_stated(self) -> None:
        page = (ROOT / "docs/teaching.md").read_text(encoding="utf-8")
        text = " ".join(section(page, "The minutes").split())
        for words in (
            f"{WORDS_PER_MIN} words a minute",
            f"{LINES_PER_MIN} lines a minute",
            f"{RUN_MIN} minutes for running the lab",
            f"{TRY_MIN} for each item of *Try*",
            f"{MEND_MIN} for each exercise that mends",
            f"{WRITE_MIN} for each one that writes",
            "A project counts as four hours",
        ):
            self.assertIn(words, text)
        minutes = {each for _, each in read_projects(page).values()}
        self.assertEqual(minutes, {PROJECT_MIN})

    def test_the_primer_has_the_words_that_it_is_said_to_teach(self) -> None:
        page = (ROOT / "docs/start.md").read_text(encoding="utf-8")
        for term in about.PRIMER:
            self.assertIn(term, page)

    def test_each_chapter_says_at_its_head_what_its_lab_says(self) -> None:
        for each in self.abouts:
            file = ROOT / "labs" / each.lab / "README.md"
            page = file.read_text(encoding="utf-8")
            self.assertEqual(
                page[: page.index("## Question")],
                about.with_head(page, each).partition("## Question")[0],
                "bazel run //harness:about -- --heads",
            )


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

    def test_minutes_are_written_in_hours(self) -> None:
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

    def test_a_lab_that_another_one_needs_is_not_listed_again(self) -> None:
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

    def test_too_few_and_too_many_of_anything_are_found(self) -> None:
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

    def test_what_a_teacher_is_to_show_exists(self) -> None:
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


class PageTest(unittest.TestCase):
    """The teaching page, and that a fault in it would be seen."""

    def setUp(self) -> None:
        labs = [lesson.lab for lesson in course.read_syllabus(ROOT)]
        self.abouts = about.read(ROOT, labs)
        docs = ROOT / "docs"
        self.page = (docs / "teaching.md").read_text(encoding="utf-8")
        self.order = (docs / "README.md").read_text(encoding="utf-8")

    def modules(self, old: str = "", new: str = "") -> list[str]:
        """Returns the problems of the modules after an edit of the page."""
        self.assertIn(old, self.page)
        page = self.page.replace(old, new, 1)
        return [*module_problems(page, self.order, self.abouts)]

    def plans(self, old: str = "", new: str = "") -> list[str]:
        """Returns the problems of all plans after an edit of them."""
        head, mark, text = self.page.partition("## Three course plans")
        self.assertIn(old, text)
        page = head + mark + text.replace(old, new, 1)
        return [
            problem
            for plan in PLANS
            for problem in plan_problems(plan, page, self.abouts)
        ]

    def test_the_modules_are_the_course_and_their_hours_are_sums(self) -> None:
        """Also in the reading order, where they are headings."""
        self.assertEqual(self.modules(), [])

    def test_faults_in_modules_are_found(self) -> None:
        """Hours, order, size, and a reading order that says otherwise."""
        link = "[{0}](../labs/{0}/README.md)".format
        self.assertEqual(
            self.modules("| 7 h |", "| 7 h 5 min |"),
            [
                "Processes and messages: 7 h 5 min, but its labs take 7 h",
            ],
        )
        self.assertEqual(
            self.modules("course: 56 h", "course: 57 h"),
            ["all labs take 56 h 10 min"],
        )
        self.assertEqual(
            self.modules(f"{link('isolation')}, {link('pipes')}, ", ""),
            ["the modules are not the labs in their order"],
        )
        moved = self.modules(
            f"{link('containers')}, {link('async_pool')}",
            link("async_pool"),
        )
        self.assertEqual(moved, ["the modules are not the labs in their order"])
        self.order = self.order.replace("### Synchronization\n", "", 1)
        self.assertIn(
            "Synchronization: not the same in the reading order", self.modules()
        )

    def test_a_module_of_three_labs_is_found(self) -> None:
        lab = "[containers](../labs/containers/README.md)"
        page = self.page.replace(f"{lab}, ", "", 1)
        page = page.replace(
            "[supervisor](../labs/supervisor/README.md) |",
            f"[supervisor](../labs/supervisor/README.md), {lab} |",
            1,
        )
        found = [*module_problems(page, self.order, self.abouts)]
        self.assertIn("Beyond one program: 3 labs, not 4 to 7", found)

    def test_the_plans_add_up_and_keep_the_order(self) -> None:
        self.assertEqual(self.plans(), [])

    def test_faults_in_plans_are_found(self) -> None:
        """Minutes, sums, units, order, and what is left out."""
        link = "[{0}](../labs/{0}/README.md)".format
        self.assertIn(
            "One afternoon: What a process sees: its labs take 100 minutes",
            self.plans("| 60 | 40 |", "| 60 | 45 |"),
        )
        self.assertEqual(
            self.plans("4 h in class", "5 h in class"),
            [
                "One afternoon: the sums are ['all', '4 h in class, "
                "3 h 15 min at home', '240', '195']"
            ],
        )
        self.assertIn(
            "Six weeks of two hours: week 1: not 120 in class",
            self.plans("| 120 | 60 |", "| 115 | 65 |"),
        )
        self.assertIn(
            "Six weeks of two hours: week 5: its labs take 70 minutes",
            self.plans(f"| {link('barrier')}, ", "| "),
        )
        self.assertIn(
            "Six weeks of two hours: connection is before barrier",
            self.plans(f"| {link('barrier')}, ", "| "),
        )
        last = self.page.index("| week 14 |")
        line = self.page[last : self.page.index("\n", last) + 1]
        without = self.plans(line, "")
        self.assertIn(
            "A term: 14 weeks of three hours: 13 units, not 14", without
        )
        self.assertIn(
            "A term: 14 weeks of three hours: not all labs and projects",
            without,
        )
        project = "[pipe_queue](../projects/pipe_queue/README.md)"
        self.assertIn(
            "A term: 14 weeks of three hours: something comes twice",
            self.plans(project, f"{project}, {project}"),
        )
        self.assertIn(
            "A term: 14 weeks of three hours: pipe_queue is before "
            "bounded_queue",
            self.plans(
                f"{link('bounded_queue')}, {project}",
                f"{project}, {link('bounded_queue')}",
            ),
        )

    def test_a_lab_that_takes_longer_is_noticed_by_the_page(self) -> None:
        first = self.abouts[0]
        longer = dataclasses.replace(first, doing_min=first.doing_min + 5)
        self.abouts = [longer, *self.abouts[1:]]
        self.assertGreater(len(self.modules()), 1)
        self.assertEqual(len(self.plans()), len(PLANS))

    def test_the_paths_are_in_an_allowed_order(self) -> None:
        found = paths(self.page)
        self.assertEqual(len(found), 3)
        for title, text in found.items():
            self.assertGreater(len(rows(text)), 4)
            self.assertEqual([*path_problems(title, text, self.abouts)], [])

    def test_faults_in_paths_are_found(self) -> None:
        """Another order, a lab that is needed, and no reason."""
        title = "I only need the lock"
        text = paths(self.page)[title]
        lines = text.splitlines(keepends=True)
        at = next(i for i, x in enumerate(lines) if "| [isolation]" in x)
        swapped = [*lines[:at], lines[at + 1], lines[at], *lines[at + 2 :]]
        for changed, problem in (
            ("".join(swapped), "not in the order of the syllabus"),
            (
                "".join(lines[:at] + lines[at + 1 :]),
                "shared_values needs isolation",
            ),
            (
                text.replace("[bounded_queue](../labs/bounded_queue", "[x]("),
                "deadlock needs bounded_queue",
            ),
            (
                re.sub(r"(\| \[isolation\]\S+ \|).*", r"\1 |", text),
                "nothing says why: [isolation](../labs/isolation/README.md)",
            ),
        ):
            self.assertNotEqual(changed, text)
            self.assertEqual(
                [*path_problems(title, changed, self.abouts)],
                [f"{title}: {problem}"],
            )

    def test_exam_questions_have_folded_answers_that_pages_state(self) -> None:
        """At least 20; each number is on a page that the answer links to."""
        found = questions(self.page)
        numbered = re.findall(
            r"^\d+\. ", section(self.page, "Exam questions"), re.MULTILINE
        )
        self.assertGreaterEqual(len(found), 20)
        self.assertEqual(len(found), len(numbered), "an answer is not folded")
        for question in found:
            self.assertEqual([*question_problems(question, ROOT / "docs")], [])

    def test_faults_in_answers_are_found(self) -> None:
        """A number that is not stated, no command, and no link."""
        pages = ROOT / "docs"
        link = "([deadlock](../labs/deadlock/README.md))"
        command = "```sh\n./bazelw run //harness:explore -- deadlock\n```"
        good = f"In 48 of 102. {link}\n{command}"
        for answer, problem in (
            (good, ""),
            (good.replace("48 of", "47 of"), "no linked page has 47 of 102"),
            (good.replace("48 of 102", "1,020"), "no linked page has 1,020"),
            (good.replace(command, ""), "no command computes it"),
            (good.replace(link, ""), "links to no page that says so"),
        ):
            question = Question("Computed", "How often?", answer)
            found = "\n".join(question_problems(question, pages))
            self.assertIn(problem, found)
            self.assertEqual(bool(problem), bool(found), found)


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

    def test_heads_are_written_where_they_differ(self) -> None:
        lab = about.parse("first", SOUND)
        old = "# First\n\nOld words.\n\n## Question\n\nWhat?\n\n## Question\n"
        new = about.with_head(old, lab)
        self.assertEqual(about.with_head(new, lab), new)
        self.assertNotIn("Old words", new)
        self.assertIn("- explain a\n- use b\n", new)
        self.assertIn("\n| `os.fork()` | `ipc::Process` | fork(2) |\n", new)
        self.assertIn("\n| | `ipc::Process::join` | waitid(2) |\n", new)
        self.assertTrue(new.endswith(old[old.index("## Question") :]))
        with self.assertRaises(about.Malformed):
            about.with_head("# First\n", lab)

    def test_an_unknown_lab_is_one_line_and_status_2(self) -> None:
        self.assertEqual(
            self.run_main("pipe"), (2, "", "about: there is no lab pipe\n")
        )


if __name__ == "__main__":
    results.main()

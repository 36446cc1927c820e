"""The tests of the forms: each is as its published description says."""

import base64
import copy
import csv
import io
import json
import random
import re
import unicodedata
import unittest
from collections.abc import Callable, Collection, Mapping
from typing import Any
from xml.etree import ElementTree

from grader import forms, grades, model
from harness import results

NASTY = "<b>\"&'\x1b[31m\x00\udcff\u202e\r]]>"
CHECKS = (
    model.Check("a receiver sees the end", model.OK),
    model.Check(NASTY, model.FAILED, "hang", f"{NASTY}\n\tmore"),
    model.Check("another", model.SKIPPED, "", "not here"),
)


def grade_of(
    learner: str = "ada",
    exercise: str = "pipes/receive",
    status: str = model.RIGHT,
    points: float | None = None,
    **fields: Any,
) -> model.Grade:
    """Returns a grade of 3 points, all of which RIGHT has."""
    days_late = fields.pop("days_late", 0)
    if points is None:
        points = 3.0 if status == model.RIGHT else 0.0
    judgement = model.Judgement(learner, exercise, "digest", status, **fields)
    return model.Grade(judgement, points, 3.0, days_late)


def class_of(*learners: str) -> list[model.Grade]:
    """Returns a class in which each learner has every status."""
    return [
        grade
        for learner in learners
        for grade in (
            grade_of(learner, "a/right", duration_s=1.25),
            grade_of(
                learner,
                "a/wrong",
                model.WRONG,
                1.5,
                reason=NASTY,
                checks=CHECKS,
                hints=(NASTY,),
                suspicions=("SUSPICIOUS",),
                days_late=1,
                duration_s=1234.5,
            ),
            grade_of(learner, "b/refused", model.REFUSED, reason="no file"),
            grade_of(learner, "b/missing", model.MISSING, reason="nothing"),
            grade_of(learner, "b/broken", model.BROKEN, reason="no compiler"),
        )
    ]


# Whether a value is as a description says; the first words of what is not.

Kind = Callable[[Any], bool]


def number(value: Any) -> bool:
    """Whether it is a number that JSON has."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number and abs(value) < float("inf")


def amount(value: Any) -> bool:
    """Whether it is a number that is not negative."""
    return number(value) and value >= 0


def text(value: Any) -> bool:
    """Whether it is a text of characters only, none of which controls."""
    return isinstance(value, str) and all(
        unicodedata.category(c)[0] != "C" or c == "\n" for c in value
    )


def whole(value: Any) -> bool:
    """Whether it is a number without a fraction."""
    return number(value) and isinstance(value, int)


def one_of(*values: str) -> Kind:
    """Returns a kind that has these values only."""
    return lambda value: value in values


def problems(
    where: str,
    table: Any,
    required: Mapping[str, Kind],
    optional: Mapping[str, Kind],
) -> list[str]:
    """Returns what is wrong with the keys and the values of a JSON object."""
    if not isinstance(table, dict):
        return [f"{where} is not an object"]
    kinds = {**required, **optional}
    found = [f"{where} has no {key}" for key in required if key not in table]
    for key, value in table.items():
        if key not in kinds:
            found.append(f"{where} has an unknown key {key}")
        elif not kinds[key](value):
            found.append(f"{where}: {key} is {value!r}")
    return found


# The page "Autograder Specifications" of Gradescope, with its sections "Output
# format", "Controlling test case visibility", "Test case status" and "Output
# String Formatting":
# https://gradescope-autograders.readthedocs.io/en/latest/specs/

VISIBILITY = one_of("visible", "hidden", "after_due_date", "after_published")
FORMAT = one_of("text", "html", "simple_format", "md", "ansi")
GRADESCOPE = {
    "score": amount,
    "execution_time": amount,
    "output": text,
    "output_format": FORMAT,
    "test_output_format": FORMAT,
    "test_name_format": FORMAT,
    "visibility": VISIBILITY,
    "stdout_visibility": VISIBILITY,
    "extra_data": lambda value: isinstance(value, dict),
    "tests": lambda value: isinstance(value, list),
    "leaderboard": lambda value: isinstance(value, list),
}
GRADESCOPE_TEST = {
    "score": amount,
    "max_score": amount,
    "status": one_of("passed", "failed"),
    "name": text,
    "name_format": FORMAT,
    "number": text,
    "output": text,
    "output_format": FORMAT,
    "tags": lambda value: isinstance(value, list) and all(map(text, value)),
    "visibility": VISIBILITY,
    "extra_data": lambda value: isinstance(value, dict),
}


def gradescope_problems(document: Any) -> list[str]:
    """Returns what is wrong with a results.json."""
    found = problems("it", document, {}, GRADESCOPE)
    if found:
        return found
    tests = document.get("tests", [])
    for test in tests:
        found += problems("a test", test, {}, GRADESCOPE_TEST)
        if found:
            return found
        if "score" not in test and "score" not in document:
            found.append("neither it nor a test has a score")
        if test.get("score", 0) > test.get("max_score", test.get("score", 0)):
            found.append("a score is above max_score")
    if "score" not in document and not tests:
        found.append("it has neither score nor tests")
    return found


# What the actions of GitHub Classroom make and take; they have no other
# description. The fields are those of autograding-io-grader, src/main.js; how
# they are used is in autograding-grading-reporter, src/*.js:
# https://github.com/classroom-resources/autograding-io-grader
# https://github.com/classroom-resources/autograding-grading-reporter

CLASSROOM_STATUS = one_of("pass", "fail", "error")
CLASSROOM = {
    "version": lambda value: whole(value) and value == 1,
    "status": CLASSROOM_STATUS,
    "max_score": amount,
    "tests": lambda value: isinstance(value, list),
}
CLASSROOM_TEST = {
    "name": text,
    "status": CLASSROOM_STATUS,
    "score": amount,
    "message": lambda value: value is None or text(value),
    "test_code": text,
    "filename": text,
    "line_no": lambda value: whole(value) and value >= 0,
    "execution_time": lambda value: isinstance(value, str)
    and re.fullmatch(r"\d+(\.\d+)?s", value) is not None,
}


def classroom_problems(document: Any) -> list[str]:
    """Returns what is wrong with the result of a grader's step."""
    found = problems("it", document, CLASSROOM, {})
    if found:
        return found
    for test in document["tests"]:
        found += problems("a test", test, CLASSROOM_TEST, {})
    if found:
        return found
    if sum(test["score"] for test in document["tests"]) > (
        document["max_score"] + 1e-6
    ):
        found.append("the scores are above max_score")
    statuses = {test["status"] for test in document["tests"]}
    for worst in ("error", "fail", "pass"):
        if worst in statuses or worst == "pass":
            if document["status"] != worst:
                found.append(f"its status is not {worst}")
            break
    return found


# JUnit XML, as two schemas have it. A suite and what is in it must be as both
# say; `testsuites` stands in the first only.
# https://github.com/jenkinsci/xunit-plugin, junit-10.xsd
# https://maven.apache.org/surefire/maven-surefire-plugin/xsd/
#   surefire-test-report.xsd
# For each element: its required and its other attributes, and its children in
# order, with whether there may be several.

JUNIT: dict[str, tuple[str, str, dict[str, bool]]] = {
    "testsuites": (
        "",
        "name time tests failures errors",
        {"testsuite": True},
    ),
    "testsuite": (
        "name tests errors skipped failures",
        "time group",
        {"properties": True, "testcase": True},
    ),
    "properties": ("", "", {"property": True}),
    "property": ("name value", "", {}),
    "testcase": (
        "name time",
        "classname group",
        {
            "failure": True,
            "skipped": False,
            "error": False,
            "system-out": False,
            "system-err": False,
        },
    ),
    "failure": ("type", "message", {}),
    "error": ("type", "message", {}),
    "skipped": ("", "message", {}),
    "system-out": ("", "", {}),
    "system-err": ("", "", {}),
}
TIME = r"(([0-9]{0,3},)*[0-9]{3}|[0-9]{0,3})*(\.[0-9]{0,3})?"
OUTCOMES = {"failures": "failure", "errors": "error", "skipped": "skipped"}


def junit_problems(suites: ElementTree.Element) -> list[str]:
    """Returns what is wrong with a document, from its root on."""
    if suites.tag != "testsuites":
        return [f"the root is {suites.tag}"]
    found = [each for one in suites.iter() for each in _element_problems(one)]
    for one in [suites, *suites]:
        if one.get("tests") != str(len([*one.iter("testcase")])):
            found.append(f"{one.tag}: tests is {one.get('tests')}")
        for key, tag in OUTCOMES.items():
            if key in one.attrib:
                if one.get(key) != str(len([*one.iter(tag)])):
                    found.append(f"{one.tag}: {key} is {one.get(key)}")
    return found


def _element_problems(element: ElementTree.Element) -> list[str]:
    if element.tag not in JUNIT:
        return [f"there is no element {element.tag}"]
    required, optional, children = JUNIT[element.tag]
    found = [
        f"{element.tag} has no {key}"
        for key in required.split()
        if key not in element.attrib
    ]
    for key, value in element.attrib.items():
        if key not in f"{required} {optional}".split():
            found.append(f"{element.tag} has an unknown attribute {key}")
        if key == "time" and not re.fullmatch(TIME, value):
            found.append(f"{element.tag}: time is {value}")
        if key in ("tests", *OUTCOMES) and not value.isdigit():
            found.append(f"{element.tag}: {key} is {value}")
    return found + _child_problems(element, children)


def _child_problems(
    element: ElementTree.Element, children: Mapping[str, bool]
) -> list[str]:
    order = [*children]
    tags = [child.tag for child in element]
    if unknown := {*tags} - {*order}:
        return [f"{element.tag} has elements {unknown}"]
    found = []
    if tags != sorted(tags, key=order.index):
        found.append(f"{element.tag} has its elements in a wrong order")
    for tag, several in children.items():
        if tags.count(tag) > 1 and not several:
            found.append(f"{element.tag} has several elements {tag}")
    return found


def spoiled(document: Any, dice: random.Random) -> Any:
    """Returns a copy of a JSON document with one key wrong."""
    document = copy.deepcopy(document)
    table = dice.choice([document, *document["tests"]])
    key = dice.choice([*table])
    table[key] = dice.choice([None, -1, True, [1], {"x": 1}, "\x1b", "x\ud800"])
    return document


class TableTest(unittest.TestCase):
    """The table in the terminal."""

    def lines(self, *learners: str) -> list[str]:
        """Returns the table of a class."""
        return [*forms.table(class_of(*learners))]

    def test_a_row_has_the_totals(self) -> None:
        head, row, *_ = self.lines("ada")
        self.assertEqual(
            head.split(),
            ["Learner", "Points", "Of", "Right", "Wrong", "Refused", "Missing"],
        )
        self.assertEqual(
            row.split(), ["ada", "4.50", "15.00", "1", "1", "1", "1"]
        )

    def test_what_was_undecided_is_said(self) -> None:
        lines = self.lines("ada", "ben")
        self.assertIn("2 undecided:", lines)
        self.assertIn("  ben, b/broken: no compiler", lines)
        self.assertIn("No learner of 2 is judged completely.", lines)
        lines = [*forms.table([grade_of(), grade_of("ben")])]
        self.assertNotIn("undecided", "\n".join(lines))
        self.assertIn(
            "Mean 3.00, median 3.00 points, of 2 of 2 learners.", lines
        )

    def test_it_fits_whatever_the_names(self) -> None:
        """80 columns, of printable characters."""
        learners = ("a" * 300, "漢字" * 50, "e\u0301" * 60, NASTY, "\x1b[2J")
        for line in self.lines(*learners):
            self.assertTrue(line.isprintable(), line)
            self.assertLessEqual(columns(line), 80, line)
        heights = {columns(line) for line in self.lines(*learners)[:6]}
        self.assertEqual(len(heights), 1)


def columns(line: str) -> int:
    """Returns how wide a terminal shows a line."""
    wide = [c for c in line if unicodedata.east_asian_width(c) in "WF"]
    marks = [c for c in line if unicodedata.combining(c)]
    return len(line) + len(wide) - len(marks)


class CsvTest(unittest.TestCase):
    """The class as CSV."""

    def rows(self, *learners: str) -> list[list[str]]:
        """Returns what a program reads of the CSV of a class."""
        return [
            *csv.reader(
                io.StringIO(forms.to_csv(class_of(*learners)), newline=""),
                strict=True,
            )
        ]

    def test_a_row_has_all_points(self) -> None:
        head, row = self.rows("ada")
        self.assertEqual(
            head,
            "name,total,most,a/right,a/wrong,b/refused,b/missing,b/broken,"
            "undecided".split(","),
        )
        self.assertEqual(
            row,
            ["ada", "4.5", "15.0", "3.0", "1.5", "0.0", "0.0"]
            + ["undecided", "1"],
        )

    def test_an_exercise_that_a_learner_has_not_is_empty(self) -> None:
        found = forms.to_csv([grade_of(), grade_of("ben", "x/y")])
        self.assertIn('"ben",3.0,3.0,"",3.0,0\r\n', found)

    def test_no_name_is_a_formula(self) -> None:
        """Nor can a name begin a cell of its own."""
        for name in (
            *("=1+1", "+1", "-1", "@x", "\t=1", "\r=1", "\n=1", "  =1"),
            *("＝1", 'a",=1', 'a";=1', "a\n=1", "a\r\n=1,2"),
        ):
            _, row = self.rows(name)
            self.assertEqual(len(row), 9)
            self.assertNotIn(row[0].lstrip()[:1], tuple("=+-@\t\r\n＝"))
            self.assertTrue(row[0].isprintable())

    def test_any_name_is_one_cell(self) -> None:
        """And no two learners have the same."""
        dice = random.Random(17)
        learners = {
            "".join(dice.choice('a,";=\n\r\t\\x1 é\udcff') for _ in range(6))
            for _ in range(300)
        }
        learners |= {"\udcff", "\\xff", "\\xff (2)"}
        found = self.rows(*sorted(learners))[1:]
        self.assertEqual(len({row[0] for row in found}), len(learners))
        self.assertEqual({len(row) for row in found}, {9})


class JunitTest(unittest.TestCase):
    """The class as JUnit XML."""

    def test_it_is_as_both_schemas_say(self) -> None:
        for learners in ((), ("ada",), ("ada", NASTY, "漢字")):
            root = ElementTree.fromstring(forms.to_junit(class_of(*learners)))
            self.assertEqual(junit_problems(root), [])
            self.assertEqual(len(root), len(learners))

    def test_a_case_says_how_it_ended(self) -> None:
        (suite,) = ElementTree.fromstring(forms.to_junit(class_of("ada")))
        self.assertEqual(
            {case.get("name"): [each.tag for each in case] for case in suite},
            {
                "a/right": ["system-out"],
                "a/wrong": ["failure", "system-out"],
                "b/refused": ["failure", "system-out"],
                "b/missing": ["skipped", "system-out"],
                "b/broken": ["error", "system-out"],
            },
        )
        failure = suite[1][0]
        self.assertEqual(failure.get("type"), "hang")
        self.assertIn("\\x1b[31m", str(failure.text))
        self.assertEqual(suite[1][1].text, "Points: 1.5 of 3, 1 day late")

    def test_a_broken_form_is_seen(self) -> None:
        """By what checks it here, in whatever way it was broken."""
        document = forms.to_junit(class_of("ada", "ben"))
        for old, new in (
            ("<testsuites", "<testsuites x='1'"),
            ('<testsuite name="ada"', "<testsuite"),
            ('tests="5"', 'tests="4"'),
            ('failures="2"', 'failures="1"'),
            ('errors="1"', 'errors="one"'),
            ('time="1.250"', 'time="1.2500"'),
            (' type="hang"', ""),
            ('skipped message="nothing"', 'skipped type="x"'),
            ("<system-out>", "<system-out/><system-out>"),
            ("<testcase", "<system-out/><testcase"),
            ("skipped", "omitted"),
        ):
            self.assertIn(old, document)
            root = ElementTree.fromstring(
                document.replace(old, new).replace("/omitted", "/skipped")
            )
            self.assertNotEqual(junit_problems(root), [], new)


class LearnerFormsTest(unittest.TestCase):
    """The forms of one learner."""

    def test_gradescope_can_read_it(self) -> None:
        document = json.loads(forms.to_gradescope(class_of(NASTY)))
        self.assertEqual(gradescope_problems(document), [])
        self.assertEqual(document["score"], 4.5)
        right, wrong, refused, missing, broken = document["tests"]
        self.assertEqual((right["score"], right["status"]), (3, "passed"))
        self.assertEqual((wrong["score"], wrong["status"]), (1.5, "failed"))
        self.assertEqual((refused["score"], missing["score"]), (0, 0))
        self.assertNotIn("score", broken)
        self.assertIn("undecided", broken["output"])
        self.assertIn("1 undecided", document["output"])

    def test_github_classroom_can_read_it(self) -> None:
        """As its reporter does: in base64."""
        encoded = base64.b64encode(forms.to_classroom(class_of(NASTY)).encode())
        document = json.loads(base64.b64decode(encoded).decode())
        self.assertEqual(classroom_problems(document), [])
        self.assertEqual(document["status"], "error")
        self.assertEqual(
            [test["status"] for test in document["tests"]],
            ["pass", "fail", "fail", "fail", "error"],
        )
        self.assertEqual(sum(t["score"] for t in document["tests"]), 4.5)
        self.assertEqual(document["max_score"], 15)
        for own, status in (
            ([grade_of()], "pass"),
            ([grade_of(), grade_of(status=model.MISSING)], "fail"),
        ):
            document = json.loads(forms.to_classroom(own))
            self.assertEqual(classroom_problems(document), [])
            self.assertEqual(document["status"], status)

    def test_a_broken_form_is_seen(self) -> None:
        """By what checks it here: one key wrong, unknown or missing."""
        dice = random.Random(17)
        for form, check in (
            (forms.to_gradescope, gradescope_problems),
            (forms.to_classroom, classroom_problems),
        ):
            document = json.loads(form(class_of("ada")))
            for _ in range(300):
                wrong = spoiled(document, dice)
                self.assertTrue(check(wrong) or accepted(wrong), wrong)
            document["tests"][0]["x"] = 1
            self.assertIn("a test has an unknown key x", check(document))

    def test_what_is_required_is_seen(self) -> None:
        document = json.loads(forms.to_classroom(class_of("ada")))
        for table in (document, document["tests"][0]):
            for key in [*table]:
                value = table.pop(key)
                self.assertNotEqual(classroom_problems(document), [], key)
                table[key] = value
        document = json.loads(forms.to_gradescope(class_of("ada")))
        del document["score"]
        self.assertIn(
            "neither it nor a test has a score", gradescope_problems(document)
        )
        document["tests"] = []
        self.assertIn(
            "it has neither score nor tests", gradescope_problems(document)
        )

    def test_what_is_suspicious_is_not_told(self) -> None:
        for form in (forms.to_gradescope, forms.to_classroom, forms.to_junit):
            self.assertNotIn("SUSPICIOUS", form(class_of("ada")))

    def test_what_a_learner_is_told(self) -> None:
        """The reason, all checks, what was wrong, and the hints."""
        _, wrong, *_ = class_of("ada")
        document = json.loads(forms.to_gradescope([wrong]))
        output = document["tests"][0]["output"]
        self.assertIn("Points: 1.5 of 3, 1 day late\n", output)
        self.assertIn("ok: a receiver sees the end\nfailed: <b>", output)
        self.assertIn("\n        more\nskipped: another\nnot here\n", output)
        self.assertIn("\nHint: <b>", output)
        self.assertNotIn("\x1b", output)

    def test_totals_are_those_of_the_table(self) -> None:
        own = class_of("ada")
        document = json.loads(forms.to_gradescope(own))
        self.assertEqual(document["score"], grades.total(own).points)


def accepted(document: Any) -> bool:
    """Whether a spoiled document has happened to stay right."""
    tables: Collection[Any] = [document]
    if isinstance(document["tests"], list):
        tables = [document, *document["tests"]]
    return any(
        (key, value) in (("message", None), ("extra_data", {"x": 1}))
        for table in tables
        if isinstance(table, dict)
        for key, value in table.items()
    )


if __name__ == "__main__":
    results.main()

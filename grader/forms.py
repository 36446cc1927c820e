"""The forms of grades: a table, CSV, JUnit XML, and those of two class rooms.

All that a learner has chosen, such as a name, or that a submission has printed,
is made harmless here: see `plain`.
"""

import csv
import io
import json
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from xml.etree import ElementTree

from grader import grades, model
from harness import report

# What is said of a grade whose judgement is UNDECIDED.
UNDECIDED = "undecided"

# A spreadsheet takes a cell that begins like this for a formula; some look
# behind spaces.
_FORMULA = tuple("=+-@\t\r\n＝＋－＠")

# The columns of the table after the name: their heads, and their widths.
_COLUMNS = (
    ("Points", 10),
    ("Of", 10),
    ("Right", 7),
    ("Wrong", 7),
    ("Refused", 9),
    ("Missing", 9),
)
_COUNT = 9


def plain(text: str) -> str:
    """Returns lines that others wrote, as they can be shown.

    Control characters, also those that turn the direction of a text, and bytes
    that are no UTF-8 are written as escapes.
    """
    return "\n".join(map(model.shown, text.expandtabs().split("\n")))


def amount(number: float) -> str:
    """Returns points for a person, without needless digits: "3", "0.67"."""
    return f"{number:.2f}".rstrip("0").rstrip(".")


def points(one: model.Grade) -> str:
    """Returns what a grade is worth, in words: "2.5 of 3"."""
    if one.judgement.status in model.UNDECIDED:
        return UNDECIDED
    return f"{amount(one.points)} of {amount(one.most)}"


def days_late(one: model.Grade) -> str:
    """Returns "1 day late" or the like, or ""."""
    if not one.days_late:
        return ""
    days = "day" if one.days_late == 1 else "days"
    return f"{one.days_late} {days} late"


def names(learners: Iterable[str]) -> dict[str, str]:
    """Returns what each learner is called: no two of them alike.

    Different names may be shown alike. All but the first of these get a number.
    """
    found: dict[str, str] = {}
    taken = set()
    for learner in learners:
        name = once = model.shown(learner)
        number = 1
        while name in taken:
            number += 1
            name = f"{once} ({number})"
        taken.add(name)
        found[learner] = name
    return found


# The table.


def table(
    all_grades: Sequence[model.Grade], columns: int = 80
) -> Iterator[str]:
    """Returns the lines of the table of a class, for a terminal."""
    whole = grades.class_total(all_grades)
    called = names(each.learner for each in whole.learners)
    width = columns - sum(size for _, size in _COLUMNS)
    heads = "".join(f"{head:>{size}}" for head, size in _COLUMNS)
    yield _cut("Learner", width) + heads
    for each in whole.learners:
        yield _cut(called[each.learner], width) + _row(each)
    yield ""
    yield average(whole)
    yield ""
    width = columns - 2 * _COUNT
    yield _cut("Exercise", width) + f"{'Right':>{_COUNT}}{'Of':>{_COUNT}}"
    for title, right in whole.right.items():
        counts = f"{right:>{_COUNT}}{len(whole.learners):>{_COUNT}}"
        yield _cut(model.shown(title), width) + counts
    if whole.undecided:
        yield ""
        yield f"{whole.undecided} {UNDECIDED}:"
        for one in undecided(all_grades):
            text = (
                f"  {called[one.learner]}, {model.shown(one.exercise)}:"
                f" {model.shown(one.reason)}"
            )
            yield _cut(text, columns).rstrip()


def average(whole: grades.ClassTotal) -> str:
    """Returns the mean and the median of a class, in words."""
    if whole.mean is None or whole.median is None:
        return f"No learner of {len(whole.learners)} is judged completely."
    return (
        f"Mean {whole.mean:.2f}, median {whole.median:.2f} points, of"
        f" {whole.judged} of {len(whole.learners)} learners."
    )


def undecided(all_grades: Sequence[model.Grade]) -> list[model.Judgement]:
    """Returns the judgements that are UNDECIDED."""
    judgements = [each.judgement for each in all_grades]
    return [each for each in judgements if each.status in model.UNDECIDED]


def _row(each: grades.Total) -> str:
    counts = [
        each.counts[status]
        for status in (model.RIGHT, model.WRONG, model.REFUSED, model.MISSING)
    ]
    cells = [f"{each.points:.2f}", f"{each.most:.2f}", *map(str, counts)]
    return "".join(
        f"{cell:>{size}}" for cell, (_, size) in zip(cells, _COLUMNS)
    )


def _cut(text: str, columns: int) -> str:
    """Returns a text in a terminal's columns: the rest is cut or filled."""
    if _width(text) > columns:
        while _width(text) > columns - 1:
            text = text[:-1]
        text += "…"
    return text + " " * (columns - _width(text))


def _width(text: str) -> int:
    """Returns how many columns of a terminal a printable text takes."""
    return sum(
        0
        if unicodedata.category(c) in ("Mn", "Me")
        else 1 + (unicodedata.east_asian_width(c) in "WF")
        for c in text
    )


# The forms for a class.


def to_csv(all_grades: Sequence[model.Grade]) -> str:
    """Returns the class as CSV (RFC 4180): a row a learner, in UTF-8.

    The columns are name, total and most, then the points of each exercise, and
    last how many exercises are undecided: these have no points yet.
    """
    titles = grades.titles(all_grades)
    out = io.StringIO()
    writer = csv.writer(
        out, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\r\n"
    )
    heads = ["name", "total", "most", *map(_cell, titles), UNDECIDED]
    writer.writerow(heads)
    learners = grades.by_learner(all_grades)
    called = names(learners)
    for learner, own in learners.items():
        each = grades.total(own)
        found = {one.judgement.exercise: one for one in own}
        cells = [
            _points_cell(found[title]) if title in found else ""
            for title in titles
        ]
        writer.writerow(
            [
                _cell(called[learner]),
                each.points,
                each.most,
                *cells,
                each.undecided,
            ]
        )
    return out.getvalue()


def _cell(text: str) -> str:
    """Returns a text that no spreadsheet takes for a formula."""
    is_formula = text.lstrip(" ").startswith(_FORMULA)
    return model.shown(f"'{text}" if is_formula else text)


def _points_cell(one: model.Grade) -> float | str:
    is_undecided = one.judgement.status in model.UNDECIDED
    return UNDECIDED if is_undecided else one.points


def to_junit(all_grades: Sequence[model.Grade]) -> str:
    """Returns the class as JUnit XML: a suite a learner, a case an exercise.

    What is missing is skipped, and what is undecided is an error.
    """
    suites = ElementTree.Element(
        "testsuites", {"name": "IPC Labs", **_counts(all_grades)}
    )
    del suites.attrib["skipped"]  # The schema of Jenkins has it in suites only.
    learners = grades.by_learner(all_grades)
    called = names(learners)
    for learner, own in learners.items():
        suite = ElementTree.SubElement(
            suites, "testsuite", {"name": called[learner], **_counts(own)}
        )
        for one in own:
            _case(suite, one)
    ElementTree.indent(suites)
    text = ElementTree.tostring(suites, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _counts(some: Sequence[model.Grade]) -> dict[str, str]:
    statuses = [each.judgement.status for each in some]
    failures = statuses.count(model.WRONG) + statuses.count(model.REFUSED)
    return {
        "tests": str(len(statuses)),
        "failures": str(failures),
        "errors": str(sum(s in model.UNDECIDED for s in statuses)),
        "skipped": str(statuses.count(model.MISSING)),
        "time": f"{sum(each.judgement.duration_s for each in some):.3f}",
    }


def _case(suite: ElementTree.Element, one: model.Grade) -> None:
    judgement = one.judgement
    title = report.xml_text(model.shown(judgement.exercise))
    case = ElementTree.SubElement(
        suite,
        "testcase",
        {
            "classname": title.partition("/")[0],
            "name": title,
            "time": f"{judgement.duration_s:.3f}",
        },
    )
    message = report.xml_text(model.shown(judgement.reason))
    if judgement.status == model.MISSING:
        ElementTree.SubElement(case, "skipped", {"message": message})
    elif judgement.status != model.RIGHT:
        tag = "error" if judgement.status in model.UNDECIDED else "failure"
        ElementTree.SubElement(
            case, tag, {"message": message, "type": _kind(judgement)}
        ).text = report.xml_text(_told(judgement))
    ElementTree.SubElement(case, "system-out").text = _worth(one)


def _kind(judgement: model.Judgement) -> str:
    """Returns what failed first, or how it ended."""
    for check in judgement.checks:
        if check.status == model.FAILED and check.kind:
            return report.xml_text(model.shown(check.kind))
    return judgement.status


def _worth(one: model.Grade) -> str:
    """Returns the points of a grade, and why there are not more of them."""
    parts = [f"Points: {points(one)}", days_late(one)]
    return ", ".join(part for part in parts if part)


def _told(judgement: model.Judgement) -> str:
    """Returns the reason, the checks and the hints."""
    parts = [model.shown(judgement.reason)]
    for check in judgement.checks:
        parts.append(f"{check.status}: {model.shown(check.name)}")
        if check.detail and check.status != model.OK:
            parts.append(plain(check.detail))
    parts += [f"Hint: {plain(hint)}" for hint in judgement.hints]
    return "\n".join(part for part in parts if part)


# The forms for one learner.


def to_gradescope(own: Sequence[model.Grade]) -> str:
    """Returns a learner's results.json for Gradescope.

    An exercise that is undecided has no score, and the output says so.
    See https://gradescope-autograders.readthedocs.io/en/latest/specs/
    """
    each = grades.total(own)
    words = f"{amount(each.points)} of {amount(each.most)} points."
    if each.undecided:
        words += f" {each.undecided} {UNDECIDED}, without points yet."
    return _json(
        {
            "score": each.points,
            "execution_time": _duration_s(own),
            "output": words,
            "output_format": "text",
            "stdout_visibility": "hidden",
            "tests": [
                _gradescope_test(number, one)
                for number, one in enumerate(own, 1)
            ],
        }
    )


def _gradescope_test(number: int, one: model.Grade) -> dict[str, object]:
    judgement = one.judgement.for_learner()
    test: dict[str, object] = {
        "max_score": one.most,
        "name": model.shown(judgement.exercise),
        "name_format": "text",
        "number": str(number),
        "output": f"{_worth(one)}\n{_told(judgement)}".rstrip("\n"),
        "output_format": "text",
        "visibility": "visible",
    }
    if judgement.status not in model.UNDECIDED:
        is_right = judgement.status == model.RIGHT
        test["score"] = one.points
        test["status"] = "passed" if is_right else "failed"
    return test


_CLASSROOM_STATUS = {
    model.RIGHT: "pass",
    **dict.fromkeys(model.UNDECIDED, "error"),
}


def to_classroom(own: Sequence[model.Grade]) -> str:
    """Returns a learner's result for GitHub Classroom.

    It is what a grader's step gives, in base64, to the step that runs
    https://github.com/classroom-resources/autograding-grading-reporter
    """
    each = grades.total(own)
    status = "pass"
    if each.counts[model.RIGHT] < len(own):
        status = "error" if each.undecided else "fail"
    return _json(
        {
            "version": 1,
            "status": status,
            "max_score": each.most,
            "tests": [_classroom_test(one) for one in own],
        }
    )


def _classroom_test(one: model.Grade) -> dict[str, object]:
    judgement = one.judgement.for_learner()
    return {
        "name": model.shown(judgement.exercise),
        "status": _CLASSROOM_STATUS.get(judgement.status, "fail"),
        "score": one.points,
        "message": f"{_worth(one)}\n{_told(judgement)}".rstrip("\n"),
        "test_code": "",
        "filename": "",
        "line_no": 0,
        "execution_time": f"{judgement.duration_s:.3f}s",
    }


def _duration_s(own: Sequence[model.Grade]) -> float:
    return round(sum(one.judgement.duration_s for one in own), 3)


def _json(document: Mapping[str, object]) -> str:
    return json.dumps(document, indent=1) + "\n"

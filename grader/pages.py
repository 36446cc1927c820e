"""The pages of a class: one for the instructor, and one for each learner.

They need nothing else, and no script. What they show of a learner or of a
submission is escaped. Suspicions, and what a hidden check does, stand only on
the instructor's page.
"""

import datetime
import hashlib
import html
import os
import pathlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from grader import forms, grades, model

LEARNERS = "learners"

# This many characters of a name that cannot be a file's are kept in its place.
_KEPT = 40
_DIGEST = 20

# For each status: how it is marked in a table, and what that means.
_MARKS = {
    model.RIGHT: ("✓", "right"),
    model.HELD: ("…", "held: a person must look at it first"),
    model.WRONG: ("✗", "wrong"),
    model.REFUSED: ("!", "refused: it was not run"),
    model.MISSING: ("–", "missing: nothing was handed in"),
    model.BROKEN: ("?", "not judged: no fault of the learner"),
}
_CHECK_WORDS = {
    model.OK: "passed",
    model.FAILED: "failed",
    model.SKIPPED: "skipped: it cannot be made on this machine",
}

_STYLE = """
:root { color-scheme: light dark; --back: #fff; --text: #1d2939;
  --faint: #5b6575; --line: #d0d5dd; --panel: #f5f6f8; --right: #176b34;
  --wrong: #a8201a; --refused: #8a4b00; --missing: #5b6575;
  --held: #6b2fb3; --link: #175cd3; }
@media (prefers-color-scheme: dark) { :root { --back: #14171c;
  --text: #e4e7ec; --faint: #a0a9b8; --line: #3b4350; --panel: #1f242c;
  --right: #6fd08c; --wrong: #ff9a92; --refused: #f5b55f;
  --missing: #a0a9b8; --held: #cda6ff; --link: #8ab8ff; } }
* { box-sizing: border-box; }
body { background: var(--back); color: var(--text); margin: 0 auto;
  font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; padding: 1.5rem; }
body.wide { max-width: none; }
h1, h2, h3 { line-height: 1.25; overflow-wrap: anywhere; }
h1 { margin: 0 0 .5rem; } h2 { margin: 2.5rem 0 .5rem; }
.top h2 { font-size: 1.2rem; margin: 0; }
h3 { font-size: 1rem; margin: 1rem 0 0; }
p { margin: .5rem 0; overflow-wrap: anywhere; }
a { color: var(--link); }
pre { background: var(--panel); border-left: 3px solid var(--line);
  font: 13px/1.45 ui-monospace, monospace; margin: .4rem 0; overflow: hidden;
  overflow-wrap: anywhere; padding: .6rem .9rem; unicode-bidi: isolate;
  white-space: pre-wrap; }
ul { list-style: none; margin: .5rem 0; padding: 0; }
li { overflow-wrap: anywhere; padding: .2rem 0; }
.scroll { margin: 1rem 0; overflow-x: auto; }
table { border-collapse: collapse; }
td, th { border-bottom: 1px solid var(--line); font-weight: normal;
  padding: .25rem .5rem; text-align: center; vertical-align: bottom;
  white-space: nowrap; font-variant-numeric: tabular-nums; }
thead th { color: var(--faint); }
thead .turned { display: inline-block; line-height: 1.2; text-align: left;
  transform: rotate(180deg); writing-mode: vertical-rl; }
tr > :first-child { background: var(--back); left: 0; max-width: 16rem;
  overflow: hidden; position: sticky; text-align: left;
  text-overflow: ellipsis; z-index: 1; }
tfoot td, tfoot th { border-bottom: 0; color: var(--faint); }
article { border-top: 1px solid var(--line); margin-top: 1.5rem;
  padding-top: 1rem; }
.top { align-items: baseline; display: flex; flex-wrap: wrap; gap: .25rem 1rem;
  justify-content: space-between; }
.right { color: var(--right); } .wrong, .failed { color: var(--wrong); }
.refused { color: var(--refused); } .missing { color: var(--missing); }
.broken, .held { color: var(--held); } .ok { color: var(--right); }
.faint, .skipped, footer { color: var(--faint); }
.hint { border-left: 3px solid var(--link); padding-left: .9rem; }
.mark { display: inline-block; font-weight: 600; min-width: 1.2em;
  text-align: center; }
footer { border-top: 1px solid var(--line); font-size: .875rem;
  margin-top: 3rem; padding-top: .5rem; }
@media (max-width: 40rem) { body { padding: 1rem; }
  tr > :first-child { max-width: 8.5rem; } }
@media print { body { font-size: 10pt; max-width: none; padding: 0; }
  body.wide { page: wide; } pre { font-size: 8pt; }
  .scroll { overflow: visible; } thead { display: table-header-group; }
  tfoot { display: table-row-group; } tr, h3 { break-inside: avoid; }
  .top { break-after: avoid; } td, th { font-size: 6.5pt; padding: .1rem; }
  td { white-space: normal; } td .mark { display: block; min-width: 0; }
  tr > :first-child { max-width: 7rem; position: static; } }
@page { margin: 12mm; } @page wide { size: landscape; }
"""


def safe_name(learner: str) -> str:
    """Returns a name for a learner's folder: no two learners have the same.

    A name that is safe is kept. Any other has a dot and a digest of all of it
    at its end; a safe one has no dot.
    """
    if re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,63}", learner):
        return learner
    slug = re.sub("[^a-z0-9]+", "-", learner.lower())[:_KEPT].strip("-")
    data = learner.encode("utf-8", "surrogatepass")
    digest = hashlib.sha256(data).hexdigest()[:_DIGEST]
    return f"{slug or 'learner'}.{digest}"


def write(
    out: pathlib.Path,
    all_grades: Sequence[model.Grade],
    walls: Sequence[str],
    recorded: datetime.date,
) -> None:
    """Writes all forms of a class, each file whole or not at all.

    Only the owner can read them. Two callers at once must be kept apart; see
    `journal.Journal`.

    Args:
      out: the output folder; is made if needed.
      all_grades: of all learners and exercises, in the order to be shown.
      walls: which walls stood while the submissions ran, a line each.
      recorded: when they were graded.

    Raises:
      OSError: a file could not be written. Those before it are new.
    """
    learners = grades.by_learner(all_grades)
    called = forms.names(learners)
    foot = _foot(walls, recorded)
    for learner, own in learners.items():
        folder = out / LEARNERS / safe_name(learner)
        folder.mkdir(parents=True, exist_ok=True)
        page = to_learner_page(own, called[learner], foot)
        _write(folder / "index.html", page)
        _write(folder / "results.json", forms.to_gradescope(own))
        _write(folder / "autograding.json", forms.to_classroom(own))
    out.mkdir(parents=True, exist_ok=True)
    _write(out / "class.csv", forms.to_csv(all_grades))
    _write(out / "junit.xml", forms.to_junit(all_grades))
    _write(out / "index.html", to_class_page(all_grades, foot))


def _write(file: pathlib.Path, text: str) -> None:
    """Replaces a file: a reader sees the old text or the new."""
    new = file.with_name(f".{file.name}.new")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    with os.fdopen(os.open(new, flags, 0o600), "wb") as out:
        out.write(text.encode("utf-8"))
        out.flush()
        os.fsync(out.fileno())
    os.replace(new, file)


def _page(title: str, parts: Iterable[str], foot: str, style: str = "") -> str:
    head = [
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="color-scheme" content="light dark">',
        '<meta http-equiv="Content-Security-Policy"'
        " content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        f"<title>{_line(title)}</title>\n<style>{_STYLE}</style>\n</head>",
        f'<body class="{style}">',
    ]
    return "\n".join([*head, *parts, foot, "</body>\n</html>\n"])


def _foot(walls: Sequence[str], recorded: datetime.date) -> str:
    items = "".join(f"<li>{_line(wall)}</li>" for wall in walls)
    return (
        f"<footer><p>Graded on {recorded:%Y-%m-%d}. Walls between the"
        f" submissions and this machine:</p><ul>{items}</ul></footer>"
    )


def _line(text: str) -> str:
    """Returns a text that others wrote, for one line of a page."""
    return html.escape(model.shown(text), quote=True)


def _name(text: str) -> str:
    """Returns a name as HTML: its direction does not turn what is beside it."""
    return f"<bdi>{_line(text)}</bdi>"


def _lines(text: str) -> str:
    return html.escape(forms.plain(text), quote=True)


# The instructor's page.


def to_class_page(all_grades: Sequence[model.Grade], foot: str) -> str:
    """Returns the page of a class: a table, and what a person should look at.

    Args:
      all_grades: of all learners and exercises, in the order to be shown.
      foot: the end of the page, as HTML.
    """
    whole = grades.class_total(all_grades)
    called = forms.names(each.learner for each in whole.learners)
    title = "IPC Labs: grades"
    parts = [
        f"<h1>{title}</h1>",
        f"<p>{_line(forms.average(whole))}</p>",
        _left_out(whole),
        *_class_table(all_grades, whole, called),
        _legend(),
        *_undecided(all_grades, called),
        *_suspicions(all_grades, called),
        *_hidden(all_grades, called),
    ]
    return _page(title, parts, foot, "wide")


def _left_out(whole: grades.ClassTotal) -> str:
    """Returns how many have no points yet, and a link to which."""
    if not whole.undecided:
        return ""
    words = f"{whole.undecided} {forms.UNDECIDED}"
    return f'<p><a href="#undecided">{words}</a>: no points yet.</p>'


def _undecided(
    all_grades: Sequence[model.Grade], called: Mapping[str, str]
) -> Iterator[str]:
    if found := forms.undecided(all_grades):
        yield '<h2 id="undecided">What is undecided</h2>\n<ul>'
        for one in found:
            name, title = _name(called[one.learner]), _line(one.exercise)
            yield f"<li>{name}, {title}: {_line(one.reason)}</li>"
        yield "</ul>"


def _class_table(
    all_grades: Sequence[model.Grade],
    whole: grades.ClassTotal,
    called: Mapping[str, str],
) -> Iterator[str]:
    own = grades.by_learner(all_grades)
    yield '<div class="scroll" tabindex="0"><table>\n<thead><tr>'
    yield '<th scope="col">Learner</th><th scope="col">Points</th>'
    for title in whole.right:
        yield (
            '<th scope="col"><div class="turned">' f"{_line(title)}</div></th>"
        )
    yield "</tr></thead>\n<tbody>"
    for each in whole.learners:
        found = {one.judgement.exercise: one for one in own[each.learner]}
        yield _class_row(each, called[each.learner])
        yield from (_cell(found.get(title)) for title in whole.right)
        yield "</tr>"
    yield '</tbody>\n<tfoot><tr><th scope="row">Right</th><td></td>'
    yield from (f"<td>{right}</td>" for right in whole.right.values())
    yield "</tr></tfoot>\n</table></div>"


def _class_row(each: grades.Total, name: str) -> str:
    place = f"{LEARNERS}/{safe_name(each.learner)}/index.html"
    return (
        f'<tr><th scope="row"><a href="{place}" title="{_line(name)}">'
        f"{_name(name)}</a></th><td>{forms.amount(each.points)} of"
        f" {forms.amount(each.most)}</td>"
    )


def _cell(one: model.Grade | None) -> str:
    if one is None:
        return "<td></td>"
    status = one.judgement.status
    words = _MARKS[status][1]
    if late := forms.days_late(one):
        words += f", {late}"
    points = ""
    if status in (model.RIGHT, model.WRONG):
        points = f" {forms.amount(one.points)}"
    return (
        f'<td class="{status}"><span title="{words}">{_mark(status)}</span>'
        f"{points}</td>"
    )


def _mark(status: str) -> str:
    sign, words = _MARKS[status]
    return f'<span class="mark" role="img" aria-label="{words}">{sign}</span>'


def _legend() -> str:
    return (
        '<p class="faint">'
        + "; ".join(
            f'<span class="{status}">{sign}</span> {words}'
            for status, (sign, words) in _MARKS.items()
        )
        + ".</p>"
    )


def _suspicions(
    all_grades: Sequence[model.Grade], called: Mapping[str, str]
) -> Iterator[str]:
    found = [each.judgement for each in all_grades if each.judgement.suspicions]
    if not found:
        return
    yield "<h2>What a person should look at</h2>"
    yield "<p>Nothing in these exercises needs this. It changes no points.</p>"
    for judgement in found:
        name = called[judgement.learner]
        lines = "\n".join(map(model.shown, judgement.suspicions))
        yield f"<h3>{_name(name)}, {_line(judgement.exercise)}</h3>"
        yield f"<pre>{_lines(lines)}</pre>"


def _hidden(
    all_grades: Sequence[model.Grade], called: Mapping[str, str]
) -> Iterator[str]:
    """Returns which hidden checks failed; only the instructor is told."""
    found = [
        (each.judgement, check)
        for each in all_grades
        for check in each.judgement.checks
        if check.is_hidden and check.status == model.FAILED
    ]
    if not found:
        return
    yield "<h2>Hidden checks that failed</h2>"
    for judgement, check in found:
        name = _name(called[judgement.learner])
        title = _line(judgement.exercise)
        yield f"<h3>{name}, {title}: {_line(check.name)}</h3>"
        yield f"<pre>{_lines(check.detail)}</pre>"


# A learner's page.


def to_learner_page(own: Sequence[model.Grade], name: str, foot: str) -> str:
    """Returns the page of one learner, which shows nothing of any other.

    Args:
      own: the learner's grades, in the order to be shown.
      name: what the learner is called.
      foot: the end of the page, as HTML.
    """
    each = grades.total(own)
    words = f"{forms.amount(each.points)} of {forms.amount(each.most)} points"
    parts = [f"<h1>{_name(name)}</h1>", f"<p>{words}.</p>"]
    if each.undecided:
        parts.append(
            f'<p class="broken">{each.undecided} {forms.UNDECIDED}: there are'
            " no points for it yet.</p>"
        )
    for one in own:
        parts += _article(one)
    return _page(f"IPC Labs: {name}", parts, foot)


def _article(one: model.Grade) -> Iterator[str]:
    judgement = one.judgement.for_learner()
    status = judgement.status
    late = f", {forms.days_late(one)}" if one.days_late else ""
    points = f"{forms.points(one)} points"
    if status in model.UNDECIDED:
        points = forms.UNDECIDED
    yield f'<article>\n<div class="top"><h2>{_line(judgement.exercise)}</h2>'
    yield f"<span>{points}{late}</span></div>"
    reason = f": {_line(judgement.reason)}" if judgement.reason else ""
    word = forms.UNDECIDED if status == model.BROKEN else status
    yield f'<p><strong class="{status}">{word}</strong>{reason}</p>'
    if judgement.checks:
        yield "<ul>"
        yield from map(_check, judgement.checks)
        yield "</ul>"
    for hint in judgement.hints:
        yield f'<p class="hint"><strong>Hint:</strong> {_lines(hint)}</p>'
    yield "</article>"


def _check(check: model.Check) -> str:
    word = _CHECK_WORDS[check.status]
    detail = ""
    if check.detail:
        detail = f"<pre>{_lines(check.detail)}</pre>"
    return (
        f'<li><strong class="{check.status}">{word}</strong>'
        f" {_line(check.name)}{detail}</li>"
    )

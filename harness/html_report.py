"""The report for people: one HTML page that needs nothing else."""

import html
from collections.abc import Iterator

from harness import report
from harness.diagram import sequence_diagram, stylesheet
from harness.run import Run

_STYLE = """
:root { color-scheme: light; --ok: #1a7f37; --bad: #b42318; --faint: #667085;
  --line: #d0d5dd; }
body { font: 15px/1.5 system-ui, sans-serif; color: #1d2939; margin: 0 auto;
  max-width: 76rem; padding: 1.5rem; }
h1 { margin: 0 0 .25rem; } h2 { margin: 2.5rem 0 0; }
a { color: #175cd3; } code, pre { font: 13px/1.45 ui-monospace, monospace; }
table { border-collapse: collapse; margin: .75rem 0; }
td, th { padding: .15rem .9rem .15rem 0; text-align: left;
  vertical-align: top; }
td.number { text-align: right; color: var(--faint);
  font-variant-numeric: tabular-nums; }
.ok { color: var(--ok); } .failed { color: var(--bad); font-weight: 600; }
.skipped, .faint { color: var(--faint); }
.fault { background: #fef3f2; border-left: 3px solid var(--bad); }
pre { background: #f9fafb; border-left: 3px solid var(--line); margin: .4rem 0;
  padding: .6rem .9rem; overflow-x: auto; }
details { border-top: 1px solid var(--line); padding: .35rem 0; }
summary { cursor: pointer; }
.scroll { overflow-x: auto; }
"""


def to_html(course: report.CourseReport) -> str:
    """Returns the report as one page, with a diagram of each kind of run."""
    checks = [check for lab in course.labs for check in lab.checks]
    style, verdict = course.verdict
    worlds = "; ".join(course.worlds)
    parts = [
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width">',
        f"<title>IPC Labs: {verdict}</title>",
        f"<style>{_STYLE}{stylesheet()}</style>\n</head>\n<body>",
        "<h1>IPC Labs</h1>",
        f"<p>{report.count(course.labs, 'lab')}, "
        f"{report.count(checks, 'check')}: "
        f'<span class="{style}">{verdict}</span> '
        f"in {course.duration_s:.0f} s.<br>"
        f'<span class="faint">The world of the runs: {_escape(worlds)}</span>'
        "</p>",
        *_contents(course),
    ]
    for lab in course.labs:
        parts += _lab(lab)
    parts.append("</body>\n</html>\n")
    return "\n".join(parts)


def _escape(text: str) -> str:
    return html.escape(report.xml_text(text), quote=True)


def _contents(course: report.CourseReport) -> Iterator[str]:
    yield "<table>"
    for lab in course.labs:
        style, word = lab.verdict
        yield (
            f'<tr><td><a href="#{_escape(lab.lab)}">{_escape(lab.lab)}</a></td>'
            f"<td>{_escape(lab.question)}</td>"
            f'<td class="{style}">{word}</td>'
            f'<td class="number">{lab.duration_s:.1f} s</td></tr>'
        )
    yield "</table>"


def _lab(lab: report.LabReport) -> Iterator[str]:
    yield f'<h2 id="{_escape(lab.lab)}">{_escape(lab.lab)}</h2>'
    yield f"<p>{_escape(lab.question)}</p>\n<table>"
    for check in lab.checks:
        yield (
            f'<tr><td class="{check.status}">{check.status}</td>'
            f"<td>{_escape(check.name)}"
        )
        if check.detail and check.status != report.OK:
            yield f'<pre class="fault">{_escape(check.detail)}</pre>'
        yield f'</td><td class="number">{check.duration_s:.2f} s</td></tr>'
    yield "</table>"
    for check, run in chosen_runs(lab):
        yield from _run(check, run)


def chosen_runs(
    lab: report.LabReport,
) -> Iterator[tuple[report.Check, Run]]:
    """Returns one run of each command, with the check that made it.

    A run of a failed check goes before others; runs that show nothing, such
    as those for --help, are left out.
    """
    chosen: dict[str, tuple[report.Check, Run]] = {}
    for check in lab.checks:
        for run in check.runs:
            command = report.display_command(run)
            before = chosen.get(command)
            failed = check.status == report.FAILED
            better = before is None or (
                failed and before[0].status != report.FAILED
            )
            if better and (run.events or failed):
                chosen[command] = (check, run)
    yield from chosen.values()


def _run(check: report.Check, run: Run) -> Iterator[str]:
    opened = " open" if check.status == report.FAILED else ""
    yield (
        f"<details{opened}><summary><code>"
        f"{_escape(report.display_command(run))}</code> "
        f'<span class="faint">{_escape(check.name)}, exit status {run.status}, '
        f"{run.duration_s:.2f} s</span></summary>"
    )
    if run.hang:
        yield f'<pre class="fault">{_escape(run.hang.explain())}</pre>'
    if run.leaks:
        leaks = "\n".join(
            f"left behind: {leak.kind} {leak.name}"
            + (f", made by {leak.owner}" if leak.owner else "")
            for leak in run.leaks
        )
        yield f'<pre class="fault">{_escape(leaks)}</pre>'
    yield f"<pre>{_escape(run.transcript())}</pre>"
    if run.stderr:
        yield f'<pre class="fault">{_escape(run.stderr)}</pre>'
    diagram = sequence_diagram(run.events)
    if diagram:
        yield f'<div class="scroll">{diagram}</div>'
    yield "</details>"

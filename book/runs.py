"""Records runs of real programs, for the book.

Of each lab the right program is run, as in the first transcript of its chapter,
and each wrong variant, as its test runs it. Beside a wrong variant runs the
same program mended, so that the two can be compared step by step: they play the
same story, of which the lab's own program is only one chapter.
"""

import concurrent.futures
import dataclasses
import os
import pathlib
import re
import unittest
from collections.abc import Callable, Sequence
from typing import Any

from book import parting
from harness import chapter, diagram, expect, lab, quiet, wrong
from harness import run as harness_run
from harness.promises import QUIET_S
from harness.run import Event, Run

# Finds a program of a lab, such as "pipes" or "wrong_unclosed_end"; None if it
# is not built.
Programs = Callable[[str, str], str | None]

# Some labs start a service that takes a while.
_LIMIT_S = 60.0
# What is kept of a long run.
_LINES_MAX = 80
_EVENTS_MAX = 300
# A variant that was not caught by luck is given another chance.
_TRIES = 2
# They take longest, and so are begun first.
_SLOW = ("broker", "log", "cluster", "mechanisms", "streams", "lock_free")

ALL = diagram.Style(
    first_rows=50, last_rows=20, columns_max=8, lanes=True, points=False
)
AROUND = diagram.Style(
    first_rows=16,
    last_rows=8,
    before_mark=13,
    after_mark=8,
    columns_max=8,
    lanes=True,
    points=False,
)


class Skipped(Exception):
    """The lab cannot be played on this machine; says why."""


def built(root: pathlib.Path) -> Programs:
    """Returns what finds programs in bazel-bin, or beside their sources."""

    def find(name: str, target: str) -> str | None:
        for folder in (root / "bazel-bin" / "labs", root / "labs"):
            file = folder / name / target
            if file.is_file() and os.access(file, os.X_OK):
                return str(file)
        return None

    return find


def record(
    root: pathlib.Path, name: str, programs: Programs
) -> list[dict[str, Any]]:
    """Runs a lab and its wrong variants; returns a dict for each run.

    A run has, besides what a reader of it needs: "story", what is wrong with a
    variant; "caught", how it is caught; and "beside", a run of the same program
    mended, with "first_difference" and a diagram of each around that.

    Raises:
      Skipped: the lab cannot be played on this machine.
      FileNotFoundError: it is not built.
    """
    program = programs(name, name)
    if program is None:
        raise FileNotFoundError(f"labs/{name}/{name} is not built")
    text = chapter.Chapter.read(root / "labs" / name / "README.md")
    flags = next(
        (c.flags for c in text.consoles() if c.variant_of(name) == ""), ()
    )
    run = _run(program, flags, _LIMIT_S)
    if reason := expect.skip_reason(run):
        raise Skipped(reason)
    if _unfinished(run):
        raise Skipped("it had not ended in time")
    found = [_told(run, name, "", flags)]
    test = wrong.test_of(root, name)
    for variant, caught in test.wrong.items():
        if one := _variant(root, name, variant, caught, programs):
            found.append(one)
    return found


def _run(program: str, flags: Sequence[str], limit_s: float) -> Run:
    """Runs a program as the test of its lab does."""
    return harness_run.run(
        [program, *_with_defaults(program, flags)],
        quiet_s=QUIET_S,
        limit_s=limit_s,
    )


def _with_defaults(program: str, flags: Sequence[str]) -> list[str]:
    """Returns the flags, with no pauses and the same chances unless told.

    A raw program takes none.
    """
    is_raw = re.match(r"((wrong|mended)_)?raw(_|$)", pathlib.Path(program).name)
    added = [] if is_raw else ["--pace=0", "--seed=1"]
    return [
        *flags,
        *(
            each
            for each in added
            if not any(f.startswith(each.partition("=")[0]) for f in flags)
        ),
    ]


def _variant(
    root: pathlib.Path,
    name: str,
    variant: str,
    caught: lab.Caught,
    programs: Programs,
) -> dict[str, Any] | None:
    program = programs(name, f"wrong_{variant}")
    if program is None:
        return None
    for _ in range(_TRIES):
        run = _run(program, caught.flags, _LIMIT_S)
        if expect.skip_reason(run) or _unfinished(run):
            return None
        verdicts = _verdicts(wrong.find(root, name, variant), run)
        reasons = [v for v in verdicts if v.kind == caught.by]
        if reasons:
            break
    told = _told(run, name, variant, caught.flags)
    told["story"] = _story(root / "labs" / name / "wrong" / f"{variant}.cc")
    shown = (reasons or verdicts)[:1]
    told["caught"] = {
        "by": shown[0].kind if shown else caught.by,
        "text": _short(shown[0].text) if shown else "",
    }
    mended = programs(name, f"mended_{variant}") or programs(name, name)
    assert mended
    beside = _run(mended, caught.flags, _LIMIT_S)
    if _unfinished(beside):
        return None
    told["beside"] = _compared(beside, run)
    return told


def _unfinished(run: Run) -> bool:
    """Tells whether a run was only too slow for its limit."""
    return run.hang is not None and run.hang.why.startswith(quiet.NOT_ENDED)


def _verdicts(test: lab.LabTest, run: Run) -> list[expect.Verdict]:
    """Returns what the lab's test says of the run."""
    if run.hang or run.excess or run.leaks:
        return expect.verdicts(run)
    test.runs.append(run)
    try:
        return test.judge(run)
    except unittest.SkipTest:
        return expect.verdicts(run)


def _short(text: str) -> str:
    """Returns a verdict without the transcript and the hang, shown anyway."""
    lines = []
    for line in text.splitlines():
        if line.startswith("  $ "):
            break
        lines.append(tidy(line))
    return "\n".join(lines[:6])


def _story(source: pathlib.Path) -> str:
    """Returns the comment at the top of a program: what is wrong with it."""
    story = []
    for line in source.read_text(encoding="utf-8").splitlines():
        if not line.startswith("//"):
            break
        story.append(line.removeprefix("//").strip())
    text = "\n".join(story).partition("\n\n")[0].replace("\n", " ")
    text = text.removeprefix("Wrong: ")
    return text[:1].upper() + text[1:]


def tidy(text: str) -> str:
    """Returns a text without the folder that a run had for itself."""
    text = re.sub(r"/tmp/ipc-labs-[^/ ]+/", "", text)
    return re.sub(r"/tmp/(ipc-labs)-[\d-]+[0-9a-f]{16}[\d-]*(?=-)", r"\1", text)


def _tidied(run: Run) -> Run:
    return dataclasses.replace(
        run,
        events=tuple(
            dataclasses.replace(
                event, object=tidy(event.object), id=tidy(event.id)
            )
            for event in run.events
        ),
        lines=tuple(
            dataclasses.replace(line, raw=tidy(line.raw), text=tidy(line.text))
            for line in run.lines
        ),
    )


def _events(run: Run) -> tuple[Event, ...]:
    """Returns the events; of a raw program, what was printed."""
    return run.events or parting.from_lines(run.lines)


def _told(
    run: Run, name: str, variant: str, flags: Sequence[str]
) -> dict[str, Any]:
    """Returns a run as the book tells it."""
    run = _tidied(run)
    return {
        "lab": name,
        "variant": variant,
        "command": command(name, variant, flags),
        "status": run.status,
        "duration_s": round(run.duration_s, 3),
        "lines": _middle_left_out([line.raw for line in run.lines]),
        "stderr": _middle_left_out(
            [tidy(line) for line in run.stderr.splitlines()]
        ),
        "events": [
            dataclasses.asdict(event)
            for event in _ends(run.events, _EVENTS_MAX)
        ],
        "hang": _hang(run),
        "leaks": [
            {"kind": leak.kind, "name": tidy(leak.name), "owner": leak.owner}
            for leak in run.leaks
        ],
        "excess": run.excess,
        "diagram": (
            ""
            if variant
            else diagram.sequence_diagram(run.events, ALL, hangs=False)
        ),
    }


def _ends(items: Sequence[Any], most: int) -> list[Any]:
    """Returns the first and last of too many."""
    if len(items) <= most:
        return list(items)
    return [*items[: most * 2 // 3], *items[-(most // 3) :]]


def _middle_left_out(lines: Sequence[str]) -> list[str]:
    shown = [expect.shorten(line, 200) for line in lines]
    left_out = len(shown) - _LINES_MAX
    if left_out > 1:
        shown[_LINES_MAX // 2 : -_LINES_MAX // 2] = [
            f"... {left_out:,} lines are not shown"
        ]
    return shown


def command(name: str, variant: str, flags: Sequence[str]) -> str:
    """Returns the command that runs the same in a terminal."""
    label = f"//labs/{name}:wrong_{variant}" if variant else f"//labs:{name}"
    words = ["./bazelw run", label]
    return " ".join([*words, "--", *flags] if flags else words)


def _hang(run: Run) -> dict[str, Any] | None:
    """Returns who waits for what, and who holds it."""
    if run.hang is None:
        return None
    objects = parting.objects_of(run.events)
    awaited: dict[int, str] = {}
    for event in run.events:
        if event.kind in ("wait", "wake", "exit"):
            awaited[event.pid] = event.object if event.kind == "wait" else ""
    blocked = []
    for one in run.hang.processes:
        on = parting.readable(one.on)
        thing = objects.get(awaited.get(one.pid, ""), awaited.get(one.pid, ""))
        joins = on in parting.JOINS
        if (
            thing
            and thing not in on
            and not joins
            and not diagram.is_address(thing)
        ):
            is_plain = on in ("", "an epoll set")
            on = thing if is_plain else f"{on} ({thing})"
        blocked.append(
            {
                "process": one.process,
                "state": one.state,
                "call": one.call,
                "waits_for": on,
                "held_by": list(one.held_by),
            }
        )
    return {
        "explanation": tidy(run.hang.explain()),
        "blocked": blocked,
        "circle": list(run.hang.cycle),
    }


def _compared(right: Run, run: Run) -> dict[str, Any]:
    """Returns the mended run beside the wrong one, and where they part."""
    right, run = _tidied(right), _tidied(run)
    ours, theirs = _events(right), _events(run)
    found = parting.parting(ours, theirs, run.hang)
    sentence = found.sentence if found else ""
    order = list(
        diagram.process_names([e for e in ours if e.kind != "name"]).values()
    )

    def draw(events: Sequence[Event], mark: Event | None, which: str) -> str:
        label = f"Sequence diagram of the {which} program."
        if sentence:
            label += f" First difference: {sentence}."
        style = AROUND
        if mark is None and found:  # It does less than the other.
            style = dataclasses.replace(AROUND, first_rows=2, last_rows=20)
        return diagram.sequence_diagram(
            events,
            style,
            mark,
            label=label,
            from_ns=min((event.t_ns for event in events), default=0),
            order=order,
            hangs=which == "wrong" and run.hang is not None,
        )

    return {
        "status": right.status,
        "lines": _middle_left_out([line.raw for line in right.lines]),
        "first_difference": sentence,
        "right_diagram": draw(ours, found.right if found else None, "right"),
        "wrong_diagram": draw(theirs, found.wrong if found else None, "wrong"),
    }


def record_all(
    root: pathlib.Path,
    labs: Sequence[str],
    programs: Programs | None = None,
    jobs: int | None = None,
    tell: Callable[[str], None] = print,
) -> dict[str, list[dict[str, Any]]]:
    """Records labs in parallel; those skipped here are left out, and told."""
    find = programs or built(root)
    # A run mostly waits: for a pause, or for the quiet that shows a hang.
    workers = jobs or 2 * (os.cpu_count() or 1)
    names = sorted(
        labs, key=lambda n: _SLOW.index(n) if n in _SLOW else len(_SLOW)
    )
    found: dict[str, list[dict[str, Any]]] = {}
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        asked = {n: pool.submit(record, root, n, find) for n in names}
        for name, answer in asked.items():
            try:
                found[name] = answer.result()
            except (Skipped, FileNotFoundError) as reason:
                tell(f"no runs of {name}: {reason}")
    return {name: found[name] for name in labs if name in found}

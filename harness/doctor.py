"""Says what of the course this machine can run: bazel run //harness:doctor.

    bazel run //harness:doctor             # a line for each need of the labs
    bazel run //harness:doctor -- --json   # the same for programs
    bazel run //harness:doctor -- memory   # only what has this in its name

Each need is tried out, in a process of its own with a limit of time. The exit
status is 0 if all labs can run or be skipped, and 1 if something is missing
without which none can.
"""

import argparse
import dataclasses
import json
import os
import select
import signal
import sys
import textwrap
import time
import traceback
from collections.abc import Sequence

from harness import probes, program
from harness.probes import Probe
from harness.screen import Screen

_LIMIT_S = 20.0
_COLUMNS = 80
_NAME_WIDTH = 28


@dataclasses.dataclass(frozen=True)
class Finding:
    """The result of a probe: a note, or what is missing."""

    probe: Probe
    note: str
    missing: str


def _attempt(probe: Probe) -> str:
    """Returns "+note", or "-reason"."""
    try:
        return f"+{probe.attempt()}"
    except probes.Missing as missing:
        return f"-{missing}"
    except OSError as error:
        return f"-{program.in_words(error)}"
    except Exception as error:  # pylint: disable=broad-exception-caught
        place = traceback.extract_tb(error.__traceback__)[-1].name
        return f"-{place}: {type(error).__name__}: {error}"


def _answer(probe: Probe, writing: int) -> None:
    """In the child: tries, answers, and ends all that it has started."""
    os.setpgid(0, 0)
    # The user does not see what a try and its children print.
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    os.write(writing, _attempt(probe).encode(errors="replace")[:4096])


def examine(probe: Probe, limit_s: float = _LIMIT_S) -> Finding:
    """Tries one thing in a child process."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reading)
            _answer(probe, writing)
        finally:
            os._exit(0)
    os.close(writing)
    answer, deadline_s = b"", time.monotonic() + limit_s
    while not answer:
        left_s = max(0.0, deadline_s - time.monotonic())
        if not select.select([reading], [], [], left_s)[0]:
            break
        answer = os.read(reading, 4096)
        if not answer:
            break
    is_late = not answer and time.monotonic() >= deadline_s
    os.close(reading)
    if is_late:
        os.kill(child, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    try:
        os.killpg(child, signal.SIGKILL)  # What it has started.
    except ProcessLookupError:
        pass
    text = answer.decode(errors="replace")
    if is_late:
        text = f"-not done after {limit_s:g} s"
    elif not text:
        text = f"-the try was killed by {signal.Signals(-status).name}"
    return Finding(
        probe,
        text[1:] if text[0] == "+" else "",
        text[1:] if text[0] == "-" else "",
    )


def _who(labs: Sequence[str]) -> str:
    if not labs:
        return "all labs"
    if len(labs) == 1:
        return labs[0]
    return f"{', '.join(labs[:-1])} and {labs[-1]}"


def consequences(probe: Probe) -> list[str]:
    """Returns which labs suffer and how, a text each."""
    return [f"{_who(each.labs)} {each.how}" for each in probe.suffers]


def _wrapped(label: str, text: str) -> list[str]:
    return textwrap.wrap(
        f"{label}{text}",
        _COLUMNS,
        initial_indent=" " * 6,
        subsequent_indent=" " * (6 + len(label)),
        break_long_words=False,
        break_on_hyphens=False,
    )


def report(finding: Finding) -> list[str]:
    """Returns the lines for a finding: one if nothing is missing."""
    probe = finding.probe
    if not finding.missing:
        text = f"ok    {probe.name:{_NAME_WIDTH}} {finding.note}"
        return [text.rstrip()[:_COLUMNS]]
    mark = "FAIL" if probe.essential else "none"
    lines = [f"{mark}  {probe.name}"]
    lines += _wrapped("why: ", finding.missing)
    for text in consequences(probe):
        lines += _wrapped("so:  ", text)
    return lines + _wrapped("do:  ", probe.mend)


def _skips_all(finding: Finding) -> str:
    """Returns how all labs are skipped for want of it, "" if they are not."""
    for suffers in finding.probe.suffers if finding.missing else ():
        if not suffers.labs and suffers.how.startswith("are skipped"):
            return suffers.how
    return ""


def _is_fatal(finding: Finding) -> bool:
    return bool(finding.missing) and finding.probe.essential


def summary(findings: Sequence[Finding], tried_all: bool = True) -> str:
    """Returns the last line: what can be run, if everything was tried."""
    missing = [each for each in findings if each.missing]
    essential = [each for each in missing if _is_fatal(each)]
    if essential:
        names = ", ".join(each.probe.name for each in essential)
        return f"The labs cannot run here without: {names}."
    skipped = sorted(
        {
            lab
            for each in missing
            for suffers in each.probe.suffers
            for lab in suffers.labs
            if suffers.how == "is skipped"
        }
    )
    are = "is" if len(missing) == 1 else "are"
    text = f"{len(findings)} tried, {len(missing)} {are} missing."
    if not tried_all:
        return text
    if not missing:
        return f"{text} All labs can run."
    for each in missing:
        if how := _skips_all(each):
            return f"{text} Without {each.probe.name} all labs {how}."
    if skipped:
        return f"{text} All labs can run except {_who(skipped)}."
    return f"{text} All labs can run, with the limits named above."


def to_json(findings: Sequence[Finding]) -> str:
    """Returns all findings for a program to read."""
    return json.dumps(
        {
            "can_run": not any(
                _is_fatal(each) or _skips_all(each) for each in findings
            ),
            "probes": [
                {
                    "name": each.probe.name,
                    "ok": not each.missing,
                    "essential": each.probe.essential,
                    "note": each.note,
                    "missing": each.missing,
                    "suffers": [
                        {"labs": list(who.labs), "how": who.how}
                        for who in each.probe.suffers
                    ],
                    "do": each.probe.mend,
                }
                for each in findings
            ],
        },
        indent=2,
    )


def choose(known: Sequence[Probe], words: Sequence[str]) -> list[Probe]:
    """Returns the probes with a word in their name; without words, all."""
    return [
        probe
        for probe in known
        if not words or any(word in probe.name for word in words)
    ]


def main(arguments: Sequence[str]) -> int:
    """Tries everything; returns 0, or 1 if something essential is missing."""
    parser = argparse.ArgumentParser(
        prog="doctor",
        description="Says what of the course this machine can run, and what"
        " to do about the rest.",
    )
    parser.add_argument(
        "name", nargs="*", help="a part of the name of what is to be tried"
    )
    parser.add_argument("--json", action="store_true", help="for a program")
    options = parser.parse_args(arguments)
    chosen = choose(probes.PROBES, options.name)
    if not chosen:
        names = ", ".join(probe.name for probe in probes.PROBES)
        problem = f"doctor: there is no check of that name; there are {names}"
        print(problem, file=sys.stderr)
        return 2
    screen = Screen(sys.stdout)
    findings = []
    for probe in chosen:
        if not options.json:
            screen.status(f"  ... {probe.name}")
        finding = examine(probe)
        findings.append(finding)
        if not options.json:
            for line in report(finding):
                screen.line(line)
    screen.status()
    if options.json:
        print(to_json(findings))
    else:
        text = summary(findings, not options.name)
        for line in textwrap.wrap(text, _COLUMNS):
            screen.line(line)
    return int(any(map(_is_fatal, findings)))


if __name__ == "__main__":
    program.start("doctor", main)

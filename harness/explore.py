"""Finds every outcome of a lab: bazel run //harness:explore -- <lab>.

    bazel run //harness:explore -- --list
    bazel run //harness:explore -- counter_without_lock --workers=3
    bazel run //harness:explore -- counter_without_lock --schedule=ABAB
    bazel run //harness:explore -- deadlock:wrong_no_order --max-preemptions=2

Plays every order of the steps of the lab's processes, and shows which outcomes
there are, how often, and by which order each can be reached. What the lab's
test declares is compared with what was found: too much and too little are both
wrong.
"""

import argparse
import json
import shlex
import signal
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from harness import course, expect, explored, program, subject, transcript
from harness.run import Run
from harness.screen import Screen
from harness.transcript import count, wrap

_EPILOG = """\
Other flags go to the lab; after a second -- all flags do:
  explore pipes --max-preemptions=2 --messages=3 -- --seed=1

Exit status: 0; 1 if what was found is not what the lab's test declares, or
nothing is declared and a lab that should be right deadlocks, breaks or fails;
2 if it could not be explored; 130 after Ctrl-C.
"""
_COUNTS_WIDTH = 16
_LABEL_WIDTH_MAX = 40
# A longer schedule is shown by its beginning; --json has all of it.
_WITNESS_MAX = 160


def parse(arguments: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    """Reads the command line; also returns the flags of the lab."""
    parser = subject.Parser(
        "explore",
        "Finds every outcome that a lab can have, by playing every order of\n"
        "the steps of its processes.",
        _EPILOG,
    )
    number = subject.number
    parser.add_argument(
        "--list", action="store_true", help="list what can be explored"
    )
    parser.add_argument(
        "--schedule",
        metavar="ABAB",
        help="play this order, step by step; a small letter kills",
    )
    parser.add_argument(
        "--max-preemptions",
        type=number,
        metavar="N",
        help="at most N switches from a process that could continue",
    )
    parser.add_argument(
        "--max-schedules",
        type=number,
        metavar="N",
        help="stop after N schedules",
    )
    parser.add_argument(
        "--random", type=number, metavar="N", help="only N schedules, at random"
    )
    parser.add_argument(
        "--seed", type=number, metavar="N", help="seed of the random choice (0)"
    )
    parser.add_argument(
        "--reduce",
        action="store_true",
        help="play one of several orders with the same effect",
    )
    parser.add_argument(
        "--json", action="store_true", help="for machines: one JSON object"
    )
    options, flags = parser.read(arguments)
    if options.seed is not None and not options.random:
        parser.error("--seed is for --random; the lab's own goes after a --")
    if not options.lab and not options.list:
        parser.error("which lab? --list shows what can be explored")
    return options, flags


def request_of(options: argparse.Namespace) -> dict[str, Any]:
    """Returns the request for what the command line asks for."""
    names = ("kills", "max_preemptions", "max_schedules", "random", "seed")
    request: dict[str, Any] = {
        name: getattr(options, name)
        for name in names
        if getattr(options, name) is not None
    }
    for name in ("inner", "reduce"):
        if getattr(options, name):
            request[name] = True
    if options.schedule is not None:
        request["schedule"] = options.schedule
        deaths = sum(letter.islower() for letter in options.schedule)
        if deaths and options.kills is None:
            request["kills"] = deaths
    return request


# What is printed about an exploration.


def outcome_lines(found: Mapping[str, Any], screen: Screen) -> list[str]:
    """Returns a table: how many schedules lead to what, and one of them."""
    rows = [
        (outcome, _label(outcome))
        for outcome in sorted(
            found["outcomes"],
            key=lambda o: (o["kind"] != "outcome", expect.by_number(o["text"])),
        )
    ]
    longest = max((len(label[0]) for _, label in rows), default=0)
    width = min(max(longest, len("outcome")), _LABEL_WIDTH_MAX)
    head = f"{'schedules':>9} {'%':>5}  {'outcome':{width}}  one such schedule"
    lines = [screen.paint("bold", head)]
    for outcome, (first, *more) in rows:
        share = 100 * outcome["count"] / max(found["schedules"], 1)
        colour = "bold" if outcome["kind"] == "outcome" else "bad"
        label = screen.paint(colour, f"{first:{width}}")
        line = f"{outcome['count']:9,} {share:5.1f}  {label}"
        room = transcript.WIDTH - _COUNTS_WIDTH - 3 - width
        witness = outcome["witness"]
        if len(witness) <= room and len(first) <= width:
            lines.append(f"{line}  {witness}")
            witness = ""
        else:
            lines.append(line.rstrip())
        lines += more
        if witness:
            if len(witness) > _WITNESS_MAX:
                letters = count(len(witness), "letter")
                witness = f"{witness[:_WITNESS_MAX]}... {letters}"
            lines += wrap(witness, _COUNTS_WIDTH + 3, 2).split("\n")
    return lines


def _label(outcome: Mapping[str, Any]) -> list[str]:
    """Returns the lines of an outcome; all but the first are indented."""
    kind, text = outcome["kind"], outcome["text"] or "(an empty text)"
    if kind != "outcome":
        return [f"{kind}:", *transcript.clauses(text, _COUNTS_WIDTH + 3)]
    width = transcript.WIDTH - _COUNTS_WIDTH - 1
    first, *more = wrap(text, width=width).split("\n")
    return [first, *(" " * (_COUNTS_WIDTH + 1) + line for line in more)]


def extent(effective: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """Returns how much was explored, and what was left out, a sentence each."""
    schedules, seconds = found["schedules"], found["seconds"]
    rate = schedules / seconds if seconds else 0
    what = (
        f"{count(schedules, 'schedule')} with {count(found['choices'], 'step')}"
    )
    if found["cut"]:
        what += f", {found['cut']:,} more begun and cut,"
    lines = [f"{what} in {seconds:.2f} s: {rate:,.0f} a second."]
    if effective["kills"]:
        lines.append(
            f"Up to {count(effective['kills'], 'death')}, anywhere, "
            "a small letter each."
        )
    if effective["random"]:
        lines.append(
            f"A sample at random (seed {effective['seed']}): "
            "there may be outcomes that it has not met."
        )
    elif found["complete"]:
        lines.append("Complete: every order was played.")
    bound = effective["max_preemptions"]
    if bound >= 0 and not found["complete"] and not effective["random"]:
        lines.append(
            f"Bounded by {count(bound, 'pre-emption')}: "
            "outcomes that need more were not looked for."
        )
    if 0 <= effective["max_schedules"] <= schedules and not found["complete"]:
        lines.append(
            f"Ended after {count(schedules, 'schedule')}: "
            "the other schedules were not played."
        )
    if any(outcome["kind"] == "endless" for outcome in found["outcomes"]):
        lines.append(
            "Stopped at a schedule that seems to have no end: "
            "the other schedules were not played."
        )
    if found["reduced"]:
        lines[-1:] = [
            lines[-1].replace("every order", "every order that matters"),
            "Reduced: of orders with the same effect only one was played, "
            "so the counts are of these.",
        ]
    elif effective["reduce"]:
        lines.append(f"Not reduced: {_no_reduction(effective)}.")
    return lines


def _no_reduction(effective: Mapping[str, Any]) -> str:
    if not effective["memory_only"]:
        return "the processes share more than memory"
    if effective["random"] or effective["max_preemptions"] >= 0:
        return "a random sample or a bound on pre-emptions cannot be"
    return "accesses to memory cannot be seen on this machine"


def judge(
    what: subject.Subject,
    request: Mapping[str, Any],
    found: Mapping[str, Any],
    lab_run: Run,
) -> tuple[list[str], str]:
    """Returns what is wrong, and a sentence that says how that is known."""
    wanted, counted = what.declaration(request, found)
    problems = [
        f"it leaves a {leak.kind} behind: {leak.name}" for leak in lab_run.leaks
    ]
    verdict = "Nothing is declared for these flags."
    if wanted:
        text = explored.differences(what.lab, wanted, found, counted)
        problems += text.splitlines()
        verdict = f"{'Not as' if text else 'As'} declared by the lab's test."
    elif not what.variant:
        problems += [
            f"{kind}, and nothing is declared"
            for kind in dict.fromkeys(o["kind"] for o in found["outcomes"])
            if kind != "outcome"
        ]
    return problems, verdict


def show(
    what: subject.Subject,
    request: Mapping[str, Any],
    found: Mapping[str, Any],
    judgement: tuple[list[str], str],
    screen: Screen,
) -> None:
    """Prints all about an exploration."""
    _show_title(what, screen)
    screen.line(transcript.processes(found["processes"]))
    screen.line()
    for line in outcome_lines(found, screen):
        screen.line(line)
    screen.line()
    for line in extent({**what.scenario, **request}, found):
        screen.line(wrap(line, hang=2))
    problems, verdict = judgement
    screen.line(screen.paint("bad" if problems else "good", verdict))
    for line in problems:
        text = line.lstrip()
        screen.line(wrap(text, indent=2 + len(line) - len(text), hang=8))
    witness = _interesting(found)
    if witness and not any("--schedule=" in line for line in problems):
        line = f"To see one step by step: --schedule={witness}"
        if len(line) > transcript.WIDTH:
            line = line.replace(witness, "<its letters>")
        screen.line(line)


def show_replay(
    what: subject.Subject,
    schedule: str,
    found: Mapping[str, Any],
    screen: Screen,
) -> None:
    """Prints a schedule step by step."""
    _show_title(what, screen)
    switched = count(transcript.switches(schedule), "switch")
    screen.line(wrap(f"Schedule: {schedule or '-'} ({switched})", hang=10))
    screen.line()
    for line in transcript.replay(found, screen):
        screen.line(line)
    screen.line()
    for line in transcript.outlook(found):
        screen.line(line)


def _show_title(what: subject.Subject, screen: Screen) -> None:
    screen.line(screen.paint("bold", what.title))
    screen.line(wrap(f"Scenario: {what.scenario['name']}", hang=10))


def _interesting(found: Mapping[str, Any]) -> str:
    """Returns a schedule worth seeing: one that ends badly, if any does."""
    outcomes = sorted(
        found["outcomes"],
        key=lambda o: (o["kind"] == "outcome", len(o["witness"])),
    )
    return str(outcomes[0]["witness"]) if outcomes else ""


def to_json(
    what: subject.Subject,
    request: Mapping[str, Any],
    answer: Any,
    judgement: tuple[list[str], str],
) -> str:
    """Returns all of it for machines."""
    problems, verdict = judgement
    return json.dumps(
        {
            "lab": what.lab,
            "variant": what.variant,
            "scenario": what.scenario["name"],
            "flags": what.flags,
            "request": request,
            "verdict": verdict,
            "problems": problems,
            "answer": answer,
        },
        indent=1,
    )


# Lists.


def list_labs(options: argparse.Namespace, screen: Screen) -> None:
    """Prints what the tests of all labs declare."""
    for lesson in course.read_syllabus(options.root):
        wanted = subject.declared(options.root, lesson.lab)
        if not wanted:
            continue
        screen.line(screen.paint("bold", lesson.lab))
        list_declared(lesson.lab, wanted, screen)


def list_declared(
    lab: str, wanted: Sequence[explored.Explored], screen: Screen
) -> None:
    """Prints one line for each exploration that is declared."""
    for one in wanted:
        words = [explored.program_name(lab, one.variant)]
        words += (
            [f"--scenario={shlex.quote(one.scenario)}"] if one.scenario else []
        )
        words += [
            f"--{key.replace('_', '-')}"
            + ("" if value is True else f"={value}")
            for key, value in one.request.items()
        ]
        command = " ".join([*words, *one.flags])
        screen.line(wrap(command, indent=2, hang=4))


def list_scenarios(what: subject.Subject, screen: Screen) -> None:
    """Prints the scenarios of a lab, and what its test declares."""
    screen.line(f"Scenarios of {screen.paint('bold', what.title)}:")
    for scenario in what.scenarios:
        words = [f"{scenario['kills']} deaths"] if scenario["kills"] else []
        words += ["points inside the library"] if scenario["inner"] else []
        words += ["reduced"] if scenario["reduce"] else []
        if scenario["max_preemptions"] >= 0:
            words.append(f"{scenario['max_preemptions']} pre-emptions")
        if scenario["memory_only"]:
            words.append("can be reduced")
        note = f" ({', '.join(words)})" if words else ""
        screen.line(wrap(f"{scenario['name']}{note}", indent=2, hang=4))
    if what.declared:
        screen.line("Declared by its test:")
        list_declared(what.lab, what.declared, screen)


def explore(arguments: Sequence[str], screen: Screen) -> int:
    """Does what the command line asks for; returns the exit status.

    Raises:
      subject.WrongUsage, explored.Refused: it cannot be done.
    """
    options, flags = parse(arguments)
    if options.list and not options.lab:
        list_labs(options, screen)
        return 0
    what = subject.find(options.root, options.lab, flags, options.scenario)
    if options.list:
        list_scenarios(what, screen)
        return 0
    request = request_of(options)
    found, lab_run = what.explore(request, screen)
    judgement: tuple[list[str], str] = ([], "")
    if options.schedule is None:
        judgement = judge(what, request, found, lab_run)
    if options.json:
        screen.line(to_json(what, request, found, judgement))
    elif options.schedule is None:
        show(what, request, found, judgement, screen)
    else:
        show_replay(what, options.schedule, found, screen)
    return 1 if judgement[0] else 0


def main(arguments: Sequence[str]) -> int:
    """Explores; returns the exit status."""
    try:
        return explore(arguments, Screen(sys.stdout))
    except KeyboardInterrupt:
        print("explore: interrupted", file=sys.stderr)
        return 128 + signal.SIGINT
    except (subject.WrongUsage, explored.Refused) as error:
        return subject.refuse("explore", error)


if __name__ == "__main__":
    program.start("explore", main)

"""Grades a class: bazel run //harness:grade -- <folder or archives>.

    bazel run //harness:grade -- class/           # a folder or archive each
    bazel run //harness:grade -- class.zip        # as a course system has it
    bazel run //harness:grade -- class/ --plan=plan.toml
    bazel run //harness:grade -- class.zip --part=1/3     # on one of 3 machines
    bazel run //harness:grade -- class.zip --add=part_1 --add=part_2 ...

A submission may do whatever it likes; see docs/grading.md for what keeps it
from this machine, from the others, and from its own grade. What was judged is
kept in the output folder: graded again, only what is new is judged.
"""

import argparse
import dataclasses
import datetime
import os
import pathlib
import re
import shutil
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from typing import NoReturn

from grader import (
    building,
    forms,
    grades,
    hidden,
    journal,
    judging,
    model,
    pages,
    plan,
    round as rounds,
    submissions,
    walls,
)
from harness import course, desk, program
from harness.exercises import Exercise
from harness.run import check_environment
from harness.screen import Screen

_WRONG_USAGE = 2
_ROOT = pathlib.Path(__file__).absolute().parent.parent
_SCRATCH = "scratch-"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(_WRONG_USAGE, f"grade: {message}; see --help\n")


class Refused(Exception):
    """Nothing is graded; says why in one line."""


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Reads the command line."""
    parser = _Parser(
        prog="grade",
        description="Judges what a class has handed in.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "place",
        nargs="*",
        help="a folder with a folder or archive of each learner, or an archive",
    )
    parser.add_argument(
        "--exercises",
        metavar="A,B",
        help="only these, such as pipes/receive; else all that were handed in",
    )
    parser.add_argument("--plan", help="weights, lateness, hints: a TOML file")
    parser.add_argument(
        "--hidden",
        metavar="FOLDER",
        help="more checks, of which learners are not told: <lab>/<name>.py",
    )
    parser.add_argument(
        "--out", default="grades", help="where the grades go; default: grades"
    )
    parser.add_argument(
        "--part",
        metavar="I/N",
        type=_part,
        help="only judge the I-th of N parts of the class, and make no pages",
    )
    parser.add_argument(
        "--add",
        metavar="FOLDER",
        action="append",
        default=[],
        help="the output folder of a part, or a folder with several of them",
    )
    parser.add_argument(
        "--jobs",
        type=int,
        default=os.cpu_count() or 1,
        metavar="N",
        help="how many are judged at a time",
    )
    parser.add_argument(
        "--without",
        default="",
        metavar="WALLS",
        help="grade although these walls do not stand here: user,group",
    )
    parser.add_argument(
        "--walls", action="store_true", help="only show which walls stand here"
    )
    options = parser.parse_args(arguments)
    if not options.place and not options.walls:
        parser.error("whose work is to be graded? name a folder or an archive")
    if not 1 <= options.jobs <= walls.SLOTS_MAX:
        parser.error(
            f"--jobs must be 1 to {walls.SLOTS_MAX}, not {options.jobs}"
        )
    return options


def _part(text: str) -> tuple[int, int]:
    """Returns which part of how many is meant."""
    found = re.fullmatch(r"([1-9]\d{0,3})/([1-9]\d{0,3})", text)
    if not found or int(found[1]) > int(found[2]):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no part: 2/3 is the second of three"
        )
    return int(found[1]), int(found[2])


def show_walls(found: walls.Walls, screen: Screen) -> None:
    """Says what keeps submissions from this machine."""
    for wall in found.all:
        state = screen.paint("good", "stands")
        if wall.reason:
            state = screen.paint("bad", "missing") + f": {wall.reason}"
        screen.line(f"  {wall.name:6} {wall.purpose}: {state}")


def check_walls(found: walls.Walls, without: str) -> None:
    """Refuses to grade without a wall, unless the instructor says so."""
    known = [wall.name for wall in found.all]
    allowed = [word for word in without.split(",") if word]
    for word in allowed:
        if word not in known:
            raise Refused(f"there is no wall {word!r}: {', '.join(known)}")
    missing = [w.name for w in found.missing]
    if "cell" in missing:
        raise Refused("without a cell nothing can be judged")
    refused = [name for name in missing if name not in allowed]
    if refused:
        raise Refused(
            f"missing here: {', '.join(refused)}; a submission could do harm."
            f" To grade all the same: --without={','.join(missing)}"
        )


def _chosen(
    titles: Sequence[str], wanted: Sequence[str], handed_in: set[str]
) -> list[str]:
    for title in wanted:
        if title not in titles:
            raise Refused(f"there is no exercise {title!r}")
    return [t for t in titles if t in (wanted or handed_in)]


def _complete(
    collected: submissions.Collected,
    learners: Sequence[str],
    titles: Sequence[str],
) -> list[model.Submission]:
    """Returns a submission for each learner and exercise, MISSING ones too."""
    found = {(s.learner, s.exercise): s for s in collected.submissions}
    return [
        found.get((learner, title), model.Submission(learner, title))
        for learner in dict.fromkeys([*collected.learners, *learners])
        for title in titles
    ]


def _in_part(
    tasks: Sequence[model.Submission], part: tuple[int, int]
) -> list[model.Submission]:
    """Returns the submissions of every N-th learner, from the I-th on."""
    number, parts = part
    learners = list(dict.fromkeys(task.learner for task in tasks))
    chosen = {*learners[number - 1 :: parts]}
    return [task for task in tasks if task.learner in chosen]


def _add(kept: journal.Journal, folder: pathlib.Path) -> None:
    """Adds to a journal what the parts in a folder have judged."""
    found = sorted(folder.glob(journal.FILE)) or sorted(
        folder.glob(f"*/{journal.FILE}")
    )
    if not found:
        raise Refused(f"{folder}: there is no {journal.FILE} in it")
    for file in found:
        kept.take(file)


def _accepted(one: model.Judgement, decided: plan.Plan) -> model.Judgement:
    """Returns a judgement as a person has decided it."""
    is_held = one.status == model.HELD
    if is_held and decided.accepts(one.learner, one.exercise):
        return dataclasses.replace(one, status=model.RIGHT, reason="")
    return one


@dataclasses.dataclass(frozen=True)
class _Class:
    """What is to be graded, and how.

    exercises: those that are, in the order of the course.
    tasks: a submission for each learner and exercise.
    hidden: files of more checks, by the title of their exercise.
    """

    plan: plan.Plan
    exercises: Sequence[Exercise]
    tasks: Sequence[model.Submission]
    hidden: Mapping[str, pathlib.Path]


def _read_class(options: argparse.Namespace, screen: Screen) -> _Class:
    """Reads the plan and all that was handed in."""
    lessons = course.read_syllabus(_ROOT)
    known = {e.title: e for e in desk.all_exercises(_ROOT, lessons)}
    decided = plan.Plan()
    if options.plan:
        decided = plan.read(course.output_path(options.plan), [*known])
    if options.part and not decided.seed:
        raise Refused("all parts need the same seed: give it in the plan")
    more: Mapping[str, pathlib.Path] = {}
    if options.hidden:
        more = hidden.files(course.output_path(options.hidden), known)
    places = [course.output_path(place) for place in options.place]
    words = options.exercises.split(",") if options.exercises else []
    wanted = words or decided.exercises
    collected = submissions.collect(places, wanted or [*known])
    for note in collected.notes:
        screen.line(f"  {note}")
    for name in decided.strangers(collected.learners):
        screen.line(f"  the plan names {name!r}, who has handed in nothing")
    handed_in = {s.exercise for s in collected.submissions}
    titles = _chosen([*known], wanted, handed_in)
    if not titles:
        raise Refused("no file of any exercise is there: my/<lab>/<name>.cc")
    tasks = _complete(collected, decided.learners, titles)
    if options.part:
        tasks = _in_part(tasks, options.part)
    return _Class(decided, [known[title] for title in titles], tasks, more)


def _judge(
    asked: _Class,
    kept: journal.Journal,
    found: walls.Walls,
    options: argparse.Namespace,
    screen: Screen,
) -> rounds.Judged:
    """Judges what the journal does not know yet."""
    out = course.output_path(options.out)
    for old in out.glob(f"{_SCRATCH}*"):
        shutil.rmtree(old)
    with tempfile.TemporaryDirectory(prefix=_SCRATCH, dir=out) as folder:
        tree = building.Tree(_ROOT, pathlib.Path(folder), asked.hidden)
        seed = plan.kept_seed(asked.plan, out)
        judge = judging.Judge(tree, found, seed, asked.plan.hints)
        a_round = rounds.Round(judge, kept, options.jobs, screen)
        return a_round.judge(asked.exercises, asked.tasks)


def grade(options: argparse.Namespace, screen: Screen) -> int:
    """Grades a class; returns the exit status."""
    found = walls.Walls.find()
    show_walls(found, screen)
    if options.walls:
        return 0
    check_walls(found, options.without)
    asked = _read_class(options, screen)
    out = course.output_path(options.out)
    with journal.Journal(out) as kept:
        for folder in options.add:
            _add(kept, course.output_path(folder))
        judged = _judge(asked, kept, found, options, screen)
        if options.part:
            screen.line(f"Judged {len(asked.tasks)} submissions, for {out}")
            return 0
        all_grades = [
            grades.grade(
                _accepted(one, asked.plan),
                judged.standards[one.exercise].passes,
                asked.plan,
                one.exercise,
            )
            for one in judged.judgements
        ]
        stood = [f"{wall.name}: {wall.reason or 'stood'}" for wall in found.all]
        pages.write(out, all_grades, stood, datetime.date.today())
    for line in forms.table(all_grades):
        screen.line(line)
    screen.line(
        f"Written to {out}: index.html, class.csv, junit.xml, learners/"
    )
    return 1 if any(forms.undecided(all_grades)) else 0


def main(arguments: Sequence[str]) -> int:
    """Grades; 0, 1 if some are undecided, 2 if nothing was graded."""
    options = parse(arguments)
    check_environment()
    screen = Screen(sys.stdout)
    try:
        return grade(options, screen)
    except (
        Refused,
        hidden.Refused,
        journal.Busy,
        journal.Spoiled,
        plan.Refused,
        submissions.NotAClass,
    ) as error:
        screen.status()
        print(f"grade: {error}", file=sys.stderr)
        return _WRONG_USAGE
    except KeyboardInterrupt:
        screen.status()
        print(
            "grade: interrupted; what was judged is kept, and the same command"
            " goes on from there",
            file=sys.stderr,
        )
        return 128 + signal.SIGINT


if __name__ == "__main__":
    program.start("grade", main)

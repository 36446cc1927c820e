"""Exercises of the course, judged: bazel run //harness:learn.

    bazel run //harness:learn                   # where I am, and what is next
    bazel run //harness:learn -- list pipes     # the exercises of a lab
    bazel run //harness:learn -- start pipes/receive
    bazel run //harness:learn -- check          # build it, run it, judge it
    bazel run //harness:learn -- watch          # the same after each save
    bazel run //harness:learn -- predict counter_without_lock

You work in the folder my/, which the tool makes; the labs are never changed.
"""

import argparse
import json
import os
import pathlib
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from harness import (
    desk,
    exercises,
    explore,
    explored,
    judge,
    predict,
    program,
    subject,
    watch,
)
from harness.attempt import first_error, judge_now
from harness.desk import DONE, PREDICT, TRIED
from harness.exercises import BUILD, Exercise
from harness.learner import (
    COMMAND,
    KINDS,
    Learner,
    WrongUsage,
    hint_lines,
    remember,
    solution_lines,
    verdict_lines,
)
from harness.screen import Screen
from harness.transcript import wrap

_WRONG_USAGE = 2
# The commands.


def show_place(learner: Learner) -> int:
    """Shows where the learner is, and how to continue."""
    learner.screen.line(learner.so_far())
    current = learner.desk.current
    if current and not learner.desk.is_done(current):
        exercise = learner.find(current)
        _show_task(learner, exercise)
        learner.screen.line()
        learner.line("To continue: check, hint, watch, list; or start another.")
        return 0
    item = learner.next()
    if item is None:
        learner.line("Everything is done.")
        return 0
    learner.line(f"Next: {item.title} ({KINDS[item.kind]}).")
    command = f"predict {item.lab}" if item.kind == PREDICT else "start"
    learner.screen.line(f"  {COMMAND} {command}")
    return 0


def _show_task(learner: Learner, exercise: Exercise) -> None:
    title = learner.screen.paint("bold", exercise.title)
    learner.screen.line(f"{title}: {KINDS[exercise.kind]}")
    learner.line(exercise.task.strip(), indent=2)
    file = learner.desk.file(exercise).relative_to(learner.root)
    learner.screen.line(f"  Your file:  {file}")
    if exercise.kind == BUILD:
        learner.screen.line(f"  The task:   projects/{exercise.lab}/README.md")
    else:
        learner.screen.line(f"  To read:    labs/{exercise.lab}/README.md")


def list_all(learner: Learner, lab: str) -> int:
    """Lists the labs with how much is done, or the exercises of one."""
    items = learner.items()
    labs = list(dict.fromkeys(item.lab for item in items))
    if lab and lab not in labs:
        raise WrongUsage(f"there is no lab {lab!r} with exercises; see list")
    if not lab:
        learner.screen.line(learner.so_far())
        width = max(map(len, labs), default=0)
        for one in labs:
            own = [item.title for item in items if item.lab == one]
            done = sum(map(learner.desk.is_done, own))
            learner.screen.line(f"  {one:{width}}  {done:2} of {len(own):2}")
        if item := learner.next():
            learner.screen.line(f"Next: {item.title} ({KINDS[item.kind]}).")
        learner.screen.line(f"The exercises of one: {COMMAND} list <lab>")
        return 0
    for line in learner.listed(lab):
        learner.screen.line(line)
    return 0


def start(learner: Learner, word: str) -> int:
    """Hands out an exercise, by default the next one."""
    if word:
        exercise = learner.find(word)
    else:
        item = learner.next_to_write("")
        current = learner.desk.current
        if current:
            item = learner.next_to_write(current)
        if item is None or item.exercise is None:
            learner.line("Everything is done.")
            return 0
        exercise = item.exercise
    is_new = learner.desk.start(exercise)
    _show_task(learner, exercise)
    if not is_new:
        learner.line("It was started before; your file is as you left it.")
    learner.screen.line(f"  When saved: {COMMAND} check")
    return 0


def _started(learner: Learner, word: str) -> Exercise:
    exercise = learner.find(word)
    if not learner.desk.has(exercise):
        raise WrongUsage(
            f"{exercise.title} is not started: {COMMAND} start"
            f" {exercise.title}"
        )
    return exercise


def check(learner: Learner, word: str) -> int:
    """Judges an exercise; returns 0 if it is right, else 1."""
    exercise = _started(learner, word)
    if learner.desk.current != exercise.title:
        learner.desk.start(exercise)
    try:
        verdict = judge_now(
            learner.desk,
            exercise,
            lambda stage: learner.screen.status(f"  ... {stage}"),
        )
    finally:
        learner.screen.status()
    remember(learner.desk, exercise, verdict)
    for line in verdict_lines(learner, exercise, verdict):
        learner.screen.line(line)
    return 0 if verdict.passed else 1


def hint(learner: Learner, word: str) -> int:
    """Shows the next rung of the hint that fits the last failure."""
    exercise = _started(learner, word)
    for line in hint_lines(learner.desk, exercise):
        learner.line(line)
    return 0


def solution(learner: Learner, word: str) -> int:
    """Shows the solution; before the exercise is done, only if asked twice."""
    exercise = _started(learner, word)
    for line in solution_lines(learner.desk, exercise):
        learner.screen.line(line)
    return 0


def reset(learner: Learner, word: str) -> int:
    """Hands out an exercise again; the old file is kept."""
    exercise = _started(learner, word)
    kept = learner.desk.reset(exercise)
    if kept:
        learner.line(f"Your old file is now {kept.relative_to(learner.root)}.")
    learner.line(f"{exercise.title} is as it was handed out.")
    return 0


def progress(learner: Learner, as_json: bool) -> int:
    """Shows what is done; with --json for machines."""
    items = learner.items()
    if as_json:
        state = {
            "done": sum(learner.desk.is_done(item.title) for item in items),
            "total": len(items),
            "current": learner.desk.current,
            "exercises": [
                {
                    "name": item.title,
                    "kind": item.kind,
                    "status": mark.status,
                    "failures": mark.failures,
                    "solution_seen": mark.seen,
                    "done_on": mark.when,
                }
                for item in items
                for mark in [learner.desk.mark(item.title)]
            ],
        }
        learner.screen.line(json.dumps(state, indent=1))
        return 0
    learner.screen.line(learner.so_far())
    for kind, words in KINDS.items():
        own = [item.title for item in items if item.kind == kind]
        done = sum(map(learner.desk.is_done, own))
        learner.screen.line(f"  {words:26} {done:3} of {len(own):3}")
    return 0


def step(learner: Learner, word: str, rest: Sequence[str]) -> int:
    """Plays a schedule of the learner's own program, step by step."""
    exercise = _started(learner, word)
    if not any(argument.startswith("--schedule") for argument in rest):
        raise WrongUsage("give a schedule of the verdict: step --schedule=ABBA")
    _build(learner.root, learner.desk.build_command(exercise), exercise.title)
    built = learner.desk.program(exercise)
    own = judge.program_name(exercise)
    name = exercise.lab if own == exercise.lab else f"{exercise.lab}:{own}"
    with judge.stage(learner.root, exercise, built) as staged:
        return explore.explore(
            [name, f"--root={staged}", *rest], learner.screen
        )


def _build(root: pathlib.Path, words: Sequence[str], what: str) -> None:
    done = subprocess.run(
        words,
        cwd=root,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        raise WrongUsage(f"{what} cannot be built: {first_error(done.stdout)}")


def build_lab(root: pathlib.Path, lab: str, variant: str) -> str:
    """Builds a program of a lab; returns where it is."""
    target = f"wrong_{variant}" if variant else lab
    _build(root, desk.build_words(root, f"//labs/{lab}:{target}"), lab)
    return str(root / "bazel-bin" / "labs" / lab / target)


def ask(
    learner: Learner, lab: str, seed: int | None, answer: str | None
) -> int:
    """Asks a question about a lab; returns 0 if the answer is right."""
    if lab not in [lesson.lab for lesson in learner.lessons]:
        raise WrongUsage(f"there is no lab {lab!r}; see list")
    found = predict.candidates(learner.root, lab)
    if not found:
        raise WrongUsage(f"{lab} has no exploration to ask about")
    title = f"{lab}/{PREDICT}"
    mark = learner.desk.mark(title)
    # The next question, unless one is asked for.
    number = mark.failures + int(mark.status == DONE) if seed is None else seed
    asked = exercises.asked(learner.root / "labs" / lab)
    question = None
    for tries in range(len(found)):
        wanted = predict.choose(lab, found, number + 1000 * tries)
        learner.screen.status(f"  ... building and exploring {lab}")
        try:
            place = build_lab(learner.root, lab, wanted.variant)
            question = predict.ask(lab, wanted, found, place, number, asked)
        finally:
            learner.screen.status()
        if question:
            break
    if question is None:
        raise WrongUsage(f"{lab} has no exploration that is complete")
    _show_question(learner, question, number)
    letters = {choice.letter for choice in question.choices}
    while True:
        text = _read_answer(learner.screen) if answer is None else answer
        given = "".join(text.upper().replace(",", " ").split())
        if given and {*given} <= letters:
            break
        problem = (
            f"answer with letters from {''.join(sorted(letters))}, not"
            f" {text.strip()!r}"
        )
        if answer is not None:
            raise WrongUsage(problem)
        learner.line(f"Please {problem}.")
    wrong = question.answers(given)
    if not wrong:
        learner.screen.line(
            learner.screen.paint("good", "Right.")
            + f" The explorer has played all {question.orders}."
        )
        learner.desk.finish(title)
        learner.screen.line(learner.so_far())
        return 0
    learner.screen.line(learner.screen.paint("bad", "Not quite."))
    for line in wrong:
        learner.screen.line(f"  {line}")
    mark.failures += 1
    mark.status = TRIED if mark.status != DONE else DONE
    learner.desk.save()
    learner.line(f"Another question: {COMMAND} predict {lab}")
    return 1


def _show_question(
    learner: Learner, question: predict.Question, number: int
) -> None:
    wanted = question.wanted
    name = explored.program_name(question.lab, wanted.variant)
    flags = " ".join(wanted.flags)
    title = learner.screen.paint("bold", f"{name} {flags}".rstrip())
    source = f"wrong/{wanted.variant}.cc" if wanted.variant else "main.cc"
    learner.screen.line(f"{title}   (question {number})")
    learner.line(f"Scenario: {question.scenario}", indent=2)
    learner.line(f"The processes: {', '.join(question.processes)}", indent=2)
    learner.line(f"The code: labs/{question.lab}/{source}", indent=2)
    if deaths := wanted.request.get("kills"):
        learner.line(f"Up to {deaths} of them may be killed.", indent=2)
    if question.means:
        learner.line(f"What an outcome says: {question.means}.", indent=2)
    learner.line("Which of these can come out?")
    for choice in question.choices:
        text = wrap(choice.label, indent=5, hang=5).lstrip()
        learner.screen.line(f"  {choice.letter}. {text}")


def _read_answer(screen: Screen) -> str:
    screen.line("Type the letters of all that can come out, for example AC:")
    text = sys.stdin.readline()
    if not text:
        raise WrongUsage("no answer was given")
    return text


# The command line.


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(_WRONG_USAGE, f"learn: {message}; see --help\n")


def parse(arguments: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    """Reads the command line; also returns the flags for the explorer."""
    parser = _Parser(
        prog="learn",
        description="Exercises of the course, judged by its own checks.",
    )
    parser.add_argument("--root", type=pathlib.Path, help=argparse.SUPPRESS)
    commands = parser.add_subparsers(
        dest="command", metavar="command", parser_class=_Parser
    )

    def add(name: str, text: str, argument: str = "exercise") -> _Parser:
        command: _Parser = commands.add_parser(name, help=text)
        if argument:
            command.add_argument(
                "word", nargs="?", default="", metavar=argument
            )
        return command

    add("list", "the labs with their exercises, or those of one", "lab")
    add("start", "hand out an exercise, or the next one")
    add("check", "build, run and judge the exercise")
    add("watch", "check it after each save")
    add("hint", "where to look, what is missing, how it is done")
    add("solution", "the solution; before the exercise is done, ask twice")
    add("reset", "hand it out again; the old file is kept")
    question = add("predict", "which of these can come out?", "")
    question.add_argument("word", metavar="lab")
    question.add_argument("--seed", type=subject.number, metavar="N")
    question.add_argument("--answer", metavar="LETTERS")
    add("progress", "what is done", "").add_argument(
        "--json", action="store_true", help="for machines"
    )
    add("step", "play a schedule of your program: --schedule=ABBA")
    options, rest = parser.parse_known_args(arguments)
    if rest and options.command != "step":
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    return options, rest


def run(options: argparse.Namespace, rest: list[str]) -> int:
    """Does what the command line asks for; returns the exit status."""
    root = options.root or _root()
    learner = Learner(root, Screen(sys.stdout))
    word = getattr(options, "word", "")
    simple: dict[str, Callable[[Learner, str], int]] = {
        "list": list_all,
        "start": start,
        "check": check,
        "hint": hint,
        "solution": solution,
        "reset": reset,
    }
    if options.command in simple:
        return simple[options.command](learner, word)
    if options.command == "predict":
        return ask(learner, word, options.seed, options.answer)
    if options.command == "progress":
        return progress(learner, options.json)
    if options.command == "step":
        return step(learner, word, rest)
    if options.command == "watch":
        return watch.watch(learner, learner.find(word))
    return show_place(learner)


def _root() -> pathlib.Path:
    name = os.environ.get("BUILD_WORKSPACE_DIRECTORY")
    if not name:
        raise WrongUsage(
            "it must be started by ./bazelw run //harness:learn, which knows"
            " where the tree is"
        )
    return pathlib.Path(name)


def main(arguments: Sequence[str]) -> int:
    """Runs a command; returns the exit status."""
    try:
        return run(*parse(arguments))
    except KeyboardInterrupt:
        print("learn: interrupted", file=sys.stderr)
        return 128 + signal.SIGINT
    except (
        WrongUsage,
        desk.Spoiled,
        exercises.Wrong,
        subject.WrongUsage,
        explored.Refused,
    ) as error:
        print(f"learn: {error}", file=sys.stderr)
        return _WRONG_USAGE


if __name__ == "__main__":
    program.start("learn", main)

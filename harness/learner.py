"""A learner: what there is to do, the results, and what is said of them.

Shared by the commands of learn.py and by watch.py.
"""

import dataclasses
import difflib
import pathlib

from harness import course, desk, report
from harness.attempt import Verdict
from harness.desk import DONE, PREDICT, TRIED, Desk
from harness.exercises import BUILD, MEND, WRITE, Exercise
from harness.screen import Screen
from harness.transcript import wrap

_BAR = 30
COMMAND = "./bazelw run //harness:learn --"
KINDS = {
    WRITE: "write a part of the lab",
    MEND: "mend what is wrong",
    BUILD: "build it from nothing",
    PREDICT: "say what can come out",
}


class WrongUsage(Exception):
    """What was asked for cannot be done; says why in one line."""


@dataclasses.dataclass(frozen=True)
class Item:
    """A line of the list: an exercise, or the questions about a lab."""

    title: str
    lab: str
    kind: str
    exercise: Exercise | None = None


class Learner:
    """What the commands share: the tree, the desk and the screen."""

    def __init__(self, root: pathlib.Path, screen: Screen) -> None:
        self.root = root
        self.screen = screen
        self.desk = Desk(root)
        # In a tree of the course Bazel makes it, and it lies beside this file.
        made = pathlib.Path(__file__).absolute().parent.parent
        has_own = (root / "harness" / "syllabus.json").is_file()
        self.lessons = course.read_syllabus(root if has_own else made)
        self.exercises = desk.all_exercises(root, self.lessons)

    def items(self) -> list[Item]:
        """Returns all there is to do, in the order of the course."""
        found = []
        for lesson in self.lessons:
            # The text says as much as the module would, and is a second faster.
            test = self.root / "labs" / lesson.lab / f"{lesson.lab}_test.py"
            if "    explored = " in test.read_text(encoding="utf-8"):
                title = f"{lesson.lab}/{PREDICT}"
                found.append(Item(title, lesson.lab, PREDICT))
            found += self._of(lesson.lab)
        found += self._of("projects")
        return found

    def _of(self, shelf: str) -> list[Item]:
        return [
            Item(e.title, shelf, e.kind, e)
            for e in self.exercises
            if e.shelf == shelf
        ]

    def find(self, word: str) -> Exercise:
        """Returns the exercise that is meant, the current one by "".

        Raises:
          WrongUsage: there is none.
        """
        word = word or self.desk.current
        if not word:
            raise WrongUsage(f"none is started yet: {COMMAND} start")
        word = word.removeprefix("my/").removesuffix(".cc").replace(":", "/")
        found = [e for e in self.exercises if word in (e.title, e.name)]
        if len(found) > 1:
            titles = ", ".join(e.title for e in found)
            raise WrongUsage(f"which {word!r}? There are {titles}")
        if not found:
            near = difflib.get_close_matches(
                word, [e.title for e in self.exercises], 1, 0.5
            )
            hint = f"; did you mean {near[0]}?" if near else ""
            raise WrongUsage(
                f"there is no exercise {word!r}{hint or '; see list'}"
            )
        return found[0]

    def next(self) -> Item | None:
        """Returns the first after the current one that is not done."""
        items = self.items()
        titles = [item.title for item in items]
        first = 0
        if self.desk.current in titles:
            first = titles.index(self.desk.current)
        for item in [*items[first:], *items[:first]]:
            if not self.desk.is_done(item.title):
                return item
        return None

    def next_to_write(self, title: str) -> Item | None:
        """Returns the next one that has a file, after the one named."""
        items = self.items()
        titles = [item.title for item in items]
        place = titles.index(title) + 1 if title in titles else 0
        for item in [*items[place:], *items[:place]]:
            if item.exercise and not self.desk.is_done(item.title):
                return item
        return None

    def listed(self, lab: str) -> list[str]:
        """Returns the lines of a list of what there is to do for one lab."""
        own = [item for item in self.items() if item.lab == lab]
        width = max((len(item.title) for item in own), default=0)
        lines = []
        for item in own:
            mark = self.desk.mark(item.title)
            sign = {DONE: "x", TRIED: "."}.get(mark.status, " ")
            seen = ", with its solution seen" if mark.seen else ""
            kind = f"{KINDS[item.kind]}{seen}"
            lines.append(f"  [{sign}] {item.title:{width}}  {kind}")
        return lines

    def line(self, text: str = "", indent: int = 0) -> None:
        """Prints a paragraph."""
        self.screen.line(wrap(text, indent=indent))

    def so_far(self) -> str:
        """Returns how far the learner is."""
        items = self.items()
        done = sum(self.desk.is_done(item.title) for item in items)
        filled = done * _BAR // max(1, len(items))
        return f"[{'#' * filled}{'-' * (_BAR - filled)}] {done} of {len(items)}"


def remember(place: Desk, exercise: Exercise, verdict: Verdict) -> None:
    """Notes what came of an attempt."""
    if verdict.passed:
        place.finish(exercise.title)
        return
    mark = place.mark(exercise.title)
    mark.status = TRIED if mark.status != DONE else DONE
    mark.failures += 1
    before = exercise.advice(mark.failed, mark.words)
    mark.failed, mark.words = verdict.check, verdict.words
    if exercise.advice(mark.failed, mark.words) != before:
        mark.rung = 0  # A different failure: its hint begins at the first.
    place.save()


def verdict_lines(
    learner: Learner, exercise: Exercise, verdict: Verdict
) -> list[str]:
    """Returns what a learner is told about an attempt."""
    paint = learner.screen.paint
    spent = f"({verdict.duration_s:.1f} s)"
    if verdict.passed:
        lines = [paint("good", f"{exercise.title}: right. {spent}")]
        lines += [f"  not checked here: {why}" for why in verdict.skipped]
        lines.append(learner.so_far())
        item = learner.next()
        if item:
            command = "start"
            if item.kind == PREDICT:
                command = f"predict {item.lab}"
            lines.append(f"Next: {item.title}: {COMMAND} {command}")
        return lines
    # What a program says may hold what a terminal would obey.
    said = report.xml_text(verdict.text)
    lines = [
        paint("bad", f"{exercise.title}: not yet. {spent}"),
        f"Not true yet: {verdict.check}",
        *_handed_out(learner, exercise),
        "",
        *(f"  {line}".rstrip() for line in said.splitlines()),
        "",
        f"A hint: {COMMAND} hint",
    ]
    return lines


def _handed_out(learner: Learner, exercise: Exercise) -> list[str]:
    if exercise.kind == BUILD:
        return []
    try:
        own = learner.desk.file(exercise).read_bytes()
    except FileNotFoundError:
        return []
    if own != exercise.copy().encode():
        return []
    return ["This is the program as it was handed out."]


def hint_lines(place: Desk, exercise: Exercise) -> list[str]:
    """Returns the next rung, and counts it."""
    mark = place.mark(exercise.title)
    if not mark.failed:
        return [
            "A hint is about a failure, and there is none yet. First:"
            f" {COMMAND} check"
        ]
    advice = exercise.advice(mark.failed, mark.words)
    mark.rung = min(mark.rung + 1, len(advice))
    place.save()
    if len(advice) == 1:
        return [*advice]
    lines = [
        f"{number}. {text}"
        for number, text in enumerate(advice[: mark.rung], 1)
    ]
    if mark.rung < len(advice):
        lines.append("Ask again for more.")
    return lines


def solution_lines(place: Desk, exercise: Exercise) -> list[str]:
    """Returns the solution, as what it changes of the copy; or a warning."""
    mark = place.mark(exercise.title)
    if mark.status != DONE and not mark.seen:
        mark.asked += 1
        if mark.asked < 2:
            place.save()
            return [
                "It is not done yet. Ask again to see the solution; the",
                "exercise is then marked as one whose solution was seen.",
            ]
        mark.seen = True
        place.save()
    if exercise.kind == BUILD:
        return exercise.solution().splitlines()
    return [
        line.rstrip("\n")
        for line in difflib.unified_diff(
            exercise.copy().splitlines(),
            exercise.solution().splitlines(),
            f"{exercise.title}, as handed out",
            "the solution",
            lineterm="",
        )
    ]

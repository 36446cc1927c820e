"""Runs and checks the labs of the course: bazel run //harness:course.

    bazel run //harness:course                    # all labs, in order
    bazel run //harness:course -- pipes queues    # these
    bazel run //harness:course -- pipes:wrong_unclosed_end  # how it is caught
    bazel run //harness:course -- --html=report.html --junit=report.xml
"""

import argparse
import dataclasses
import json
import os
import pathlib
import pickle
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from harness import html_report, program, report, worker, wrong
from harness.results import COLOURS, show_check
from harness.run import check_environment, plain_environment, time_scale
from harness.screen import Screen

_WRONG_USAGE = 2
_END_LIMIT_S = 5.0


@dataclasses.dataclass(frozen=True)
class Lesson:
    """A lab of the syllabus and the question that it answers."""

    lab: str
    question: str


def read_syllabus(root: pathlib.Path) -> list[Lesson]:
    """Reads what //harness:syllabus made of labs/syllabus.bzl."""
    text = (root / "harness" / "syllabus.json").read_text(encoding="utf-8")
    return [Lesson(lab, question) for lab, question in json.loads(text)]


@dataclasses.dataclass(frozen=True)
class Ended:
    """The last message of a worker: it has ended, with this status."""

    status: int


class Inbox(Protocol):
    """Where messages go; a queue.SimpleQueue is one."""

    def put(self, message: Any) -> None:
        """Adds a message; called by any thread."""


class Worker:
    """A process that checks one lab; its messages go to `inbox`.

    The command is that of a program which calls worker.serve().
    """

    def __init__(
        self,
        lesson: Lesson,
        inbox: Inbox,
        command: Sequence[str],
    ) -> None:
        self.report = report.LabReport(lesson.lab, lesson.question)
        self.expected_checks = 0
        self.ended = False
        self._start_s = time.monotonic()
        self._errors = tempfile.TemporaryFile("w+", errors="replace")
        # A session of its own: Ctrl-C reaches the course alone, which then
        # ends the workers.
        self._process = subprocess.Popen(
            [sys.executable, *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env={**plain_environment(), "PYTHONPATH": ":".join(sys.path)},
            start_new_session=True,
        )
        thread = threading.Thread(target=self._read, args=[inbox], daemon=True)
        thread.start()

    def _read(self, inbox: Inbox) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as messages:
            try:
                while True:
                    inbox.put((self, pickle.load(messages)))
            except (EOFError, pickle.UnpicklingError):
                pass
        inbox.put((self, Ended(self._process.wait())))

    def take(self, message: "int | report.Check | Ended") -> None:
        """Takes in a message: the number of checks, a check, or the end."""
        if isinstance(message, int):
            self.expected_checks = message
        elif isinstance(message, report.Check):
            self.report.checks.append(message)
        else:
            self.ended = True
            self.report.duration_s = time.monotonic() - self._start_s
            count = len(self.report.checks)
            if message.status or not count or count < self.expected_checks:
                self.report.checks.append(self._crash(message.status))
            self._errors.close()

    def _crash(self, status: int) -> report.Check:
        self._errors.seek(0)
        how = f"signal {-status}" if status < 0 else f"exit status {status}"
        return report.Check(
            name="the test of the lab ends",
            status=report.FAILED,
            duration_s=self.report.duration_s,
            detail=f"it ended early, with {how}\n{self._errors.read()}",
        )

    def end(self, deadline_s: float) -> None:
        """Ends the worker, at the deadline by force."""
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(max(0.0, deadline_s - time.monotonic()))
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def progress(self) -> str:
        """Returns "pipes 3/13"."""
        total = self.expected_checks or "?"
        return f"{self.report.lab} {len(self.report.checks)}/{total}"


Message = tuple[Worker, int | report.Check | Ended]


class Course:
    """Checks lessons, `jobs` at a time, and shows them in their order."""

    def __init__(
        self,
        root: pathlib.Path,
        lessons: Sequence[Lesson],
        jobs: int,
        screen: Screen,
    ) -> None:
        self._root = root
        self._waiting = list(lessons)
        self._jobs = jobs
        self._screen = screen
        self._inbox: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._workers: list[Worker] = []
        self._current = 0  # The worker that is shown,
        self._shown = 0  # and how many of its checks are shown.

    def run(self) -> report.CourseReport:
        """Checks all lessons; on Ctrl-C ends what runs."""
        start_s = time.monotonic()
        try:
            self._start_workers()
            while any(not w.ended for w in self._workers):
                self._show()
                sender, message = self._inbox.get()
                sender.take(message)
                self._start_workers()
            self._show()
        except BaseException:
            # Ctrl-C; a second one would leave the cleaning up half done. Or
            # no process reads what we print.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            deadline_s = time.monotonic() + _END_LIMIT_S * time_scale()
            for running in self._workers:
                running.end(deadline_s)
            raise
        self._screen.status()
        return report.CourseReport(
            [w.report for w in self._workers], time.monotonic() - start_s
        )

    def _start_workers(self) -> None:
        running = sum(not w.ended for w in self._workers)
        for lesson in self._waiting[: self._jobs - running]:
            command = [worker.__file__, str(self._root), lesson.lab]
            self._workers.append(Worker(lesson, self._inbox, command))
        del self._waiting[: self._jobs - running]

    def _show(self) -> None:
        # A lab is shown when those before it are complete, so that lines of
        # two labs never mix.
        while self._current < len(self._workers):
            worker_shown = self._workers[self._current]
            lab = worker_shown.report
            new = lab.checks[self._shown :]
            if new and not self._shown:
                title = self._screen.paint("bold", lab.lab)
                self._screen.line(f"{title}: {lab.question}")
            for check in new:
                show_check(self._screen, check)
            self._shown += len(new)
            if not worker_shown.ended:
                break
            self._screen.line()
            self._current += 1
            self._shown = 0
        running = [w.progress() for w in self._workers if not w.ended]
        waiting = f", {len(self._waiting)} to come" if self._waiting else ""
        self._screen.status(f"  ... {', '.join(running)}{waiting}")


def show_summary(screen: Screen, course: report.CourseReport) -> None:
    """Prints what failed, how much was checked, and in which world."""
    checks = [check for lab in course.labs for check in lab.checks]
    failed = [(lab, check) for lab in course.labs for check in lab.failed]
    for world in course.worlds:
        screen.line(f"The world of the runs: {world}")
    for lab, check in failed:
        screen.line(f"{screen.paint('bad', 'FAIL')}  {lab.lab}: {check.name}")
    for lab in course.labs:
        for reason in dict.fromkeys(check.detail for check in lab.skipped):
            screen.line(f"{screen.paint('faint', 'skip')}  {lab.lab}: {reason}")
    status, words = course.verdict
    screen.line(
        f"{report.count(course.labs, 'lab')}, "
        f"{report.count(checks, 'check')}: "
        f"{screen.paint(COLOURS[status], words)} "
        f"in {course.duration_s:.0f} s"
    )


_FORMS: dict[str, Callable[[report.CourseReport], str]] = {
    "html": html_report.to_html,
    "json": report.to_json,
    "junit": report.to_junit,
}


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        prog="course",
        description="Runs the labs of the course and checks them.",
    )
    parser.add_argument(
        "lab",
        nargs="*",
        help="labs to check (all); or wrong variants, as"
        " pipes:wrong_unclosed_end, to see how they are caught",
    )
    parser.add_argument("--list", action="store_true", help="list the labs")
    for form in _FORMS:
        parser.add_argument(
            f"--{form}", metavar="FILE", help=f"write the report as {form}"
        )
    parser.add_argument(
        "--jobs", type=int, default=2, metavar="N", help="labs at a time (2)"
    )
    parser.add_argument(
        "--root",
        type=pathlib.Path,
        default=pathlib.Path(__file__).absolute().parent.parent,
        help=argparse.SUPPRESS,
    )
    return parser.parse_args(arguments)


def usage_problem(
    options: argparse.Namespace, lessons: Sequence[Lesson]
) -> str:
    """Returns what is wrong with the command line, or ""."""
    known = [lesson.lab for lesson in lessons]
    found = [wrong.split(word) for word in options.lab]
    for word, (lab, _) in zip(options.lab, found):
        if lab not in known:
            return f"there is no lab {word!r}; --list shows what there is"
    variants = [variant for _, variant in found if variant]
    reports = [form for form in _FORMS if getattr(options, form) is not None]
    if variants and (len(variants) < len(found) or reports):
        return "wrong variants cannot share a run with labs or reports"
    if options.jobs < 1:
        return f"--jobs must be at least 1, not {options.jobs}"
    for form in _FORMS:
        name = getattr(options, form)
        if name is not None and not output_path(name).parent.is_dir():
            return f"--{form}: there is no folder {output_path(name).parent}"
    return ""


def output_path(name: str) -> pathlib.Path:
    """Returns the path that the user means; bazel run changes the folder."""
    return pathlib.Path(os.environ.get("BUILD_WORKING_DIRECTORY", ""), name)


def write_reports(
    options: argparse.Namespace, course: report.CourseReport, screen: Screen
) -> None:
    """Writes the files that were asked for."""
    for form, convert in _FORMS.items():
        name = getattr(options, form)
        if name is not None:
            path = output_path(name)
            path.write_text(convert(course), encoding="utf-8")
            screen.line(f"Wrote {path}")


def show_wrong(
    root: pathlib.Path, words: Sequence[tuple[str, str]], screen: Screen
) -> int:
    """Shows how wrong variants are caught; returns the exit status."""
    try:
        found = [wrong.find(root, lab, variant) for lab, variant in words]
    except wrong.Unknown as error:
        print(f"course: {error}", file=sys.stderr)
        return _WRONG_USAGE
    all_caught = True
    try:
        for test, (_, variant) in zip(found, words):
            all_caught &= wrong.show(test, variant, screen)
    except KeyboardInterrupt:
        print("course: interrupted", file=sys.stderr)
        return 128 + signal.SIGINT
    return 0 if all_caught else 1


def main(arguments: Sequence[str]) -> int:
    """Runs the course; returns 0, 1 if a check failed, 2 for wrong usage."""
    options = parse(arguments)
    check_environment()
    lessons = read_syllabus(options.root)
    problem = usage_problem(options, lessons)
    if problem:
        print(f"course: {problem}", file=sys.stderr)
        return _WRONG_USAGE
    if options.list:
        width = max((len(lesson.lab) for lesson in lessons), default=0)
        for lesson in lessons:
            print(f"{lesson.lab:{width}}  {lesson.question}")
        return 0
    words = [wrong.split(word) for word in options.lab]
    screen = Screen(sys.stdout)
    if any(variant for _, variant in words):
        return show_wrong(options.root, words, screen)
    names = [lab for lab, _ in words]
    chosen = [x for x in lessons if not names or x.lab in names]
    try:
        course = Course(options.root, chosen, options.jobs, screen).run()
    except KeyboardInterrupt:
        screen.status()
        print("course: interrupted", file=sys.stderr)
        return 128 + signal.SIGINT
    show_summary(screen, course)
    try:
        write_reports(options, course, screen)
    except OSError as error:
        print(f"course: {program.in_words(error)}", file=sys.stderr)
        return 1
    return 1 if any(lab.failed for lab in course.labs) else 0


if __name__ == "__main__":
    program.start("course", main)

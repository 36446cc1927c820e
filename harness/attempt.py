"""One attempt at an exercise: the learner's file is built, run and judged.

    attempt = Attempt(desk, exercise)
    while not attempt.verdict:
        attempt.take(inbox.get())

Nothing of it runs on after cancel(): neither a build nor a program.
"""

import contextlib
import dataclasses
import os
import queue
import re
import signal
import subprocess
import threading
import time
from typing import Any

from harness import course, judge, report
from harness.desk import Desk
from harness.exercises import MEND, Exercise
from harness.run import time_scale

_BUILD_LIMIT_S = 300.0
_END_LIMIT_S = 5.0
_ERROR = re.compile(
    r"^(?:\./)?(my/\S+?):(\d+):(?:\d+:)? (?:fatal )?error: (.*)"
)
# What explains a compiler's error, below it: the line, and a mark under it.
_MARKED = re.compile(r"^ *\d* \|")
_EXPLORE = re.compile(r"\./bazelw run //harness:explore -- (\w+)(:\w+)? ")
# What is said to the author of a lab alone.
_TO_AUTHORS = re.compile(r" If the lab is to survive that, say so in `\w+`\.")
_STEP = "./bazelw run //harness:learn -- step "


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What came of an attempt.

    passed: whether everything is right.
    check: the check that failed, in words; "it compiles" is one.
    kind: "build", or one of expect.KINDS.
    text: what is wrong.
    skipped: reasons why something could not be checked on this machine.
    duration_s: from the start to here.
    """

    passed: bool
    check: str = ""
    kind: str = ""
    text: str = ""
    skipped: tuple[str, ...] = ()
    duration_s: float = 0.0

    @property
    def words(self) -> str:
        """What a hint is chosen by."""
        return f"{self.kind}: {self.text}"


@dataclasses.dataclass(frozen=True)
class _Built:
    status: int
    output: str


class Attempt:
    """An attempt that is under way; its starter passes on its messages.

    `inbox` takes tuples, of which the first item says whose they are.
    """

    def __init__(
        self, desk: Desk, exercise: Exercise, inbox: course.Inbox
    ) -> None:
        self.exercise = exercise
        self.verdict: Verdict | None = None
        self._desk = desk
        self._inbox = inbox
        self._start_s = time.monotonic()
        self._stack = contextlib.ExitStack()
        self._worker: course.Worker | None = None
        # A session of its own: Ctrl-C reaches us alone.
        self._build = subprocess.Popen(
            desk.build_command(exercise),
            cwd=desk.root,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        threading.Thread(target=self._await_build, daemon=True).start()

    @property
    def stage(self) -> str:
        """What is being done, in words."""
        spent = f"{time.monotonic() - self._start_s:.0f} s"
        if self._worker is None:
            return f"building {self.exercise.title}, {spent}"
        return f"judging {self._worker.progress()}, {spent}"

    def _await_build(self) -> None:
        try:
            limit_s = _BUILD_LIMIT_S * time_scale()
            output, _ = self._build.communicate(timeout=limit_s)
        except subprocess.TimeoutExpired:
            self._end_build()
            output = f"the compiler had not ended after {limit_s:.0f} s"
        self._inbox.put((self, _Built(self._build.wait(), output)))

    def _end_build(self) -> None:
        # Bazel takes the first signal for a request, the third for an order.
        for number in (signal.SIGINT, signal.SIGINT, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._build.pid, number)
            try:
                self._build.wait(_END_LIMIT_S * time_scale())
                return
            except subprocess.TimeoutExpired:
                pass

    def take(self, message: tuple[Any, Any]) -> None:
        """Takes in a message of this attempt; others are ignored."""
        sender, what = message
        if sender is self and isinstance(what, _Built):
            self._take_build(what)
        elif sender is self._worker and self._worker and not self.verdict:
            self._worker.take(what)
            self._take_checks(self._worker.report.checks)

    def _take_build(self, built: _Built) -> None:
        if built.status != 0:
            self._conclude(
                check="it compiles",
                kind="build",
                text=first_error(built.output),
            )
            return
        desk, exercise = self._desk, self.exercise
        file = desk.file(exercise)
        source = file.read_text("utf-8", "replace") if file.is_file() else ""
        if source and (text := exercise.altered(source)):
            self._conclude(
                check="what shows the mistake is still there",
                kind="output",
                text=text,
            )
            return
        staged = self._stack.enter_context(
            judge.stage(desk.root, exercise, desk.program(exercise))
        )
        lesson = course.Lesson(exercise.title, exercise.task)
        words = [exercise.kind, exercise.lab, exercise.name]
        self._worker = course.Worker(
            lesson, self._inbox, [judge.__file__, str(staged), *words]
        )

    def _take_checks(self, checks: list[report.Check]) -> None:
        assert self._worker
        for check in checks:
            if check.status == report.FAILED:
                self._conclude(
                    check=check.name,
                    kind=check.kind or "status",
                    text=in_learners_words(self.exercise, check.detail),
                )
                return
        if self._worker.ended:
            self._conclude(
                skipped=tuple(
                    dict.fromkeys(
                        check.detail
                        for check in checks
                        if check.status == report.SKIPPED
                        and check.detail != judge.OTHER_PROGRAM
                    )
                ),
                passed=True,
            )

    def _conclude(self, passed: bool = False, **fields: Any) -> None:
        self.verdict = Verdict(
            passed, duration_s=time.monotonic() - self._start_s, **fields
        )
        self.cancel()

    def cancel(self) -> None:
        """Ends whatever is running, and removes what it has made."""
        if self._build.poll() is None:
            self._end_build()
        if self._worker and not self._worker.ended:
            self._worker.end(time.monotonic() + _END_LIMIT_S * time_scale())
        self._stack.close()


def in_learners_words(exercise: Exercise, text: str) -> str:
    """Names the learner's file and commands, not those of the lab."""
    text = _TO_AUTHORS.sub("", _EXPLORE.sub(_STEP, text))
    own = judge.program_name(exercise)
    if exercise.kind == MEND:
        text = text.replace(f"{exercise.lab}/{own} ", f"{own} ")
        text = text.replace(own, exercise.name)
    return text


def first_error(output: str) -> str:
    """Returns the first error of a compiler, with its line; or all there is."""
    lines = output.replace("‘", "'").replace("’", "'").splitlines()
    for number, line in enumerate(lines):
        if found := _ERROR.match(line):
            file, place, text = found.groups()
            shown = [f"{file}, line {place}: {text}"]
            for more in lines[number + 1 : number + 3]:
                if _MARKED.match(more):
                    shown.append(more)
            return "\n".join(shown)
    kept = [x for x in lines if x.strip() and not x.startswith("INFO: ")]
    errors = [line for line in kept if "rror" in line]
    return "\n".join(errors[:3] or kept[-5:]) or "it cannot be built"


def judge_now(desk: Desk, exercise: Exercise, tell: Any = None) -> Verdict:
    """Makes an attempt and waits for its end; Ctrl-C ends all of it."""
    inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
    attempt = Attempt(desk, exercise, inbox)
    try:
        while not attempt.verdict:
            if tell:
                tell(attempt.stage)
            try:
                attempt.take(inbox.get(timeout=1.0))
            except queue.Empty:
                pass  # Only the time that is shown has changed.
    except BaseException:
        attempt.cancel()
        raise
    return attempt.verdict

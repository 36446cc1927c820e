"""Judges an exercise again after each save: learn watch.

One screen of 24 lines and 80 columns. What is going on stands in its last
line; a save ends it and begins again. A key is answered at once.
"""

import contextlib
import ctypes
import os
import queue
import select
import sys
import termios
import tty
from collections.abc import Iterator
from typing import Any

from harness.attempt import Attempt, Verdict
from harness.exercises import Exercise
from harness.learner import (
    COMMAND,
    Learner,
    hint_lines,
    remember,
    solution_lines,
    verdict_lines,
)
from harness.screen import is_terminal
from harness.transcript import wrap

_ROWS, _COLUMNS = 24, 80
_KEYS = "n next  h hint  v verdict  l list  r reset  s solution  q quit"
_CLEAR = "\x1b[H\x1b[2J"
_TELL_MS = 1000
# Of <sys/inotify.h>: a file was written and closed, or has got its name.
_CLOSE_WRITE, _MOVED_TO = 0x8, 0x80
_CLOEXEC, _NONBLOCK = 0o2000000, 0o4000
_libc = ctypes.CDLL(None, use_errno=True)


class _Saves:
    """Notices a save of a file: some editors write a new one in its place."""

    def __init__(self, exercise: Exercise, learner: Learner) -> None:
        self._file = learner.desk.file(exercise)
        self.fd = _libc.inotify_init1(_CLOEXEC | _NONBLOCK)
        folder = os.fsencode(self._file.parent)
        watched = _libc.inotify_add_watch(
            self.fd, folder, _CLOSE_WRITE | _MOVED_TO
        )
        if self.fd < 0 or watched < 0:
            number = ctypes.get_errno()
            raise OSError(number, f"inotify: {os.strerror(number)}")
        self._seen = self._state()

    def _state(self) -> tuple[int, int, int] | None:
        try:
            found = self._file.stat()
        except FileNotFoundError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size

    def happened(self) -> bool:
        """Whether the file has changed since the last call."""
        with contextlib.suppress(BlockingIOError):
            while os.read(self.fd, 65536):
                pass
        before, self._seen = self._seen, self._state()
        return self._seen is not None and self._seen != before

    def close(self) -> None:
        """Stops watching."""
        os.close(self.fd)


class _Inbox:
    """A queue that a poll can wait for."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.fd, self._tell_fd = os.pipe()
        os.set_blocking(self.fd, False)

    def put(self, message: Any) -> None:
        """Adds a message; called by any thread."""
        self._queue.put(message)
        with contextlib.suppress(OSError):  # Closed: none listens any more.
            os.write(self._tell_fd, b".")

    def messages(self) -> Iterator[Any]:
        """Returns those that have come."""
        with contextlib.suppress(BlockingIOError):
            os.read(self.fd, 4096)
        while not self._queue.empty():
            yield self._queue.get()

    def close(self) -> None:
        """Takes no more."""
        for fd in (self.fd, self._tell_fd):
            os.close(fd)


@contextlib.contextmanager
def _keys_at_once() -> Iterator[None]:
    """Has a terminal give each key as it is pressed."""
    if not sys.stdin.isatty():
        yield
        return
    fd = sys.stdin.fileno()
    before = termios.tcgetattr(fd)
    tty.setcbreak(fd)
    try:
        yield
    finally:
        termios.tcsetattr(fd, termios.TCSADRAIN, before)


def _fitted(line: str) -> list[str]:
    """Returns a line as those that fit on the screen, equally far in."""
    if len(line) <= _COLUMNS or "\x1b" in line:
        return [line]
    text = line.lstrip()
    return wrap(text, indent=len(line) - len(text)).splitlines()


class Watch:
    """The screen, the exercise that is watched, and the attempt at it."""

    def __init__(self, learner: Learner, exercise: Exercise) -> None:
        self._learner = learner
        self._exercise = exercise
        self._inbox = _Inbox()
        self._attempt: Attempt | None = None
        self._verdict: list[str] = []
        self._last_key = ""
        self._live = is_terminal(sys.stdout)
        learner.desk.start(exercise)
        self._saves = _Saves(exercise, learner)

    def run(self) -> None:
        """Watches until q, Ctrl-C or the end of the input."""
        with _keys_at_once():
            try:
                self._judge()
                while self._turn():
                    pass
            finally:
                if self._attempt:
                    self._attempt.cancel()
                self._saves.close()
                self._inbox.close()
                if self._live:
                    sys.stdout.write("\n")

    def _turn(self) -> bool:
        poll = select.poll()
        for fd in (sys.stdin.fileno(), self._saves.fd, self._inbox.fd):
            poll.register(fd, select.POLLIN)
        ready = {fd for fd, _ in poll.poll(_TELL_MS if self._attempt else None)}
        for message in self._inbox.messages():
            self._take(message)
        if self._saves.fd in ready and self._saves.happened():
            self._judge()
        if sys.stdin.fileno() in ready:
            keys = os.read(sys.stdin.fileno(), 64).decode(errors="replace")
            if not keys or not all(self._key(key) for key in keys):
                return False
        self._show_status()
        return True

    def _judge(self) -> None:
        if self._attempt:
            self._attempt.cancel()
        self._verdict = []
        self._show([f"{self._exercise.title}: being judged."])
        self._attempt = Attempt(self._learner.desk, self._exercise, self._inbox)
        self._show_status()

    def _take(self, message: Any) -> None:
        if self._attempt:
            self._attempt.take(message)
            if verdict := self._attempt.verdict:
                self._attempt = None
                self._conclude(verdict)

    def _conclude(self, verdict: Verdict) -> None:
        remember(self._learner.desk, self._exercise, verdict)
        lines = verdict_lines(self._learner, self._exercise, verdict)
        # The keys stand below, so the commands need not.
        if lines[-1].startswith("A hint: "):
            del lines[-2:]
        self._verdict = lines
        self._show(lines)

    def _key(self, key: str) -> bool:
        """Does what a key is for; returns False to quit."""
        learner, exercise = self._learner, self._exercise
        before, self._last_key = self._last_key, key
        if key == "q":
            return False
        if key == "h":
            lines = hint_lines(learner.desk, exercise)
            self._show([*lines, "", *self._verdict] if self._verdict else lines)
        elif key == "v":
            self._show(self._verdict or ["There is no verdict yet."])
        elif key == "l":
            self._show([learner.so_far(), *learner.listed(exercise.shelf)])
        elif key == "r" and before != "r":
            self._show(["Press r again for a new copy; your file is kept."])
        elif key == "r":
            kept = learner.desk.reset(exercise)
            name = kept.relative_to(learner.root) if kept else "none"
            self._show([f"It is as it was handed out; the old file: {name}"])
        elif key == "s":
            self._show(solution_lines(learner.desk, exercise))
        elif key == "n":
            self._next()
        return True

    def _next(self) -> None:
        item = self._learner.next_to_write(self._exercise.title)
        if item is None or item.exercise is None:
            self._show(["Everything is done."])
            return
        if item.exercise == self._exercise:
            last = f"Nothing else is left: {item.title} is the last one."
            self._show([last])
            return
        self._saves.close()
        self._exercise = item.exercise
        self._learner.desk.start(self._exercise)
        self._saves = _Saves(self._exercise, self._learner)
        self._judge()

    # The screen.

    def _show(self, lines: list[str]) -> None:
        if not self._live:
            for line in lines:
                print(line, flush=True)
            return
        file = self._learner.desk.file(self._exercise)
        head = [
            f"{file.relative_to(self._learner.root)}",
            *wrap(self._exercise.task.strip()).splitlines()[:3],
            "",
        ]
        body = [text for line in lines for text in _fitted(line)]
        room = _ROWS - len(head) - 3
        if len(body) > room:
            left = len(body) - room + 1
            command = f"{COMMAND} check {self._exercise.title}"
            body = [*body[: room - 2], f"... {left + 1} more lines:", command]
        text = "\n".join([*head, *body, "", _KEYS])
        sys.stdout.write(f"{_CLEAR}{text}\n")
        sys.stdout.flush()

    def _show_status(self) -> None:
        if self._live:
            stage = f"... {self._attempt.stage}" if self._attempt else ""
            sys.stdout.write(f"\r\x1b[K{stage[: _COLUMNS - 1]}")
            sys.stdout.flush()


def watch(learner: Learner, exercise: Exercise) -> int:
    """Watches an exercise; returns the exit status."""
    Watch(learner, exercise).run()
    return 0

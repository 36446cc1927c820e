"""What a lab promises of its raw.cc: the same story, by system calls alone.

It is careful, too: a call that a signal interrupts is made again, and whatever
ends the first process ends the others.
"""

import collections
import os
import pathlib
import re
import signal
import tempfile
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from harness import expect, promises, trace
from harness.expect import CheckFailed
from harness.promises import QUIET_S, RAW
from harness.run import Run

# All of our code that a raw program may use.
_HEADERS = {"common/base/errors.h", "labs/raw.h", "labs/raw_turns.h"}
# Calls that may fail with EINTR, and that raw programs make. Those of sleeping
# are left out: a raw program does not sleep to wait for others.
_INTERRUPTIBLE = (
    *("accept", "accept4", "connect", "epoll_pwait", "epoll_wait", "fcntl"),
    *("flock", "futex", "msgrcv", "msgsnd", "mq_timedreceive", "mq_timedsend"),
    *("openat", "poll", "ppoll", "read", "recvfrom", "recvmsg", "semop"),
    *("rt_sigtimedwait", "semtimedop", "sendmsg", "sendto", "wait4", "waitid"),
    "write",
)
_ENDS = (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGKILL)
# How many attempts a program has to leave no process when it is ended.
_ENDS_MAX = 3
# What is not traced is not made to fail, either.
_TRACE_INTERRUPTIBLE = f"--trace=?{',?'.join(_INTERRUPTIBLE)}"


class RawPromises(promises.Promises):
    """The checks of raw.cc, for a test that says `raw = True`."""

    raw: ClassVar[bool] = False

    # Interruptible calls that raw.cc does not make itself: the C library makes
    # them, and cannot be told what to do when one fails.
    raw_of_libc: ClassVar[Sequence[str]] = ()

    # pylint: disable-next=arguments-differ
    def __init_subclass__(cls) -> None:
        """Adds the tests of raw.cc if the class declares one."""
        super().__init_subclass__()
        if cls.raw:
            for test in _TESTS:
                setattr(cls, test.__name__.removeprefix("_"), test)

    def story(self, run: Run) -> object:
        """Returns the story that raw.cc must share with the lab: who says what.

        A test leaves out what differs between two runs of the lab itself.
        """
        return {line.speaker: run.said(line.speaker) for line in run.lines}

    def run_raw(self, *before: str, **options: Any) -> Run:
        """Runs raw.cc, with the command `before` in front of it, if any."""
        options.setdefault("quiet_s", QUIET_S)
        return self._run([*before, self.program(RAW)], **options)

    def assert_same_story(self, run: Run) -> None:
        """The run of raw.cc is clean, and tells what the lab tells."""
        self.assert_clean(run)
        self.check(run)
        self.assertEqual(
            self.story(run), self.story(self.run_lab()), "raw.cc tells it so"
        )

    def test_raw_is_declared(self) -> None:
        """A raw.cc that no test runs proves nothing."""
        is_there = (self.folder / "raw.cc").exists()
        self.assertEqual(self.raw, is_there, "raw.cc, and `raw` in the test")


def foreign_headers(source: str) -> Sequence[str]:
    """Returns the headers of ours that a raw program may not include."""
    found = re.findall(r'^\s*#\s*include\s+"([^"]+)"', source, re.M)
    return [header for header in found if header not in _HEADERS]


def _test_raw_tells_the_same_story(self: RawPromises) -> None:
    """Line by line for each who speaks, and by the lab's own check."""
    self.assert_same_story(self.run_raw())


def _test_raw_makes_its_calls_itself(self: RawPromises) -> None:
    """Raw programs, wrong ones too, include nothing that hides the calls."""
    files = [self.folder / "raw.cc", *self.folder.glob("wrong/raw_*.cc")]
    self.fail_if(
        [
            f"{file.name} includes {header}, and may include only"
            f" {', '.join(sorted(_HEADERS))}"
            for file in files
            for header in foreign_headers(file.read_text(encoding="utf-8"))
        ]
    )


def _test_raw_goes_on_after_a_signal(self: RawPromises) -> None:
    """Every second call that a signal may interrupt fails with EINTR."""
    if reason := trace.why_not():
        self.skipTest(reason)
    loaded = _calls_of_the_loader(self)
    if loaded is None:
        self.skipTest("what a sanitizer reads for itself must not fail")
    for first in (1, 2):
        run = self.run_raw(
            *("strace", "-f", "-qq", "-o", "/dev/null", _TRACE_INTERRUPTIBLE),
            *(
                # The program itself begins after the loader.
                f"--inject=?{call}:error=EINTR:when={loaded[call] + first}+2"
                for call in _INTERRUPTIBLE
                if call not in self.raw_of_libc
            ),
            events=False,
        )
        self.assert_same_story(run)


def _calls_of_the_loader(
    self: RawPromises,
) -> collections.Counter[str] | None:
    """Returns how often each call is made before main, or None.

    The last thing that is loaded is a library; a sanitizer reads more.
    """
    folder = os.environ.get("TEST_TMPDIR")
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        self.run_raw(
            *("strace", "-qq", "-o", file.name, _TRACE_INTERRUPTIBLE),
            events=False,
            env={"ASAN_OPTIONS": "detect_leaks=0"},
        )
        traced = pathlib.Path(file.name).read_text("latin-1")
    loading, _, own = traced.rpartition('"\\177ELF')
    if re.search(r"lib[at]san", traced) or not own:
        return None
    return collections.Counter(re.findall(r"^(\w+)\(", loading, re.M))


def _test_raw_ends_whatever_ends_it(self: RawPromises) -> None:
    """SIGINT and SIGQUIT to all its processes, the others to the first."""
    for number in _ENDS:
        left: list[str] = []
        # A child that has just been forked cannot have asked yet to be killed
        # with its parent. It goes by itself, but may be seen; not every time.
        for _ in range(_ENDS_MAX):
            left = _left_by(self, number)
            if not left:
                break
        self.assertEqual(left, [], f"left after {signal.Signals(number).name}")


def _left_by(self: RawPromises, number: signal.Signals) -> list[str]:
    """Returns what is left when a signal ends the first process."""
    run = self.run_raw(interrupt_after=": ", interrupt_signal=number)
    for verdict in expect.verdicts(run):
        if verdict.kind == "hang":
            raise CheckFailed("hang", verdict.text)
    # Only the program itself could remove what has a name.
    removes_names = number != signal.SIGKILL
    return [
        leak.name or leak.kind
        for leak in run.leaks
        if leak.kind == "process" or (removes_names and leak.kind != "zombie")
    ]


def _test_raw_needs_no_inheritance(self: RawPromises) -> None:
    """Not open standard streams, and not that its children are waited for."""
    run = self.run_raw(
        *("sh", "-c", "trap '' CHLD; exec \"$0\" <&- >&-"), events=False
    )
    self.assertEqual((run.status, run.leaks, run.stderr), (0, (), ""))


_TESTS: Sequence[Callable[[RawPromises], None]] = (
    _test_raw_tells_the_same_story,
    _test_raw_makes_its_calls_itself,
    _test_raw_goes_on_after_a_signal,
    _test_raw_ends_whatever_ends_it,
    _test_raw_needs_no_inheritance,
)

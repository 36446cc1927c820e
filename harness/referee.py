"""Judges the program of a project from inside the world of its run.

A project has a file peers.py beside its test. The test has it run there, so
that whatever the program does is stopped and cleared away with the run:

    SEED=<number> python3 projects/<name>/peers.py <program> <scenario>

No other user can see a variable of ours; see proc(5). The program gets none.

A scenario starts the program, plays its peers, and raises Failed if the program
does not do what it promises. The last line is "Main: PASS" or "Main: FAIL ...".
A scenario waits without a limit: a run in which nothing moves is ended, and
explained, by the harness.

Only what is cheap is imported, because every run pays for it.
"""

import ctypes
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

SEED = "SEED"
_PR_SET_NAME = 15
_FIRST_LINE_MAX = 200
# How long a program may take to end when its peers have just lost it.
_END_S = 1.0

Scenario = Callable[[str, random.Random], None]


class Failed(Exception):
    """The program does not do what it promises; says what it does instead."""


class Program:
    """The program that is judged, or a command that runs it.

    What it prints on standard error is shown with the run.
    """

    def __init__(self, *command: str, **options: Any) -> None:
        options.setdefault("stdin", subprocess.DEVNULL)
        options.setdefault("stdout", subprocess.PIPE)
        self.name = os.path.basename(command[0])
        self.process: "subprocess.Popen[bytes]" = subprocess.Popen(
            command, **options
        )

    def await_line(self, wanted: str) -> None:
        """Waits until it has said its first line, which must be this one."""
        assert self.process.stdout
        line = self.process.stdout.readline(_FIRST_LINE_MAX)
        if not line:
            how = told_status(self.process.wait())
            raise Failed(f"{self.name} {how} before it said {wanted!r}")
        if line != wanted.encode() + b"\n":
            raise Failed(f"{self.name} said {line!r}, not {wanted!r}")

    def signal(self, number: int) -> None:
        """Sends a signal to the program."""
        self.process.send_signal(number)

    def end(self, status: int | None = 0, when: str = "") -> int:
        """Waits for its end, which must have this status, if one is given."""
        found = self.process.wait()
        if status is not None and found != status:
            after = f" {when}" if when else ""
            raise Failed(
                f"{self.name} {told_status(found)}{after}, not {status}"
            )
        return found

    def failure(self, when: str, problem: str) -> Failed:
        """Returns the failure that its peers met; says so if it has ended."""
        try:
            found = self.process.wait(_END_S)
        except subprocess.TimeoutExpired:
            return Failed(problem)
        return Failed(f"{self.name} {told_status(found)} {when}")


def told_status(status: int) -> str:
    """Returns how a process has ended, in words."""
    if status >= 0:
        return f"ended with status {status}"
    return f"was killed by {signal.Signals(-status).name}"


def say(text: str) -> None:
    """Prints a line of the transcript."""
    print(f"Referee: {text}", flush=True)


def expect(holds: bool, problem: str) -> None:
    """Raises Failed with the problem unless the condition holds."""
    if not holds:
        raise Failed(problem)


def play(scenarios: Mapping[str, Scenario]) -> NoReturn:
    """Plays the scenario that the command line names, and ends."""
    program, name = sys.argv[1:]
    os.environ.pop("PYTHONPATH", None)  # These were meant for us.
    seed = os.environ.pop(SEED)
    ctypes.CDLL(None).prctl(_PR_SET_NAME, b"Referee", 0, 0, 0)
    say((scenarios[name].__doc__ or name).splitlines()[0])
    try:
        scenarios[name](program, random.Random(int(seed)))
        verdict = "PASS"
    except Failed as error:
        verdict = f"FAIL {error}"
    print(f"Main: {verdict}", flush=True)
    # The run looks after whatever is still there.
    os._exit(0 if verdict == "PASS" else 1)

"""What the two sides of a run tell each other.

On one side is the process that starts a run and judges it (run.py, hang.py), on
the other the process in the world of the run that watches the lab (world.py,
session.py, leaks.py). The second imports this only when types are checked.
"""

from __future__ import annotations

from typing import TypedDict


class Question(TypedDict):
    """What is asked of the process that makes the world."""

    command: list[str]
    env: dict[str, str]
    cwd: str
    flags: int
    keep: list[str]
    scratch: str
    limit_s: float
    quiet_s: float
    scale: float  # By which both are stretched.
    events: bool
    interrupt_after: str | None
    interrupt_signal: int
    tty: bool
    network_of: int  # A process whose network the run shares, 0 if none.
    token: str  # In what the lab makes: see common/process/names.h.
    tell_fd: int  # Gets a copy of standard error as it comes, -1 if none.


class Descriptor(TypedDict):
    """One open descriptor of a process."""

    target: str
    can: str
    fifo: bool


class Task(TypedDict):
    """One thread, and what it is blocked in."""

    pid: int
    tid: int
    ppid: int
    comm: str
    state: str
    wchan: str
    call: str
    args: list[int]
    timeout_s: float | None
    waits_on: list[tuple[int, bool]]
    word: list[int]
    path: str


class Snapshot(TypedDict):
    """What /proc said about a run that did not go on."""

    tasks: list[Task]
    descriptors: dict[int, dict[int, Descriptor]]
    details: dict[int, dict[int, str]]
    locks: str
    unix_peers: dict[int, int]
    tcp: str
    unix: str
    watcher_pid: int


# Kind, name, pid it is about or 0, pid of its maker or 0: see leaks.py.
Found = tuple[str, str, int, int]


class Answer(TypedDict):
    """What the process in the world answers."""

    error: str
    errno: int
    lines: list[tuple[float, bytes]]
    stderr: bytes
    status: int
    duration_s: float
    interrupted_s: float | None
    hang: tuple[str, Snapshot] | None
    excess: str  # What it did too much of, for which it was ended.
    started: int  # Processes and threads, the first one too; 0 if not known.
    leaks: list[Found]
    events: bytes
    names: dict[int, str]
    main_pid: int

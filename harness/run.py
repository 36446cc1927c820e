"""Runs a lab in a world of its own and says what happened.

    run = harness.run.run(["labs/pipes/pipes", "--pace=0"])
    assert run.status == 0 and not run.leaks
    assert run.said("Receiver")[-1] == "done"
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import secrets
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from harness import hang as hangs
from harness import wire, worlds
from harness.hang import Blocked, Event, Hang
from harness.program import WrongEnvironment

__all__ = [
    "Blocked",
    "Event",
    "Hang",
    "Leak",
    "Line",
    "Run",
    "Service",
    "run",
]

_NAMESPACES = 0x20000000 | 0x8000000 | 0x20000 | 0x40000000
_PID, _USER, _OWN_MOUNTS = 0x20000000, 0x10000000, 0x20000
_OWN_NETWORK = 0x40000000
_LOOK_AGAIN_S = 0.002

# The ways to make a world, best first: (name, flags of unshare(2)).
_WORLDS = (
    ("namespaces", _NAMESPACES),
    ("user namespaces", _NAMESPACES | _USER),
    ("namespaces without pids", _NAMESPACES & ~_PID),
    ("user namespaces without pids", (_NAMESPACES | _USER) & ~_PID),
    ("subreaper", 0),
)
# What the harness tells a lab; see common/lab/lab.h, report.h and names.h.
_ORDERS = frozenset(
    f"IPC_LABS_{order}"
    for order in ("EVENTS", "EXPLORE", "FAULT", "NO_SWEEP", "RUN")
)
_GOOD_WORLDS = ("namespaces", "user namespaces")
_SPEAKER = re.compile(r"([A-Z][\w .#()/-]{0,40}):(?: (.*))?$")


@dataclass(frozen=True)
class Line:
    """One line of the lab's standard output."""

    t_s: float
    speaker: str
    text: str
    raw: str


@dataclass(frozen=True)
class Leak:
    """Something that the lab has left behind."""

    kind: str
    name: str
    owner: str


@dataclass(frozen=True)
class Run:
    """One run of a lab: all that was seen of it."""

    command: tuple[str, ...]
    lines: tuple[Line, ...]
    stderr: str
    status: int
    duration_s: float
    hang: Hang | None
    leaks: tuple[Leak, ...]
    events: tuple[Event, ...]
    world: str
    interrupted_s: float | None = None
    excess: str = ""  # What it did too much of, so that it was ended.
    started: int = 0  # Its processes and threads; 0 if that is not known.

    def said(self, speaker: str) -> list[str]:
        """Returns what one speaker has said, in order."""
        return [line.text for line in self.lines if line.speaker == speaker]

    def transcript(self) -> str:
        """Returns the standard output as it was printed."""
        return "".join(f"{line.raw}\n" for line in self.lines)


def time_scale() -> float:
    """Returns the factor by which all limits are stretched."""
    text = os.environ.get("IPC_LABS_TIME_SCALE") or "1"
    try:
        factor = float(text)
    except ValueError:
        factor = math.nan
    if not 0 < factor < math.inf:
        raise WrongEnvironment(
            f"IPC_LABS_TIME_SCALE is {text!r}, not a positive number"
        )
    return factor


def plain_environment() -> dict[str, str]:
    """Returns our environment without what tells Python and labs what to do.

    What a run depends on is what is asked of run(), and nothing else.
    """
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("PYTHON") and name not in _ORDERS
    }


def _line(t_s: float, data: bytes) -> Line:
    raw = data.decode(errors="replace").rstrip("\r")
    match = _SPEAKER.match(raw)
    if match:
        return Line(t_s, match[1], match[2] or "", raw)
    return Line(t_s, "", raw, raw)


def _events(data: bytes) -> tuple[Event, ...]:
    found = []
    for line in data.splitlines():
        try:
            fields = json.loads(line)
            found.append(
                Event(
                    int(fields["t_ns"]),
                    int(fields["pid"]),
                    str(fields["process"]),
                    str(fields["kind"]),
                    str(fields.get("object", "")),
                    str(fields.get("id", "")),
                )
            )
        except (ValueError, KeyError, TypeError, AttributeError):
            continue  # Not one of ours: a lab may write nonsense.
    return tuple(found)


# The first of _WORLDS that may work here, found out by the first run; and why
# the better ones do not.
_first_world = [0]
_reasons: list[str] = []


def _candidates() -> list[tuple[str, int]]:
    wanted = os.environ.get("IPC_LABS_WORLD")
    if wanted is None:
        return list(_WORLDS[_first_world[0] :])
    found = [world for world in _WORLDS if world[0] == wanted]
    if not found:
        names = ", ".join(name for name, _ in _WORLDS)
        raise WrongEnvironment(
            f"IPC_LABS_WORLD is {wanted!r}, not one of: {names}"
        )
    return found


def check_environment() -> None:
    """Raises WrongEnvironment if IPC_LABS_TIME_SCALE or _WORLD is nonsense."""
    time_scale()
    _candidates()


Tell = Callable[[str], None]


def _ask_in_some_world(
    question: wire.Question, tell: Tell | None
) -> tuple[wire.Answer, str]:
    """Returns the answer, and in which world it was found."""
    is_forced = "IPC_LABS_WORLD" in os.environ
    reasons = [] if is_forced else list(_reasons)
    for name, flags in _candidates():
        question["flags"] = flags
        with contextlib.ExitStack() as stack:
            if not flags & _OWN_MOUNTS:
                question["scratch"] = stack.enter_context(
                    tempfile.TemporaryDirectory(prefix="ipc-labs-run-")
                )
            answer = _ask(question, tell)
        if not answer["error"].startswith("world: "):
            break
        reasons.append(answer["error"].removeprefix("world: "))
    else:
        raise RuntimeError(f"no world can be made: {'; '.join(reasons)}")
    if not is_forced:
        _first_world[0] = _WORLDS.index((name, flags))
        _reasons[:] = dict.fromkeys(reasons)
    if name in _GOOD_WORLDS or not reasons:
        return answer, name
    return answer, f"{name} ({'; '.join(dict.fromkeys(reasons))})"


def _ask(question: wire.Question, tell: Tell | None) -> wire.Answer:
    """Has the world made and the lab run in it."""
    if not tell:
        with worlds.World(question) as world:
            return world.answer()
    told_fd, its_fd = os.pipe()
    with os.fdopen(told_fd, errors="replace") as told:
        try:
            asked = worlds.World(question, its_fd)
        finally:
            os.close(its_fd)
        with asked as world:
            for line in told:  # Ends when the world does.
                tell(line.rstrip("\n"))
            return world.answer()


def _kept_paths(command: Sequence[str], env: Mapping[str, str]) -> list[str]:
    """Returns what the lab needs, in case it lies below /tmp."""
    paths = [os.getcwd(), sys.executable, os.path.abspath(__file__)]
    paths += [os.path.realpath(__file__), os.path.realpath(sys.executable)]
    paths += [os.path.abspath(command[0])]
    paths += [word for word in command[1:] if word.startswith("/")]
    for name in ("RUNFILES_DIR", "TEST_SRCDIR", "TEST_TMPDIR", "HOME"):
        paths += [env[name]] if env.get(name) else []
    return [path for path in paths if os.path.exists(path)]


def run(
    command: Sequence[str],
    *,
    limit_s: float = 60,
    quiet_s: float = 2,
    events: bool = True,
    interrupt_after: str | None = None,
    interrupt_signal: int = signal.SIGINT,
    tty: bool = False,
    env: Mapping[str, str] | None = None,
    network: "Service | None" = None,
    tell: Tell | None = None,
) -> Run:
    """Runs a command in a world of its own until it ends or hangs.

    Args:
      command: the program and its arguments.
      limit_s: after this time it is taken to hang, and killed.
      quiet_s: if all its processes are blocked for this time and nothing is
        said, it is taken to hang.
      events: whether the lab is to write its events.
      interrupt_after: once a line with this text has appeared,
        `interrupt_signal` is sent: SIGINT and SIGQUIT, as from a terminal, to
        the lab's foreground process group, others to its first process only.
      interrupt_signal: which signal that is.
      tty: whether standard input and output are a terminal; otherwise input is
        empty and output a pipe. Standard error is a pipe in both cases.
      env: variables in addition to those of this process.
      network: a service whose network the run shares; otherwise it has one
        of its own.
      tell: is called with each line of standard error as it comes.

    Raises:
      OSError: the program cannot be started.
    """
    # A lab sweeps up after itself; the harness must see what there is to sweep.
    token = secrets.token_hex(4)
    environment = {
        **plain_environment(),
        "IPC_LABS_NO_SWEEP": "1",
        "IPC_LABS_RUN": token,
        **(env or {}),
    }
    scale = time_scale()
    question: wire.Question = {
        "command": list(command),
        "env": environment,
        "cwd": os.getcwd(),
        "flags": 0,
        "keep": _kept_paths(command, environment),
        "scratch": "",
        "limit_s": limit_s * scale,
        "quiet_s": quiet_s * scale,
        "scale": scale,
        "events": events,
        "interrupt_after": interrupt_after,
        "interrupt_signal": int(interrupt_signal),
        "tty": tty,
        "network_of": network.pid if network else 0,
        "token": token,
        "tell_fd": -1,
    }
    answer, world = _ask_in_some_world(question, tell)
    if answer["error"]:
        number = answer["errno"]
        raise OSError(number, os.strerror(number), command[0])
    return _result(tuple(command), answer, world)


class Service:
    """A program that runs in a world of its own while others run.

        with Service(["labs/broker/broker", "--serve=5672"]) as service:
            run(["labs/broker/broker", "--url=..."], network=service)

    They share its network: a port of loopback for one is one for the
    other, and for no third. They must find out when it can be reached. On a
    machine without namespaces they share the machine's.
    """

    def __init__(self, command: Sequence[str]) -> None:
        run(["/bin/true"])  # Finds out which worlds can be made here.
        _, flags = _candidates()[0]
        self._scratch = tempfile.TemporaryDirectory(prefix="ipc-labs-run-")
        self._world = worlds.World(
            {
                "command": list(command),
                "env": plain_environment(),
                "cwd": os.getcwd(),
                "flags": flags,
                "keep": _kept_paths(command, os.environ),
                "scratch": self._scratch.name,
                "limit_s": math.inf,
                "quiet_s": math.inf,
                "scale": 1.0,
                "events": False,
                "interrupt_after": None,
                "interrupt_signal": 0,
                "tty": False,
                "network_of": 0,
                "token": secrets.token_hex(4),
                "tell_fd": -1,
            }
        )
        self._own_network = bool(flags & _OWN_NETWORK)
        while self._own_network and self._has_our_network():
            time.sleep(_LOOK_AGAIN_S)

    @property
    def pid(self) -> int:
        """A process that has its network; 0 if that is the machine's."""
        if self._world.has_ended():
            raise RuntimeError("the service has ended")
        return self._world.pid if self._own_network else 0

    def _has_our_network(self) -> bool:
        """Tells whether its world is still to be made."""
        try:
            ours, its = (
                os.stat(f"/proc/{who}/ns/net") for who in ("self", self.pid)
            )
        except FileNotFoundError:
            return True  # It has just ended; `pid` will say so.
        return ours.st_ino == its.st_ino

    def end(self) -> None:
        """Ends the service, if need be by force, and all it has started."""
        self._world.end()
        self._scratch.cleanup()

    def __enter__(self) -> "Service":
        return self

    def __exit__(self, *error: object) -> None:
        self.end()


def _result(command: tuple[str, ...], answer: wire.Answer, world: str) -> Run:
    events = _events(answer["events"])
    names = dict(answer["names"])
    names.update({event.pid: event.process for event in events})
    if "Main" in names.values():
        names[answer["main_pid"]] = "Main"  # Or its keeper, who acts for it.
    hang = None
    if answer["hang"] is not None:
        why, snapshot = answer["hang"]
        hang = hangs.explain(snapshot, events, names, why)
    return Run(
        command=command,
        lines=tuple(_line(t_s, data) for t_s, data in answer["lines"]),
        stderr=answer["stderr"].decode(errors="replace"),
        status=answer["status"],
        duration_s=answer["duration_s"],
        hang=hang,
        leaks=tuple(_leak(found, names, events) for found in answer["leaks"]),
        events=events,
        world=world,
        interrupted_s=answer["interrupted_s"],
        excess=answer["excess"],
        started=answer["started"],
    )


def _leak(
    found: wire.Found, names: Mapping[int, str], events: Sequence[Event]
) -> Leak:
    kind, name, pid, maker = found
    owner = names.get(maker, "") or _who_mentioned(name, events)
    if pid:
        who = f"pid {pid} ({names.get(pid, 'unknown')})"
        name = f"{name} {who}" if name else who
    return Leak(kind, name, owner)


def _who_mentioned(name: str, events: Sequence[Event]) -> str:
    """Returns the process whose events name a leaked object first."""
    last = name.rpartition("/")[2]
    for event in events:
        if last and last in (*event.object.split("/"), *event.id.split("/")):
            return event.process
    return ""

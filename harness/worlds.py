"""Asks for worlds of which each is for one run; world.py makes them.

    with worlds.World(question) as world:
        answer = world.answer()

All that this process asks for are made by one process of ours, which is started
with the first, and ends with us.
"""

from __future__ import annotations

import atexit
import contextlib
import marshal
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Sequence

from harness import proc, wire

# How long a world has to clear away what there is, before it is killed.
_END_LIMIT_S = 5.0
# What a process passes on to those that it starts, and a run depends on.
_INHERITED = (
    *("CapEff:", "Cpus_allowed:", "Gid:", "Groups:", "NoNewPrivs:"),
    *("Seccomp:", "Uid:", "Umask:"),
)
_SPACES = ("ipc", "mnt", "net", "pid_for_children", "user", "uts")


def _inherited() -> tuple[object, ...]:
    """Returns all that a process which we start now would have from us."""
    lines = proc.read_text("/proc/self/status").splitlines()
    spaces = (proc.read_link(f"/proc/self/ns/{each}") for each in _SPACES)
    return (
        *(line for line in lines if line.startswith(_INHERITED)),
        *spaces,
        proc.read_text("/proc/self/limits"),
        os.nice(0),
        os.stat("/").st_ino,
    )


class _Maker:
    """The process that makes worlds."""

    def __init__(self) -> None:
        self.inherited = _inherited()
        self._owner = os.getpid()
        self._socket, its = socket.socketpair(
            socket.AF_UNIX, socket.SOCK_SEQPACKET
        )
        root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
        code = (
            f"import sys; sys.path.insert(0, {root!r});"
            "from harness.world import serve; serve()"
        )
        with its:
            # It is waited for in end().
            # pylint: disable-next=consider-using-with
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", code],
                stdin=its.fileno(),
                stdout=subprocess.DEVNULL,
                # Ctrl-C ends us; then the worlds learn that we are gone.
                start_new_session=True,
            )
        atexit.register(self.end)

    def ask(self, fds: Sequence[int]) -> None:
        """Asks for a world; see world.serve."""
        socket.send_fds(self._socket, [b"?"], fds)

    def end(self) -> None:
        """Ends the process; worlds that it has made go on."""
        if self._owner != os.getpid():
            return  # It belongs to the process that has forked us.
        with contextlib.suppress(OSError):  # It may have died.
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._process.wait()
        atexit.unregister(self.end)


_maker: list[_Maker] = []
_lock = threading.Lock()


def _ask(fds: Sequence[int]) -> None:
    """Has a world made by a process that inherits what we are now."""
    with _lock:
        if _maker and _maker[0].inherited == _inherited():
            try:
                _maker[0].ask(fds)
                return
            except OSError:
                pass  # It has died.
        if _maker:
            _maker.pop().end()
        _maker.append(_Maker())
        _maker[0].ask(fds)


class World:
    """A world that is asked for, and the run in it.

    It is there until its lab has ended, or end() is called, or we die.

    Args:
      question: what to run, and how.
      tell_fd: becomes its copy of what the lab says on standard error.

    Attributes:
      pid: the process that makes it; its network is that of the run.
    """

    def __init__(self, question: wire.Question, tell_fd: int = -1) -> None:
        self._control_fd = self._answer_fd = -1
        # Once more if the process that makes them has died meanwhile.
        number = self._begin(tell_fd) or self._begin(tell_fd)
        if not number:
            raise RuntimeError("the process that makes worlds has died")
        self.pid = int(struct.unpack("I", number)[0])
        data = marshal.dumps(dict(question))
        data = struct.pack("I", len(data)) + data
        with contextlib.suppress(BrokenPipeError):  # It will not answer.
            while data:
                data = data[os.write(self._control_fd, data) :]

    def _begin(self, tell_fd: int) -> bytes:
        """Has the world made; returns the number of its process, or b""."""
        asks_fd, self._control_fd = os.pipe()
        self._answer_fd, answers_fd = os.pipe()
        try:
            fds = [asks_fd, answers_fd, tell_fd]
            _ask(fds if tell_fd >= 0 else fds[:2])
        except BaseException:
            self.close()
            raise
        finally:
            os.close(asks_fd)
            os.close(answers_fd)
        number = os.read(self._answer_fd, 4)
        if not number:
            self.close()
        return number

    def answer(self) -> wire.Answer:
        """Waits for the end of the run, and returns what was seen of it."""
        parts = []
        while part := os.read(self._answer_fd, 1 << 20):
            parts.append(part)
        if not parts:
            raise RuntimeError("the process that makes the world has died")
        answer: wire.Answer = marshal.loads(b"".join(parts))
        return answer

    def has_ended(self, limit_s: float = 0) -> bool:
        """Whether the run has ended, or does before the limit."""
        poll = select.poll()
        poll.register(self._answer_fd, select.POLLIN)
        return bool(poll.poll(limit_s * 1e3))

    def end(self) -> None:
        """Ends the run: the world clears away what there is, or is killed."""
        os.close(self._control_fd)
        self._control_fd = -1
        deadline_s = time.monotonic() + _END_LIMIT_S
        while self.has_ended(max(0.0, deadline_s - time.monotonic())):
            if not os.read(self._answer_fd, 1 << 20):
                break
        else:
            os.kill(self.pid, signal.SIGKILL)
        self.close()

    def close(self) -> None:
        """Forgets the run, which has ended."""
        for fd in (self._control_fd, self._answer_fd):
            if fd >= 0:
                os.close(fd)
        self._control_fd = self._answer_fd = -1

    def __enter__(self) -> "World":
        return self

    def __exit__(self, kind: object, *error: object) -> None:
        if kind is None:
            self.close()
        else:
            self.end()

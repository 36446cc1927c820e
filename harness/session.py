"""One run of a lab, in the world that was made for it.

Starts the lab with nothing but its standard descriptors, takes what it says,
sees when it ends or hangs, looks for what is left, and kills
everything.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import select
import signal
import struct
import time

from harness import leaks, proc, quiet

TYPE_CHECKING = False
if TYPE_CHECKING:
    from harness.wire import Answer, Found, Question, Snapshot

_PR_SET_CHILD_SUBREAPER = 36
_TIOCSCTTY = 0x540E
_RLIMIT_CORE = 4
# What a run may print, log and start; a program that does more has no end.
_MOST_LINES, _MOST_BYTES = 250_000, 64 << 20
_MOST_PROCESSES = 2_000
_MOST_MEMORY_BYTES = 2 << 30
# What is kept of a run that did more: lines at both ends, and this much each.
_KEPT_LINES, _KEPT_BYTES = 1_000, 4_096
# A look this late shows that we were stopped, and the lab most likely
# with us: then no time counts for it.
_LATE_S = 1.0
_FASTEST_LOOK_S, _SLOWEST_LOOK_S = 0.005, 0.05
_CLOSE_LOOK_EVERY = 4
# How long a lab may take to end when the process that asked for it has gone.
_GRACE_S = 2.0
_libc = ctypes.CDLL(None, use_errno=True)
leave_at_once = os._exit


class Stream:
    """One output of the lab, cut into lines with the time of each."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.lines: list[tuple[float, bytes]] = []
        self.excess = ""  # Why nothing more is read.
        self._rest = bytearray()
        self._size = 0
        os.set_blocking(fd, False)

    def read(self, now_s: float) -> bool:
        """Takes what is there; returns whether there may be more later."""
        if self.excess:
            return False
        try:
            chunk = os.read(self.fd, 65536)
        except BlockingIOError:
            return True
        except OSError:
            return False  # A terminal that no process has open any more.
        if not chunk:
            return False
        self._size += len(chunk)
        self._rest += chunk
        if b"\n" in chunk:
            *lines, self._rest = self._rest.split(b"\n")
            self.lines += ((now_s, bytes(line)) for line in lines)
        if len(self.lines) > _MOST_LINES:
            self.excess = f"printed more than {_MOST_LINES:,} lines"
        elif self._size > _MOST_BYTES:
            self.excess = f"printed more than {_MOST_BYTES >> 20} MiB"
        return not self.excess

    def drain(self, now_s: float) -> None:
        """Takes what is there now, though the writers may still live."""
        for _ in range(64):
            size = self._size
            if not self.read(now_s) or self._size == size:
                break
        if self._rest:
            self.lines.append((now_s, bytes(self._rest)))
            self._rest.clear()

    def shorten(self) -> None:
        """Keeps both ends of what was too much."""
        head, tail = self.lines[:_KEPT_LINES], self.lines[-_KEPT_LINES:]
        left_out = len(self.lines) - len(head) - len(tail)
        self.lines = [(t_s, _clip(line)) for t_s, line in self.lines]
        if left_out > 0:
            note = f"({left_out:,} lines are left out)".encode()
            between = (head[-1][0], note)
            self.lines = [*self.lines[:_KEPT_LINES], between]
            self.lines += [(t_s, _clip(line)) for t_s, line in tail]

    def text(self) -> bytes:
        """Returns all that was read."""
        return b"\n".join([*(line for _, line in self.lines), b""])


def _clip(line: bytes) -> bytes:
    if len(line) <= _KEPT_BYTES:
        return line
    return line[:_KEPT_BYTES] + f"... ({len(line):,} bytes)".encode()


def _open_terminal() -> tuple[int, int]:
    master_fd, slave_fd = os.openpty()
    # pylint: disable-next=import-outside-toplevel
    import termios

    attributes = termios.tcgetattr(slave_fd)
    attributes[1] &= ~termios.OPOST
    attributes[3] &= ~termios.ECHO
    termios.tcsetattr(slave_fd, termios.TCSANOW, attributes)
    return master_fd, slave_fd


def _open_pidfd(pid: int) -> int:
    """Returns a descriptor that reports a child's end; -1 if there is none.

    An old kernel, or an old filter of system calls, refuses it.
    """
    try:
        return os.pidfd_open(pid)
    except OSError:
        return -1


def _is_zombie(pid: int) -> bool:
    """Whether a child has ended; it stays to be waited for."""
    how = os.WEXITED | os.WNOHANG | os.WNOWAIT
    return os.waitid(os.P_PID, pid, how) is not None


def _reset_signals() -> None:
    """Undoes what Python, and its starter, have set for signals."""
    for number in range(1, signal.NSIG):
        try:
            if signal.getsignal(number) == signal.SIG_IGN:
                signal.signal(number, signal.SIG_DFL)
        except (OSError, ValueError):
            pass  # Not for us to change.
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


class Session:
    """The lab, from its start to its end.

    Args:
      question: what to run, and how.
      control_fd: becomes readable when the asking process has gone.
      watch: follows which process holds what; knows which namespaces are ours.
      events_folder: where the lab is to write its events.
    """

    def __init__(
        self,
        question: Question,
        control_fd: int,
        watch: leaks.Watch,
        events_folder: str,
    ) -> None:
        self._question = question
        self._control_fd = control_fd
        self._tell_fd = question["tell_fd"]
        self._lines_told = 0
        if self._tell_fd >= 0:
            os.set_inheritable(self._tell_fd, False)
        self._watch = watch
        self._own_pids = "pid" in watch.owned
        self._quiet = quiet.Quiet(question, self._own_pids)
        self._events_path, self._events_fd = "", -1
        if question["events"]:
            self._events_path = f"{events_folder}/events"
            flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
            self._events_fd = os.open(self._events_path, flags, 0o666)
        self._interrupted_s: float | None = None
        self._lines_seen = 0
        self._looks = 0
        self._excess = ""
        # Half of the machine's: a lab that took all would leave us none.
        pages = os.sysconf("SC_PHYS_PAGES") // 2
        self._most_memory = min(
            _MOST_MEMORY_BYTES, pages * os.sysconf("SC_PAGE_SIZE")
        )
        _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self._newest = proc.newest()
        self._start_s = time.monotonic()
        self._spawn()

    def _now_s(self) -> float:
        return time.monotonic() - self._start_s

    def _spawn(self) -> None:
        err_read, err_write = os.pipe()
        is_tty = self._question["tty"]
        out_read, out_write = _open_terminal() if is_tty else os.pipe()
        failed_read, failed_write = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            try:
                self._become_lab(out_write, err_write)
            except OSError as error:
                os.write(failed_write, str(error.errno).encode())
            finally:
                leave_at_once(127)
        for fd in (out_write, err_write, failed_write):
            os.close(fd)
        failed = os.read(failed_read, 16)
        os.close(failed_read)
        if failed:
            raise OSError(int(failed), os.strerror(int(failed)))
        self._terminal_fd = out_read if is_tty else -1
        self._out, self._err = Stream(out_read), Stream(err_read)

    def _become_lab(self, out_fd: int, err_fd: int) -> None:
        """Executes the lab; what is not standard is closed by O_CLOEXEC."""
        os.setsid()
        in_fd = out_fd
        if self._question["tty"]:
            fcntl.ioctl(out_fd, _TIOCSCTTY, 0)
        else:
            in_fd = os.open("/dev/null", os.O_RDONLY)
        for number, fd in enumerate((in_fd, out_fd, err_fd)):
            os.dup2(fd, number)
        _reset_signals()
        _libc.setrlimit(_RLIMIT_CORE, struct.pack("QQ", 0, 0))
        environment = dict(self._question["env"])
        environment.pop("IPC_LABS_EVENTS", None)
        if self._events_path:
            environment["IPC_LABS_EVENTS"] = self._events_path
        command = self._question["command"]
        os.execvpe(command[0], command, environment)

    def run(self) -> Answer:
        """Follows the lab to its end, or until it hangs."""
        hang = self._follow()
        duration_s = self._now_s()
        started = max(0, proc.newest() - self._newest)
        found: list[Found] = []
        status = -signal.SIGKILL
        has_ended = hang is None and not self._excess
        if has_ended:
            self._drain(duration_s)
            every = proc.processes(self._own_pids)
            self._watch.look(every, closely=True)
            found = self._watch.left(self._pid, every)
            status = os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])
        self._kill_all()
        self._drain(self._now_s())
        events = self._read_events()
        self._watch.note_makers(events)
        # Only now can no process make anything any more.
        late = self._watch.left_things()
        known = {(kind, name) for kind, name, _, _ in found}
        late = [thing for thing in late if thing[:2] not in known]
        self._watch.remove(found + late)
        found += late if has_ended else []
        self._tell()
        if self._tell_fd >= 0:
            os.close(self._tell_fd)
        return {
            "error": "",
            "errno": 0,
            "lines": self._out.lines,
            "stderr": self._err.text(),
            "status": status,
            "duration_s": duration_s,
            "interrupted_s": self._interrupted_s,
            "hang": hang,
            "excess": self._excess,
            "started": started if self._own_pids else 0,
            "leaks": found,
            "events": events,
            "names": self._watch.names,
            "main_pid": self._pid,
        }

    def _drain(self, now_s: float) -> None:
        for stream in (self._out, self._err):
            stream.drain(now_s)
            if self._excess:
                stream.shorten()

    def _follow(self) -> None | tuple[str, Snapshot]:
        """Returns why the lab hangs; None if it has ended, or does too much."""
        end_fd = _open_pidfd(self._pid)
        streams = {stream.fd: stream for stream in (self._out, self._err)}
        announce_fd = self._watch.inotify
        poll = select.poll()
        for fd in (*streams, end_fd, self._control_fd, announce_fd):
            if fd >= 0:
                poll.register(fd, select.POLLIN)
        # From the start: a stop may have come before this line.
        next_look_s, pause_s, now_s = 0.0, _FASTEST_LOOK_S, 0.0
        while True:
            before_s = now_s
            wait_s = max(0.0, next_look_s - self._now_s())
            ready = {fd for fd, _ in poll.poll(wait_s * 1e3)}
            now_s = self._now_s()
            if now_s - before_s > wait_s + _LATE_S:
                self._start_s += now_s - before_s
                now_s = before_s
                continue
            for fd in ready & streams.keys():
                if not streams[fd].read(now_s):
                    poll.unregister(fd)
                self._quiet.is_over(now_s)
            self._interrupt_if_asked()
            self._tell()
            has_ended = end_fd in ready
            if end_fd < 0:
                has_ended = _is_zombie(self._pid)
            if has_ended or self._does_too_much():
                if end_fd >= 0:
                    os.close(end_fd)
                return None
            if self._control_fd in ready:
                # It may still clear away what it has; later it may not.
                os.kill(self._pid, signal.SIGTERM)
                deadline_s = time.monotonic() + _GRACE_S
                while not _is_zombie(self._pid):
                    if time.monotonic() > deadline_s:
                        break
                    select.select((), (), (), _FASTEST_LOOK_S)
                self._kill_all()
                leave_at_once(1)
            if announce_fd in ready:
                self._watch.drain_inotify()
            elif now_s < next_look_s:
                continue
            pause_s = min(pause_s * 1.5, _SLOWEST_LOOK_S)
            if why := self._look(now_s, closely=announce_fd in ready):
                return why, proc.snapshot(self._own_pids)
            next_look_s = self._now_s() + pause_s

    def _look(self, now_s: float, closely: bool) -> str:
        """Looks at all processes; returns why the run hangs, if it does."""
        every = proc.processes(self._own_pids)
        self._looks += 1
        closely = closely or self._looks % _CLOSE_LOOK_EVERY == 0
        self._watch.look(every, closely)
        if len(every) > _MOST_PROCESSES:
            self._excess = f"had more than {_MOST_PROCESSES:,} processes"
        elif (
            sum(one.memory for one in every.values()) > self._most_memory
            and proc.memory_of_all(every) > self._most_memory
        ):
            most_mib = self._most_memory >> 20
            self._excess = f"had more than {most_mib:,} MiB of memory"
        self._reap_orphans(every)
        return self._quiet.verdict(now_s, every, self._events_size())

    def _does_too_much(self) -> bool:
        """Whether it seems to print, log or fork forever."""
        for excess in (self._out.excess, self._err.excess):
            self._excess = self._excess or excess
        if self._events_size() > _MOST_BYTES:
            self._excess = f"logged more than {_MOST_BYTES >> 20} MiB of events"
        return bool(self._excess)

    def _interrupt_if_asked(self) -> None:
        wanted = self._question["interrupt_after"]
        if wanted is None or self._interrupted_s is not None:
            return
        lines = self._out.lines[self._lines_seen :]
        self._lines_seen += len(lines)
        if not any(wanted.encode() in line for _, line in lines):
            return
        self._interrupted_s = self._now_s()
        number = self._question["interrupt_signal"]
        group = self._pid
        if self._terminal_fd >= 0:
            group = os.tcgetpgrp(self._terminal_fd) or group
        try:
            # A terminal sends to the group; kill(1) and others to one process.
            if number in (signal.SIGINT, signal.SIGQUIT):
                os.killpg(group, number)
            else:
                os.kill(self._pid, number)
        except ProcessLookupError:
            pass

    def _tell(self) -> None:
        if self._tell_fd < 0:
            return
        lines = self._err.lines[self._lines_told :]
        self._lines_told += len(lines)
        for _, line in lines:
            os.write(self._tell_fd, line + b"\n")

    def _reap_orphans(self, every: dict[int, proc.Stat]) -> None:
        """Reaps what the lab has orphaned, but not its main process.

        If that has just ended, what it has left is not reaped either: it is a
        leak, and is looked for next.
        """
        main = proc.stat(self._pid)
        if main is None or main.state == "Z":
            return
        for pid, status in every.items():
            is_orphan = pid != self._pid and status.ppid == os.getpid()
            if is_orphan and status.state == "Z":
                os.waitpid(pid, os.WNOHANG)

    def _signal_all(self, number: int) -> None:
        # In a pid namespace -1 means all but process 1, which we are.
        pids = (-1,) if self._own_pids else (*proc.processes(False),)
        for pid in pids:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass

    def _stop_all(self) -> None:
        """Keeps the living processes from running on when others are killed.

        A lock that a killed process had goes to its heir, which would say so.
        """
        before: set[int] | None = None
        deadline_s = time.monotonic() + 1
        while time.monotonic() < deadline_s:
            self._signal_all(signal.SIGSTOP)
            every = proc.processes(self._own_pids)
            still = all(each.state in "TtDZX" for each in every.values())
            if still and before == set(every):
                return
            before = set(every)

    def _kill_all(self) -> None:
        self._stop_all()
        deadline_s = time.monotonic() + 10
        while time.monotonic() < deadline_s:
            self._signal_all(signal.SIGKILL)
            try:
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            except ChildProcessError:
                return
            select.select((), (), (), 0.001)

    def _events_size(self) -> int:
        return os.fstat(self._events_fd).st_size if self._events_fd >= 0 else 0

    def _read_events(self) -> bytes:
        if self._events_fd < 0:
            return b""
        most = _KEPT_LINES * _KEPT_BYTES if self._excess else _MOST_BYTES
        return os.pread(self._events_fd, min(self._events_size(), most), 0)

"""A private world for one run of a lab.

`main` runs in a fresh Python process that is started for the run. It makes the
namespaces, becomes process 1 in them, starts the lab, watches it until it ends
or no longer goes on, looks for what is left, kills everything, and answers.

Question and answer travel as marshal data, and only cheap modules are imported,
because every run pays for the start of this process.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import marshal
import os
import select
import signal
import struct
import sys
import time

from harness import leaks, proc

TYPE_CHECKING = False
if TYPE_CHECKING:
    from harness.hang import Answer, Found, Question, Snapshot, Task

_NEWNS, _NEWIPC, _NEWUSER = 0x20000, 0x8000000, 0x10000000
_NEWPID, _NEWNET = 0x20000000, 0x40000000
_MS_NOSUID, _MS_NODEV, _MS_NOEXEC = 2, 4, 8
_MS_BIND, _MS_REC, _MS_PRIVATE = 4096, 16384, 1 << 18
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_O_PATH = 0o10000000
_OWN_FOLDER = "/tmp/.ipc-labs-world"
_MOST_OUTPUT = 64 << 20
_FASTEST_TICK_S, _SLOWEST_TICK_S = 0.005, 0.05
_libc = ctypes.CDLL(None, use_errno=True)


class WorldError(Exception):
    """The world cannot be made this way on this machine."""


def _check(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise WorldError(f"{what}: {os.strerror(number)}")
    return result


def _mount(source: str, target: str, kind: str, flags: int, data: str) -> None:
    _check(
        _libc.mount(
            source.encode(),
            target.encode(),
            kind.encode(),
            ctypes.c_ulong(flags),
            data.encode(),
        ),
        f"mount {kind or source} on {target}",
    )


def _write(path: str, text: str) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)


def _enter_namespaces(flags: int) -> None:
    uid, gid = os.getuid(), os.getgid()
    _check(_libc.unshare(flags), "unshare")
    if flags & _NEWUSER:
        try:
            _write("/proc/self/setgroups", "deny")
            _write("/proc/self/uid_map", f"{uid} {uid} 1")
            _write("/proc/self/gid_map", f"{gid} {gid} 1")
        except OSError as error:
            raise WorldError(f"map the user: {error}") from error


def _make_private() -> None:
    """Keeps the mounts to come from spreading to where we come from."""
    flags = ctypes.c_ulong(_MS_REC | _MS_PRIVATE)
    if _libc.mount(b"none", b"/", None, flags, None) == 0:
        return
    if ctypes.get_errno() != errno.EINVAL:
        _check(-1, "make / private")
    # In a chroot, / is no mount: change it from the root of the namespace,
    # which joining one's own namespace leads to, and come back.
    root, here = os.open("/", os.O_RDONLY), os.open(".", os.O_RDONLY)
    myself = os.pidfd_open(os.getpid())
    try:
        _check(_libc.setns(myself, _NEWNS), "setns")
        _check(_libc.mount(b"none", b"/", None, flags, None), "make / private")
    finally:
        os.fchdir(root)
        os.chroot(".")
        os.fchdir(here)
        for fd in (root, here, myself):
            os.close(fd)


def _top_below(folder: str, path: str) -> str:
    """Returns the entry of `folder` that leads to `path`, "" if none does."""
    if not path.startswith(folder + "/"):
        return ""
    return folder + "/" + path[len(folder) + 1 :].partition("/")[0]


def _cover(folder: str, keep: list[str]) -> frozenset[str]:
    """Puts an empty file system on `folder`, in which only `keep` shows."""
    kept = {}
    for path in keep:
        top = _top_below(os.path.realpath(folder), os.path.realpath(path))
        if top and os.path.exists(top):
            kept[top] = os.open(top, _O_PATH | os.O_CLOEXEC)
    _mount("tmpfs", folder, "tmpfs", _MS_NOSUID | _MS_NODEV, "mode=1777")
    for top, fd in kept.items():
        if os.path.isdir(f"/proc/self/fd/{fd}"):
            os.mkdir(top)
        else:
            os.close(os.open(top, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC))
        _mount(f"/proc/self/fd/{fd}", top, "", _MS_BIND | _MS_REC, "")
        os.close(fd)
    return frozenset(kept)


def _loopback_up() -> None:
    fd = _check(_libc.socket(2, 2 | 0o2000000, 0), "socket")
    up_and_running = 0x41
    request = struct.pack("16sH14x", b"lo", up_and_running)
    fcntl.ioctl(fd, 0x8914, request)  # SIOCSIFFLAGS
    os.close(fd)


def _furnish(question: Question) -> tuple[frozenset[str], str]:
    """Fills the new namespaces; returns the kept paths and where queues are."""
    flags = question["flags"]
    kept: frozenset[str] = frozenset()
    mqueue = ""
    if flags & _NEWNS:
        _make_private()
        if flags & _NEWPID:
            safe = _MS_NOSUID | _MS_NODEV | _MS_NOEXEC
            _mount("proc", "/proc", "proc", safe, "")
        here = os.getcwd()
        kept = _cover("/tmp", question["keep"])
        if os.path.isdir("/dev/shm"):
            kept |= _cover("/dev/shm", question["keep"])
        os.chdir(here)
        os.mkdir(_OWN_FOLDER)
        kept |= {_OWN_FOLDER}
        if flags & _NEWIPC:
            try:
                os.mkdir(f"{_OWN_FOLDER}/mqueue")
                _mount("mqueue", f"{_OWN_FOLDER}/mqueue", "mqueue", 0, "")
                mqueue = f"{_OWN_FOLDER}/mqueue"
            except WorldError:
                pass  # A kernel without POSIX message queues.
    elif os.path.isdir("/dev/mqueue"):
        mqueue = "/dev/mqueue"
    if flags & _NEWNET:
        _loopback_up()
    return kept, mqueue


class _Stream:
    """One output of the lab, cut into lines with the time of each."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.lines: list[tuple[float, bytes]] = []
        self._rest = b""
        self._size = 0
        os.set_blocking(fd, False)

    def read(self, now_s: float) -> bool:
        """Takes what is there; returns whether there may be more later."""
        try:
            chunk = os.read(self.fd, 65536)
        except BlockingIOError:
            return True
        except OSError:
            return False  # A terminal that nobody has open any more.
        if not chunk:
            return False
        self._size += len(chunk)
        if self._size <= _MOST_OUTPUT:
            *lines, self._rest = (self._rest + chunk).split(b"\n")
            self.lines += ((now_s, line) for line in lines)
        return True

    def drain(self, now_s: float) -> None:
        """Takes what is there now, though the writers may still live."""
        for _ in range(64):
            size = self._size
            if not self.read(now_s) or self._size == size:
                break
        if self._rest:
            self.lines.append((now_s, self._rest))
            self._rest = b""
        if self._size > _MOST_OUTPUT:
            self.lines.append((now_s, b"(more output was thrown away)"))

    def text(self) -> bytes:
        """Returns all that was read."""
        return b"\n".join([*(line for _, line in self.lines), b""])


class Session:
    """One run of the lab in the world that has been made."""

    def __init__(self, question: Question, control_fd: int) -> None:
        self._question = question
        self._control_fd = control_fd
        self._own_pids = bool(question["flags"] & _NEWPID)
        kept, mqueue = _furnish(question)
        _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        owned = frozenset(
            name
            for name, flag in (
                ("pid", _NEWPID),
                ("ipc", _NEWIPC),
                ("mnt", _NEWNS),
                ("net", _NEWNET),
            )
            if question["flags"] & flag
        )
        self._events_path, self._events_fd = "", -1
        if question["events"]:
            folder = _OWN_FOLDER if "mnt" in owned else question["scratch"]
            self._events_path = f"{folder}/events"
            self._events_fd = os.open(
                self._events_path,
                os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC,
                0o666,
            )
        self._watch = leaks.Watch(owned, kept, mqueue)
        self._start_s = time.monotonic()
        self._pid = -1
        self._terminal = -1
        self._interrupted_s: float | None = None

    def _now_s(self) -> float:
        return time.monotonic() - self._start_s

    def _spawn(self) -> None:
        """Starts the lab, with nothing but its standard descriptors."""
        err_read, err_write = os.pipe()
        if self._question["tty"]:
            out_read, out_write = _open_terminal()
            self._terminal = out_read
        else:
            out_read, out_write = os.pipe()
        failed_read, failed_write = os.pipe()
        self._start_s = time.monotonic()
        self._pid = os.fork()
        if self._pid == 0:
            try:
                self._become_lab(out_write, err_write)
            except OSError as error:
                os.write(failed_write, str(error.errno).encode())
            finally:
                os._exit(127)
        for fd in (out_write, err_write, failed_write):
            os.close(fd)
        failed = os.read(failed_read, 16)
        os.close(failed_read)
        if failed:
            raise OSError(int(failed), os.strerror(int(failed)))
        self._out, self._err = _Stream(out_read), _Stream(err_read)

    def _become_lab(self, out_fd: int, err_fd: int) -> None:
        os.setsid()
        null_fd = os.open("/dev/null", os.O_RDONLY)
        if self._question["tty"]:
            fcntl.ioctl(out_fd, 0x540E, 0)  # TIOCSCTTY
        os.dup2(out_fd if self._question["tty"] else null_fd, 0)
        os.dup2(out_fd, 1)
        os.dup2(err_fd, 2)
        for number in range(1, signal.NSIG):
            try:
                if signal.getsignal(number) == signal.SIG_IGN:
                    signal.signal(number, signal.SIG_DFL)
            except (OSError, ValueError):
                pass
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        _libc.setrlimit(4, struct.pack("QQ", 0, 0))  # RLIMIT_CORE
        environment = dict(self._question["env"])
        environment.pop("IPC_LABS_EVENTS", None)
        if self._events_path:
            environment["IPC_LABS_EVENTS"] = self._events_path
        command = self._question["command"]
        os.execvpe(command[0], command, environment)

    def run(self) -> Answer:
        """Runs the lab to its end, or until it no longer goes on."""
        self._spawn()
        hang = self._follow()
        duration_s = self._now_s()
        found: list[Found] = []
        status = -signal.SIGKILL
        if hang is None:
            self._out.drain(duration_s)
            self._err.drain(duration_s)
            every = proc.processes(self._own_pids)
            self._watch.look(every, closely=True)
            found = self._watch.left(self._pid, every)
            _, raw = os.waitpid(self._pid, 0)
            status = os.waitstatus_to_exitcode(raw)
        self._kill_all()
        self._out.drain(self._now_s())
        self._err.drain(self._now_s())
        self._watch.remove(found or self._watch.left(self._pid, {}))
        return {
            "error": "",
            "errno": 0,
            "lines": self._out.lines,
            "stderr": self._err.text(),
            "status": status,
            "duration_s": duration_s,
            "interrupted_s": self._interrupted_s,
            "hang": hang,
            "leaks": found,
            "events": self._read_events(),
            "names": self._watch.names,
            "main_pid": self._pid,
        }

    def _follow(self) -> None | tuple[str, Snapshot]:
        """Returns None when the lab has ended, otherwise why it hangs."""
        pidfd = os.pidfd_open(self._pid)
        poll = select.poll()
        streams = {self._out.fd: self._out, self._err.fd: self._err}
        for fd in (
            *streams,
            pidfd,
            self._control_fd,
            self._watch.inotify,
        ):
            poll.register(fd, select.POLLIN)
        quiet = _Quiet(self._question, self._pid, self._own_pids)
        tick_s, looks = _FASTEST_TICK_S, 0
        next_look_s = 0.0
        while True:
            wait_s = max(0.0, next_look_s - self._now_s())
            ready = {fd for fd, _ in poll.poll(wait_s * 1e3)}
            now_s = self._now_s()
            for fd in ready & streams.keys():
                if not streams[fd].read(now_s):
                    poll.unregister(fd)
                quiet.is_over(now_s)
            self._interrupt_if_asked()
            if pidfd in ready:
                os.close(pidfd)
                return None
            if self._control_fd in ready:
                self._kill_all()  # Whoever asked is gone.
                os._exit(1)
            announced = self._watch.inotify in ready
            if announced:
                self._watch.drain_inotify()
            if now_s < next_look_s and not announced:
                continue
            self._reap_orphans()
            every = proc.processes(self._own_pids)
            self._watch.look(every, closely=announced or looks % 4 == 0)
            looks += 1
            tick_s = min(tick_s * 1.5, _SLOWEST_TICK_S)
            next_look_s = self._now_s() + tick_s
            if why := quiet.verdict(now_s, every, self._events_size()):
                return why, proc.snapshot(self._own_pids)

    def _interrupt_if_asked(self) -> None:
        wanted = self._question["interrupt_after"]
        if wanted is None or self._interrupted_s is not None:
            return
        if not any(wanted.encode() in line for _, line in self._out.lines):
            return
        number = self._question["interrupt_signal"]
        group = self._pid
        if self._terminal >= 0:
            group = os.tcgetpgrp(self._terminal) or group
        self._interrupted_s = self._now_s()
        try:
            # A terminal sends to the group; kill(1) and others to one process.
            if number in (signal.SIGINT, signal.SIGQUIT):
                os.killpg(group, number)
            else:
                os.kill(self._pid, number)
        except ProcessLookupError:
            pass

    def _reap_orphans(self) -> None:
        """Reaps what the lab has orphaned, but not its main process."""
        for pid, status in proc.processes(self._own_pids).items():
            if (
                pid != self._pid
                and status.state == "Z"
                and status.ppid == os.getpid()
            ):
                self._watch.names.setdefault(pid, status.comm)
                try:
                    os.waitpid(pid, os.WNOHANG)
                except ChildProcessError:
                    pass

    def _kill_all(self) -> None:
        deadline_s = time.monotonic() + 10
        while time.monotonic() < deadline_s:
            if self._own_pids:
                try:
                    os.kill(-1, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            else:
                for pid in proc.processes(False):
                    try:
                        os.kill(pid, signal.SIGKILL)
                    except ProcessLookupError:
                        pass
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
        return os.pread(self._events_fd, self._events_size(), 0)


class _Quiet:
    """Decides whether a run that says nothing will ever go on."""

    def __init__(self, question: Question, main_pid: int, own: bool) -> None:
        self._limit_s = question["limit_s"]
        self._quiet_s = question["quiet_s"]
        self._main_pid = main_pid
        self._own_pids = own
        self._since_s = 0.0
        self._base_ticks = -1
        self._seen: tuple[object, ...] = ()
        self._blocked_looks = 0

    def is_over(self, now_s: float) -> None:
        """Something has happened."""
        self._since_s = now_s
        self._base_ticks = -1
        self._blocked_looks = 0

    def verdict(
        self, now_s: float, every: dict[int, proc.Stat], events_size: int
    ) -> str:
        """Returns why the run is taken to hang, "" if it is not."""
        if now_s >= self._limit_s:
            return f"it had not ended after {self._limit_s:g} s"
        seen = (events_size, *sorted(every))
        if seen != self._seen:
            self._seen = seen
            self.is_over(now_s)
        ticks = sum(status.ticks for status in every.values())
        if self._base_ticks < 0:
            self._base_ticks = ticks
        quiet_s = now_s - self._since_s
        # Up to 2 % of a processor passes as looking again at what is awaited.
        used_s = (ticks - self._base_ticks) / os.sysconf("SC_CLK_TCK")
        if used_s > 0.02 * quiet_s + 0.02:
            self.is_over(now_s)
        if quiet_s < self._quiet_s:
            return ""
        if any(status.state in "RD" for status in every.values()):
            return ""
        tasks = proc.tasks(self._own_pids)
        if any(task["state"] in "RD" for task in tasks):
            return ""
        if any(self._ends_by_itself(task, now_s) for task in tasks):
            self.is_over(now_s)
            return ""
        self._blocked_looks += 1
        if self._blocked_looks < 2:
            return ""
        return f"nothing had happened for {quiet_s:.1f} s"

    def _ends_by_itself(self, task: Task, now_s: float) -> bool:
        """Whether it waits for nothing but a time that will come."""
        if task["state"] in "TtZX":
            return False
        timeout_s = task["timeout_s"]
        if task["call"] in proc.SLEEPS:
            return timeout_s is None or timeout_s < self._limit_s - now_s
        for fd, _ in task["waits_on"]:
            if (
                "it_value: (0, 0)"
                not in (info := proc.fd_info(task["pid"], fd))
                and "it_value:" in info
            ):
                return True
        # The library looks again every 100 ms; the first process has a limit
        # for all of the lab; ten seconds are taken for ever.
        if timeout_s is None or task["pid"] == self._main_pid:
            return False
        return 0.15 < timeout_s <= 10


def _open_terminal() -> tuple[int, int]:
    master_fd, slave_fd = os.openpty()
    # pylint: disable-next=import-outside-toplevel
    import termios

    attributes = termios.tcgetattr(slave_fd)
    attributes[1] &= ~termios.OPOST
    attributes[3] &= ~termios.ECHO
    termios.tcsetattr(slave_fd, termios.TCSANOW, attributes)
    return master_fd, slave_fd


def _answer_error(text: str, number: int) -> Answer:
    return {
        "error": text,
        "errno": number,
        "lines": [],
        "stderr": b"",
        "status": 0,
        "duration_s": 0.0,
        "interrupted_s": None,
        "hang": None,
        "leaks": [],
        "events": b"",
        "names": {},
        "main_pid": 0,
    }


def _live(question: Question, control_fd: int) -> Answer:
    """Runs the lab in the namespaces that this process is already in."""
    try:
        session = Session(question, control_fd)
    except (WorldError, OSError) as error:
        return _answer_error(f"world: {error}", 0)
    try:
        return session.run()
    except OSError as error:
        return _answer_error(str(error), error.errno or errno.EIO)


def _receive(fd: int) -> Question:
    size = struct.unpack("I", os.read(fd, 4))[0]
    data = b""
    while len(data) < size:
        data += os.read(fd, size - len(data))
    question: Question = marshal.loads(data)
    return question


def _send(fd: int, answer: Answer) -> None:
    data = marshal.dumps(dict(answer))
    while data:
        data = data[os.write(fd, data) :]


def main() -> None:
    """Reads a question from descriptor 0 and writes the answer to 1."""
    control_fd = fcntl.fcntl(0, fcntl.F_DUPFD_CLOEXEC, 3)
    answer_fd = fcntl.fcntl(1, fcntl.F_DUPFD_CLOEXEC, 3)
    null_fd = os.open("/dev/null", os.O_RDWR)
    os.dup2(null_fd, 0)
    os.dup2(null_fd, 1)
    os.close(null_fd)
    question = _receive(control_fd)
    flags = question["flags"]
    try:
        if flags:
            _enter_namespaces(flags)
    except WorldError as error:
        _send(answer_fd, _answer_error(f"world: {error}", 0))
        return
    if not flags & _NEWPID:
        _send(answer_fd, _live(question, control_fd))
        return
    child = os.fork()
    if child == 0:
        try:
            _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            _send(answer_fd, _live(question, control_fd))
        except BaseException:  # pylint: disable=broad-exception-caught
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(0)
    os.close(control_fd)
    os.close(answer_fd)
    os.waitpid(child, 0)

"""A cell: a small machine of its own, in which one command runs and is ended.

    answer = cell.run(cell.Cell(command=[...], shows=[...]))

Of this machine the command sees what the cell shows, and can change none of
it. It has no network but a loopback of its own, and sees and reaches no process
outside. When it ends, or its time is over, all that it has started ends too.

A cell has users of its own, of which none is one of the machine's, not even its
root. Our own code is root in it; a submission is another user, without rights.
See wall.cc, and docs/grading.md for what each wall is for.

`main` runs in a fresh process, which makes the cell: only cheap modules here.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import signal
import socket
import stat
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field

from harness.world import WorldError, check, loopback_up, make_private, mount

# From <linux/sched.h>, <linux/mount.h>, <linux/prctl.h>.
_NAMESPACES = 0x20000 | 0x4000000 | 0x8000000 | 0x20000000 | 0x40000000
_NEWUSER = 0x10000000
USERS = 65_536  # So many can be in a cell.
SUBMITTER = 1_000  # Whose processes are those of a submission.
_RDONLY, _NOSUID, _NODEV, _REMOUNT = 1, 2, 4, 32
_BIND, _REC, _DETACH = 4096, 16384, 2
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 1, 4, 38
_ROOT = "/tmp"  # Where the new root is mounted; it covers that of the machine.
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
# The files that belong to the machine, and not to anybody on it.
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_ETC = (
    "/etc/alternatives",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/localtime",
    "/etc/erlang",
    "/etc/openmpi",
    "/etc/rabbitmq",
)
_WRITTEN = {
    "/etc/passwd": "root:x:0:0:root:/:/bin/sh\n",
    "/etc/group": "root:x:0:\n",
    "/etc/hosts": "127.0.0.1 localhost\n::1 localhost\n",
    "/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
}
_SCRATCH = "mode=1777,size=512m,nr_inodes=100k"
_SAID_MOST = 256 << 20
_END_S = 10.0
_libc = ctypes.CDLL(None, use_errno=True)
_leave_at_once = os._exit


@dataclass(frozen=True)
class Cell:
    """What runs in a cell, and what it has.

    command: what is run, as in execv(3).
    shows: (path, path in the cell) of what is shown, read-only, with all that
        is below it. The system's own programs and libraries always are.
    secret: folders of the cell that only root may enter.
    env: all of the environment.
    users_from: where the users of the cell begin on the machine: its root is
        this one, and its user 5 the fifth after it. 0 if there are none of its
        own, as for a maker who is not root: then its root is the maker.
    user: the user and group, of the cell, that the command becomes, without any
        rights; 0 remains root, which only our own programs may.
    has_processes: whether there is a /proc, with the processes of the cell.
    limits: {"CPU": seconds, ...}: see setrlimit(2).
    asked: what the command reads from its standard input.
    limit_s: when it is ended.
    result: a file that the command has made, which is part of the answer.
    result_bytes_max: the most that this file may hold.
    said_bytes_max: the command is ended when it has said more.
    """

    command: Sequence[str]
    shows: Sequence[tuple[str, str]] = ()
    secret: Sequence[str] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    users_from: int = 0
    user: int = 0
    has_processes: bool = True
    limits: Mapping[str, int] = field(default_factory=dict)
    asked: str = ""
    limit_s: float = 60.0
    result: str = ""
    result_bytes_max: int = 0
    said_bytes_max: int = 1 << 20


@dataclass(frozen=True)
class Answer:
    """What came of it.

    status: the exit status of the command, or minus the signal that ended it.
    said: what it wrote to its standard output and error.
    result: what is in the file that was asked for; None if there is no such.
    problem: why the cell could not be made; "" if it could.
    is_late: whether it was ended because its time was over.
    lacked_memory: whether something in it was ended because of that, as far as
        a control group tells.
    """

    status: int = 0
    said: bytes = b""
    result: bytes | None = None
    problem: str = ""
    is_late: bool = False
    lacked_memory: bool = False


# What is outside of the cell.


class Running:
    """A cell that is there; `enter` is called with the process that makes it.

    By that it can be put into a control group before anything runs in it.
    """

    def __init__(
        self, cell: Cell, enter: Callable[[int], None] | None = None
    ) -> None:
        root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
        code = (
            f"import sys; sys.path.insert(0, {root!r});"
            f"from grader.cell import main; main({os.getpid()})"
        )
        self._cell = cell
        self._is_late = False
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        try:
            if enter:
                enter(self._process.pid)
        except BaseException:
            self.end()
            raise

    @property
    def pid(self) -> int:
        """The process that makes the cell, and waits for its end."""
        return self._process.pid

    def end(self) -> None:
        """Ends the cell, and with it whatever runs in it."""
        self._process.terminate()  # It ends the cell first; see main.
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _end_late(self) -> None:
        self._is_late = True
        self._process.terminate()

    def answer(self) -> Answer:
        """Lets the command run, and returns what came of it."""
        clock = threading.Timer(self._cell.limit_s, self._end_late)
        clock.daemon = True
        clock.start()
        try:
            data = self._converse()
        finally:
            clock.cancel()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_END_S)
            self.end()
        return self._read(data)

    def _converse(self) -> bytes:
        assert self._process.stdin and self._process.stdout
        question = json.dumps(asdict(self._cell)).encode()
        try:
            with self._process.stdin as into:
                into.write(struct.pack("I", len(question)) + question)
        except BrokenPipeError:
            pass  # It has ended, and so has its answer.
        with self._process.stdout as out:
            return out.read(_SAID_MOST)

    def _read(self, data: bytes) -> Answer:
        if self._is_late:
            return Answer(status=-signal.SIGKILL, is_late=True)
        try:
            size = struct.unpack_from("I", data)[0]
            told = json.loads(data[4 : 4 + size])
        except (struct.error, ValueError):
            return Answer(problem="the process that makes the cell has died")
        said_end = 4 + size + told["said"]
        result = None
        if told["result"] is not None:
            result = data[said_end : said_end + told["result"]]
            if len(result) != told["result"]:
                return Answer(problem="the answer of the cell is cut off")
        return Answer(
            status=told["status"],
            said=data[4 + size : said_end],
            result=result,
            problem=told["problem"],
        )


def run(cell: Cell, enter: Callable[[int], None] | None = None) -> Answer:
    """Makes a cell, lets its command run, and returns what came of it."""
    return Running(cell, enter).answer()


# What makes the cell, and is its process 1.


def _place(source: str, target: str) -> None:
    """Makes what another file or folder can be mounted on."""
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
        return
    os.makedirs(os.path.dirname(target), exist_ok=True)
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC))


def _show(source: str, target: str) -> None:
    """Shows a file or folder of the machine, read-only."""
    place = _ROOT + target
    _place(source, place)
    mount(source, place, "", _BIND | _REC, "")
    flags = _REMOUNT | _BIND | _RDONLY | _NOSUID | _NODEV
    mount("", place, "", flags, "")


def _show_system() -> None:
    for path in (*_SYSTEM, *_ETC):
        if os.path.islink(path) and os.path.dirname(path) == "/":
            os.symlink(os.readlink(path), _ROOT + path)
        elif os.path.exists(path):
            _show(os.path.realpath(path), path)


def _show_own(cell: Cell, opened: Mapping[str, int]) -> None:
    for path, text in _WRITTEN.items():
        with open(_ROOT + path, "w", encoding="utf-8") as file:
            file.write(text)
    for path in cell.secret:
        os.makedirs(_ROOT + path, 0o700)
    for source, target in _shown(cell):
        _show(f"/proc/self/fd/{opened[source]}", target)
        os.close(opened[source])


def _show_devices() -> None:
    os.makedirs(f"{_ROOT}/dev/shm")
    os.makedirs(f"{_ROOT}/dev/pts")
    for name in _DEVICES:
        place = f"{_ROOT}/dev/{name}"
        _place(f"/dev/{name}", place)
        mount(f"/dev/{name}", place, "", _BIND, "")
    options = "newinstance,ptmxmode=0666,mode=0620"
    mount("devpts", f"{_ROOT}/dev/pts", "devpts", _NOSUID, options)
    mount("tmpfs", f"{_ROOT}/dev/shm", "tmpfs", _NOSUID | _NODEV, _SCRATCH)
    for name, target in (
        ("ptmx", "pts/ptmx"),
        ("fd", "/proc/self/fd"),
        ("stdin", "fd/0"),
        ("stdout", "fd/1"),
        ("stderr", "fd/2"),
    ):
        os.symlink(target, f"{_ROOT}/dev/{name}")


def _shown(cell: Cell) -> list[tuple[str, str]]:
    """Returns what is shown besides the system: Python may be elsewhere."""
    prefix = sys.base_prefix
    own = [] if prefix.startswith("/usr") else [(prefix, prefix)]
    return [*own, *((source, target) for source, target in cell.shows)]


def _open(cell: Cell) -> dict[str, int]:
    """Opens what is shown, while we may and before anything covers it."""
    return {
        source: os.open(source, os.O_PATH | os.O_CLOEXEC)
        for source, _ in _shown(cell)
    }


def _furnish(cell: Cell, opened: Mapping[str, int]) -> None:
    """Makes the file system of the cell, and enters it."""
    make_private()
    options = "mode=0755,size=16m"
    mount("tmpfs", _ROOT, "tmpfs", _NOSUID | _NODEV, options)
    os.mkdir(f"{_ROOT}/etc")
    _show_system()
    _show_own(cell, opened)
    _show_devices()
    for folder, size in (("tmp", _SCRATCH), ("run", "mode=0755,size=64m")):
        os.mkdir(f"{_ROOT}/{folder}")
        mount("tmpfs", f"{_ROOT}/{folder}", "tmpfs", _NOSUID | _NODEV, size)
    if cell.has_processes:
        os.mkdir(f"{_ROOT}/proc")
        mount("proc", f"{_ROOT}/proc", "proc", _NOSUID | _NODEV, "")
    os.chdir(_ROOT)
    check(_libc.syscall(_pivot_root(), b".", b"."), "pivot_root")
    check(_libc.umount2(b".", _DETACH), "umount")
    os.chdir("/")
    mount("", "/", "", _REMOUNT | _RDONLY | _NOSUID | _NODEV, options)


def _pivot_root() -> int:
    return {"x86_64": 155, "aarch64": 41}[os.uname().machine]


def _become(cell: Cell) -> None:
    """Gives up what the command may not have."""
    for name, most in cell.limits.items():
        kind = getattr(resource, f"RLIMIT_{name}")
        resource.setrlimit(kind, (most, most))
    if cell.user:
        check(
            _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0),
            "give up new privileges",
        )
        os.setgroups([])
        os.setresgid(cell.user, cell.user, cell.user)
        os.setresuid(cell.user, cell.user, cell.user)
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)


def _start(cell: Cell) -> tuple[int, int, int]:
    """Starts the command; returns it, and where it reads and writes."""
    in_read, in_write = os.pipe()
    out_read, out_write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.dup2(in_read, 0)
            os.dup2(out_write, 1)
            os.dup2(out_write, 2)
            os.closerange(3, 1 << 16)
            os.setsid()
            _become(cell)
            os.execve(cell.command[0], list(cell.command), dict(cell.env))
        except BaseException as error:  # pylint: disable=broad-except
            os.write(2, f"{cell.command[0]}: {error}\n".encode())
        finally:
            _leave_at_once(127)
    os.close(in_read)
    os.close(out_write)
    return pid, in_write, out_read


def _chunks(fd: int) -> Iterator[bytes]:
    while chunk := os.read(fd, 65536):
        yield chunk


def _follow(cell: Cell) -> tuple[int, bytes]:
    """Runs the command to its end; returns its status and what it said."""
    pid, in_fd, out_fd = _start(cell)

    def feed() -> None:
        with os.fdopen(in_fd, "wb") as into:
            try:
                into.write(cell.asked.encode())
            except BrokenPipeError:
                pass  # It does not want to know.

    def end_all() -> None:
        # Everybody but us, who are process 1.
        try:
            os.kill(-1, signal.SIGKILL)
        except ProcessLookupError:
            pass

    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    threading.Thread(target=feed, daemon=True).start()
    statuses: list[int] = []

    def reap() -> None:
        while True:
            found, how = os.wait()
            if found == pid:
                statuses.append(os.waitstatus_to_exitcode(how))
                end_all()  # What it has left may hold its output open.
                return

    waiter = threading.Thread(target=reap, daemon=True)
    waiter.start()
    said = bytearray()
    for chunk in _chunks(out_fd):
        said += chunk
        if len(said) > cell.said_bytes_max:
            del said[cell.said_bytes_max :]
            end_all()
            break
    waiter.join()
    return statuses[0], bytes(said)


def _result(cell: Cell) -> bytes | None:
    """Reads the file that the command has made, if it is one."""
    if not cell.result:
        return None
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(cell.result, flags), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return None
            data = file.read(cell.result_bytes_max + 1)
    except OSError:
        return None
    return data if len(data) <= cell.result_bytes_max else None


def _answer(
    fd: int,
    status: int = 0,
    said: bytes = b"",
    result: bytes | None = None,
    problem: str = "",
) -> None:
    told = {
        "status": status,
        "said": len(said),
        "result": None if result is None else len(result),
        "problem": problem,
    }
    head = json.dumps(told).encode()
    with os.fdopen(fd, "wb") as out:
        out.write(struct.pack("I", len(head)) + head + said + (result or b""))


def _live(cell: Cell, maker: socket.socket, answer_fd: int) -> None:
    """Is process 1 of the cell."""
    try:
        opened = _open(cell)
        _become_root()
        _die_with_parent()
        # In the new namespace, process 1 cannot see whether that lives.
        maker.send(b"?")
        if not maker.recv(1):
            return
        check(_libc.sethostname(b"cell", 4), "sethostname")
        loopback_up()
        _furnish(cell, opened)
        status, said = _follow(cell)
    except (WorldError, OSError) as error:
        _answer(answer_fd, problem=str(error) or type(error).__name__)
        return
    _answer(answer_fd, status, said, _result(cell))


def _become_root() -> None:
    """Becomes root of the cell, if it has users of its own."""
    if os.getuid() == 0 or not _maps_root():
        return
    os.setgroups([])
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)
    _libc.prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0)  # It was, before such a change.


def _maps_root() -> bool:
    with open("/proc/self/uid_map", encoding="ascii") as file:
        return file.read().split()[:1] == ["0"]


def _write_maps(pid: str, maps: Mapping[str, str]) -> None:
    for name, text in maps.items():
        with open(f"/proc/{pid}/{name}", "w", encoding="ascii") as file:
            file.write(text)


def _enter_namespaces(users_from: int) -> None:
    if not users_from:
        uid, gid = os.getuid(), os.getgid()
        check(_libc.unshare(_NAMESPACES | _NEWUSER), "unshare")
        _write_maps(
            "self",
            {
                "setgroups": "deny",
                "uid_map": f"{uid} {uid} 1",
                "gid_map": f"{gid} {gid} 1",
            },
        )
        return
    # Only from outside can more than one user be mapped.
    parent = os.getpid()
    ours, its = socket.socketpair()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            ours.close()
            if its.recv(1):
                users = f"0 {users_from} {USERS}"
                _write_maps(str(parent), {"uid_map": users, "gid_map": users})
                status = 0
        finally:
            _leave_at_once(status)
    its.close()
    check(_libc.unshare(_NAMESPACES | _NEWUSER), "unshare")
    ours.send(b"!")
    if os.waitpid(child, 0)[1]:
        raise WorldError("map the users of the cell")


def _die_with_parent() -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def main(parent: int) -> None:
    """Reads what the cell is to be from descriptor 0; writes the answer to 1.

    It ends, and all of the cell with it, if its parent does.
    """
    _die_with_parent()
    if os.getppid() != parent:
        _leave_at_once(1)
    with os.fdopen(os.dup(0), "rb") as file:
        head = file.read(4)
        if len(head) < 4:
            return  # Whoever made us has changed its mind.
        size = struct.unpack("I", head)[0]
        cell = Cell(**json.loads(file.read(size)))
    answer_fd = os.dup(1)
    null_fd = os.open("/dev/null", os.O_RDWR)
    os.dup2(null_fd, 0)
    os.dup2(null_fd, 1)
    os.umask(0o022)
    try:
        _enter_namespaces(cell.users_from)
    except (WorldError, OSError) as error:
        _answer(answer_fd, problem=str(error))
        return
    ours, its = socket.socketpair()
    child = os.fork()
    if child == 0:
        ours.close()
        try:
            _live(cell, its, answer_fd)
        finally:
            _leave_at_once(0)
    os.close(answer_fd)
    its.close()
    signal.signal(signal.SIGTERM, lambda *told: os.kill(child, signal.SIGKILL))
    with contextlib.suppress(ConnectionError):  # It may have failed by now.
        ours.recv(1)
        ours.send(b"!")
    os.waitpid(child, 0)
    _leave_at_once(0)

"""A private world for one run of a lab.

`serve` runs in a Python process that knows nothing but how a world is made. For
each run it forks a process, which makes the namespaces, becomes process 1 in
them, and there runs the lab (session.py). To start Python anew for each run
took more time than most labs do.

Question and answer travel as marshal data, and only cheap modules are imported.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import marshal
import os
import signal
import socket
import struct
import sys

from harness import leaks, session

TYPE_CHECKING = False
if TYPE_CHECKING:
    from harness.wire import Answer, Question

# From <linux/sched.h>, <linux/mount.h>, <linux/prctl.h>, <linux/sockios.h>.
_NEWNS, _NEWIPC, _NEWUSER = 0x20000, 0x8000000, 0x10000000
_NEWPID, _NEWNET = 0x20000000, 0x40000000
_MS_NOSUID, _MS_NODEV, _MS_NOEXEC = 2, 4, 8
_MS_BIND, _MS_REC, _MS_PRIVATE = 4096, 16384, 1 << 18
_PR_SET_PDEATHSIG = 1
_SIOCSIFFLAGS, _IFF_UP_AND_RUNNING = 0x8914, 0x41
_O_PATH = 0o10000000
_AF_INET, _SOCK_DGRAM_CLOEXEC = 2, 2 | 0o2000000

_NAMESPACES = {"pid": _NEWPID, "ipc": _NEWIPC, "mnt": _NEWNS, "net": _NEWNET}
_OWN_FOLDER = "/tmp/.ipc-labs-world"
# No lab needs more; without a limit files could fill half of the memory.
_FILES = "mode=1777,size=512m,nr_inodes=100k"
_libc = ctypes.CDLL(None, use_errno=True)


class WorldError(Exception):
    """The world cannot be made this way on this machine."""


def check(result: int, what: str) -> int:
    """Returns the result of a call of the C library, unless it failed."""
    if result < 0:
        number = ctypes.get_errno()
        raise WorldError(f"{what}: {os.strerror(number)}")
    return result


def mount(source: str, target: str, kind: str, flags: int, data: str) -> None:
    """Calls mount(2)."""
    check(
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
    check(_libc.unshare(flags), "unshare")
    if flags & _NEWUSER:
        try:
            _write("/proc/self/setgroups", "deny")
            _write("/proc/self/uid_map", f"{uid} {uid} 1")
            _write("/proc/self/gid_map", f"{gid} {gid} 1")
        except OSError as error:
            raise WorldError(f"map the user: {error}") from error


def _join_network(pid: int, flags: int) -> int:
    """Enters the network of a process; returns what is left to be made."""
    kinds = ["user", "net"] if flags & _NEWUSER else ["net"]
    for kind in kinds:
        fd = os.open(f"/proc/{pid}/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC)
        try:
            check(_libc.setns(fd, 0), f"join the {kind} namespace")
        finally:
            os.close(fd)
    return flags & ~(_NEWNET | _NEWUSER)


def make_private() -> None:
    """Keeps later mounts from spreading to the namespace that we come from."""
    flags = ctypes.c_ulong(_MS_REC | _MS_PRIVATE)
    if _libc.mount(b"none", b"/", None, flags, None) == 0:
        return
    if ctypes.get_errno() != errno.EINVAL:
        check(-1, "make / private")
    # In a chroot, / is no mount: change it from the root of the namespace,
    # which joining one's own namespace leads to, and come back.
    root, here = os.open("/", os.O_RDONLY), os.open(".", os.O_RDONLY)
    myself = os.pidfd_open(os.getpid())
    try:
        check(_libc.setns(myself, _NEWNS), "setns")
        check(_libc.mount(b"none", b"/", None, flags, None), "make / private")
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
    mount("tmpfs", folder, "tmpfs", _MS_NOSUID | _MS_NODEV, _FILES)
    for top, fd in kept.items():
        if os.path.isdir(f"/proc/self/fd/{fd}"):
            os.mkdir(top)
        else:
            os.close(os.open(top, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC))
        mount(f"/proc/self/fd/{fd}", top, "", _MS_BIND | _MS_REC, "")
        os.close(fd)
    return frozenset(kept)


def loopback_up() -> None:
    """Lets processes of a new network reach each other."""
    fd = check(_libc.socket(_AF_INET, _SOCK_DGRAM_CLOEXEC, 0), "socket")
    request = struct.pack("16sH14x", b"lo", _IFF_UP_AND_RUNNING)
    fcntl.ioctl(fd, _SIOCSIFFLAGS, request)
    os.close(fd)


def _mount_all(question: Question, owned: frozenset[str]) -> frozenset[str]:
    """Fills the mount namespace; returns what of /tmp is not the run's."""
    make_private()
    if "pid" in owned:
        flags = _MS_NOSUID | _MS_NODEV | _MS_NOEXEC
        mount("proc", "/proc", "proc", flags, "")
    here = os.getcwd()
    kept = _cover("/tmp", question["keep"])
    if os.path.isdir("/dev/shm"):
        kept |= _cover("/dev/shm", question["keep"])
    if question["tty"]:
        _mount_terminals()
    os.chdir(here)  # Perhaps that is below one of them.
    os.mkdir(_OWN_FOLDER)
    return kept | {_OWN_FOLDER}


def _mount_terminals() -> None:
    """Provides /dev/pts: in a bare chroot it is empty."""
    try:
        flags = _MS_NOSUID | _MS_NOEXEC
        mount("devpts", "/dev/pts", "devpts", flags, "ptmxmode=0666")
    except WorldError:
        pass  # Then those of the machine must do.


def _mount_queues() -> str:
    """Returns the folder where message queues are seen, "" if nowhere."""
    folder = f"{_OWN_FOLDER}/mqueue"
    try:
        os.mkdir(folder)
        mount("mqueue", folder, "mqueue", 0, "")
        return folder
    except WorldError:
        return ""  # A kernel without POSIX message queues.


def _furnish(question: Question) -> tuple[leaks.Watch, str]:
    """Fills the new namespaces; returns the watch, and a folder for us."""
    owned = frozenset(
        name for name, flag in _NAMESPACES.items() if question["flags"] & flag
    )
    folder, kept = question["scratch"], frozenset[str]()
    mqueue = "/dev/mqueue" if os.path.isdir("/dev/mqueue") else ""
    if "mnt" in owned:
        kept = _mount_all(question, owned)
        mqueue = _mount_queues()
        folder = _OWN_FOLDER
    if "net" in owned:
        loopback_up()
    token = question["token"]
    return leaks.Watch(owned, kept, mqueue, token), folder


def _failure(text: str, number: int) -> Answer:
    return {
        "error": text,
        "errno": number,
        "lines": [],
        "stderr": b"",
        "status": 0,
        "duration_s": 0.0,
        "interrupted_s": None,
        "hang": None,
        "excess": "",
        "started": 0,
        "leaks": [],
        "events": b"",
        "names": {},
        "main_pid": 0,
    }


def _live(question: Question, control_fd: int) -> Answer:
    """Runs the lab in the namespaces that this process is already in."""
    try:
        watch, folder = _furnish(question)
    except (WorldError, OSError) as error:
        return _failure(f"world: {error}", 0)
    try:
        return session.Session(question, control_fd, watch, folder).run()
    except OSError as error:
        return _failure(str(error), error.errno or errno.EIO)


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


def _live_as_process_1(
    question: Question, control_fd: int, answer_fd: int
) -> None:
    """Forks the first process of the pid namespace and waits for its end."""
    child = os.fork()
    if child == 0:
        try:
            _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            _send(answer_fd, _live(question, control_fd))
        except BaseException:  # pylint: disable=broad-exception-caught
            sys.excepthook(*sys.exc_info())
        finally:
            session.leave_at_once(0)
    # The answer stays open: its end shows that this process has ended, too.
    for fd in (control_fd, question["tell_fd"]):
        if fd >= 0:
            os.close(fd)
    os.waitpid(child, 0)


def _answer(control_fd: int, answer_fd: int, tell_fd: int) -> None:
    """Reads a question, makes a world for it, and writes the answer."""
    os.setsid()
    os.write(answer_fd, struct.pack("I", os.getpid()))
    question = _receive(control_fd)
    question["tell_fd"] = tell_fd
    try:
        os.chdir(question["cwd"])
        if question["network_of"]:
            question["flags"] = _join_network(
                question["network_of"], question["flags"]
            )
        if question["flags"]:
            _enter_namespaces(question["flags"])
    except (WorldError, OSError) as error:
        _send(answer_fd, _failure(f"world: {error}", 0))
        return
    if question["flags"] & _NEWPID:
        _live_as_process_1(question, control_fd, answer_fd)
    else:
        _send(answer_fd, _live(question, control_fd))


def serve() -> None:
    """Makes a world for each that is asked for, while any process may ask.

    Descriptor 0 is a socket. Each message brings the descriptors for a run: to
    read the question from, to write the answer to, and perhaps one for what the
    lab says on standard error. The end of the first shows that the asking
    process has gone. Before the answer comes the number of the new process.
    """
    asked = socket.socket(fileno=fcntl.fcntl(0, fcntl.F_DUPFD_CLOEXEC, 3))
    null_fd = os.open("/dev/null", os.O_RDWR)
    os.dup2(null_fd, 0)
    os.dup2(null_fd, 1)
    os.close(null_fd)
    # Nobody waits for the processes that are forked here.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        message, fds, _, _ = socket.recv_fds(asked, 1, 3)
        if not message:
            return
        if os.fork() == 0:
            try:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                asked.close()
                for fd in fds:
                    os.set_inheritable(fd, False)
                _answer(*[*fds, -1][:3])
            except BaseException:  # pylint: disable=broad-exception-caught
                sys.excepthook(*sys.exc_info())
            finally:
                session.leave_at_once(0)
        for fd in fds:
            os.close(fd)

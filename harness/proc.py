"""What /proc says about the processes of a run.

Imported by the process that watches a lab from inside its world, so only cheap
modules are used: this is paid for at the start of every run.
"""

from __future__ import annotations

import ctypes
import os
import struct
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.wire import Descriptor, Snapshot, Task

# The calls that a process of a lab can be blocked in, with their numbers.
_CALLS = {
    "read": (0, 63),
    "write": (1, 64),
    "open": (2, -1),
    "poll": (7, -1),
    "ioctl": (16, 29),
    "pread64": (17, 67),
    "readv": (19, 65),
    "writev": (20, 66),
    "select": (23, -1),
    "pause": (34, -1),
    "nanosleep": (35, 101),
    "sendfile": (40, 71),
    "connect": (42, 203),
    "accept": (43, 202),
    "sendto": (44, 206),
    "recvfrom": (45, 207),
    "sendmsg": (46, 211),
    "recvmsg": (47, 212),
    "wait4": (61, 260),
    "semop": (65, 193),
    "msgsnd": (69, 189),
    "msgrcv": (70, 188),
    "fcntl": (72, 25),
    "flock": (73, 32),
    "rt_sigtimedwait": (128, 137),
    "rt_sigsuspend": (130, 133),
    "futex": (202, 98),
    "semtimedop": (220, 192),
    "clock_nanosleep": (230, 115),
    "epoll_wait": (232, -1),
    "mq_timedsend": (242, 182),
    "mq_timedreceive": (243, 183),
    "waitid": (247, 95),
    "openat": (257, 56),
    "pselect6": (270, 72),
    "ppoll": (271, 73),
    "splice": (275, 76),
    "epoll_pwait": (281, 22),
    "accept4": (288, 242),
    "recvmmsg": (299, 243),
    "epoll_pwait2": (441, 441),
    "futex_waitv": (449, 449),
}
_MACHINES = {"x86_64": 0, "aarch64": 1}
_MACHINE = _MACHINES.get(os.uname().machine, -1)
_CALL_OF_NUMBER = (
    {
        numbers[_MACHINE]: call
        for call, numbers in _CALLS.items()
        if numbers[_MACHINE] >= 0
    }
    if _MACHINE >= 0
    else {}
)

# aarch64 lacks these, and its C library makes them of those that can do more.
_MADE_OF = {"epoll_pwait": "epoll_wait", "ppoll": "poll", "pselect6": "select"}

# Where the number of the call cannot be read, the kernel function in which a
# process sleeps often shows it: (part of the function's name, call).
_CALL_OF_WCHAN = (
    ("pipe_read", "read"),
    ("pipe_write", "write"),
    ("wait_for_partner", "open"),
    ("fifo_open", "open"),
    ("futex", "futex"),
    ("do_wait", "wait4"),
    ("nanosleep", "clock_nanosleep"),
    ("poll_schedule", "poll"),
    ("ep_poll", "epoll_wait"),
    ("do_epoll", "epoll_wait"),
    ("inet_csk_accept", "accept"),
    ("unix_stream_read", "recvfrom"),
    ("unix_stream_data_wait", "recvfrom"),
    ("wait_for_packet", "recvfrom"),
    ("sk_wait_data", "recvfrom"),
    ("sock_alloc_send", "sendto"),
    ("sk_stream_wait_memory", "sendto"),
    ("flock_lock_inode_wait", "flock"),
    ("locks_lock_inode_wait", "flock"),
    ("fcntl_setlk", "fcntl"),
    ("posix_lock", "fcntl"),
    ("sigtimedwait", "rt_sigtimedwait"),
    ("sigsuspend", "rt_sigsuspend"),
    ("pause", "pause"),
    ("semtimedop", "semop"),
    ("msgrcv", "msgrcv"),
    ("msgsnd", "msgsnd"),
    ("wq_sleep", "mq_timedreceive"),
    ("eventfd_read", "read"),
    ("eventfd_write", "write"),
    ("inotify_read", "read"),
    ("signalfd", "read"),
    ("timerfd_read", "read"),
    ("n_tty_read", "read"),
    ("tty_read", "read"),
)

SLEEPS = ("nanosleep", "clock_nanosleep")
_EXITING = 0x4  # PF_EXITING in <linux/sched.h>
_SIGKILL_BIT = 1 << 8
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_libc = ctypes.CDLL(None, use_errno=True)


def read_text(path: str) -> str:
    """Returns the contents of a file, "" if it cannot be read."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        chunks = []
        while chunk := os.read(fd, 65536):
            chunks.append(chunk)
        return b"".join(chunks).decode(errors="replace")
    except OSError:
        return ""
    finally:
        os.close(fd)


def list_dir(path: str) -> list[str]:
    """Returns the names in a folder, none if it cannot be read."""
    try:
        return os.listdir(path)
    except OSError:
        return []


def read_link(path: str) -> str:
    """Returns what a symbolic link says, "" if it cannot be read."""
    try:
        return os.readlink(path)
    except OSError:
        return ""


class Stat:
    """One line of /proc/PID/stat."""

    __slots__ = (
        *("pid", "comm", "state", "ppid", "flags", "ticks", "threads"),
        "memory",  # Resident, in bytes; what is shared counts for each.
    )

    def __init__(self, text: str) -> None:
        head, _, tail = text.rpartition(")")
        pid, _, self.comm = head.partition("(")
        fields = tail.split()
        self.pid = int(pid)
        self.state = fields[0]
        self.ppid = int(fields[1])
        self.flags = int(fields[6])
        self.ticks = int(fields[11]) + int(fields[12])
        self.threads = int(fields[17])
        self.memory = int(fields[21]) * _PAGE_BYTES

    @property
    def is_dying(self) -> bool:
        """Whether it has ended or is about to, whatever happens."""
        if self.state in "ZX" or self.flags & _EXITING:
            return True
        for line in read_text(f"/proc/{self.pid}/status").splitlines():
            if line.startswith(("SigPnd:", "ShdPnd:")):
                if int(line.split()[1], 16) & _SIGKILL_BIT:
                    return True
        return False


def stat(pid: int, tid: int | None = None) -> Stat | None:
    """Returns the state of a process or thread, None if it is gone."""
    where = f"{pid}" if tid is None else f"{pid}/task/{tid}"
    text = read_text(f"/proc/{where}/stat")
    return Stat(text) if text else None


def processes(own_pid_namespace: bool) -> dict[int, Stat]:
    """Returns every process of the run except the watching one.

    In a pid namespace these are all that /proc shows; otherwise, all that
    descend from this process, which is their subreaper.
    """
    me = os.getpid()
    found: dict[int, Stat] = {}
    if own_pid_namespace:
        pids = [int(name) for name in list_dir("/proc") if name.isdigit()]
        for pid in pids:
            if pid != me and (status := stat(pid)):
                found[pid] = status
        return found
    queue = [me]
    while queue:
        for pid in _children(queue.pop()):
            if pid not in found and (status := stat(pid)):
                found[pid] = status
                queue.append(pid)
    return found


def newest() -> int:
    """Returns the number of the newest process in our pid namespace.

    Each process or thread that is started has a greater one. 0 if the kernel
    does not tell.
    """
    last = read_text("/proc/loadavg").split()[-1:]
    return int(last[0]) if last else 0


def memory_of_all(pids: Iterable[int]) -> int:
    """Returns what processes have in memory, in bytes.

    What they share is counted once: as much as the process with the most has.
    """
    own, shared = 0, 0
    for pid in pids:
        fields = read_text(f"/proc/{pid}/statm").split()
        if len(fields) > 2:
            own += int(fields[1]) - int(fields[2])
            shared = max(shared, int(fields[2]))
    return (own + shared) * _PAGE_BYTES


def _children(pid: int) -> list[int]:
    if not os.path.exists("/proc/self/task"):
        return []
    path = f"/proc/{pid}/task"
    if os.path.exists(f"{path}/{pid}/children"):
        return [
            int(child)
            for tid in list_dir(path)
            for child in read_text(f"{path}/{tid}/children").split()
        ]
    # A kernel without CONFIG_PROC_CHILDREN: ask every process for its parent.
    every = (stat(int(name)) for name in list_dir("/proc") if name.isdigit())
    return [status.pid for status in every if status and status.ppid == pid]


def descriptors(pid: int) -> dict[int, Descriptor]:
    """Returns the open descriptors of a process."""
    found: dict[int, Descriptor] = {}
    folder = f"/proc/{pid}/fd"
    for name in list_dir(folder):
        path = f"{folder}/{name}"
        target = read_link(path)
        if not target:
            continue
        try:
            mode = os.lstat(path).st_mode
            kind = os.stat(path).st_mode & 0o170000
        except OSError:
            continue
        can = ("r" if mode & 0o400 else "") + ("w" if mode & 0o200 else "")
        fifo = kind == 0o010000
        found[int(name)] = {"target": target, "can": can, "fifo": fifo}
    return found


def fd_info(pid: int, fd: int) -> str:
    """Returns /proc/PID/fdinfo/FD."""
    return read_text(f"/proc/{pid}/fdinfo/{fd}")


def _peek(pid: int, address: int, size: int) -> bytes:
    """Reads the memory of a process, b"" where that is not allowed."""
    if address <= 0:
        return b""
    try:
        fd = os.open(f"/proc/{pid}/mem", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.pread(fd, size, address)
    except (OSError, OverflowError):
        return b""
    finally:
        os.close(fd)


def _signed32(value: int) -> int:
    value &= 0xFFFFFFFF
    return value - (1 << 32) if value >> 31 else value


def _time_at(pid: int, address: int, parts_per_s: float = 1e9) -> float | None:
    raw = _peek(pid, address, 16)
    if len(raw) != 16:
        return None
    seconds, parts = struct.unpack("qq", raw)
    return float(seconds + parts / parts_per_s)


def _until(pid: int, address: int, clock: int) -> float | None:
    """Returns the seconds from now to an absolute time in another process."""
    at_s = _time_at(pid, address)
    return None if at_s is None else at_s - time.clock_gettime(clock)


def timeout_s(pid: int, call: str, args: list[int]) -> float | None:
    """Returns after how long a call will end by itself, None for never."""
    monotonic, realtime = time.CLOCK_MONOTONIC, time.CLOCK_REALTIME
    if call == "nanosleep":
        return _time_at(pid, args[0])
    if call == "clock_nanosleep":
        if args[1] & 1:
            return _until(pid, args[2], _signed32(args[0]))
        return _time_at(pid, args[2])
    if call in ("poll", "epoll_wait", "epoll_pwait"):
        timeout_ms = _signed32(args[2] if call == "poll" else args[3])
        return None if timeout_ms < 0 else timeout_ms / 1e3
    if call in ("ppoll", "rt_sigtimedwait"):
        return _time_at(pid, args[2])
    if call == "select":
        return _time_at(pid, args[4], 1e6)
    if call == "pselect6":
        return _time_at(pid, args[4])
    if call in ("epoll_pwait2", "semtimedop"):
        return _time_at(pid, args[3])
    if call == "futex":
        operation = args[1] & 127
        if operation == 0:
            return _time_at(pid, args[3])
        if operation == 9 and args[4]:
            # The library sleeps in slices of 100 ms, and puts the real end
            # where the kernel does not look: see common/sync/futex.cc.
            return _until(pid, args[4], monotonic)
        on_wall_clock = args[1] & 256 or operation == 6
        return _until(pid, args[3], realtime if on_wall_clock else monotonic)
    if call == "futex_waitv":
        return _until(pid, args[3], _signed32(args[4]))
    if call in ("mq_timedsend", "mq_timedreceive"):
        return _until(pid, args[4], realtime)
    return None


def _polled(pid: int, call: str, args: list[int]) -> list[tuple[int, bool]]:
    """Returns the descriptors that a call waits for, and if it is to write."""
    if call in ("poll", "ppoll"):
        raw = _peek(pid, args[0], 8 * min(args[1], 1024))
        entries = struct.iter_unpack("ihh", raw[: len(raw) // 8 * 8])
        return [
            (fd, bool(wanted & 0x4) and not wanted & 0x1)
            for fd, wanted, _ in entries
            if fd >= 0
        ]
    if call in ("select", "pselect6"):
        waiting = []
        for to_write in (False, True):
            raw = _peek(pid, args[1 + to_write], (min(args[0], 1024) + 7) // 8)
            waiting += [
                (8 * index + bit, to_write)
                for index, byte in enumerate(raw)
                for bit in range(8)
                if byte >> bit & 1 and 8 * index + bit < args[0]
            ]
        return waiting
    if call.startswith("epoll"):
        waiting = []
        for line in fd_info(pid, args[0]).splitlines():
            if line.startswith("tfd:"):
                fields = line.split()
                waiting.append((int(fields[1]), int(fields[3], 16) & 5 == 4))
        return waiting
    return []


_FIRST_ARGUMENT_IS_FD = frozenset(
    "read write pread64 readv writev ioctl connect accept accept4 sendto"
    " recvfrom sendmsg recvmsg recvmmsg fcntl flock mq_timedsend"
    " mq_timedreceive splice".split()
)


def _semaphore(pid: int, args: list[int]) -> list[int]:
    """Returns index, change and last user of an awaited System V semaphore."""
    raw = _peek(pid, args[1], 6)
    if len(raw) != 6:
        return []
    index, change, _ = struct.unpack("Hhh", raw)
    get_pid = 11  # GETPID in <linux/sem.h>
    return [index, change, int(_libc.semctl(int(args[0]), index, get_pid))]


def call_of_function(function: str) -> str:
    """Returns the call in which the kernel sleeps in a function, or ""."""
    for part, call in _CALL_OF_WCHAN:
        if part in function:
            return call
    return ""


def _task(process: Stat, tid: int) -> Task | None:
    pid = process.pid
    status = stat(pid, tid)
    if status is None:
        return None
    wchan = read_text(f"/proc/{pid}/task/{tid}/wchan")
    fields = read_text(f"/proc/{pid}/task/{tid}/syscall").split()
    call, args = "", []
    if len(fields) >= 7 and int(fields[0]) >= 0:
        call = _CALL_OF_NUMBER.get(int(fields[0]), "")
        args = [int(field, 16) for field in fields[1:7]]
    if not call:
        args = []
        call = call_of_function(wchan)
    task: Task = {
        "pid": pid,
        "tid": tid,
        "ppid": process.ppid,
        "comm": status.comm,
        "state": status.state,
        "wchan": wchan,
        "call": call,
        "args": args,
        "timeout_s": None,
        "waits_on": [],
        "word": [],
        "path": "",
    }
    if args:
        _describe(task)
        task["call"] = call_as_made(call, args, _MACHINE)
    return task


def call_as_made(call: str, args: list[int], machine: int) -> str:
    """Returns the call that the program made, as far as it is known."""
    if machine < 0 or _CALLS["poll"][machine] >= 0:
        return call
    if call == "ppoll" and not any(args[:3]):
        return "pause"
    return _MADE_OF.get(call, call)


def _describe(task: Task) -> None:
    """Adds what the arguments of the call point at."""
    pid, call, args = task["pid"], task["call"], task["args"]
    task["timeout_s"] = timeout_s(pid, call, args)
    if call in _FIRST_ARGUMENT_IS_FD:
        to_write = call in ("write", "writev", "sendto", "sendmsg")
        task["waits_on"] = [(_signed32(args[0]), to_write)]
    else:
        task["waits_on"] = _polled(pid, call, args)
    if call == "futex":
        raw = _peek(pid, args[0], 12)
        task["word"] = list(struct.unpack("iii", raw)) if len(raw) == 12 else []
    elif call in ("semop", "semtimedop"):
        task["word"] = _semaphore(pid, args)
    elif call in ("open", "openat"):
        raw = _peek(pid, args[1 if call == "openat" else 0], 256)
        task["path"] = raw.partition(b"\0")[0].decode(errors="replace")


def tasks(own_pid_namespace: bool) -> list[Task]:
    """Returns every thread of every process, and what it waits for."""
    found = []
    for process in sorted(
        processes(own_pid_namespace).values(), key=lambda each: each.pid
    ):
        for tid in sorted(map(int, list_dir(f"/proc/{process.pid}/task"))):
            if task := _task(process, tid):
                found.append(task)
    return found


def _is_at_rest(task: Task) -> bool:
    if task["state"] in "SD":
        # Without a call: it was running again when that was read.
        return bool(task["call"] or task["wchan"].strip("0"))
    return task["state"] != "R"


def _tasks_at_rest(own_pid_namespace: bool) -> list[Task]:
    """Returns all tasks, if possible in an instant in which none is running.

    A process that waits in the library looks again every 100 ms, and may seem
    to run just then. One that really runs still does after some looks.
    """
    for _ in range(20):
        every = tasks(own_pid_namespace)
        if all(map(_is_at_rest, every)):
            break
        time.sleep(0.005)
    return every


def snapshot(own_pid_namespace: bool) -> Snapshot:
    """Returns all that is needed to explain why a run does not go on."""
    every = _tasks_at_rest(own_pid_namespace)
    pids = {task["pid"] for task in every}
    tables = {pid: descriptors(pid) for pid in pids}
    details: dict[int, dict[int, str]] = {}
    for pid, table in tables.items():
        details[pid] = {}
        for fd, descriptor in table.items():
            target = descriptor["target"]
            if target.startswith(("anon_inode:", "/")):
                details[pid][fd] = fd_info(pid, fd)
    return {
        "tasks": every,
        "descriptors": tables,
        "details": details,
        "locks": read_text("/proc/locks"),
        "unix_peers": _unix_peers(tables),
        "tcp": read_text("/proc/self/net/tcp")
        + read_text("/proc/self/net/tcp6"),
        "unix": read_text("/proc/self/net/unix"),
        "watcher_pid": os.getpid(),
    }


def _unix_peers(tables: dict[int, dict[int, Descriptor]]) -> dict[int, int]:
    """Asks which Unix-domain sockets are connected: sock_diag(7)."""
    if not any(
        descriptor["target"].startswith("socket:")
        for table in tables.values()
        for descriptor in table.values()
    ):
        return {}
    # pylint: disable-next=import-outside-toplevel
    import socket

    peers: dict[int, int] = {}
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 4) as link:
            link.settimeout(1)
            # struct nlmsghdr (SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST | NLM_F_DUMP)
            # and struct unix_diag_req (every state, UDIAG_SHOW_PEER).
            request = struct.pack("IHHII", 40, 20, 0x301, 1, 0) + struct.pack(
                "BBHIIIII", socket.AF_UNIX, 0, 0, 0xFFFFFFFF, 0, 4, 0, 0
            )
            link.sendto(request, (0, 0))
            while not _parse_peers(link.recv(1 << 16), peers):
                pass
    except OSError:
        pass
    return peers


def _parse_peers(answer: bytes, peers: dict[int, int]) -> bool:
    """Adds the pairs of one netlink answer; returns whether it is the last."""
    while len(answer) >= 16:
        length, kind = struct.unpack_from("IH", answer)
        if kind != 20 or length < 32:
            return True
        inode = struct.unpack_from("I", answer, 20)[0]
        attributes = answer[32:length]
        while len(attributes) >= 4:
            size, name = struct.unpack_from("HH", attributes)
            if name == 2 and size == 8:
                peers[inode] = struct.unpack_from("I", attributes, 4)[0]
            attributes = attributes[max(4, size + 3 & ~3) :]
        answer = answer[length + 3 & ~3 :]
    return False

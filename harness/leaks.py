"""What a lab leaves behind, seen from inside its world.

A leak is reported as a plain tuple (kind, name, pid of the process it is about
or 0, pid of its maker or 0); the side that started the run turns pids into the
names of processes.
"""

from __future__ import annotations

import ctypes
import os
import select
import stat as modes
import time

from harness import proc

TYPE_CHECKING = False
if TYPE_CHECKING:
    from harness.wire import Descriptor, Found

_IN_CREATE, _IN_MOVED_TO = 0x100, 0x80
_PREFIX = "ipc-labs-"
_MOST = 100
_libc = ctypes.CDLL(None, use_errno=True)


def _entries(folder: str, skip: frozenset[str]) -> list[str]:
    """Returns everything in a folder except folders that are not empty."""
    found: list[str] = []
    for name in sorted(proc.list_dir(folder)):
        if name in skip:
            continue
        path = f"{folder}/{name}"
        try:
            is_folder = modes.S_ISDIR(os.lstat(path).st_mode)
        except OSError:
            continue
        inside = _entries(path, frozenset()) if is_folder else []
        found += inside or [path]
        if len(found) > _MOST:
            break
    return found


def _remove_path(path: str, folder: str) -> None:
    """Removes a file or empty folder, then the folders that it leaves empty."""
    try:
        if modes.S_ISDIR(os.lstat(path).st_mode):
            os.rmdir(path)
        else:
            os.unlink(path)
        parent = os.path.dirname(path)
        while parent.startswith(folder + "/"):
            os.rmdir(parent)
            parent = os.path.dirname(parent)
    except OSError:
        pass  # Not ours to remove, or the folder holds more.


def _pids_in(path: str) -> list[int]:
    """Returns the pids in a name as the labs make them, the maker's first.

    Such a name is ipc-labs-<first pid of the run>-<random>-<maker's pid>-...
    """
    for part in path.split("/"):
        if part.startswith(_PREFIX):
            fields = part[len(_PREFIX) :].split("-")
            pids = (*fields[2:3], fields[0])
            return [int(pid) for pid in pids if pid.isdigit()]
    return []


def _token_in(name: str) -> str:
    """Returns what follows the first pid in such a name."""
    _, prefix, rest = name.partition(_PREFIX)
    return rest.partition("-")[2] if prefix else ""


def _system_v() -> dict[tuple[str, str, int], int]:
    """Returns (kind, key, id) -> pid of the maker or last user, or 0."""
    found = {}
    for kind, id_column, pid_column in (
        ("shm", "shmid", "cpid"),
        ("sem", "semid", ""),
        ("msg", "msqid", "lspid"),
    ):
        lines = proc.read_text(f"/proc/sysvipc/{kind}").splitlines()
        if not lines:
            continue
        columns = lines[0].split()
        for line in lines[1:]:
            row = dict(zip(columns, line.split()))
            number = int(row[id_column])
            if pid_column:
                pid = int(row[pid_column])
            else:
                pid = int(_libc.semctl(number, 0, 11))  # GETPID
            found[f"sysv {kind}", row["key"], number] = max(pid, 0)
    return found


class Watch:
    """Follows a run so that what it leaves can be blamed on a process.

    Args:
      owned: which namespaces belong to the run alone ("pid", "ipc", "mnt",
        "net"). What is not in there was perhaps made by others, and counts only
        if it surely belongs to this run.
      kept: paths below /tmp and /dev/shm that do not concern the run.
      mqueue: the folder where the message queues are seen, "" if nowhere.
      token: what all names that the library makes in this run begin with,
        after the number of a process; see common/process/names.h.
    """

    def __init__(
        self,
        owned: frozenset[str],
        kept: frozenset[str],
        mqueue: str,
        token: str,
    ) -> None:
        self.owned = owned
        self._kept = kept
        self._mqueue = mqueue
        self._token = token
        self._makers: set[int] = set()
        self.names: dict[int, str] = {}
        self.parents: dict[int, int] = {}
        self._looks: dict[int, int] = {}
        self._holders: dict[str, int] = {}
        self._inherited: dict[tuple[int, str], Found] = {}
        self._passed: dict[tuple[int, str], int] = {}
        self._before = self._objects()
        self.inotify = self._open_inotify()

    def _open_inotify(self) -> int:
        """Asks for a notice when a name appears: its maker still holds it."""
        fd = int(_libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))
        for folder in ("/tmp", "/dev/shm"):
            _libc.inotify_add_watch(
                fd, folder.encode(), _IN_CREATE | _IN_MOVED_TO
            )
        return fd

    def note_makers(self, events: bytes) -> None:
        """Learns from the event log of processes that it never saw."""
        for part in events.split(b'"pid":')[1:]:
            digits = part.partition(b",")[0]
            if digits.isdigit():
                self._makers.add(int(digits))

    def drain_inotify(self) -> None:
        """Forgets what has been announced."""
        try:
            while os.read(self.inotify, 65536):
                pass
        except OSError:
            pass

    def look(self, every: dict[int, proc.Stat], closely: bool) -> None:
        """Notes which processes there are, and now and then what they hold."""
        me = os.getpid()
        for pid, status in sorted(every.items()):
            self.names[pid] = status.comm
            # An orphan is ours, but it was made by the parent that it had.
            if status.ppid != me or pid not in self.parents:
                self.parents[pid] = status.ppid
            if status.state in "ZX":
                continue
            looks = self._looks.get(pid, 0)
            if closely or looks < 3:
                self._looks[pid] = looks + 1
                self._look_at(pid)

    def _look_at(self, pid: int) -> None:
        table = proc.descriptors(pid)
        for descriptor in table.values():
            target = descriptor["target"]
            if target.startswith(("/", "socket:")):
                self._holders.setdefault(target, pid)
        for line in proc.read_text(f"/proc/{pid}/maps").splitlines():
            path = line[73:]
            if path.startswith(("/dev/shm/", "/tmp/")):
                self._holders.setdefault(path.strip(), pid)
        self._look_for_inherited(pid)

    def _image(self, pid: int) -> tuple[str, str]:
        """Returns what distinguishes an executed program from a mere fork."""
        stack = proc.read_text(f"/proc/{pid}/stat").rpartition(")")[2].split()
        return proc.read_link(f"/proc/{pid}/exe"), "".join(stack[25:26])

    def _has_executed(self, pid: int, parent: int) -> bool:
        """Whether a process is another program than its parent."""
        image, parents_image = self._image(pid), self._image(parent)
        return bool(image[0] and parents_image[0]) and image != parents_image

    def _look_for_inherited(self, pid: int) -> None:
        """Notes descriptors that went through exec without need.

        A child that has executed a program, and has a pipe, socket or memfd
        above 2 that its parent also holds, was given it by a missing O_CLOEXEC;
        unless the number is written in its arguments, so that it knows what to
        do with it. What its own children then inherit is not told again. Nor is
        what a program that the lab has executed hands to programs of its own:
        runc, for example, names it to them in the environment.
        """
        parent = self.parents.get(pid, 0)
        if parent not in self.names or not self._has_executed(pid, parent):
            return
        grandparent = self.parents.get(parent, 0)
        if grandparent in self.names and self._has_executed(
            parent, grandparent
        ):
            return
        words = proc.read_text(f"/proc/{pid}/cmdline").split("\0")
        numbers = {number for word in words for number in _numbers(word)}
        of_parent = {
            descriptor["target"]
            for descriptor in proc.descriptors(parent).values()
        }
        for fd, descriptor in proc.descriptors(pid).items():
            target = descriptor["target"]
            if fd <= 2 or target not in of_parent:
                continue
            if not target.startswith(("pipe:", "socket:", "/memfd:")):
                continue
            what = target + descriptor["can"]
            self._passed[pid, what] = self._passed.get((pid, what), 0) + 1
            # What is seen once was perhaps about to be closed by the exec.
            if self._passed[pid, what] == 2 and fd not in numbers:
                name = f"descriptor {fd}, {_end_of(descriptor)}{target}, in"
                self._inherited[pid, what] = ("descriptor", name, pid, parent)

    def _left_to_programs(self) -> list[Found]:
        """Returns the inherited descriptors, each for its first heir only."""
        return [
            found
            for (pid, what), found in sorted(self._inherited.items())
            if (self.parents.get(pid, 0), what) not in self._passed
        ]

    def _objects(self) -> dict[str, object]:
        """Returns the names of everything that could be left behind."""
        found: dict[str, object] = {}
        for folder in ("/tmp", "/dev/shm", self._mqueue):
            if folder and self._shared(folder):
                # Many things lie here; only their names matter.
                found.update(
                    dict.fromkeys(
                        f"{folder}/{name}" for name in proc.list_dir(folder)
                    )
                )
        if "ipc" not in self.owned:
            found.update(dict.fromkeys(map(str, _system_v())))
        return found

    def _shared(self, folder: str) -> bool:
        owner = "ipc" if folder == self._mqueue else "mnt"
        return owner not in self.owned

    def _only_one(self) -> int:
        """Returns the pid of the only process there was, 0 if there were more.

        The kernel shows the last number given to a process (proc(5), loadavg).
        """
        numbers = proc.read_text("/proc/loadavg").split()[-1:]
        if "pid" in self.owned and numbers == [str(max(self.names))]:
            return max(self.names) if len(self.names) == 1 else 0
        return 0

    def _alive(self, every: dict[int, proc.Stat]) -> set[int]:
        """Returns which processes live on.

        Processes that the end of their parent kills get a moment to die, so
        that the verdict does not depend on which is faster.
        """
        deadline_s = time.monotonic() + 0.1
        while True:
            alive = {
                pid for pid, status in every.items() if not status.is_dying
            }
            if not alive or time.monotonic() > deadline_s:
                return alive
            select.select((), (), (), 0.005)
            later = ((pid, proc.stat(pid)) for pid in alive)
            every = {pid: status for pid, status in later if status}

    def _is_ours(self, path: str, holder: int) -> bool:
        """Whether something in a shared place surely belongs to this run.

        What the library names has the token of its run, and that alone counts:
        a lab looks into files of other runs, to see whether they are over.
        Pids in names prove nothing: others who share the place may have a pid
        namespace of their own.
        """
        parts = path.removesuffix(" (abstract)").split("/")
        tokens = [token for token in map(_token_in, parts) if token]
        if tokens:
            return any(token.startswith(self._token) for token in tokens)
        return bool(holder)

    def left(self, main_pid: int, every: dict[int, proc.Stat]) -> list[Found]:
        """Returns what is left now that the main process has ended."""
        found: list[Found] = []
        alive = self._alive(every)
        for pid in sorted(every):
            if pid == main_pid:
                continue
            kind = "process" if pid in alive else "zombie"
            parent = self.parents[pid]
            if parent == os.getpid():
                parent = main_pid  # Or one that was never seen.
            found.append((kind, "", pid, parent))
        found += self._left_to_programs()
        return found + self.left_things()

    def left_things(self) -> list[Found]:
        """Returns what is left and is no process."""
        found: list[Found] = []
        for folder, kind in (
            ("/dev/shm", "shm"),
            ("/tmp", "file"),
            (self._mqueue, "mqueue"),
        ):
            if folder:
                found += self._left_in(folder, kind)
        for (kind, key, number), pid in sorted(_system_v().items()):
            if "ipc" not in self.owned:
                if str((kind, key, number)) in self._before:
                    continue
                if pid not in self.names and pid not in self._makers:
                    continue
            name = f"{kind.split()[1]} id {number}, key {key}"
            found.append((kind, name, 0, pid or self._only_one()))
        found += self._abstract_sockets()
        return found

    def remove(self, found: list[Found]) -> None:
        """Removes what this run has left in places that others share."""
        if {"mnt", "ipc"} <= self.owned:
            return
        for kind, name, _, _ in found:
            if kind.startswith("sysv") and "ipc" not in self.owned:
                number = int(name.split()[2].rstrip(","))
                if kind == "sysv sem":
                    _libc.semctl(number, 0, 0)  # IPC_RMID
                elif kind == "sysv shm":
                    _libc.shmctl(number, 0, None)
                else:
                    _libc.msgctl(number, 0, None)
            elif kind == "mqueue" and "ipc" not in self.owned:
                _remove_path(self._mqueue + name, self._mqueue)
            elif name.startswith("/") and "mnt" not in self.owned:
                _remove_path(name, "/tmp")

    def _left_in(self, folder: str, kind: str) -> list[Found]:
        found: list[Found] = []
        skip = frozenset(
            name
            for name in proc.list_dir(folder)
            if f"{folder}/{name}" in self._kept
            or (self._shared(folder) and f"{folder}/{name}" in self._before)
        )
        for path in _entries(folder, skip):
            try:
                status = os.lstat(path)
            except OSError:
                continue
            is_socket = modes.S_ISSOCK(status.st_mode)
            name, holder = path, self._holders.get(path, 0)
            if kind == "mqueue":
                name = path[len(folder) :]
                holder = self._holders.get(name, 0)
            elif is_socket:
                holder = self._holders.get(self._socket(path), 0)
            pids = [pid for pid in (holder, *_pids_in(path)) if pid]
            if self._shared(folder) and not self._is_ours(path, holder):
                continue
            found.append(
                (
                    "socket" if is_socket else kind,
                    name,
                    0,
                    pids[0] if pids else self._only_one(),
                )
            )
        return found

    def _socket(self, path: str) -> str:
        for line in proc.read_text("/proc/self/net/unix").splitlines():
            if line.endswith(f" {path}"):
                return f"socket:[{line.split()[6]}]"
        return ""

    def _abstract_sockets(self) -> list[Found]:
        names = {}
        for line in proc.read_text("/proc/self/net/unix").splitlines():
            fields = line.split()
            if len(fields) != 8 or not fields[7].startswith("@"):
                continue
            holder = self._holders.get(f"socket:[{fields[6]}]", 0)
            if "net" in self.owned or self._is_ours(fields[7], holder):
                names[fields[7]] = holder
        return [
            ("socket", f"{name} (abstract)", 0, pid or self._only_one())
            for name, pid in sorted(names.items())
        ]


def _end_of(descriptor: Descriptor) -> str:
    """Returns "the read end of " for that of a pipe, and so on."""
    if not descriptor["fifo"]:
        return ""
    return f"the {'write' if 'w' in descriptor['can'] else 'read'} end of "


def _numbers(word: str) -> list[int]:
    """Returns the whole numbers in a word."""
    digits = "".join(char if char.isdigit() else " " for char in word)
    return [int(number) for number in digits.split()]

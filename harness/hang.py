"""Why a run does not go on, in words a student understands.

The process that watches the lab takes a snapshot of /proc; here it is turned
into sentences, and into the circle of the processes that wait for each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.wire import Descriptor, Snapshot, Task


# If a thousand processes all wait, the first few say enough.
_SHOWN_MAX = 32


@dataclass(frozen=True)
class Event:
    """One line that the lab wrote to IPC_LABS_EVENTS."""

    t_ns: int
    pid: int
    process: str
    kind: str
    object: str
    id: str


def _listed(names: Sequence[str]) -> str:
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


@dataclass(frozen=True)
class Blocked:
    """One process (or thread) of a run that did not go on."""

    pid: int
    process: str
    state: str
    call: str
    on: str
    held_by: tuple[str, ...]

    def _holders(self) -> str:
        return _listed(
            [
                f"{name} itself" if name == self.process else name
                for name in sorted(
                    self.held_by, key=lambda name: name != self.process
                )
            ]
        )

    def sentence(self) -> str:
        """Returns one sentence that a student understands."""
        who, holders = self.process, self._holders()
        plural = len(self.held_by) > 1
        if self.state == "stopped":
            return (
                f"{who} is stopped by a signal and continues only when a"
                " process sends it SIGCONT."
            )
        if self.state == "running":
            return f"{who} is running: it is not waiting."
        if self.state == "zombie":
            return f"{who} has ended, but {holders} has not waited for it."
        if "write end of" in self.on and holders:
            return (
                f"{who} waits in {self.call} for {self.on}, which {holders}"
                f" still {'hold' if plural else 'holds'} open."
            )
        if "read end of" in self.on and holders:
            verb = "do" if plural else "does"
            return (
                f"{who} waits in {self.call} because the pipe is full:"
                f" {self.on} is held by {holders}, who {verb} not read."
            )
        if self.on in ("a child", "its child", "a thread"):
            end = f": {holders}" if holders else ""
            return f"{who} waits in {self.call} for {self.on} to end{end}."
        held = f", held by {holders}" if holders else ""
        if not self.on:
            return f"{who} waits in {self.call or 'an unknown call'}{held}."
        if self.call in ("futex", "") or self.on.startswith("the lock"):
            return f"{who} waits for {self.on}{held}."
        return f"{who} waits in {self.call} for {self.on}{held}."


@dataclass(frozen=True)
class Hang:
    """A run that did not end by itself."""

    processes: tuple[Blocked, ...]
    cycle: tuple[str, ...]
    why: str = ""

    def explain(self) -> str:
        """Returns the whole story, a line for each process."""
        lines = [f"The run was stopped: {self.why}."] if self.why else []
        shown = self.processes[:_SHOWN_MAX]
        lines += [f"  {blocked.sentence()}" for blocked in shown]
        if left := len(self.processes) - len(shown):
            lines.append(f"  ... and {left:,} more processes.")
        if len(self.cycle) == 1:
            lines.append(f"  {self.cycle[0]} waits for itself.")
        elif self.cycle:
            circle = " -> ".join((*self.cycle, self.cycle[0]))
            lines.append(f"  They wait for each other in a circle: {circle}.")
        return "\n".join(lines)


class _Objects:
    """What the events say about locks and the like."""

    def __init__(self, events: Sequence[Event]) -> None:
        self._names: dict[str, str] = {}
        self._holders: dict[str, list[int]] = {}
        self._awaited: dict[int, str] = {}
        self._part: dict[int, str] = {}
        # Permits that were given by a process that had none: a signal. A
        # process that takes one holds nothing that it would give back.
        given: dict[str, int] = {}
        for event in events:
            if event.kind == "name":
                self._names[event.object] = event.id
            elif event.kind == "acquire":
                if given.get(event.object, 0) > 0:
                    given[event.object] -= 1
                    continue
                self._holders.setdefault(event.object, []).append(event.pid)
            elif event.kind == "release":
                holders = self._holders.get(event.object, [])
                if event.pid in holders:
                    holders.remove(event.pid)
                elif holders:
                    holders.pop(0)  # A semaphore: any process may release it.
                else:
                    given[event.object] = given.get(event.object, 0) + 1
            elif event.kind == "wait":
                self._awaited[event.pid] = event.object
                self._part[event.pid] = event.id
            elif event.kind in ("wake", "exit"):
                self._awaited.pop(event.pid, None)

    def awaited(self, pid: int) -> str:
        """Returns the object a process announced that it waits for, or ""."""
        return self._awaited.get(pid, "")

    def part(self, pid: int) -> str:
        """Returns what of that object it waits for: "room in", or ""."""
        return self._part.get(pid, "")

    def holders(self, thing: str) -> list[int]:
        """Returns the pids of the processes that hold it."""
        return list(dict.fromkeys(self._holders.get(thing, [])))

    def called(self, thing: str) -> str:
        """Returns its name for a reader: "Lock 'left fork'"."""
        kind = thing.partition("@")[0]
        name = self._names.get(thing, "")
        if name and kind == thing:
            return f"'{name}'"
        return f"{kind} '{name}'" if name else thing


_STATES = {
    "T": "stopped",
    "t": "stopped",
    "Z": "zombie",
    "X": "zombie",
    "R": "running",
    "D": "in the kernel",
}


class _Explainer:
    """Turns one snapshot into sentences."""

    def __init__(
        self,
        snapshot: Snapshot,
        events: Sequence[Event],
        names: Mapping[int, str],
    ) -> None:
        self._snapshot = snapshot
        self._objects = _Objects(events)
        self._tasks = snapshot["tasks"]
        self._names = dict(names)
        self._by_tid = {task["tid"]: task for task in self._tasks}
        processes = {task["pid"] for task in self._tasks}
        self._keeper = self._find_keeper(processes)
        processes.discard(self._keeper)
        self._label: dict[int, str] = {}
        taken: dict[str, int] = {}
        for pid in processes:
            name = self._name(pid)
            taken[name] = taken.get(name, 0) + 1
        for task in self._tasks:
            name = self._name(task["pid"])
            if taken.get(name, 0) > 1:
                name = f"{name} (pid {task['pid']})"
            if task["tid"] != task["pid"]:
                own = task["comm"]
                leader = self._by_tid.get(task["pid"])
                if leader and own == leader["comm"]:
                    own = f"thread {task['tid']}"
                name = f"{name}, {own}"
            self._label[task["tid"]] = name

    def _find_keeper(self, pids: set[int]) -> int:
        """Returns the pid of the lab's outer process, 0 if it has none.

        It only waits for Main and for signals, which tells a reader nothing.
        """
        mains = {
            task["ppid"]
            for task in self._tasks
            if task["pid"] in pids and self._name(task["pid"]) == "Main"
        }
        for task in self._tasks:
            if task["ppid"] == self._snapshot["watcher_pid"]:
                if task["pid"] in mains:
                    return task["pid"]
        return 0

    def _name(self, pid: int) -> str:
        task = self._by_tid.get(pid)
        return self._names.get(pid) or (task["comm"] if task else f"pid {pid}")

    def label(self, tid: int) -> str:
        """Returns the name of a process or thread for a reader."""
        return self._label.get(tid) or f"{self._name(tid)} (which has ended)"

    def explain(self, why: str) -> Hang:
        """Returns the explanation of the whole run."""
        found: list[Blocked] = []
        edges: dict[str, tuple[str, ...]] = {}
        for task in self._tasks:
            if task["pid"] == self._keeper:
                continue
            state = _STATES.get(task["state"], "waiting")
            on, holders = "", list[int]()
            if state in ("waiting", "in the kernel"):
                on, holders = self._reason(task)
            elif state == "zombie":
                holders = [task["ppid"]]
                if task["ppid"] not in self._label:
                    continue
            held_by = tuple(dict.fromkeys(map(self.label, holders)))
            name = self.label(task["tid"])
            found.append(
                Blocked(
                    task["pid"],
                    name,
                    state,
                    task["call"] or task["wchan"].strip("0"),
                    on,
                    held_by,
                )
            )
            if state == "waiting":
                edges[name] = held_by
        return Hang(tuple(found), _shortest_cycle(edges), why)

    def _reason(self, task: Task) -> tuple[str, list[int]]:
        """Returns what a task waits for and the tasks that hold it."""
        call = task["call"]
        if call in ("futex", "futex_waitv"):
            return self._futex(task)
        if call in ("wait4", "waitid"):
            return self._child(task)
        if call in ("nanosleep", "clock_nanosleep"):
            if task["timeout_s"] is None:
                return "a point in time", []
            return f"a sleep of {task['timeout_s']:.3g} s to pass", []
        if call in ("pause", "rt_sigsuspend", "rt_sigtimedwait"):
            return "a signal", []
        if call in ("semop", "semtimedop"):
            return self._semaphore(task)
        if call in ("msgrcv", "msgsnd"):
            what = "a message in" if call == "msgrcv" else "room in"
            number = f" {task['args'][0]}" if task["args"] else ""
            return f"{what} System V message queue{number}", []
        if call in ("open", "openat"):
            path = task["path"] or "a FIFO"
            return f"another process to open the other end of {path}", []
        if call in ("flock", "fcntl") and task["waits_on"]:
            return self._file_lock(task)
        on, holders = self._descriptors(task)
        thing = self._objects.awaited(task["pid"])
        if thing and not on:
            return self._objects.called(thing), self._objects.holders(thing)
        return on, holders

    def _futex(self, task: Task) -> tuple[str, list[int]]:
        what, owners = self._mutex(task)
        thing = self._objects.awaited(task["pid"])
        if thing:
            holders = self._objects.holders(thing) or owners
            part = self._objects.part(task["pid"])
            return f"{part} {self._objects.called(thing)}".strip(), holders
        if what:
            return what, owners
        address = f" at {task['args'][0]:#x}" if task["args"] else ""
        return f"a futex{address} that no process wakes", []

    def _mutex(self, task: Task) -> tuple[str, list[int]]:
        """Guesses what a futex word means to the C library, and its owner.

        The word of a robust or priority-inheriting mutex holds the thread id
        of its owner and a mark that a thread waits. An ordinary mutex has its
        owner two words further; a thread that waits for it stores 2, and sleeps
        for as long as it is 2. A thread id without mark is what
        pthread_join(3) waits on.
        """
        if len(task["word"]) != 3:
            return "", []
        lock, _, owner = task["word"]
        thread_id = lock & 0x3FFFFFFF
        if lock > 2 and lock in self._by_tid:
            return "a thread", [lock]
        if thread_id > 2 and thread_id in self._by_tid:
            return "a mutex", [thread_id]
        seen = task["args"][2] & 0xFFFFFFFF if len(task["args"]) > 2 else 0
        if lock in (1, 2) and seen == 2 and owner in self._by_tid:
            return "a mutex", [owner]
        return "", []

    def _child(self, task: Task) -> tuple[str, list[int]]:
        children = [
            other["pid"]
            for other in self._tasks
            if other["ppid"] == task["pid"]
            and other["pid"] == other["tid"]
            and other["state"] not in "ZX"
        ]
        args, wanted = task["args"], 0
        if args and task["call"] == "wait4":
            wanted = args[0] & 0xFFFFFFFF
        elif args and args[0] == 1:
            wanted = args[1]
        elif args and args[0] == 3:
            return self._pidfd(task["pid"], args[1])
        if wanted in children:
            return "its child", [wanted]
        return "a child", children

    def _pidfd(self, pid: int, fd: int) -> tuple[str, list[int]]:
        for line in self._details(pid, fd).splitlines():
            if line.startswith("Pid:"):
                child = int(line.split()[1])
                return "its child", [child] if child > 0 else []
        return "a child", []

    def _semaphore(self, task: Task) -> tuple[str, list[int]]:
        args, word = task["args"], task["word"]
        if not args or len(word) != 3:
            return "a System V semaphore", []
        index, change, last_pid = word
        holders = [last_pid] if change < 0 and last_pid in self._by_tid else []
        return f"System V semaphore {args[0]}[{index}]", holders

    def _details(self, pid: int, fd: int) -> str:
        return self._snapshot["details"].get(pid, {}).get(fd, "")

    def _file_lock(self, task: Task) -> tuple[str, list[int]]:
        pid, fd = task["pid"], task["waits_on"][0][0]
        descriptor = self._table(pid).get(fd)
        if descriptor is None:
            return "a file lock", []
        path = descriptor["target"]
        holders = []
        for other, table in self._snapshot["descriptors"].items():
            for number, candidate in table.items():
                if candidate["target"] != path:
                    continue
                details = self._details(other, number)
                if any(
                    line.startswith("lock:") and "->" not in line
                    for line in details.splitlines()
                ):
                    holders.append(other)
        return f"the lock on {path}", holders

    def _descriptors(self, task: Task) -> tuple[str, list[int]]:
        parts: list[str] = []
        holders: list[int] = []
        waits_on = task["waits_on"]
        if not waits_on and task["call"] in ("read", "write"):
            waits_on = self._only_pipe(task)
        for fd, to_write in waits_on:
            what, who = self._descriptor(task, fd, to_write)
            if what and what not in parts:
                parts.append(what)
            holders += who
        return " or ".join(parts), holders

    def _only_pipe(self, task: Task) -> list[tuple[int, bool]]:
        """Guesses the descriptor where the kernel does not show it."""
        to_write = task["call"] == "write"
        pipes = [
            (fd, to_write)
            for fd, descriptor in self._table(task["pid"]).items()
            if descriptor["fifo"]
            and fd > 2
            and ("w" if to_write else "r") in descriptor["can"]
        ]
        return pipes if len(pipes) == 1 else []

    def _table(self, pid: int) -> dict[int, Descriptor]:
        return self._snapshot["descriptors"].get(pid, {})

    def _descriptor(
        self, task: Task, fd: int, to_write: bool
    ) -> tuple[str, list[int]]:
        descriptor = self._table(task["pid"]).get(fd)
        if descriptor is None:
            return f"descriptor {fd}", []
        target = descriptor["target"]
        if descriptor["fifo"]:
            end = "read" if to_write else "write"
            return f"the {end} end of {target}", self._having(
                target, end[0], fifo=True
            )
        if target.startswith("socket:"):
            return self._socket(task, target, to_write)
        if target.startswith("anon_inode:"):
            return self._nameless(task, fd, target)
        if task["call"].startswith("mq_"):
            what = (
                "room in" if task["call"] == "mq_timedsend" else "a message in"
            )
            end = "r" if task["call"] == "mq_timedsend" else "w"
            return f"{what} message queue {target}", self._having(target, end)
        if target.startswith(("/dev/pts/", "/dev/tty", "/dev/console")):
            return "the terminal", []
        return target, []

    def _having(self, target: str, can: str, fifo: bool = False) -> list[int]:
        return [
            pid
            for pid, table in sorted(self._snapshot["descriptors"].items())
            if any(
                each["target"] == target
                and can in each["can"]
                and (each["fifo"] or not fifo)
                for each in table.values()
            )
        ]

    def _nameless(
        self, task: Task, fd: int, target: str
    ) -> tuple[str, list[int]]:
        if "pidfd" in target:
            return self._pidfd(task["pid"], fd)
        names = {
            "eventfd": "an eventfd to be counted up",
            "inotify": "a change in a watched folder",
            "signalfd": "a signal",
            "timerfd": "a timer",
            "eventpoll": "an epoll set",
        }
        for part, name in names.items():
            if part in target:
                return name, []
        return target, []

    def _socket(
        self, task: Task, target: str, to_write: bool
    ) -> tuple[str, list[int]]:
        inode = int(target.partition("[")[2].rstrip("]"))
        if task["call"] in ("accept", "accept4"):
            return f"a connection to {self._address(inode)}", []
        peer = self._snapshot["unix_peers"].get(inode, 0)
        peer = peer or self._tcp_peer(inode)
        if not peer:
            return f"{self._address(inode)}", []
        holders = self._having(f"socket:[{peer}]", "w")
        what = "room in" if to_write else "data from the other side of"
        return f"{what} {target}", holders

    def _address(self, inode: int) -> str:
        for line in self._snapshot["unix"].splitlines():
            fields = line.split()
            if len(fields) == 8 and fields[6] == str(inode):
                return f"socket {fields[7]}"
        for line in self._snapshot["tcp"].splitlines():
            fields = line.split()
            if len(fields) > 9 and fields[9] == str(inode):
                return f"TCP port {int(fields[1].rpartition(':')[2], 16)}"
        return f"socket:[{inode}]"

    def _tcp_peer(self, inode: int) -> int:
        rows = [line.split() for line in self._snapshot["tcp"].splitlines()]
        rows = [row for row in rows if len(row) > 9 and row[9].isdigit()]
        for row in rows:
            if int(row[9]) == inode:
                for other in rows:
                    if other[1] == row[2] and other[2] == row[1]:
                        return int(other[9])
        return 0


def _shortest_cycle(edges: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Returns the shortest circle in a graph of what waits for what."""
    best: tuple[str, ...] = ()
    for start in edges:
        paths: list[tuple[str, ...]] = [(start,)]
        seen: set[str] = set()
        while paths:
            path = paths.pop(0)
            for name in edges.get(path[-1], ()):
                if name == start and (not best or len(path) < len(best)):
                    best = path
                elif name in edges and name not in seen:
                    seen.add(name)
                    paths.append((*path, name))
    return best


def explain(
    snapshot: Snapshot,
    events: Sequence[Event],
    names: Mapping[int, str],
    why: str = "",
) -> Hang:
    """Explains why a run does not go on.

    Args:
      snapshot: what /proc said about its processes.
      events: what the lab has written to IPC_LABS_EVENTS.
      names: the names of its processes by pid.
      why: how it was noticed.
    """
    return _Explainer(snapshot, events, names).explain(why)

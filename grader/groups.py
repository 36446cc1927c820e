"""Control groups: what all processes of a cell together may take.

    trees, why_not = groups.find()
    with groups.group(trees, memory_bytes=1 << 30, processes=500) as one:
        cell.run(..., enter=one.add)

Version 2 has one tree, version 1 a tree for each kind of thing; see cgroups(7).
Either may be there, or may not be ours to write; `find` sees what can be used.
"""

import contextlib
import os
import pathlib
import re
import secrets
import select
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

MOUNTS = pathlib.Path("/proc/self/mountinfo")
OWN = pathlib.Path("/proc/self/cgroup")
_PREFIX = "ipc-labs-"
_KINDS = ("memory", "pids")
_LEAVE_S, _LOOK_AGAIN_S = 10.0, 0.001


@dataclass(frozen=True)
class Tree:
    """A folder in which groups can be made, and the kinds that it limits."""

    folder: pathlib.Path
    kinds: tuple[str, ...]
    version: int

    def files(self, memory_bytes: int, processes: int) -> Mapping[str, str]:
        """Returns what is to be written, by the name of the file."""
        memory = {
            1: {"memory.limit_in_bytes": str(memory_bytes)},
            2: {"memory.max": str(memory_bytes), "memory.swap.max": "0"},
        }[self.version]
        wanted = {"memory": memory, "pids": {"pids.max": str(processes)}}
        return {
            name: text
            for kind in self.kinds
            for name, text in wanted[kind].items()
        }


class Group:
    """One group in each of the trees; see `group`."""

    def __init__(self, folders: Sequence[pathlib.Path]) -> None:
        self._folders = folders

    def add(self, pid: int) -> None:
        """Puts a process, and all that it will start, into the group."""
        for folder in self._folders:
            (folder / "cgroup.procs").write_text(f"{pid}\n", encoding="ascii")

    @property
    def was_short_of_memory(self) -> bool:
        """Whether the kernel has killed in it because the memory was full."""
        for folder in self._folders:
            for name in ("memory.events", "memory.oom_control"):
                with contextlib.suppress(OSError):
                    text = (folder / name).read_text(encoding="ascii")
                    if re.search(r"^oom_kill [1-9]", text, re.M):
                        return True
        return False

    def remove(self) -> None:
        """Ends what is still in it, and removes it.

        What has been killed needs a moment to leave, which no one announces.
        """
        deadline_s = time.monotonic() + _LEAVE_S
        for folder in self._folders:
            while not _removed(folder) and time.monotonic() < deadline_s:
                text = (folder / "cgroup.procs").read_text(encoding="ascii")
                for pid in map(int, text.split()):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                select.select((), (), (), _LOOK_AGAIN_S)


def _removed(folder: pathlib.Path) -> bool:
    try:
        folder.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


@contextlib.contextmanager
def group(
    trees: Sequence[Tree], memory_bytes: int, processes: int
) -> Iterator[Group]:
    """Makes a group, with these limits, in which nothing is left at the end."""
    name = f"{_PREFIX}{os.getpid()}-{secrets.token_hex(6)}"
    made: list[pathlib.Path] = []
    one = Group(made)
    try:
        for tree in trees:
            folder = tree.folder / name
            folder.mkdir()
            made.append(folder)
            for file, text in tree.files(memory_bytes, processes).items():
                place = folder / file
                if place.exists():  # A kernel may count no swap.
                    place.write_text(text, encoding="ascii")
        yield one
    finally:
        one.remove()


def _mounted() -> Iterator[tuple[pathlib.Path, int, set[str]]]:
    """Yields where groups are mounted: the folder, version, and options."""
    for line in MOUNTS.read_text(encoding="utf-8").splitlines():
        first, _, second = line.partition(" - ")
        kind, _, options = second.split(" ", 2)
        if kind in ("cgroup", "cgroup2"):
            folder = pathlib.Path(first.split(" ")[4])
            version = 2 if kind == "cgroup2" else 1
            yield folder, version, set(options.split(","))


def _own() -> Mapping[str, str]:
    """Returns the groups that we are in: {kind, or "" of version 2: path}."""
    found = {}
    for line in OWN.read_text(encoding="utf-8").splitlines():
        _, kinds, path = line.split(":", 2)
        for kind in kinds.split(","):
            found[kind] = path.lstrip("/")
    return found


def _trees() -> Iterator[Tree]:
    own = _own()
    for mounted, version, options in _mounted():
        if version == 1:
            for kind in sorted({*_KINDS} & options):
                yield Tree(mounted, (kind,), 1)
                yield Tree(mounted / own.get(kind, ""), (kind,), 1)
            continue
        # Groups beside ours, or at the root: a group with processes has none
        # below it that are limited.
        for folder in (mounted, (mounted / own.get("", "")).parent):
            with contextlib.suppress(OSError):
                text = (folder / "cgroup.subtree_control").read_text("ascii")
                kinds = tuple(k for k in _KINDS if k in text.split())
                if kinds:
                    yield Tree(folder, kinds, 2)


def _remove_old(tree: Tree) -> None:
    """Removes the groups of graders that were killed."""
    for folder in tree.folder.glob(f"{_PREFIX}*-*"):
        pid = folder.name.removeprefix(_PREFIX).partition("-")[0]
        if pid.isdigit() and not pathlib.Path("/proc", pid).exists():
            with contextlib.suppress(OSError):
                folder.rmdir()


def find() -> tuple[list[Tree], str]:
    """Returns trees that limit memory and processes, and why others do not.

    Each is tried. If one kind cannot be limited there are no trees, and the
    second value says why; otherwise it is "".
    """
    found: dict[str, Tree] = {}
    problems = []
    for tree in _trees():
        if set(tree.kinds) <= found.keys():
            continue
        try:
            _remove_old(tree)
            with group([tree], 1 << 30, 1000):
                found.update({kind: tree for kind in tree.kinds})
        except OSError as error:
            problems.append(f"{tree.folder}: {error.strerror}")
    missing = [kind for kind in _KINDS if kind not in found]
    if missing:
        reasons = "; ".join(dict.fromkeys(problems)) or "there is no such group"
        return [], f"no control group limits {', '.join(missing)} ({reasons})"
    return list(dict.fromkeys(found.values())), ""

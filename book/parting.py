"""Where two runs part: the first thing that one does and the other does not.

Two runs of one program differ by luck: in pids and times, in the order between
processes, and in which of several equal processes gets what. So the deeds of
each process are compared with those of its namesake; and what Worker 1 does in
one run may be done by Worker 2 in the other.
"""

import collections
import dataclasses
import difflib
import itertools
import re
from collections.abc import Collection, Iterable, Mapping, Sequence

from harness import diagram
from harness.run import Event, Hang, Line

# How a process gets on, rather than what it does.
_WAYS = ("name", "point", "wake")
_LUCK = (
    (re.compile(r"\bpid \d+"), "pid <n>"),
    (re.compile(r"[\d.]+( to [\d.]+)? ?(ns|us|ms|s|seconds?)\b"), "<time>"),
    (re.compile(r"(?<=127\.0\.0\.1:)\d+"), "<port>"),
    # In which order an explorer lets the processes go, and what it says of it.
    (re.compile(r"^says: Order [A-Z]+$"), "says: Order"),
)
_COMMENT = re.compile(r"says: .* has to wait for the \w+|says: PASS")

_SAID, _CONSEQUENCE, _DONE = range(3)

# What harness/hang.py says of a process that waits for the end of another.
JOINS = ("a child", "its child", "a thread")
_NUMBERS = (
    (re.compile(r"\bsocket:\[\d+\]"), "a socket"),
    (re.compile(r"\bpipe:\[\d+\]"), "a pipe"),
    (re.compile(r" at 0x[0-9a-f]+"), ""),
    (re.compile(r"\b([AEIOU][A-Za-z]*)@[0-9a-fx+]+\b"), r"an \1"),
    (re.compile(r"\b([A-Z][A-Za-z]*)@[0-9a-fx+]+\b"), r"a \1"),
    (re.compile(r"/tmp/ipc-labs-[^/ ]+/"), ""),
)
# A longer run is compared only so far, lest it take minutes.
_EVENTS_MAX = 4000
_NOTHING = "does nothing more"

Key = tuple[str, str, str]


@dataclasses.dataclass(frozen=True)
class Deed:
    """Something that a process has done, apart from when it did it."""

    event: Event
    process: str
    words: str
    key: Key
    rank: int  # Of several first differences, that of the lowest shows most.


@dataclasses.dataclass(frozen=True)
class Parting:
    """The first difference of two runs.

    Where a process does nothing more, the last that it did; None if it is not
    there at all.
    """

    right: Event | None
    wrong: Event | None
    sentence: str


def from_lines(lines: Sequence[Line]) -> tuple[Event, ...]:
    """Returns what was printed as events, for a program that writes none."""
    pids: dict[str, int] = {}
    found = []
    for number, line in enumerate(lines):
        speaker = line.speaker or "Output"
        pid = pids.setdefault(speaker, len(pids) + 1)
        t_ns = int(line.t_s * 1e9) + number
        found.append(Event(t_ns, pid, speaker, "say", line.text, ""))
    return tuple(found)


def objects_of(events: Iterable[Event]) -> dict[str, str]:
    """Returns the names that a run has given to its objects."""
    return {e.object: e.id for e in events if e.kind == "name"}


def _endless(events: Sequence[Event]) -> set[int]:
    """Returns the indices of the waits that a process never got over.

    What it releases once it waits belongs to the wait, as for a condition.
    """
    waits: dict[int, int] = {}
    for index, event in enumerate(events):
        if event.kind == "wait":
            waits[event.pid] = index
        elif event.kind not in ("name", "point", "release"):
            waits.pop(event.pid, None)
    return set(waits.values())


def deeds(events: Sequence[Event], hangs: bool) -> list[Deed]:
    """Returns what the processes do, in order.

    A wait counts only if the run hangs and it never ends: whether a process has
    to wait at all is luck, and so is in what it is killed.
    """
    ordered = sorted(events, key=lambda event: event.t_ns)
    is_whole = len(ordered) < _EVENTS_MAX
    endless = _endless(ordered) if is_whole and hangs else set()
    names = diagram.process_names([e for e in ordered if e.kind != "name"])
    objects = objects_of(ordered)
    processes = {_plain(name) for name in names.values()}
    found = []
    for index, event in enumerate(ordered):
        if event.kind in _WAYS or (
            event.kind == "wait" and index not in endless
        ):
            continue
        words = diagram.deed(event, objects)
        text = words
        for pattern, instead in _LUCK:
            text = pattern.sub(instead, text)
        rank = _SAID if event.kind == "say" else _DONE
        if event.kind == "wait":
            words += ", forever"
            # That it waits for a process is only a consequence.
            thing = event.object
            joins = thing in processes
            rank = _CONSEQUENCE if joins else _SAID
        elif _COMMENT.fullmatch(words):
            rank = _CONSEQUENCE
        name = names[event.pid]
        key = (name, event.kind, text)
        found.append(Deed(event, name, words, key, rank))
    return found


def _plain(name: str) -> str:
    return re.sub(r" \(\d+\)$", "", name)


def _family(key: Key) -> Key:
    """Returns the deed, whichever of several equal processes does it."""
    return (re.sub(r"\d+", "#", _plain(key[0])), key[1], key[2])


def _by_process(found: Iterable[Deed]) -> dict[str, list[Deed]]:
    own: dict[str, list[Deed]] = {}
    for deed in found:
        own.setdefault(deed.process, []).append(deed)
    return own


_Found = tuple[str, Deed | None, Deed | None]
Span = tuple[int, int, int, int]


def _spans(right: Sequence[Deed], wrong: Sequence[Deed]) -> list[Span]:
    """Returns where the deeds of a process differ, from left to right."""
    matcher = difflib.SequenceMatcher(
        None,
        [deed.key for deed in right],
        [deed.key for deed in wrong],
        autojunk=False,
    )
    return [
        (i1, i2, j1, j2)
        for what, i1, i2, j1, j2 in matcher.get_opcodes()
        if what != "equal"
    ]


def _without_luck(
    right: Mapping[str, list[Deed]], wrong: Mapping[str, list[Deed]]
) -> tuple[dict[str, list[Deed]], dict[str, list[Deed]]]:
    """Leaves out what another process of the same kind does instead."""
    lost: list[Deed] = []
    gained: list[Deed] = []
    for name in dict.fromkeys((*right, *wrong)):
        ours, theirs = right.get(name, []), wrong.get(name, [])
        for i1, i2, j1, j2 in _spans(ours, theirs):
            lost += ours[i1:i2]
            gained += theirs[j1:j2]
    common = collections.Counter(_family(d.key) for d in lost)
    common &= collections.Counter(_family(d.key) for d in gained)

    def kept(
        all_deeds: Mapping[str, list[Deed]], odd: list[Deed]
    ) -> dict[str, list[Deed]]:
        left = collections.Counter(common)
        dropped = set()
        for deed in odd:
            if left[_family(deed.key)] > 0:
                left[_family(deed.key)] -= 1
                dropped.add(id(deed))
        return {
            name: [deed for deed in own if id(deed) not in dropped]
            for name, own in all_deeds.items()
        }

    return kept(right, lost), kept(wrong, gained)


def parting(
    right_events: Sequence[Event],
    wrong_events: Sequence[Event],
    hang: Hang | None = None,
) -> Parting | None:
    """Returns where the runs part; None if both do the same.

    `hang` is that of the wrong run, which knows what a process waits for that
    wrote no event about it.

    What is said, and what is awaited in vain, shows more than a lock that is
    taken once more: only if these are the same, the rest is compared.
    """
    both = _without_luck(
        _by_process(deeds(right_events[:_EVENTS_MAX], False)),
        _by_process(deeds(wrong_events[:_EVENTS_MAX], hang is not None)),
    )
    for kept in ((_SAID, _CONSEQUENCE), (_SAID, _CONSEQUENCE, _DONE)):
        right, wrong = (
            {
                name: [deed for deed in own if deed.rank in kept]
                for name, own in each.items()
            }
            for each in both
        )
        found = _first(right, wrong, _idle(hang))
        if found is not None:
            name, one, other = found
            sides = [each.get(name, []) for each in both]
            done = one.words if one else _end(sides[0])
            instead = (
                other.words if other else _stuck(name, hang) or _end(sides[1])
            )
            return Parting(
                _place(one, sides[0]),
                _place(other, sides[1]),
                f"{name} {done}; in the wrong program it {instead}",
            )
    return None


def _end(own: Sequence[Deed]) -> str:
    """Returns what a process does after all that it does."""
    return "ends" if own and own[-1].event.kind == "exit" else _NOTHING


def _first(
    right: Mapping[str, list[Deed]],
    wrong: Mapping[str, list[Deed]],
    idle: Collection[str],
) -> _Found | None:
    """Returns the process that first does something else, and what.

    `idle` are those that wait for what no process holds, while others wait for
    what a process does: they only wait for the others.
    """
    starts = [
        min((d.event.t_ns for own in each.values() for d in own), default=0)
        for each in (right, wrong)
    ]
    found: list[tuple[tuple[int, int], _Found]] = []
    for name in dict.fromkeys((*wrong, *right)):
        pairs = itertools.zip_longest(right.get(name, []), wrong.get(name, []))
        for one, other in pairs:
            if one and other and one.key == other.key:
                continue
            rank = min(deed.rank for deed in (one, other) if deed)
            is_late = other is not None and (
                other.rank == _CONSEQUENCE
                or (other.event.kind == "wait" and name in idle)
            )
            if is_late or name not in wrong:
                rank = _CONSEQUENCE
            first = other or one
            assert first
            t_ns = first.event.t_ns - starts[1 if other else 0]
            found.append(((rank, t_ns), (name, one, other)))
            break
    if not found:
        return None
    return min(found, key=lambda each: each[0])[1]


def _idle(hang: Hang | None) -> set[str]:
    """Returns who waits for what no process holds, if others wait for more."""
    stuck = [
        each
        for each in (hang.processes if hang else ())
        if each.on not in JOINS
    ]
    idle = {each.process for each in stuck if not each.held_by}
    return idle if len(idle) < len(stuck) else set()


def _place(deed: Deed | None, own: Sequence[Deed]) -> Event | None:
    """Returns the deed, or that after which the process does nothing more."""
    deed = deed or (own[-1] if own else None)
    return deed.event if deed else None


def _stuck(name: str, hang: Hang | None) -> str:
    """Returns what a process waits for, if it hangs; else ""."""
    for blocked in hang.processes if hang else ():
        if blocked.process == name and blocked.state == "waiting":
            on = readable(blocked.on)
            return f"waits for {on}, forever" if on else "waits forever"
    return ""


def readable(thing: str) -> str:
    """Returns what a process waits for, without the numbers of the kernel."""
    for pattern, instead in _NUMBERS:
        thing = pattern.sub(instead, thing)
    return " or ".join(dict.fromkeys(thing.split(" or ")))

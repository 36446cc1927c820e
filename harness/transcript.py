"""Explorations and schedules as text for people, at most 80 columns wide."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from harness.screen import Screen

WIDTH = 80

# What an event is called in a step of its process; see common/report/report.h.
_DEEDS = {
    "say": "says",
    "send": "sends",
    "receive": "receives",
    "acquire": "acquires",
    "release": "releases",
    "wait": "waits for",
    "wake": "no longer waits for",
}
_STATE_COLUMNS_MAX = 34
_STATE_COLUMNS_MIN = 14
_STEP_COLUMNS_MIN = 40
# If this little is shared, each step shows all of it; else what has changed.
_VIEWS_MAX = 6

Views = Sequence[Sequence[str]]


def wrap(text: str, indent: int = 0, hang: int = 0, width: int = WIDTH) -> str:
    """Wraps a text, with its later lines further to the right by `hang`."""
    return "\n".join(_wrap(text, width, indent, hang))


def _wrap(text: str, width: int, indent: int = 0, hang: int = 0) -> list[str]:
    return textwrap.wrap(
        text,
        width,
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent + hang),
        break_on_hyphens=False,
    ) or [" " * indent]


def clauses(text: str, indent: int, width: int = WIDTH) -> list[str]:
    """Returns the lines of "A waits for x; B waits for y", a clause each."""
    parts = text.split("; ")
    lines = []
    for part in parts[:-1]:
        lines += _wrap(f"{part};", width, indent, 2)
    return lines + _wrap(parts[-1], width, indent, 2)


def letter_of(index: int) -> str:
    """Returns the letter of a process in schedules."""
    return chr(ord("A") + index)


def processes(names: Sequence[str]) -> str:
    """Returns the processes with their letters."""
    listed = (f"{letter_of(i)} {name}" for i, name in enumerate(names))
    return wrap(f"Processes: {', '.join(listed)}", hang=11)


def switches(schedule: str) -> int:
    """Returns how often a schedule goes from one process to another."""
    letters = schedule.upper()
    return sum(a != b for a, b in zip(letters, letters[1:]))


def count(number: int, noun: str) -> str:
    """Returns "1 schedule", "1,234 schedules" or "2 switches"."""
    plural = f"{noun}es" if noun.endswith("ch") else f"{noun}s"
    return f"{number:,} {noun if number == 1 else plural}"


def ending(kind: str, text: str, indent: int = 0) -> list[str]:
    """Returns how a schedule has ended: "Outcome: 1", or who waits for what."""
    head = f"{' ' * indent}{kind.capitalize()}:"
    if kind == "outcome":
        return _wrap(f"{head} {text}", WIDTH, 0, indent + 2)
    return [head, *clauses(text, indent + 2)]


def place(text: str) -> str:
    """Returns where a process is, in few words."""
    return "its end" if text == "exit status 0" else text


def deeds(taken: Mapping[str, Any]) -> list[str]:
    """Returns what a process did in a step: "says Loaded 0"."""
    told = []
    for note in taken["notes"]:
        kind, _, what = note.partition(" ")
        told.append(f"{_DEEDS.get(kind, kind)} {what}")
    # That it waits shows in the place that it has reached.
    return told[:-1] if told[-1:] == [taken["to"]] else told


def step(
    taken: Mapping[str, Any], names: Sequence[str], width: int
) -> list[str]:
    """Returns what a process does in one step."""
    letter = taken["letter"]
    name = names[ord(letter.upper()) - ord("A")]
    where, to = place(taken["from"]), place(taken["to"])
    what = f"{where} -> {to}"
    if letter.islower():
        what = f"is killed at: {where}"
    lines = _wrap(f"{letter} {name}: {what}", width, 0, 2)
    for deed in deeds(taken):
        lines += _wrap(deed, width, 4, 2)
    return lines


def state(views: Views, before: Views | None, width: int) -> list[str]:
    """Returns what is shared, with a star where it has changed."""
    old = dict((name, value) for name, value in before or ())
    lines, left_out = [], 0
    for name, value in views:
        changed = before is not None and old.get(name) != value
        if before is not None and not changed and len(views) > _VIEWS_MAX:
            left_out += 1
            continue
        mark = "*" if changed else " "
        lines += _wrap(f"{mark} {name} = {value}", width, 0, 4)
    if left_out:
        lines.append(f"  ({left_out} as before)")
    return lines


def replay(found: Mapping[str, Any], screen: Screen) -> list[str]:
    """Returns a schedule step by step: who does what, and what is shared."""
    names = [process["name"] for process in found["processes"]]
    views = found["first_views"]
    shown = [
        f"  {name} = {value}"
        for one in (views, *(taken["views"] for taken in found["steps"]))
        for name, value in one
    ]
    longest = max(map(len, shown), default=0)
    right = min(max(longest, _STATE_COLUMNS_MIN), _STATE_COLUMNS_MAX)
    left = WIDTH - right - 3 if views else WIDTH
    told = [step(taken, names, left) for taken in found["steps"]]
    if views:
        needed = max((len(line) for one in told for line in one), default=0)
        left = min(left, max(needed, _STEP_COLUMNS_MIN))
    lines = []
    if views:
        head = f"{'each step':{left}} | what is shared"
        lines += [screen.paint("bold", head)]
        lines += _columns([], state(views, None, right), left, screen)
    for taken, words in zip(found["steps"], told):
        seen = state(taken["views"], views, right)
        lines += _columns(words, seen, left, screen)
        views = taken["views"]
    return lines


def _columns(
    told: Sequence[str], seen: Sequence[str], left: int, screen: Screen
) -> list[str]:
    lines, changed = [], False
    for i in range(max(len(told), len(seen))):
        words = told[i] if i < len(told) else ""
        view = seen[i] if i < len(seen) else ""
        # A value that continues in the next line is further to the right.
        changed = view.startswith("*") or (changed and view.startswith("    "))
        shown = screen.paint("bold", view) if changed else view
        lines.append(f"{words:{left}} | {shown}" if left < WIDTH else words)
    return [line.rstrip() for line in lines]


def outlook(found: Mapping[str, Any]) -> list[str]:
    """Returns how a schedule has ended, or what can come next."""
    if found["kind"]:
        return ending(found["kind"], found["text"])
    lines = ["It has not ended. What can come next:"]
    for i, process in enumerate(found["processes"]):
        letter = letter_of(i)
        if letter in found["options"]:
            what = f"{letter} {process['name']}, now at: {process['place']}"
        elif process["state"] == "waiting":
            what = f"  {process['name']} waits for {process['place']}"
        else:
            continue
        if letter.lower() in found["options"]:
            what += f" ({letter.lower()} kills it)"
        lines += _wrap(what, WIDTH, 2, 4)
    return lines

"""Draws the events of a run as a sequence diagram in SVG.

A column per process, time downwards, a row per event. An arrow leads from a
send to its receive; a wait is shaded until its wake, in the colour of a fault
if none came; a held lock is a bar beside the lifeline; what was said is a note.
"""

import dataclasses
import html
from collections.abc import Sequence

from harness.run import Event

# In a long run the beginning explains most, and the end shows how it ended.
_FIRST_ROWS, _LAST_ROWS = 120, 60
_COLUMNS_MAX = 12

_COLUMN, _ROW, _LEFT, _RIGHT, _HEAD = 210, 22, 76, 24, 40
_NOTE_CHARS = 30

# The kinds that are drawn; `name` is only for machines, and what else a lab
# may write into its log is not ours.
_KINDS = (
    *("start", "exit", "say", "send", "receive", "acquire", "release"),
    *("wait", "wake", "point"),
)


@dataclasses.dataclass(frozen=True)
class _Row:
    """An event, where it is drawn, and the readable name of its object."""

    event: Event
    x: int
    y: int
    object: str


def sequence_diagram(events: Sequence[Event]) -> str:
    """Returns an SVG element; "" if there is nothing to draw."""
    ordered = sorted(events, key=lambda event: event.t_ns)
    drawn = [event for event in ordered if event.kind in _KINDS]
    if not drawn:
        return ""
    processes = _processes(drawn)
    columns = {pid: i for i, pid in enumerate(list(processes)[:_COLUMNS_MAX])}
    drawn = [event for event in drawn if event.pid in columns]
    omitted = max(0, len(drawn) - _FIRST_ROWS - _LAST_ROWS)
    if omitted:
        drawn = drawn[:_FIRST_ROWS] + drawn[-_LAST_ROWS:]
    names = {e.object: e.id for e in ordered if e.kind == "name"}
    rows = _rows(drawn, columns, names, bool(omitted))
    height = rows[-1].y + _ROW

    parts = _lifelines(processes, columns, rows, height)
    parts += _waits(rows, height)
    parts += _held(rows, height)
    parts += _arrows(rows)
    parts += _marks(rows, drawn[0].t_ns)
    if omitted:
        text = f"... {omitted} events are not drawn ..."
        gap_y = _HEAD + _FIRST_ROWS * _ROW + 15
        parts.append(_text(_LEFT, gap_y, text, "gap"))
    if len(processes) > len(columns):
        text = f"{len(processes) - len(columns)} more processes are not drawn"
        parts.append(_text(_LEFT, height + 14, text, "gap"))
        height += _ROW
    width = _LEFT + len(columns) * _COLUMN + _RIGHT
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="diagram" role="img"'
        f' width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
        ' aria-label="sequence diagram">' + "".join(parts) + "</svg>"
    )


def _rows(
    events: Sequence[Event],
    columns: dict[int, int],
    names: dict[str, str],
    gap: bool,
) -> list[_Row]:
    """Places the events; `gap` leaves a row free in the middle."""
    rows = []
    for index, event in enumerate(events):
        if gap and index >= _FIRST_ROWS:
            index += 1
        y = _HEAD + _ROW // 2 + index * _ROW
        x = _LEFT + columns[event.pid] * _COLUMN + 30
        rows.append(_Row(event, x, y, names.get(event.object, event.object)))
    return rows


def _processes(events: Sequence[Event]) -> dict[int, str]:
    """Returns the last name of each process, in order of appearance.

    The second process of a name is marked "(2)", as a worker's second life.
    """
    names: dict[int, str] = {}
    for event in events:
        names[event.pid] = event.process
    times: dict[str, int] = {}
    for pid, name in names.items():
        times[name] = times.get(name, 0) + 1
        if times[name] > 1:
            names[pid] = f"{name} ({times[name]})"
    return names


def _escape(text: str) -> str:
    clean = "".join(c if c.isprintable() else "\ufffd" for c in text)
    return html.escape(clean, quote=True)


def _text(x: int, y: int, text: str, style: str, chars: int = 200) -> str:
    shown = text if len(text) <= chars else text[: chars - 1] + "\u2026"
    title = f"<title>{_escape(text)}</title>" if shown != text else ""
    return (
        f'<text x="{x}" y="{y}" class="{style}">{title}{_escape(shown)}</text>'
    )


def _lifelines(
    processes: dict[int, str],
    columns: dict[int, int],
    rows: Sequence[_Row],
    height: int,
) -> list[str]:
    parts = []
    for pid, column in columns.items():
        x = _LEFT + column * _COLUMN + 30
        own = [row for row in rows if row.event.pid == pid]
        last_y = own[-1].y if own else _HEAD
        ended = any(row.event.kind == "exit" for row in own)
        if not ended:
            # It said no more: blocked, or killed.
            parts.append(
                f'<line x1="{x}" y1="{last_y}" x2="{x}" y2="{height}"'
                ' class="life silent"/>'
            )
        parts.append(
            f'<line x1="{x}" y1="{_HEAD - 8}" x2="{x}" y2="{last_y}"'
            ' class="life"/>'
            f"<g><title>pid {pid}</title>"
            f'<rect x="{x - 24}" y="6" width="{_COLUMN - 30}" height="22"'
            ' rx="4" class="head"/>'
            + _text(x - 16, 21, processes[pid], "headtext", 24)
            + "</g>"
        )
    return parts


def _bars(
    rows: Sequence[_Row], begin: str, end: str
) -> list[tuple[_Row, _Row | None]]:
    """Pairs each `begin` with the next `end` of its process, if there is one.

    A wait and its wake may name the object differently; what is held is
    released by its name.
    """
    by_object = begin == "acquire"
    opened: dict[tuple[int, str], list[_Row]] = {}
    found: list[tuple[_Row, _Row | None]] = []
    for row in rows:
        key = (row.event.pid, row.event.object if by_object else "")
        if row.event.kind == begin:
            opened.setdefault(key, []).append(row)
        elif row.event.kind == end and opened.get(key):
            found.append((opened[key].pop(), row))
    found += [(row, None) for stack in opened.values() for row in stack]
    return found


def _waits(rows: Sequence[_Row], height: int) -> list[str]:
    parts = []
    for start, end in _bars(rows, "wait", "wake"):
        bottom = end.y if end else height
        style = "waiting" if end else "waiting never"
        text = f"waits for {start.object}" + ("" if end else ", forever")
        parts.append(
            f'<rect x="{start.x - 8}" y="{start.y}" width="16"'
            f' height="{max(bottom - start.y, 4)}" class="{style}">'
            f"<title>{_escape(text)}</title></rect>"
        )
    return parts


def _held(rows: Sequence[_Row], height: int) -> list[str]:
    parts = []
    for start, end in _bars(rows, "acquire", "release"):
        bottom = end.y if end else height
        parts.append(
            f'<rect x="{start.x - 3}" y="{start.y}" width="6"'
            f' height="{max(bottom - start.y, 4)}" class="held">'
            f"<title>holds {_escape(start.object)}</title></rect>"
        )
    return parts


def _arrows(rows: Sequence[_Row]) -> list[str]:
    sent: dict[tuple[str, str], list[_Row]] = {}
    for row in rows:
        if row.event.kind == "send" and row.event.id:
            key = (row.event.object, row.event.id)
            sent.setdefault(key, []).append(row)
    parts = []
    for row in rows:
        found = sent.get((row.event.object, row.event.id))
        if row.event.kind != "receive" or not found:
            continue
        start = found.pop(0)
        title = f"{start.event.id} through {start.object}"
        parts.append(
            f'<g class="arrow"><title>{_escape(title)}</title>'
            f'<line x1="{start.x}" y1="{start.y}" x2="{row.x}" y2="{row.y}"/>'
            f"{_arrow_head(start, row)}</g>"
        )
    return parts


def _arrow_head(start: _Row, end: _Row) -> str:
    dx, dy = end.x - start.x, end.y - start.y
    length = max((dx * dx + dy * dy) ** 0.5, 1.0)
    ux, uy = dx / length, dy / length
    points = []
    for along, across in ((4, 0), (12, 4), (12, -4)):
        px = end.x - ux * along - uy * across
        py = end.y - uy * along + ux * across
        points.append(f"{px:.1f},{py:.1f}")
    return f'<polygon points="{" ".join(points)}"/>'


def _marks(rows: Sequence[_Row], first_ns: int) -> list[str]:
    parts = []
    for row in rows:
        kind = row.event.kind
        ms = (row.event.t_ns - first_ns) / 1e6
        parts.append(_text(4, row.y + 4, f"{ms:.2f} ms", "time"))
        label, style = _label(row), kind
        if kind == "say":
            width = min(len(label), _NOTE_CHARS) * 6 + 10
            parts.append(
                f'<rect x="{row.x + 10}" y="{row.y - 9}" width="{width}"'
                ' height="18" rx="3" class="note"/>'
            )
        if kind == "point":
            parts.append(
                f'<rect x="{row.x - 4}" y="{row.y - 4}" width="8" height="8"'
                f' transform="rotate(45 {row.x} {row.y})" class="dot point"/>'
            )
        else:
            parts.append(
                f'<circle cx="{row.x}" cy="{row.y}" r="3" class="dot {style}"/>'
            )
        parts.append(
            _text(row.x + 14, row.y + 4, label, f"label {style}", _NOTE_CHARS)
        )
    return parts


def _label(row: _Row) -> str:
    event = row.event
    if event.kind == "say":
        return event.object
    if event.kind in ("start", "exit"):
        return f"{event.kind}s"
    words = {
        "send": f"sends {event.id}",
        "receive": f"receives {event.id}",
        "acquire": f"has {row.object}",
        "release": f"releases {row.object}",
        "wait": " ".join(f"waits for {event.id} {row.object}".split()),
        "wake": "continues",
        "point": f"at {row.object}",
    }
    return words.get(event.kind, f"{event.kind} {row.object}").strip()

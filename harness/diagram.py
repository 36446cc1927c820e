"""Draws the events of a run as a sequence diagram in SVG.

A lifeline per process, time downwards, a row per event. An arrow leads from a
send to its receive; a wait is shaded until its wake, in the colour of a fault
if none came; a held lock is a bar beside the lifeline; what was said is a note.

It is drawn wide, with what a process does beside its own lifeline, or in lanes:
narrow lifelines side by side, and all words to the right of them, whole.

Its colours are those of diagram.css, which takes them from a page's variables.
"""

import dataclasses
import html
import pathlib
from collections.abc import Sequence

from harness.run import Event

_NOTE_CHARS = 30
_LANE_CHARS = 72
# Of text of 12 px; a browser may use any font, so rather more than less.
_CHAR_WIDTH = 6.6

# The kinds that are drawn; `name` is only for machines, and what else a lab
# may write into its log is not ours.
_KINDS = (
    *("start", "exit", "say", "send", "receive", "acquire", "release"),
    *("wait", "wake", "point"),
)
# A process has one of this many colours; its letter says which it is.
_COLOURS = 8
_FOREVER = ", forever"
FIRST_DIFFERENCE = "first difference"


@dataclasses.dataclass(frozen=True)
class Style:
    """How much is drawn, and how it is laid out."""

    # In a long run the beginning explains most, and the end shows how it ended.
    first_rows: int = 120
    last_rows: int = 60
    # Around a mark, if there is one and not all is drawn.
    before_mark: int = 14
    after_mark: int = 10
    columns_max: int = 12
    lanes: bool = False
    points: bool = True  # The places at which an explorer stops a process.

    @property
    def column(self) -> int:
        """The distance of two lifelines."""
        return 28 if self.lanes else 210

    @property
    def left(self) -> int:
        """Where the first lifeline begins, to the right of the times."""
        return 58 if self.lanes else 76

    @property
    def inset(self) -> int:
        """How far a lifeline is from the left side of its column."""
        return 14 if self.lanes else 30


WIDE = Style()
_ROW, _HEAD, _RIGHT = 22, 40, 24


@dataclasses.dataclass(frozen=True)
class _Row:
    """An event, where it is drawn, and the readable name of its object."""

    event: Event
    x: int
    y: int
    object: str
    drawn: bool  # Not left out: then it is where the gap is.


def letter_of(index: int) -> str:
    """Returns the letter of a process: A to Z, then A1 and so on."""
    letter = chr(ord("A") + index % 26)
    return letter if index < 26 else f"{letter}{index // 26}"


def sequence_diagram(
    events: Sequence[Event],
    style: Style = WIDE,
    mark: Event | None = None,
    label: str = "",
    from_ns: int | None = None,
    order: Sequence[str] = (),
    hangs: bool = True,
) -> str:
    """Returns an SVG element; "" if there is nothing to draw.

    Args:
      events: what the processes wrote.
      style: how it is laid out.
      mark: one of the events, which is marked as the first difference; of a
        long run only what is around it is drawn.
      label: what it shows, for readers who do not see it.
      from_ns: the time from which times count; the first event's if None.
      order: the names of processes in the order of their letters; others
        follow. Two diagrams with the same order have the same letters.
      hangs: whether a wait without a wake is a fault; else the process was
        ended while it waited.
    """
    ordered = sorted(events, key=lambda event: event.t_ns)
    drawn = [
        event
        for event in ordered
        if event.kind in _KINDS and (style.points or event.kind != "point")
    ]
    if not drawn:
        return ""
    names = _ordered(process_names(drawn), order)
    pids = _drawn_processes(names, drawn, style, mark)
    columns = {pid: i for i, pid in enumerate(pids)}
    drawn = [event for event in drawn if event.pid in columns]
    shown = _chosen(drawn, style, mark)
    objects = {e.object: e.id for e in ordered if e.kind == "name"}
    rows, gaps, height = _rows(drawn, shown, columns, objects, style)
    marked = next((row for row in rows if row.event is mark), None)
    width = style.left + len(columns) * style.column + _RIGHT
    if style.lanes:
        width += _words_width([row for row in rows if row.drawn], names)

    parts = _mark(marked, width)
    parts += _lifelines(names, columns, rows, height, style)
    parts += _waits(rows, height, hangs)
    parts += _held(rows, height)
    parts += _arrows(rows)
    words = style.left + len(columns) * style.column + 8
    letters = {pid: letter_of(i) for i, pid in enumerate(names)}
    endless = [
        first
        for first, last in _bars(rows, "wait", "wake")
        if hangs and not last
    ]
    for row in rows:
        if row.drawn:
            start = drawn[0].t_ns if from_ns is None else from_ns
            parts += _marks(row, start, style.lanes)
            if style.lanes:
                who = f"{letters[row.event.pid]} {names[row.event.pid]}"
                colour = list(names).index(row.event.pid) % _COLOURS
                parts.append(
                    _sentence(row, words, who, f"p{colour}", row in endless)
                )
    for y, count in gaps:
        events_are = "event is" if count == 1 else "events are"
        text = f"... {count} {events_are} not drawn ..."
        parts.append(
            _text(words if style.lanes else style.left, y, text, "gap")
        )
    if len(names) > len(columns):
        text = f"{len(names) - len(columns)} more processes are not drawn"
        parts.append(_text(style.left, height + 14, text, "gap"))
        height += _ROW
    kind = "diagram lanes" if style.lanes else "diagram"
    label = label or _label_of(names, drawn, len(rows))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="{kind}" role="img"'
        f' width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
        f' aria-label="{_escape(label)}">' + "".join(parts) + "</svg>"
    )


def _label_of(names: dict[int, str], drawn: Sequence[Event], count: int) -> str:
    listed = ", ".join(list(names.values())[:8])
    if len(names) > 8:
        listed += f" and {len(names) - 8} more"
    last = drawn[-1]
    return (
        f"Sequence diagram of {count} events in {len(names)} "
        f"{'process' if len(names) == 1 else 'processes'}: {listed}. "
        f"The last: {names[last.pid]} {deed(last)}."
    )


def _drawn_processes(
    names: dict[int, str],
    drawn: Sequence[Event],
    style: Style,
    mark: Event | None,
) -> list[int]:
    """Returns the processes that have a lifeline, in order.

    Those that appear first or, around a mark, those that do something there
    or wait forever from before that.
    """
    if mark is None:
        return list(names)[: style.columns_max]
    shown = _chosen(drawn, style, mark)
    place = next((i for i, event in enumerate(drawn) if event is mark), 0)
    near = sorted(
        (i for i in range(len(drawn)) if shown[i]), key=lambda i: abs(i - place)
    )
    acting = dict.fromkeys(drawn[i].pid for i in near)
    last = {event.pid: event for event in drawn}
    for pid, event in last.items():
        if event.kind == "wait":
            acting.setdefault(pid)
    kept = set(list(acting)[: style.columns_max])
    return [pid for pid in names if pid in kept]


def _chosen(
    drawn: Sequence[Event], style: Style, mark: Event | None
) -> list[bool]:
    """Returns which of the events are drawn."""
    count = len(drawn)
    place = next((i for i, e in enumerate(drawn) if e is mark), None)
    if place is not None:
        most = style.before_mark + style.after_mark + 1
        if count > most:
            begin = max(0, min(place - style.before_mark, count - most))
            return [begin <= i < begin + most for i in range(count)]
    elif count > style.first_rows + style.last_rows:
        return [
            i < style.first_rows or i >= count - style.last_rows
            for i in range(count)
        ]
    return [True] * count


def _rows(
    events: Sequence[Event],
    shown: Sequence[bool],
    columns: dict[int, int],
    objects: dict[str, str],
    style: Style,
) -> tuple[list[_Row], list[tuple[int, int]], int]:
    """Places the events; what is left out has one row for its number.

    Returns the rows, the gaps as (y, number of events) and the height.
    """
    rows: list[_Row] = []
    gaps: list[tuple[int, int]] = []
    y, left_out = _HEAD + _ROW // 2, 0
    for event, is_drawn in zip(events, shown):
        if is_drawn and left_out:
            gaps.append((y + 4, left_out))
            y, left_out = y + _ROW, 0
        x = style.left + columns[event.pid] * style.column + style.inset
        name = _called(event.object, objects)
        rows.append(_Row(event, x, y, name, is_drawn))
        if is_drawn:
            y += _ROW
        else:
            left_out += 1
    if left_out:
        gaps.append((y + 4, left_out))
        y += _ROW
    return rows, gaps, y + _ROW // 2


def _called(thing: str, objects: dict[str, str]) -> str:
    """Returns the name of an object for a reader, not its address."""
    if thing in objects:
        return objects[thing]
    kind, at, _ = thing.partition("@")
    if not at or not kind.isalpha() or not is_address(thing):
        return thing
    return f"an {kind}" if kind[0] in "AEIOU" else f"a {kind}"


def is_address(thing: str) -> bool:
    """Tells whether an object is named by where it is: "Lock@7f25ef040"."""
    digits = thing.partition("@")[2].replace("+", "").replace("0x", "")
    return len(digits) > 4 and all(c in "0123456789abcdef" for c in digits)


def process_names(events: Sequence[Event]) -> dict[int, str]:
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


def _ordered(names: dict[int, str], order: Sequence[str]) -> dict[int, str]:
    """Returns the names with those in `order` first."""
    places = {name: place for place, name in enumerate(order)}
    return dict(
        sorted(names.items(), key=lambda item: places.get(item[1], len(order)))
    )


def _clean(text: str) -> str:
    return "".join(c if c.isprintable() else "\ufffd" for c in text)


def _escape(text: str) -> str:
    return html.escape(_clean(text), quote=True)


def _text(x: int, y: int, text: str, style: str, chars: int = 200) -> str:
    shown = text if len(text) <= chars else text[: chars - 1] + "\u2026"
    title = f"<title>{_escape(text)}</title>" if shown != text else ""
    return (
        f'<text x="{x}" y="{y}" class="{style}">{title}{_escape(shown)}</text>'
    )


def _mark(row: _Row | None, width: int) -> list[str]:
    """Returns the band behind the marked event, and the words above it."""
    if row is None:
        return []
    return [
        f'<rect x="0" y="{row.y - _ROW // 2}" width="{width}" height="{_ROW}"'
        f' class="marked"><title>{FIRST_DIFFERENCE}</title></rect>'
        f'<path d="M0 {row.y - 8}l10 8l-10 8z" class="flag"/>'
    ]


def _lifelines(
    names: dict[int, str],
    columns: dict[int, int],
    rows: Sequence[_Row],
    height: int,
    style: Style,
) -> list[str]:
    parts = []
    order = list(names)
    for pid, column in columns.items():
        x = style.left + column * style.column + style.inset
        own = [row for row in rows if row.event.pid == pid]
        last_y = own[-1].y if own else _HEAD
        first_y = own[0].y if own and style.lanes else _HEAD - 8
        ended = any(row.event.kind == "exit" for row in own)
        colour = f"p{order.index(pid) % _COLOURS}"
        if not ended:
            # It said no more: blocked, or killed.
            parts.append(
                f'<path d="M{x} {last_y}V{height}" class="life silent'
                f' {colour}"/>'
            )
        parts.append(
            f'<path d="M{x} {first_y}V{last_y}" class="life {colour}"/>'
            f"<g><title>{_escape(names[pid])}, pid {pid}</title>"
        )
        if style.lanes:
            letter = letter_of(order.index(pid))
            parts.append(
                f'<circle cx="{x}" cy="18" r="11" class="head {colour}"/>'
                f'<text x="{x}" y="22" class="headtext">{letter}</text></g>'
            )
        else:
            parts.append(
                f'<rect x="{x - 24}" y="6" width="{style.column - 30}"'
                f' height="22" rx="4" class="head {colour}"/>'
                + _text(x - 16, 21, names[pid], "headtext", 24)
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
    return [
        (first, last)
        for first, last in found
        if first.drawn or last is None or last.drawn or first.y != last.y
    ]


def _waits(rows: Sequence[_Row], height: int, hangs: bool) -> list[str]:
    parts = []
    for start, end in _bars(rows, "wait", "wake"):
        bottom = end.y if end else height
        never = not end and hangs
        style = "waiting never" if never else "waiting"
        text = f"waits for {start.object}" + (_FOREVER if never else "")
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
        if not start.drawn and not row.drawn:
            continue
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
        points.append(f"{px:.0f},{py:.0f}")
    return f'<polygon points="{" ".join(points)}"/>'


def _marks(row: _Row, first_ns: int, lanes: bool) -> list[str]:
    parts = []
    kind = row.event.kind
    ms = (row.event.t_ns - first_ns) / 1e6
    # The flag of a marked event is to the left of it.
    x = 12 if lanes else 4
    parts.append(_text(x, row.y + 4, _milliseconds(ms), "time"))
    label = _label(row)
    if kind == "say" and not lanes:
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
    elif kind == "exit":
        parts.append(f'<path d="M{row.x - 5} {row.y}h10" class="dot exit"/>')
    else:
        parts.append(f'<circle cx="{row.x}" cy="{row.y}" r="3" class="dot"/>')
    if not lanes:
        parts.append(
            _text(row.x + 14, row.y + 4, label, f"label {kind}", _NOTE_CHARS)
        )
    return parts


def _milliseconds(ms: float) -> str:
    digits = 2 if ms < 10 else 1 if ms < 100 else 0
    return f"{ms:.{digits}f} ms"


def _words_width(rows: Sequence[_Row], names: dict[int, str]) -> int:
    longest = max(
        len(names[row.event.pid])
        + 3
        + min(len(deed_of(row) + _FOREVER), _LANE_CHARS)
        for row in rows
    )
    return int(longest * _CHAR_WIDTH)


def _sentence(row: _Row, x: int, who: str, colour: str, endless: bool) -> str:
    """Returns the words of an event: which process does what."""
    text = deed_of(row) + (_FOREVER if endless else "")
    shown = text
    title = ""
    if len(text) > _LANE_CHARS:
        shown = text[: _LANE_CHARS - 1] + "\u2026"
        title = f"<title>{_escape(text)}</title>"
    return (
        f'<text x="{x}" y="{row.y + 4}" class="{row.event.kind}">{title}'
        f'<tspan class="who {colour}">{_escape(who)}</tspan> '
        f"{_escape(shown)}</text>"
    )


def deed_of(row: _Row) -> str:
    """Returns what a process does, as the rest of a sentence."""
    return (
        f"says: {row.event.object}" if row.event.kind == "say" else _label(row)
    )


def deed(event: Event, objects: dict[str, str] | None = None) -> str:
    """Returns what a process does in an event: "waits for the lock"."""
    name = _called(event.object, objects or {})
    return deed_of(_Row(event, 0, 0, name, True))


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


def stylesheet() -> str:
    """Returns the style of a diagram, for a page that has one in it."""
    file = pathlib.Path(__file__).with_name("diagram.css")
    return file.read_text(encoding="utf-8")

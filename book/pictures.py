"""Pictures in SVG: who waits for whom in a hang, and the small ones of deaths.

Each has a text for readers who do not see it, and says nothing by colour alone.
Their style is that of static/runs.css.
"""

import html
import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks import plots
from book import parting

_CHAR_WIDTH = 6.8  # Of text of 12 px.
_RADIUS = 40
_ROWS_MAX = 8
_ROW_HEIGHT = 98


def escape(text: str) -> str:
    """Returns a text as it stands in HTML, without control characters."""
    clean = "".join(
        c if c.isprintable() or c == "\n" else "\ufffd" for c in text
    )
    return html.escape(clean, quote=True)


def svg(kind: str, width: float, height: float, label: str, inner: str) -> str:
    """Returns a picture with its text alternative."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="{kind}" role="img"'
        f' width="{width:.0f}" height="{height:.0f}"'
        f' viewBox="0 0 {width:.0f} {height:.0f}"'
        f' aria-label="{escape(label)}">{inner}</svg>'
    )


def lines_of(
    text: str, x: float, y: float, style: str, chars: int, most: int = 3
) -> str:
    """Returns a text of several lines, with its middle at x, y."""
    found = textwrap.wrap(text, chars) or [""]
    if len(found) > most:
        found[most - 1] = found[most - 1][: chars - 1] + "\u2026"
        found = found[:most]
    top = y + 4 - 7 * (len(found) - 1)
    return "".join(
        f'<text x="{x:.0f}" y="{top + 14 * i:.0f}" class="{style}">'
        f"{escape(line)}</text>"
        for i, line in enumerate(found)
    )


def _arrow(x1: float, y1: float, x2: float, y2: float, bend: float = 0) -> str:
    """Returns an arrow, bent to its left by so many pixels."""
    dx, dy = x2 - x1, y2 - y1
    length = max(math.hypot(dx, dy), 1.0)
    cx = (x1 + x2) / 2 + bend * dy / length
    cy = (y1 + y2) / 2 - bend * dx / length
    return (
        f'<path d="M{x1:.0f} {y1:.0f}Q{cx:.0f} {cy:.0f} {x2:.0f} {y2:.0f}"'
        f' class="edge"/>{_head(cx, cy, x2, y2)}'
    )


def _head(x1: float, y1: float, x2: float, y2: float) -> str:
    """Returns the head of an arrow that comes from x1, y1."""
    angle = math.atan2(y2 - y1, x2 - x1)
    points = " ".join(
        f"{x2 - 11 * math.cos(angle + turn):.1f},"
        f"{y2 - 11 * math.sin(angle + turn):.1f}"
        for turn in (0.42, -0.42)
    )
    return f'<polygon points="{x2:.1f},{y2:.1f} {points}" class="edgehead"/>'


def _node(name: str, x: float, y: float, style: str = "") -> str:
    words = f"node {style}".strip()
    return (
        f'<circle cx="{x:.0f}" cy="{y:.0f}" r="{_RADIUS}" class="{words}"/>'
        + lines_of(name, x, y, "nodetext", 10 if " " not in name else 9)
    )


def _box(text: str, x: float, y: float, width: float, style: str) -> str:
    return (
        f'<rect x="{x:.0f}" y="{y - 26:.0f}" width="{width:.0f}" height="52"'
        f' rx="4" class="{style}"/>'
        + lines_of(
            text, x + width / 2, y, "boxtext", int(width / _CHAR_WIDTH) - 1
        )
    )


Blocked = Mapping[str, Any]


def sentence(one: Blocked) -> str:
    """Returns who waits for what, and who holds it."""
    who = one["process"]
    if one["state"] != "waiting" and one["state"] != "in the kernel":
        state = {"zombie": "has ended, but no process has waited for it"}
        return f"{who} {state.get(one['state'], 'is ' + one['state'])}."
    what = one["waits_for"] or f"something, in {one['call'] or 'the kernel'}"
    if joins(one):
        ends = " and ".join(one["held_by"])
        return f"{who} waits for {what} to end{': ' if ends else ''}{ends}."
    if one["held_by"]:
        return f"{who} waits for {what}, {_verb(one)} {_listed(one)}."
    if "no process" in what or what == one["process"]:
        return f"{who} waits for {what}."
    return f"{who} waits for {what}, and no process will wake it."


def joins(one: Blocked) -> bool:
    """Tells whether a process waits only for the end of another."""
    return one["waits_for"] in parting.JOINS


def _verb(one: Blocked) -> str:
    """Returns what the holders have to do with what is awaited."""
    what = one["waits_for"]
    if " end of " in what:
        return "open in"
    return "held by"


def _listed(one: Blocked) -> str:
    names = [
        f"{name} itself" if name == one["process"] else name
        for name in one["held_by"]
    ]
    return " and ".join(
        [", ".join(names[:-1]), names[-1]] if names[1:] else names
    )


def hang_picture(hang: Mapping[str, Any]) -> str:
    """Draws the circle of a hang, and what the other processes wait for.

    Processes are circles. An arrow leads from a process to what it waits for
    and from there to who holds it; in a circle, straight from one process to
    the next, with what is awaited beside the arrow.
    """
    circle = list(hang["circle"])
    blocked = {one["process"]: one for one in hang["blocked"]}
    if not blocked:
        return ""
    rows = [one for name, one in blocked.items() if name not in circle]
    # What waits without a holder says most, and what waits for a child least.
    rows.sort(key=lambda one: (joins(one), bool(one["held_by"])))
    parts, width, y = [], 0.0, 8.0
    if circle:
        drawn, width, y = _ring(circle, blocked)
        parts.append(drawn)
    for one in rows[:_ROWS_MAX]:
        drawn, row_width = _chain(one, y + _ROW_HEIGHT / 2 - 4)
        parts.append(drawn)
        width, y = max(width, row_width), y + _ROW_HEIGHT
    if left := len(rows) - _ROWS_MAX:
        if left > 0:
            parts.append(
                f'<text x="8" y="{y + 14:.0f}" class="small">'
                f"... and {left} more processes</text>"
            )
            y += 24
    told = [sentence(one) for one in hang["blocked"][: _ROWS_MAX + 4]]
    if len(circle) > 1:
        told.append(f"A circle: {' waits for '.join([*circle, circle[0]])}.")
    return svg("hang", width + 8, y + 4, " ".join(told), "".join(parts))


def _ring(
    circle: Sequence[str], blocked: Mapping[str, Blocked]
) -> tuple[str, float, float]:
    """Returns the circle itself, its width and its height."""
    count = len(circle)
    if count == 1:
        return _loop(blocked[circle[0]])
    if count == 2:
        return _pair(circle, blocked)
    size = 112 + 18 * max(0, count - 3)
    middle_x, middle_y = size + 150.0, size + 48.0
    places = [
        (
            middle_x + size * math.sin(2 * math.pi * i / count),
            middle_y - size * math.cos(2 * math.pi * i / count),
        )
        for i in range(count)
    ]
    parts = []
    for i, name in enumerate(circle):
        (x1, y1), (x2, y2) = places[i], places[(i + 1) % count]
        ux, uy = _unit(x2 - x1, y2 - y1)
        gap = _RADIUS + 3
        parts.append(
            _arrow(x1 + ux * gap, y1 + uy * gap, x2 - ux * gap, y2 - uy * gap)
        )
        # Beside the middle of the arrow, away from the middle of the circle.
        x, y = (x1 + x2) / 2, (y1 + y2) / 2
        ox, oy = _unit(x - middle_x, y - middle_y)
        what = _what(blocked[name])
        side = "middle" if abs(ox) < 0.3 else "start" if ox > 0 else "end"
        parts.append(
            lines_of(what, x + ox * 14, y + oy * 22, f"edgetext {side}", 20)
        )
    for name, (x, y) in zip(circle, places):
        parts.append(_node(name, x, y, "stuck"))
    bottom = max(y for _, y in places) + _RADIUS + 26
    return "".join(parts), 2 * middle_x, bottom


def _unit(dx: float, dy: float) -> tuple[float, float]:
    length = max(math.hypot(dx, dy), 1.0)
    return dx / length, dy / length


def _what(one: Blocked) -> str:
    return f"waits for {one['waits_for'] or one['call'] or 'it'}"


def _pair(
    circle: Sequence[str], blocked: Mapping[str, Blocked]
) -> tuple[str, float, float]:
    """Returns two processes that wait for each other."""
    left, right, y = 52.0, 330.0, 82.0
    first, second = circle
    lift = 20
    return (
        _arrow(left + 34, y - lift, right - 34, y - lift, 34)
        + _arrow(right - 34, y + lift, left + 34, y + lift, 34)
        + lines_of(_what(blocked[first]), 191, y - 58, "edgetext middle", 36, 2)
        + lines_of(
            _what(blocked[second]), 191, y + 58, "edgetext middle", 36, 2
        )
        + _node(first, left, y, "stuck")
        + _node(second, right, y, "stuck"),
        390,
        164,
    )


def _loop(one: Blocked) -> tuple[str, float, float]:
    """Returns a process that waits for itself."""
    x, y = 52.0, 60.0
    return (
        f'<path d="M{x + 32} {y - 24}C{x + 110} {y - 60} {x + 110} {y + 60}'
        f' {x + 32} {y + 26}" class="edge"/>'
        + _head(x + 92, y + 44, x + 32, y + 26)
        + lines_of(
            f"{_what(one)}, {_verb(one)} {one['process']} itself",
            x + 104,
            y,
            "edgetext start",
            34,
            4,
        )
        + _node(one["process"], x, y, "stuck"),
        400,
        124,
    )


def _chain(one: Blocked, y: float) -> tuple[str, float]:
    """Returns a process, what it waits for, and who holds that."""
    x = 46.0
    parts = [_node(one["process"], x, y)]
    if one["state"] not in ("waiting", "in the kernel"):
        parts.append(lines_of(sentence(one), x + 48, y, "edgetext start", 40))
        return "".join(parts), 380
    what = one["waits_for"] or f"something, in {one['call'] or 'the kernel'}"
    parts.append(_arrow(x + _RADIUS + 2, y, 166, y))
    parts.append(_words("waits for", 126, y - 8))
    held = one["held_by"]
    style = "thing" if held else "thing open"
    parts.append(_box(what, 168, y, 150, style))
    if not held:
        parts.append(_arrow(320, y, 362, y))
        parts.append(_nothing(386, y))
        return "".join(parts), 490
    if joins(one) and len(held) == 1:
        return _join(one["process"], held[0], y), 324
    parts.append(_arrow(320, y, 378, y))
    parts.append(_words(_verb(one), 348, y - 8))
    if len(held) == 1:
        parts.append(_node(held[0], 420, y))
        return "".join(parts), 464
    parts.append(_box(", ".join(held), 380, y, 150, "thing"))
    return "".join(parts), 534


def _join(process: str, child: str, y: float) -> str:
    """Returns a process that waits for the end of another."""
    return "".join(
        (
            _node(process, 46, y),
            _arrow(88, y, 234, y),
            _words("waits for the end of", 161, y - 8),
            _node(child, 278, y),
        )
    )


def _words(text: str, x: float, y: float) -> str:
    """Returns words with their middle above an arrow."""
    return (
        f'<text x="{x:.0f}" y="{y:.0f}" class="edgetext middle">'
        f"{escape(text)}</text>"
    )


def _nothing(x: float, y: float) -> str:
    """Returns the end of a chain at which there is no process."""
    return (
        f'<circle cx="{x}" cy="{y}" r="22" class="node none"/>'
        f'<path d="M{x - 15} {y + 15}L{x + 15} {y - 15}" class="cross"/>'
        + lines_of("no process", x + 66, y, "edgetext middle", 10)
    )


def plot_text(name: str, results: Mapping[str, Any]) -> str:
    """Returns what a plot shows, in words; `name` is that of its file."""
    plot = next(plot for plot in plots.PLOTS if plot.name == name)
    drawn, tag = plots.lines(plot, dict(results))
    titles = ", ".join(line.title for line in drawn)
    where = f" ({tag})" if tag else ""
    return (
        f"{plot.title}{where}. Across: {plot.x_label}; "
        f"upwards: {plot.y_label}. "
        f"{len(drawn)} lines, the highest at the right end first: {titles}."
    )


def plot_figure(
    source: str, name: str, title: str, results: Mapping[str, Any]
) -> str:
    """Returns a plot of the benchmarks, which scrolls where room is short.

    `results` is what docs/benchmarks/results.json says. The plot itself names
    its date and its machine.
    """
    return (
        '<figure class="plot" tabindex="0" role="group"'
        f' aria-label="Plot: {escape(title)}">'
        f'<img src="{source}" alt="{escape(plot_text(name, results))}"'
        ' width="960" height="600" loading="lazy"></figure>'
    )

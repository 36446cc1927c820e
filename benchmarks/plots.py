"""The plots of docs/benchmarks: what to draw, and how gnuplot draws it.

Lines differ in colour, dash and marker, so that they can be told apart by a
reader who sees no red, and on paper.
"""

import collections
import dataclasses
import math
import pathlib
import re
import subprocess
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from benchmarks import text
from benchmarks.figures import Record, median_ns

# After Okabe and Ito, without yellow, which is too pale for a line.
_OUR_COLOURS = (
    "#000000",
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
)
_COLOURS = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
    "#777777",
)
_DASHES = ("solid", "(12,4)", "(3,3)", "(12,4,3,4)", "(20,6)", "(6,3,2,3,2,3)")
# Circle, square, triangle, diamond, triangle upside down: filled, then open.
_OUR_MARKS = (7, 5, 9, 13, 11)
_MARKS = (6, 4, 8, 12, 10)
# Less than that between the lowest and the highest point, and a reader is
# better served by an axis that begins at zero.
_LOG_RANGE = 20

T = TypeVar("T")
Point = tuple[float, float]


@dataclasses.dataclass(frozen=True)
class Plot:
    """A picture: lines over sizes or counts that are in names of groups."""

    name: str  # <name>.svg
    title: str
    groups: str  # A pattern; what it captures is x.
    x_label: str
    y_label: str
    placement: str
    # The figure of a record, for an x.
    y: Callable[[Record, float], float] = lambda record, x: median_ns(record)
    y_is_time: bool = False
    x_is_bytes: bool = False
    # Relative to the first point of a line, with a line for linear growth.
    growth: bool = False


PLOTS = (
    Plot(
        "latency_two",
        "Round trip by size of the message, two CPUs",
        r"latency_(\d+)B",
        "size of a message",
        "time of a round trip",
        "two",
        y_is_time=True,
        x_is_bytes=True,
    ),
    Plot(
        "latency_same",
        "Round trip by size of the message, one CPU",
        r"latency_(\d+)B",
        "size of a message",
        "time of a round trip",
        "same",
        y_is_time=True,
        x_is_bytes=True,
    ),
    Plot(
        "throughput_messages",
        "Messages per second by size of the message, two CPUs",
        r"throughput_(\d+)B",
        "size of a message",
        "messages per second",
        "two",
        y=lambda record, x: 1e9 / median_ns(record),
        x_is_bytes=True,
    ),
    Plot(
        "throughput_bytes",
        "Bytes per second by size of the message, two CPUs",
        r"throughput_(\d+)B",
        "size of a message",
        "GB per second",
        "two",
        y=lambda record, x: x / median_ns(record),
        x_is_bytes=True,
    ),
    Plot(
        "queue_processes",
        "Queue: messages per second by number of processes",
        r"scale_queue_(\d+)",
        "processes",
        "messages per second, all together",
        "two",
        y=lambda record, x: 1e9 / median_ns(record),
    ),
    Plot(
        "pool_chunks",
        "Pool: time of an empty task by size of the chunk",
        r"chunk_(\d+)",
        "tasks in a chunk",
        "time of a task",
        "two",
        y_is_time=True,
    ),
    Plot(
        "growth",
        "Time of an operation as work grows, against its own start",
        r"scale_(?:queue|manager|supervisor|listener)_(\d+)",
        "processes, clients, children, connections",
        "times the time at the start",
        "two",
        growth=True,
    ),
)


@dataclasses.dataclass(frozen=True)
class Line:
    """A contender's points, from left to right."""

    title: str
    points: tuple[Point, ...]
    rounds: tuple[int, ...]  # Of each point.


def _tag_of(records: Sequence[Record]) -> str:
    """Returns the distance that most of the rounds were taken at."""
    rounds: dict[str, int] = {}
    for record in records:
        rounds[record["tag"]] = rounds.get(record["tag"], 0) + record["rounds"]
    return max(rounds, key=lambda tag: rounds[tag], default="")


def lines(plot: Plot, results: dict[str, Any]) -> tuple[list[Line], str]:
    """Returns what is drawn, highest at the right end first, and its tag.

    Only what was taken at one distance of the CPUs is in one picture.
    """
    records = [
        record
        for record in results["times"]
        if re.fullmatch(plot.groups, record["group"])
        and record["placement"] == plot.placement
    ]
    tag = _tag_of(records)
    points: dict[str, list[tuple[float, float, int]]] = {}
    for record in records:
        match = re.fullmatch(plot.groups, record["group"])
        if record["tag"] != tag or match is None:
            continue
        if plot.growth and not _is_ours(record["contender"]):
            continue
        x = float(match[1])
        point = (x, plot.y(record, x), record["rounds"])
        points.setdefault(record["contender"], []).append(point)
    found = []
    for title, some in points.items():
        some.sort()
        if plot.growth:
            start = some[0][1]
            title = f"{title}, {text.time(start)}"
            some = [(x, y / start, rounds) for x, y, rounds in some]
        found.append(
            Line(
                title,
                tuple((x, y) for x, y, _ in some),
                tuple(rounds for _, _, rounds in some),
            )
        )
    found.sort(key=lambda line: line.points[-1][1], reverse=True)
    return found, tag


def _tics(values: Sequence[float], to_text: Callable[[float], str]) -> str:
    return ", ".join(f'"{to_text(value)}" {value:g}' for value in values)


def _bytes(size: float) -> str:
    for unit, name in ((1 << 20, "MiB"), (1 << 10, "KiB")):
        if size >= unit:
            return f"{size / unit:g} {name}"
    return f"{size:g} B"


def _count(value: float) -> str:
    return f"{value:,g}"


def _duration(ns: float) -> str:
    for size, unit in ((1e9, "s"), (1e6, "ms"), (1e3, "us")):
        if ns >= size:
            return f"{ns / size:g} {unit}"
    return f"{ns:g} ns"


def _quantity(value: float) -> str:
    for size, unit in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if value >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"


def _decades(low: float, high: float) -> list[float]:
    """Returns powers of ten, and what is between them if these are few."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    steps = (1, 2, 5) if math.log10(high / low) < 3 else (1,)
    found = [step * 10.0**power for power in powers for step in steps]
    return [value for value in found if low <= value <= high]


def _steps(high: float) -> list[float]:
    """Returns round numbers from zero, not too many."""
    power = 10.0 ** math.floor(math.log10(high))
    step = next(s * power for s in (0.2, 0.5, 1, 2) if high / (s * power) <= 7)
    return [number * step for number in range(math.floor(high / step) + 1)]


def _name(title: str) -> str:
    """Returns the contender of a line, which looks alike in all plots."""
    return title.split(",", maxsplit=1)[0]


def _is_ours(name: str) -> bool:
    return name[:1].isupper()


def _names(results: dict[str, Any]) -> list[str]:
    """Returns what is drawn anywhere, what is drawn most first."""
    counts = collections.Counter(
        _name(line.title) for plot in PLOTS for line in lines(plot, results)[0]
    )
    return sorted(counts, key=lambda name: (-counts[name], name))


def _style(names: Sequence[str], title: str) -> str:
    """Returns how to draw a line: ours thick, and with filled marks."""
    ours = _is_ours(_name(title))
    index = [name for name in names if _is_ours(name) == ours].index(
        _name(title)
    )
    colour = _pick(_OUR_COLOURS if ours else _COLOURS, index)
    mark = _pick(_OUR_MARKS if ours else _MARKS, index)
    return (
        f'lc rgb "{colour}" lw {3 if ours else 1.5} '
        f"dt {_pick(_DASHES, index)} pt {mark} ps 0.9"
    )


def _pick(values: Sequence[T], index: int) -> T:
    return values[index % len(values)]


def script(plot: Plot, results: dict[str, Any], out: pathlib.Path) -> str:
    """Returns what gnuplot must do to draw it; "" if there is nothing."""
    drawn, tag = lines(plot, results)
    if not drawn:
        return ""
    names = _names(results)
    xs = sorted({x for line in drawn for x, _ in line.points})
    ys = [y for line in drawn for _, y in line.points]
    # Where many loads are in one picture, a mark for each would be in the way
    # of others.
    x_marks = _decades(xs[0], xs[-1]) if plot.growth else xs
    is_log = max(ys) / min(ys) >= _LOG_RANGE
    low, high = (min(ys) / 1.5 if is_log else 0.0), max(ys) * 1.2
    y_marks = _decades(low, high) if is_log else _steps(high)
    x_text = _bytes if plot.x_is_bytes else _count
    y_text = _duration if plot.y_is_time else _quantity
    title = f"{plot.title}{f' ({tag})' if tag else ''}"
    parts = [
        "set terminal svg size 960,600 enhanced background 'white' "
        "font 'DejaVu Sans,Helvetica,Arial,sans-serif,14' rounded",
        f"set output {str(out)!r}",
        "set encoding utf8",
        f'set title "{title}" font ",17" noenhanced',
        f'set xlabel "{plot.x_label}"',
        f'set ylabel "{plot.y_label}"',
        "set logscale x 2",
        "set logscale y 10" if is_log else "unset logscale y",
        f"set xrange [{xs[0] / 1.2:g}:{xs[-1] * 1.2:g}]",
        f"set yrange [{low:g}:{high:g}]",
        f"set xtics ({_tics(x_marks, x_text)}) nomirror",
        f"set ytics ({_tics(y_marks, y_text)}) nomirror",
        'set grid xtics ytics lc rgb "#dddddd" lw 1 dt solid',
        "set border 3",
        "set key outside right top Left reverse noenhanced spacing 1.3 "
        "samplen 4",
        "set bmargin 6",
        f'set label 1 "{text.machine(results)}" at screen 0.01, 0.025 left '
        'font ",11" noenhanced',
    ]
    curves = []
    for number, line in enumerate(drawn):
        parts.append(f"$data{number} << END")
        parts += [f"{x:g} {y:.6g}" for x, y in line.points]
        parts.append("END")
        curves.append(
            f"$data{number} using 1:2 with linespoints "
            f'{_style(names, line.title)} title "{line.title}"'
        )
    if plot.growth:
        parts.append('set key title "time at the start:" left')
        curves.append(
            f"x / {xs[0]:g} with lines "
            'lc rgb "#999999" lw 1.5 dt (2,4) title "linear"'
        )
    parts.append("plot " + ", \\\n  ".join(curves))
    return "\n".join(parts) + "\n"


def draw(results: dict[str, Any], folder: pathlib.Path) -> list[pathlib.Path]:
    """Draws all for which there are figures, by gnuplot."""
    drawn = []
    for plot in PLOTS:
        file = folder / f"{plot.name}.svg"
        commands = script(plot, results, file)
        if commands:
            subprocess.run(["gnuplot"], input=commands, text=True, check=True)
            # It leaves blanks at the ends of lines.
            written = file.read_text(encoding="utf-8").splitlines()
            file.write_text(
                "\n".join(line.rstrip() for line in written) + "\n",
                encoding="utf-8",
            )
            drawn.append(file)
    return drawn

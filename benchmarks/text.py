"""How figures are written: on the screen, on the page and in the plots."""

from typing import Any

from benchmarks import figures, goals
from benchmarks.figures import Record, Spread

HEAD = ("what", "against", "CPUs", "ours", "ratio", "reach", "aim", "")
_UNITS = ((1e9, "s"), (1e6, "ms"), (1e3, "us"), (1, "ns"))
_CPUS = {"same": "one", "two": "two", "free": "free"}


def number(value: float) -> str:
    """Returns "0.87", "5.31", "12.3", "112"; of less than 0.1 two digits."""
    if value < 0.1:
        return f"{value:.2g}"
    if value < 10:
        return f"{value:.2f}"
    return f"{value:.1f}" if value < 100 else f"{value:.0f}"


def time(ns: float) -> str:
    """Returns "27.1 ns", "1.02 us"."""
    for size, unit in _UNITS:
        if ns >= size:
            return f"{number(ns / size)} {unit}"
    return f"{number(ns)} ns"


def level(goal: goals.Goal, value: float | None) -> str:
    """Returns what is to be reached, as short as it was set: "4", "1 us"."""
    if value is None:
        return ""
    if goal.sense in goals.SHARES:
        return f"{value * 100:g} %"
    if goal.sense == goals.TIME:
        size, unit = next(unit for unit in _UNITS if value >= unit[0])
        return f"{value / size:g} {unit}"
    return f"{value:g}"


def spread(goal: goals.Goal, values: Spread) -> str:
    """Returns the median with the quartiles: "5.31 [5.02, 5.60]"."""
    size, unit = 1.0, ""
    if goal.sense in goals.SHARES:
        size, unit = 0.01, " %"
    elif goal.sense == goals.TIME:
        size, unit = next((u for u in _UNITS if values[1] >= u[0]), _UNITS[-1])
        unit = " " + unit
    low, median, high = (number(value / size) for value in values)
    return f"{median}{unit} [{low}, {high}]"


def place(placement: str, tag: str) -> str:
    """Returns where the processes are: "two near"."""
    return f"{_CPUS[placement]} {tag}".rstrip()


def cells(goal: goals.Goal, record: Record | None) -> list[str]:
    """Returns a row of the table, as HEAD has it."""
    figure, ours, mark = "", "", "no figure"
    tag = goal.tag
    if record is not None:
        tag = record["tag"]
        mark = figures.verdict(goal, record)
        if record["rounds"]:
            figure = spread(goal, record["figure"])
            ours = time(record["ours_ns"][1]) if goal.peer else ""
        if mark == figures.FEW:
            mark = f"{record['rounds']} rounds"
    sign = ">=" if goal.sense == goals.FASTER else "<="
    return [
        goal.what,
        goal.peer_group or goal.peer or "",
        place(goal.placement, tag),
        ours,
        figure,
        f"{sign} {level(goal, goal.reach)}" if level(goal, goal.reach) else "",
        level(goal, goal.aim),
        mark,
    ]


def table(
    results: dict[str, Any], subject: str
) -> list[tuple[goals.Goal, list[str]]]:
    """Returns the rows of a subject: one for each record, or for none."""
    found = []
    for goal in goals.GOALS[subject]:
        records = [x for x in results["rows"] if x["key"] == goal.key]
        for record in records or [None]:
            found.append((goal, cells(goal, record)))
    return found


def machine(results: dict[str, Any]) -> str:
    """Returns the date and the machine in a line."""
    told = results["machine"]
    return (
        f"{results['date']}, {told['processor']}, {told['cpus']} CPUs, "
        f"{told['kernel']}"
    )

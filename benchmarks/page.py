"""The page docs/benchmarks/README.md, made of results.json and nothing else."""

from typing import Any

from benchmarks import figures, goals, plots, text
from benchmarks.figures import Record

_HEAD = """# Benchmarks

What the primitives of [common](../../common) cost, compared with others that
do the same work and with what the machine can do at all.
`bazel run //benchmarks:compare` measured the figures and wrote this page from
[results.json](results.json); do not edit it.
"""

_METHOD = """## How it was measured

Processes do the work over and over, pinned to one CPU (*one*), to two in turn
(*two*), or where the kernel puts them (*free*). After a warm-up of 8 ms, what
they do in 60 ms is counted; that is one sample. All contenders take turns,
round after round, and a ratio compares two samples of the same round. The
figures are the median of the rounds and, in brackets, the quartiles. All
queues have room for the same number of bytes.

The CPUs of a virtual machine are sometimes near each other, sometimes far
apart, and the distance decides which contender is the faster. So before and
after each sample two processes pass a cache line back and forth for 7 ms: a
round trip of less than 250 ns is *near*, one of more than 400 is *far*, and
one in the middle is *between*. A sample during which the distance changed is
left out, and so is one with a round trip of more than 1,000, which means that
another program had a CPU. No ratio compares samples at different distances,
and each distance has rows of its own.

A ratio is worth something on another machine. An absolute time is not; it is
there to give an idea.
"""

_GOALS = """## Goals

`>=`: at least this many times as fast. `<=`: at most this many times the time,
or at most this much. *Reach* is required, or a reason stands beside the
figure; *aim* is what we want. The last column says which of the two the median
reaches, or that there were too few rounds to say so (at least {minimum} are
needed). [queue_kill_test](../../common/channel/queue_kill_test.cc) tests
whether a queue survives kills at every point of its code.
"""

_PLOTS = """## Plots

Medians. An axis that does not begin at zero is logarithmic. Each picture shows
only samples taken at one distance of the CPUs, the most frequent one.
"""

_TIMES = """## All times

The median time of an operation, fastest first, of every contender in a group
that has goals.
"""


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _goals(results: dict[str, Any]) -> list[str]:
    found = [_GOALS.format(minimum=figures.ROUNDS_MIN)]
    for subject in goals.GOALS:
        found += [
            f"### {subject}\n",
            _row([head or "reached" for head in text.HEAD]),
            "|---" * len(text.HEAD) + "|",
        ]
        for goal, cells in text.table(results, subject):
            if goal.note and cells[-1] != figures.AIM:
                cells[-1] += f": {goal.note}"
            found.append(_row(cells))
        found.append("")
    return found


def _machine(results: dict[str, Any]) -> list[str]:
    machine = results["machine"]
    distances = [
        f"{record['tag']} in {record['samples']}"
        + (f" ({text.time(record['ns'][1])})" if record["ns"] else "")
        for record in results["distances"]
    ]
    versions = [f"{name} {v}" for name, v in machine["versions"].items()]
    return [
        "## The machine\n",
        f"- {text.machine(results)}",
        f"- {machine['compiler']}; {machine['libc']}; Bazel with -c opt",
        f"- {'; '.join(versions)}",
        f"- the CPUs, of all samples on two: {', '.join(distances)}",
        f"- {results['rounds']} rounds, {results['curve_rounds']} for what is "
        f"only plotted; {results['seconds']} s with the build",
        *[
            f"- left out: {line}"
            for line in results["missing"] + results["failed"]
        ],
        "",
    ]


def _times(results: dict[str, Any]) -> list[str]:
    found = [_TIMES, "| group | CPUs | contenders |", "|---|---|---|"]
    wanted = {
        name.group
        for goal in goals.all_goals()
        for name in figures.goal_names(goal)
    }
    groups: dict[tuple[str, str, str], list[Record]] = {}
    for record in results["times"]:
        key = (record["group"], record["placement"], record["tag"])
        if record["group"] in wanted:
            groups.setdefault(key, []).append(record)
    for (group, placement, tag), records in groups.items():
        records.sort(key=figures.median_ns)
        contenders = [
            f"{record['contender']} {text.time(figures.median_ns(record))}"
            for record in records
        ]
        found.append(
            _row([group, text.place(placement, tag), ", ".join(contenders)])
        )
    return [*found, ""]


def _plots(results: dict[str, Any]) -> list[str]:
    found = [_PLOTS]
    for plot in plots.PLOTS:
        drawn, _ = plots.lines(plot, results)
        if not drawn:
            continue
        rounds = sorted({count for line in drawn for count in line.rounds})
        found += [
            f"### {plot.title}\n",
            f"![{plot.title}]({plot.name}.svg)\n",
            f"{' to '.join(map(str, rounds[:1] + rounds[1:][-1:]))} rounds.\n",
        ]
    return found


def page(results: dict[str, Any]) -> str:
    """Returns the text of the page."""
    parts = [
        _HEAD,
        *_machine(results),
        _METHOD,
        *_goals(results),
        *_plots(results),
        *_times(results),
    ]
    return "\n".join(parts).rstrip() + "\n"

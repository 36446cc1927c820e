"""Measures common beside its peers: bazel run //benchmarks:compare.

    bazel run //benchmarks:compare                  # all, and docs/benchmarks
    bazel run //benchmarks:compare -- queue lock_2  # these, and prints only
    bazel run //benchmarks:compare -- --redraw      # page and plots again
"""

import argparse
import dataclasses
import datetime
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterable, Sequence
from typing import Any

from benchmarks import figures, goals, machine, page, plots, text
from benchmarks.samples import Name, Program, ProgramFailed
from harness.screen import Screen

_WRONG_USAGE = 2
_FOLDER = pathlib.Path("docs", "benchmarks")
# Of what is only drawn.
_CURVE_ROUNDS = 5
# A group that takes longer than this for a round has only the fewest rounds.
_LONG_S = 2.0
# A complete run, with the build, is at its end after ten minutes.
_LIMIT_S = 570.0
_WIDTHS = (30, 19, 11, 7, 20, 8, 6, 9)
_COLOURS = {figures.AIM: "good", figures.REACH: "good", figures.NOT: "bad"}


class Problem(Exception):
    """Why there is nothing to measure, in a line."""


@dataclasses.dataclass(frozen=True)
class Group:
    """What takes turns: the contenders of one group in one placement."""

    program: Program
    names: tuple[Name, ...]
    rounds: int

    @property
    def title(self) -> str:
        """Returns group/placement."""
        return f"{self.names[0].group}/{self.names[0].placement}"


class Workspace:
    """The tree in which there are benchmarks to build."""

    def __init__(self, root: pathlib.Path) -> None:
        self.root = root
        self.bazel = [str(root / "bazelw")]

    def primitives(self) -> list[str]:
        """Returns what has a file <primitive>_bench.cc."""
        files = (self.root / "benchmarks").glob("*_bench.cc")
        return sorted(file.stem.removesuffix("_bench") for file in files)

    def build(
        self, primitives: Iterable[str], defines: Iterable[str]
    ) -> dict[str, Program]:
        """Builds their benchmarks, optimized, as bazel run has left off."""
        options = ["-c", "opt", *[f"--define={x}=yes" for x in defines]]
        targets = [f"//benchmarks:{name}_bench" for name in primitives]
        status = subprocess.run(
            [*self.bazel, "build", *options, *targets],
            cwd=self.root,
            check=False,
        ).returncode
        if status != 0:
            raise Problem("the benchmarks were not built; see above")
        folder = subprocess.run(
            [*self.bazel, "info", *options, "bazel-bin"],
            cwd=self.root,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            check=True,
        ).stdout.strip()
        return {
            name: Program(
                pathlib.Path(folder, "benchmarks", f"{name}_bench"),
                self.root / "benchmarks" / "peers",
            )
            for name in primitives
        }


def choose(
    programs: dict[str, Program], chosen: Sequence[str], rounds: int
) -> list[Group]:
    """Returns what is to be measured: by names, or for goals and plots."""
    wanted = {
        (name.group, name.placement)
        for goal in goals.all_goals()
        for name in figures.goal_names(goal)
    }
    groups = []
    known: set[str] = set()
    for primitive, program in programs.items():
        found: dict[tuple[str, str], list[Name]] = {}
        for name in program.names():
            found.setdefault((name.group, name.placement), []).append(name)
        known |= {group for group, _ in found}
        for key, names in found.items():
            group, placement = key
            drawn = any(
                placement == plot.placement and re.fullmatch(plot.groups, group)
                for plot in plots.PLOTS
            )
            named = {primitive, group} & set(chosen)
            if not named and (chosen or not (key in wanted or drawn)):
                continue
            full = key in wanted or not drawn
            groups.append(
                Group(
                    program,
                    tuple(names),
                    rounds if full else min(rounds, _CURVE_ROUNDS),
                )
            )
    for word in chosen:
        if word not in known and word not in programs:
            raise Problem(
                f"there is no benchmark {word!r}; there are "
                f"{', '.join(programs)}, and the groups of each, such as "
                f"{min(known)}"
            )
    return groups


class Comparison:
    """Takes the samples, in rounds."""

    def __init__(
        self, groups: Sequence[Group], screen: Screen, end_s: float
    ) -> None:
        self._groups = list(groups)
        self._screen = screen
        self._end_s = end_s
        self._long: set[str] = set()  # Titles of groups.
        self.rounds: list[figures.Round] = []
        self.failed: list[str] = []

    def run(self, rounds: int) -> None:
        """Takes the rounds, and as many more where goals need them."""
        for number in range(rounds):
            if not self._round(
                [group for group in self._groups if self._has(group, number)],
                f"round {number + 1} of {rounds}",
            ):
                self.failed.append(
                    f"the time was up after {number} of {rounds} rounds"
                )
                return
        for number in range(rounds):
            needed = {
                (name.group, name.placement)
                for goal in goals.all_goals()
                if not figures.decided(goal, self.rounds)
                for name in figures.goal_names(goal)
            }
            groups = [
                group
                for group in self._groups
                if (group.names[0].group, group.names[0].placement) in needed
            ]
            if not groups or not self._round(
                groups, f"extra round {number + 1}"
            ):
                return

    def _has(self, group: Group, number: int) -> bool:
        """Whether a group takes part in a round."""
        if group.title in self._long:
            return number < min(group.rounds, figures.ROUNDS_MIN)
        return number < group.rounds

    def _round(self, groups: Sequence[Group], title: str) -> bool:
        """Takes turns once; returns whether there was time enough."""
        one: figures.Round = {}
        self.rounds.append(one)
        for group in groups:
            start_s = time.monotonic()
            if start_s > self._end_s:
                return False
            self._screen.status(f"  ... {title}: {group.title}")
            try:
                samples = group.program.sample(group.names)
            except ProgramFailed as error:
                self.failed.append(f"{group.title}: {error}")
                self._groups.remove(group)
                continue
            if time.monotonic() - start_s > _LONG_S:
                self._long.add(group.title)
            one.update({sample.name: sample for sample in samples})
        return True


def make_results(
    comparison: Comparison, options: argparse.Namespace, described: Any
) -> dict[str, Any]:
    """Returns what results.json has, all but how long it took."""
    missing, failed = figures.failures(comparison.rounds)
    return {
        "date": datetime.date.today().isoformat(),
        "machine": described,
        "rounds": options.rounds,
        "curve_rounds": min(options.rounds, _CURVE_ROUNDS),
        "seconds": 0,
        "distances": figures.distances(comparison.rounds),
        "missing": missing,
        "failed": comparison.failed + failed,
        "rows": [
            record
            for goal in goals.all_goals()
            for record in figures.rows(goal, comparison.rounds)
        ],
        "times": figures.times(comparison.rounds),
    }


def to_json(results: dict[str, Any]) -> str:
    """Returns the text of results.json: a line for each record."""
    parts = []
    for key, value in results.items():
        if isinstance(value, list) and value:
            lines = ",\n  ".join(json.dumps(item) for item in value)
            parts.append(f"{json.dumps(key)}: [\n  {lines}\n]")
        else:
            parts.append(f"{json.dumps(key)}: {json.dumps(value, indent=1)}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _align(cells: Sequence[str]) -> str:
    parts = [f"{cell:{width}}" for cell, width in zip(cells, _WIDTHS)]
    return " ".join(parts).rstrip()


def show(screen: Screen, results: dict[str, Any], complete: bool) -> list[Any]:
    """Prints the table; returns the goals that lack figures, and a reason."""
    screen.line(">=: at least this many times as fast; <=: at most this many")
    screen.line("times the time, or this much; median [quartiles] of rounds")
    lacking = []
    for subject in goals.GOALS:
        rows = text.table(results, subject)
        measured = {record["key"] for record in results["rows"]}
        if not complete:
            rows = [row for row in rows if row[0].key in measured]
        if not rows:
            continue
        screen.line()
        screen.line(screen.paint("bold", subject))
        screen.line(screen.paint("faint", _align(text.HEAD)))
        last = ""
        for goal, cells in rows:
            line = _align(["" if goal.what == last else cells[0], *cells[1:]])
            last = goal.what
            colour = _COLOURS.get(cells[-1])
            if colour:
                head = line[: len(line) - len(cells[-1])]
                line = head + screen.paint(colour, cells[-1])
            screen.line(line)
            if goal.note and cells[-1] != figures.AIM:
                for note in textwrap.wrap(goal.note, 100):
                    screen.line(f"    {note}")
            if goal.key not in measured | goals.UNMEASURED:
                lacking.append(goal)
    return lacking


def show_others(screen: Screen, results: dict[str, Any]) -> None:
    """Prints the times of all groups, for a user who asked by name."""
    screen.line()
    screen.line(screen.paint("bold", "All times"))
    for record in results["times"]:
        where = text.place(record["placement"], record["tag"])
        low, median, high = map(text.time, record["ns"])
        screen.line(
            f"{record['group']:24} {record['contender']:20} {where:13} "
            f"{median:>8} [{low}, {high}], {record['rounds']} rounds"
        )


def show_distances(screen: Screen, results: dict[str, Any]) -> None:
    """Says how far the CPUs were from each other, and how often."""
    seen = {record["tag"]: record for record in results["distances"]}
    if not any(record["samples"] for record in seen.values()):
        return
    told = [f"{tag} in {record['samples']}" for tag, record in seen.items()]
    screen.line(f"The CPUs were {', '.join(told)} samples.")
    for tag in ("near", "far"):
        if not seen[tag]["samples"]:
            screen.line(f"The CPUs were never {tag}; such rows are empty.")


def write(screen: Screen, results: dict[str, Any], root: pathlib.Path) -> None:
    """Writes docs/benchmarks: results, page, and plots if gnuplot is there."""
    folder = root / _FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(to_json(results), encoding="utf-8")
    (folder / "README.md").write_text(page.page(results), encoding="utf-8")
    package, program = machine.PLOTTER
    if machine.installed(program):
        drawn = len(plots.draw(results, folder))
        screen.line(f"Wrote {_FOLDER}/README.md, results.json, {drawn} plots.")
    else:
        screen.line(f"Wrote {_FOLDER}/README.md and results.json.")
        screen.line(f"No gnuplot ({package}): the plots are left as they were.")


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        prog="compare",
        description="Measures the primitives of common beside their peers.",
    )
    parser.add_argument(
        "name",
        nargs="*",
        help="what to measure: queue, or a group such as lock_2 (all)",
    )
    parser.add_argument(
        "--rounds",
        type=int,
        default=9,
        metavar="N",
        help=f"rounds of samples, {figures.ROUNDS_MIN} or more (9)",
    )
    parser.add_argument(
        "--write",
        action="store_true",
        help=f"write {_FOLDER} though only names were measured",
    )
    parser.add_argument(
        "--redraw",
        action="store_true",
        help=f"measure nothing; make {_FOLDER} again from its results.json",
    )
    parser.add_argument(
        "--root",
        type=pathlib.Path,
        default=os.environ.get("BUILD_WORKSPACE_DIRECTORY"),
        help=argparse.SUPPRESS,
    )
    return parser.parse_args(arguments)


def usage_problem(options: argparse.Namespace) -> str:
    """Returns what is wrong with the command line, or ""."""
    if options.root is None:
        return "run it by: bazel run //benchmarks:compare"
    if options.rounds < figures.ROUNDS_MIN:
        return (
            f"--rounds must be at least {figures.ROUNDS_MIN}, "
            f"not {options.rounds}"
        )
    if options.redraw and (options.name or options.write):
        return "--redraw measures nothing, so it takes no other argument"
    if (
        options.redraw
        and not (options.root / _FOLDER / "results.json").exists()
    ):
        return f"there is no {_FOLDER}/results.json to draw"
    return ""


def compare(options: argparse.Namespace, screen: Screen) -> int:
    """Measures, prints, writes; returns the status."""
    start_s = time.monotonic()
    workspace = Workspace(options.root)
    primitives = workspace.primitives()
    if set(options.name) <= set(primitives) and options.name:
        primitives = [name for name in primitives if name in options.name]
    lacking_peers = machine.missing_peers()
    for peer, package in lacking_peers.items():
        screen.line(f"skip  {peer} is not installed ({package})")
    defines = [x for x in machine.DEFINES if x not in lacking_peers]
    programs = workspace.build(primitives, defines)
    comparison = Comparison(
        choose(programs, options.name, options.rounds),
        screen,
        start_s + _LIMIT_S,
    )
    comparison.run(options.rounds)
    screen.status()
    described = machine.describe()
    results = make_results(comparison, options, described)
    results["seconds"] = round(time.monotonic() - start_s)
    complete = not options.name
    lacking = show(screen, results, complete)
    if not complete:
        show_others(screen, results)
    screen.line()
    screen.line(text.machine(results))
    show_distances(screen, results)
    for line in results["missing"]:
        screen.line(f"{screen.paint('faint', 'skip')}  {line}")
    for line in results["failed"]:
        screen.line(f"{screen.paint('bad', 'FAIL')}  {line}")
    lacking = [
        goal
        for goal in lacking
        if not any(
            peer in name.contender
            for peer in lacking_peers
            for name in figures.goal_names(goal)
        )
    ]
    for goal in lacking:
        screen.line(f"{screen.paint('bad', 'FAIL')}  {goal.key}: not measured")
    if complete or options.write:
        write(screen, results, options.root)
    return 1 if results["failed"] or lacking else 0


def main(arguments: Sequence[str]) -> int:
    """Returns 0, 1 if something could not be measured, 2 for wrong usage."""
    options = parse(arguments)
    problem = usage_problem(options)
    screen = Screen(sys.stdout)
    try:
        if problem:
            raise Problem(problem)
        if options.redraw:
            file = options.root / _FOLDER / "results.json"
            results = json.loads(file.read_text(encoding="utf-8"))
            write(screen, results, options.root)
            return 0
        return compare(options, screen)
    except Problem as error:
        screen.status()
        print(f"compare: {error}", file=sys.stderr)
        return _WRONG_USAGE
    except KeyboardInterrupt:
        screen.status()
        print("compare: interrupted", file=sys.stderr)
        return 128 + signal.SIGINT


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

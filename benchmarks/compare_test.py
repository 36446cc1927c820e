"""The tests of the comparison, by programs that make up their times."""

import io
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import unittest
import unittest.mock
from collections.abc import Sequence

from benchmarks import compare, figures, goals, page, plots, text
from benchmarks.figures import goal_names
from benchmarks.samples import Name, Program, Sample
from harness.screen import Screen

# A program of benchmarks, as far as compare knows one. Beside it is a table:
# the name of each benchmark, and what the library would print for it.
_PROGRAM = """#!/bin/sh
PATH=/usr/bin:/bin
if [ "$1" = --benchmark_list_tests ]; then
  exec cut -f1 "$0.table"
fi
if [ "${IPC_BENCH_PEERS##*/}" != peers ]; then exit 2; fi
found=$(grep -E "${1#--benchmark_filter=}" "$0.table" | cut -f2)
case $found in
  *hangs*)
    echo "$$" >"$0.fifo"
    exec sleep 1000
    ;;
  *dies*)
    echo "out of luck" >&2
    exit 1
    ;;
esac
echo '{"benchmarks": ['
echo "$found" | paste -sd,
echo ']}'
"""

_MAIN = """
import sys
from benchmarks import compare
sys.exit(compare.main(sys.argv[1:]))
"""

# With all the peers, whatever is installed here.
_WITH_PEERS = """
from benchmarks import machine
machine.missing_peers = dict
"""

# With some of the goals there is less to wait for.
_SOME = """
from benchmarks import goals
kinds = ("lock_", "supervisor_", "queue_idle")
goals.GOALS = {
    subject: [goal for goal in rows if goal.group.startswith(kinds)]
    for subject, rows in goals.GOALS.items()
}
"""

_BAZEL = """#!/bin/sh
echo "$@" >>{root}/bazel.log
case $1 in
  info) echo {root}/bin ;;
  build) [ ! -e {root}/broken ] ;;
esac
"""


class CompareTest(unittest.TestCase):
    """What it prints, writes and returns."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(dir=os.environ.get("TEST_TMPDIR"))
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        self.docs = self.root / "docs" / "benchmarks"
        self.executable("bazelw", _BAZEL.format(root=self.root))
        # Everything that has a goal.
        self.times: dict[str, float | None] = {
            str(name): 100.0
            for goal in goals.all_goals()
            for name in goal_names(goal)
        }
        self.times["lock_1/same/Lock"] = 120.0
        self.times["lock_1/same/pthread_mutex"] = 100.0
        self.times["spare_1/two/Spare"] = 100.0
        self.times["latency_64B/two/Queue"] = 100.0
        self.times["latency_4096B/two/Queue"] = 1000.0
        self.errors: dict[str, str] = {}

    def executable(self, name: str, lines: str) -> None:
        """Makes a program below the root."""
        file = self.root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(lines)
        file.chmod(0o755)

    def add_program(
        self, primitive: str, times: dict[str, float | None]
    ) -> None:
        """Makes a program with these benchmarks."""
        source = self.root / "benchmarks" / f"{primitive}_bench.cc"
        source.parent.mkdir(exist_ok=True)
        source.write_text("")
        self.executable(f"bin/benchmarks/{primitive}_bench", _PROGRAM)
        lines = []
        for name, time in times.items():
            full = f"{name}/iterations:1/manual_time"
            entry: dict[str, object] = {
                "name": full,
                "real_time": time or "dies",
                "time_unit": "ns",
                "near_before": 70,
                "near_after": 80,
                "cpu": 0,
                "switches": 0,
            }
            if name in self.errors:
                entry["error_occurred"] = True
                entry["error_message"] = self.errors[name]
            lines.append(f"{full}\t{json.dumps(entry)}\n")
        table = self.root / "bin" / "benchmarks" / f"{primitive}_bench.table"
        table.write_text("".join(lines))

    def start(
        self, *arguments: str, path: str = "", all_goals: bool = False
    ) -> "subprocess.Popen[str]":
        """Starts it as bazel run does; what is not on `path` is missing."""
        program = "".join(
            (
                "" if path else _WITH_PEERS,
                "" if all_goals else _SOME,
                _MAIN,
            )
        )
        locks = {
            name: time
            for name, time in self.times.items()
            if name.startswith("lock_")
        }
        self.add_program("lock", locks)
        self.add_program(
            "other", {k: v for k, v in self.times.items() if k not in locks}
        )
        return subprocess.Popen(
            [sys.executable, "-c", program, "--rounds=7", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd="/",
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(sys.path),
                "BUILD_WORKSPACE_DIRECTORY": str(self.root),
                **({"PATH": path} if path else {}),
            },
        )

    def run_compare(
        self, *arguments: str, path: str = "", all_goals: bool = False
    ) -> tuple[int, str, str]:
        """Runs it to its end; returns its status and what it said."""
        process = self.start(*arguments, path=path, all_goals=all_goals)
        out, err = process.communicate()
        return process.returncode, out, err

    def results(self) -> dict[str, object]:
        """Returns what was written."""
        written = (self.docs / "results.json").read_text()
        found: dict[str, object] = json.loads(written)
        return found

    def test_a_complete_run_fills_in_the_table_and_writes_the_page(
        self,
    ) -> None:
        status, out, err = self.run_compare(all_goals=True)
        self.assertEqual((status, err), (0, ""), out)
        self.assertRegex(
            out,
            r"Lock, uncontended +pthread_mutex +one +120 ns "
            r" 1\.20 \[1\.20, 1\.20\] +<= 1\.35 +1\.2 +aim\n",
        )
        self.assertRegex(out, r"NOT\n")
        self.assertNotIn("no figure", out)
        self.assertNotIn("\x1b", out)
        self.assertLessEqual(max(map(len, out.splitlines())), 120)
        self.assertIn("The CPUs were never far; such rows are empty.", out)
        results = self.results()
        written = (self.docs / "README.md").read_text()
        self.assertEqual(written, page.page(results))
        for goal in goals.all_goals():
            self.assertIn(f"| {goal.what} | ", written)
        self.assertNotIn("spare_1", written + json.dumps(results))
        log = (self.root / "bazel.log").read_text().splitlines()
        self.assertRegex(log[0], "^build -c opt .*//benchmarks:lock_bench ")

    def test_plots_are_drawn_if_there_is_something_to_draw_with(self) -> None:
        if shutil.which("gnuplot") is None:
            self.skipTest("there is no gnuplot")
        status, out, _ = self.run_compare()
        self.assertEqual(status, 0, out)
        told = text.machine(self.results())
        for name in ("latency_two", "growth"):
            drawn = (self.docs / f"{name}.svg").read_text()
            self.assertIn(told, drawn)
            self.assertIn("Queue", drawn)
        # There was nothing for this one, and so the page has none.
        self.assertFalse((self.docs / "latency_same.svg").exists())
        written = (self.docs / "README.md").read_text()
        self.assertIn("(latency_two.svg)", written)
        self.assertNotIn("(latency_same.svg)", written)

    def test_without_gnuplot_the_plots_are_left_as_they_were(self) -> None:
        self.docs.mkdir(parents=True)
        (self.docs / "growth.svg").write_text("old")
        status, out, _ = self.run_compare(path="/nowhere")
        self.assertEqual(status, 0, out)
        self.assertIn(
            "No gnuplot (gnuplot-nox): the plots are left as they were.\n", out
        )
        self.assertEqual((self.docs / "growth.svg").read_text(), "old")

    def test_a_peer_that_is_not_installed_costs_a_line_and_no_more(
        self,
    ) -> None:
        for name in list(self.times):
            if name.endswith("/runit"):
                self.errors[name] = "missing: runsv: "
        status, out, _ = self.run_compare(path="/nowhere")
        self.assertEqual(status, 0, out)
        self.assertIn("skip  s6 is not installed (s6)\n", out)
        self.assertIn("skip  runit is not installed (runit)\n", out)
        self.assertRegex(out, r" runit +two .* no figure\n")

    def test_names_print_only(self) -> None:
        status, out, err = self.run_compare("lock_1", "spare_1")
        self.assertEqual((status, err), (0, ""), out)
        self.assertIn("Lock, uncontended", out)
        self.assertNotIn("Lock, 2", out)
        self.assertNotIn("no figure", out)
        self.assertRegex(out, r"\nspare_1 +Spare +two near +100 ns ")
        self.assertFalse(self.docs.exists())

    def test_the_name_of_a_primitive_means_all_of_its_groups(self) -> None:
        status, out, _ = self.run_compare("lock")
        self.assertEqual(status, 0, out)
        self.assertIn("Lock, uncontended", out)
        self.assertIn("Lock, 2", out)
        self.assertNotIn("Event", out)
        log = (self.root / "bazel.log").read_text()
        self.assertNotIn("other_bench", log)

    def test_names_write_if_that_is_asked_for(self) -> None:
        status, out, _ = self.run_compare("lock_1", "--write")
        self.assertEqual(status, 0, out)
        self.assertIn("no figure", (self.docs / "README.md").read_text())

    def test_an_unknown_name_gets_one_line(self) -> None:
        status, out, err = self.run_compare("nosuch")
        self.assertEqual((status, out), (2, ""))
        self.assertEqual(
            err,
            "compare: there is no benchmark 'nosuch'; there are lock, other, "
            "and the groups of each, such as condition_round_trip\n",
        )

    def test_wrong_usage_gets_one_line(self) -> None:
        for arguments, told in (
            (["--rounds=3"], "--rounds must be at least 7, not 3"),
            (["--redraw"], "there is no docs/benchmarks/results.json to draw"),
            (["--redraw", "lock"], "--redraw measures nothing, so it takes"),
        ):
            status, _, err = self.run_compare(*arguments)
            self.assertEqual(status, 2)
            self.assertRegex(err, f"^compare: {told}.*\n$")

    def test_an_error_of_a_contender_is_shown_and_is_a_failure(self) -> None:
        self.errors["lock_1/same/pthread_mutex"] = "mutex: no such luck"
        status, out, _ = self.run_compare()
        self.assertEqual(status, 1)
        self.assertIn(
            "FAIL  lock_1/same/pthread_mutex: in 7 of 7 rounds: "
            "mutex: no such luck\n",
            out,
        )
        self.assertIn(
            "mutex: no such luck", (self.docs / "README.md").read_text()
        )

    def test_a_program_that_dies_does_not_take_the_others_along(self) -> None:
        self.times["lock_1/same/Lock"] = None
        status, out, _ = self.run_compare("lock")
        self.assertEqual(status, 1)
        self.assertEqual(out.count("FAIL"), 1)
        self.assertIn(
            "FAIL  lock_1/same: lock_bench ended with status 1: out of luck\n",
            out,
        )
        self.assertIn("Lock, 2", out)

    def test_an_interrupt_ends_what_runs(self) -> None:
        self.errors["lock_1/same/Lock"] = "hangs"
        fifo = self.root / "bin" / "benchmarks" / "lock_bench.fifo"
        fifo.parent.mkdir(parents=True)
        os.mkfifo(fifo)
        process = self.start("lock_1", "--write")
        pid = int(fifo.read_text())
        process.send_signal(signal.SIGINT)
        _, err = process.communicate()
        self.assertEqual(process.returncode, 130)
        self.assertEqual(err, "compare: interrupted\n")
        with self.assertRaises(ProcessLookupError):
            os.kill(pid, 0)
        self.assertFalse(self.docs.exists())

    def test_a_goal_without_benchmark_fails_a_complete_run_only(self) -> None:
        del self.times["lock_1/same/pthread_mutex"]
        status, out, _ = self.run_compare()
        self.assertEqual(status, 1)
        self.assertRegex(out, r"Lock, uncontended +pthread_mutex .* no figure")
        self.assertIn(
            "FAIL  lock_1/same/Lock cost lock_1/pthread_mutex: not measured\n",
            out,
        )
        status, out, _ = self.run_compare("lock_1")
        self.assertEqual(status, 0, out)

    def test_a_goal_may_say_why_it_has_no_benchmark(self) -> None:
        for name in list(self.times):
            if name.endswith("/Manager_binary"):
                del self.times[name]
        status, out, _ = self.run_compare(all_goals=True)
        self.assertEqual(status, 0, out)
        self.assertIn(
            "no figure\n    a manager has only one message format", out
        )

    def test_a_build_that_fails_is_reported(self) -> None:
        (self.root / "broken").write_text("")
        status, _, err = self.run_compare("lock")
        self.assertEqual(status, 2)
        self.assertEqual(
            err, "compare: the benchmarks were not built; see above\n"
        )

    def test_page_and_plots_can_be_made_again(self) -> None:
        self.run_compare()
        written = (self.docs / "README.md").read_text()
        (self.docs / "README.md").write_text("")
        status, out, _ = self.run_compare("--redraw")
        self.assertEqual(status, 0, out)
        self.assertEqual((self.docs / "README.md").read_text(), written)


class RoundsTest(unittest.TestCase):
    """How many rounds there are."""

    def groups(self, distances: list[float]) -> list[compare.Group]:
        """Returns one that there are goals for, and one that is only drawn.

        In the rounds the CPUs have these distances; after that the last one.
        """

        class Made(Program):
            """A program that needs no processes."""

            def sample(self, names: Sequence[Name]) -> list[Sample]:
                near = distances.pop(0) if len(distances) > 1 else distances[0]
                return [Sample(name, 10, near, near) for name in names]

        program = Made(pathlib.Path("made"), pathlib.Path("peers"))
        goal = Name("queue_1to1_64B", "two", "Queue")
        peer = Name("queue_1to1_64B", "two", "spsc_ring")
        curve = Name("latency_64B", "same", "Queue")
        return [
            compare.Group(program, (goal, peer), 9),
            compare.Group(program, (curve,), 5),
        ]

    def count(
        self, distances: list[float], end_s: float = 1e12
    ) -> tuple[int, int, list[str]]:
        """Returns the rounds that each had, and what failed."""
        groups = self.groups(distances)
        comparison = compare.Comparison(groups, Screen(io.StringIO()), end_s)
        comparison.run(9)
        counts = [
            sum(group.names[0] in one for one in comparison.rounds)
            for group in groups
        ]
        return counts[0], counts[1], comparison.failed

    def test_what_is_only_drawn_has_fewer(self) -> None:
        self.assertEqual(self.count([70]), (9, 5, []))

    def test_there_are_more_until_enough_of_them_were_near(self) -> None:
        # Ten samples that are far, of both groups, are five rounds.
        self.assertEqual(self.count([500.0] * 10 + [70]), (12, 5, []))

    def test_there_are_at_most_twice_as_many(self) -> None:
        self.assertEqual(self.count([500]), (18, 5, []))

    def test_what_takes_long_has_as_few_as_decide(self) -> None:
        with unittest.mock.patch.object(compare, "_LONG_S", -1):
            self.assertEqual(self.count([70]), (7, 5, []))

    def test_when_the_time_is_over_that_is_a_failure(self) -> None:
        self.assertEqual(
            self.count([70], -1),
            (0, 0, ["the time was up after 0 of 9 rounds"]),
        )


class PlotsTest(unittest.TestCase):
    """What is drawn of figures."""

    def record(
        self, group: str, contender: str, ns: float, tag: str = "near"
    ) -> figures.Record:
        """Returns a record of times."""
        return {
            "group": group,
            "placement": "two",
            "contender": contender,
            "tag": tag,
            "rounds": 5,
            "ns": [ns, ns, ns],
        }

    def lines(self, name: str, *records: figures.Record) -> object:
        """Returns the lines of a plot, as title and points."""
        plot = next(plot for plot in plots.PLOTS if plot.name == name)
        found, tag = plots.lines(plot, {"times": list(records)})
        return [(line.title, line.points) for line in found], tag

    def test_points_are_in_order_and_the_highest_line_first(self) -> None:
        self.assertEqual(
            self.lines(
                "latency_two",
                self.record("latency_64B", "pipe", 10),
                self.record("latency_8B", "pipe", 5),
                self.record("latency_8B", "Queue", 90),
                self.record("throughput_8B", "Queue", 1),
            ),
            (
                [("Queue", ((8, 90),)), ("pipe", ((8, 5), (64, 10)))],
                "near",
            ),
        )

    def test_near_and_far_are_not_in_one_picture(self) -> None:
        self.assertEqual(
            self.lines(
                "latency_two",
                self.record("latency_8B", "pipe", 5, "far"),
                self.record("latency_64B", "pipe", 10, "far"),
                self.record("latency_64B", "pipe", 1),
            ),
            ([("pipe", ((8, 5), (64, 10)))], "far"),
        )

    def test_growth_is_against_the_start(self) -> None:
        self.assertEqual(
            self.lines(
                "growth",
                self.record("scale_queue_4", "Queue", 30),
                self.record("scale_queue_1", "Queue", 20),
            ),
            ([("Queue, 20.0 ns", ((1, 1), (4, 1.5)))], "near"),
        )

    def test_no_figures_no_plot(self) -> None:
        plot = plots.PLOTS[0]
        out = pathlib.Path("x.svg")
        self.assertEqual(plots.script(plot, {"times": []}, out), "")


class JsonTest(unittest.TestCase):
    """The form of results.json."""

    def test_a_record_is_a_line(self) -> None:
        results = {
            "date": "2026-01-02",
            "rows": [{"a": 1}, {"b": [2]}],
            "x": [],
        }
        written = compare.to_json(results)
        self.assertEqual(json.loads(written), results)
        self.assertEqual(
            written,
            textwrap.dedent(
                """\
                {
                "date": "2026-01-02",
                "rows": [
                  {"a": 1},
                  {"b": [2]}
                ],
                "x": []
                }
                """
            ),
        )


if __name__ == "__main__":
    unittest.main()

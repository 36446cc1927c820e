"""The tests of samples and of what is made of them."""

import json
import os
import pathlib
import tempfile
import unittest
import unittest.mock

from benchmarks import figures, goals, samples, text
from benchmarks.samples import (
    Name,
    Program,
    ProgramFailed,
    Sample,
    distance_tag,
    read_samples,
)

_OURS = Name("queue", "two", "Queue")
_PEER = Name("queue", "two", "ring")
_GOAL = goals.Goal(
    "Queue", "queue", "two", "Queue", goals.FASTER, 2, 4, peer="ring"
)


def sample(name: Name, ns: float, *near: float) -> Sample:
    """Returns a sample with a distance before and after it."""
    before, after = near or (70.0, 70.0)
    return Sample(name, ns, before, after)


def pair(ours_ns: float, peer_ns: float, *near: float) -> figures.Round:
    """Returns a round of both."""
    return {
        _OURS: sample(_OURS, ours_ns, *near),
        _PEER: sample(_PEER, peer_ns, *near),
    }


class SamplesTest(unittest.TestCase):
    """What Google Benchmark prints."""

    def read(self, **fields: object) -> Sample:
        """Reads a document with one benchmark."""
        entry = {
            "name": "queue/two/Queue/iterations:1/manual_time",
            "real_time": 27.5,
            "cpu_time": 3.2e7,
            "time_unit": "ns",
            "near_before": 70.0,
            "near_after": 320.0,
            "switches": 0.5,
            "cpu": 1.9,
        } | fields
        (found,) = read_samples(json.dumps({"benchmarks": [entry]}))
        return found

    def test_a_time_and_the_counters_are_read(self) -> None:
        self.assertEqual(
            self.read(), Sample(_OURS, 27.5, 70.0, 320.0, 0.5, 1.9)
        )

    def test_times_are_in_the_unit_that_is_said(self) -> None:
        self.assertEqual(self.read(time_unit="us").ns, 27500)
        self.assertEqual(self.read(time_unit="ms").ns, 27500000)

    def test_a_missing_peer_is_not_an_error(self) -> None:
        found = self.read(
            error_occurred=True, error_message="missing: s6-supervise: "
        )
        self.assertEqual((found.missing, found.error), ("s6-supervise:", ""))
        self.assertFalse(found.good)

    def test_an_error_is_not_taken_for_a_missing_peer(self) -> None:
        found = self.read(error_occurred=True, error_message="mq_open: denied")
        self.assertEqual((found.missing, found.error), ("", "mq_open: denied"))
        self.assertFalse(found.good)

    def test_a_name_is_taken_apart(self) -> None:
        self.assertEqual(
            str(Name.read("a_1/same/b/iterations:1")), "a_1/same/b"
        )
        with self.assertRaisesRegex(ValueError, "'a/b' is not group/placement"):
            Name.read("a/b")

    def test_distances_have_borders(self) -> None:
        for ns, tag in (
            (249, "near"),
            (250, "between"),
            (400, "between"),
            (401, "far"),
            (1000, "far"),
            (1001, None),
        ):
            self.assertEqual(distance_tag(ns), tag, ns)

    def test_on_one_cpu_the_distance_says_nothing(self) -> None:
        one = Name("queue", "same", "Queue")
        self.assertEqual(sample(one, 1, 70, 500).tag, "")
        self.assertIsNone(sample(_OURS, 1, 70, 500).tag)
        self.assertEqual(sample(_OURS, 1, 450, 500).tag, "far")


class ProgramTest(unittest.TestCase):
    """A program that does not do what it should."""

    def sample(self, script: str) -> list[Sample]:
        """Takes a sample of a script."""
        folder = tempfile.TemporaryDirectory(dir=os.environ.get("TEST_TMPDIR"))
        self.addCleanup(folder.cleanup)
        file = pathlib.Path(folder.name, "made_bench")
        file.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        file.chmod(0o755)
        return Program(file, file.parent).sample([_OURS])

    def test_what_does_not_end_is_ended(self) -> None:
        with unittest.mock.patch.object(samples, "_LIMIT_S", 0.1):
            with self.assertRaisesRegex(
                ProgramFailed, "made_bench did not end within 0 s"
            ):
                self.sample("sleep 1000")

    def test_the_way_it_ended_is_reported(self) -> None:
        with self.assertRaisesRegex(ProgramFailed, "with signal 11: bad luck"):
            self.sample("echo 'bad luck' >&2; kill -SEGV $$")
        with self.assertRaisesRegex(ProgramFailed, "with status 3: $"):
            self.sample("exit 3")

    def test_an_output_that_is_not_json_is_reported(self) -> None:
        with self.assertRaisesRegex(ProgramFailed, "printed no figures"):
            self.sample("echo hello")


class RatiosTest(unittest.TestCase):
    """Ratios within a round, and what becomes of the rounds."""

    def rows(
        self, rounds: list[figures.Round], goal: goals.Goal = _GOAL
    ) -> list[figures.Record]:
        """Returns the records without what ours took."""
        return [
            {key: row[key] for key in ("tag", "rounds", "figure") if key in row}
            for row in figures.rows(goal, rounds)
        ]

    def test_a_ratio_has_a_median_and_quartiles(self) -> None:
        rounds = [pair(10, 10 * factor) for factor in (9, 1, 2, 3, 8, 5, 4)]
        self.assertEqual(
            self.rows(rounds),
            [{"tag": "near", "rounds": 7, "figure": [2.5, 4, 6.5]}],
        )

    def test_a_cost_is_the_other_way_round(self) -> None:
        goal = goals.Goal(
            "Queue", "queue", "two", "Queue", goals.COST, peer="ring"
        )
        self.assertEqual(
            self.rows([pair(30, 10)] * 7, goal)[0]["figure"], [3, 3, 3]
        )

    def test_a_ratio_is_of_one_round(self) -> None:
        """Though all of them together would say something else."""
        rounds = [pair(ns, 2 * ns) for ns in (1, 10, 100, 1000, 3, 5, 7)]
        self.assertEqual(self.rows(rounds)[0]["figure"], [2, 2, 2])

    def test_near_and_far_have_rows_of_their_own(self) -> None:
        rounds = [pair(1, 5)] * 7 + [pair(1, 2, 500, 500)] * 8
        self.assertEqual(
            self.rows(rounds),
            [
                {"tag": "near", "rounds": 7, "figure": [5, 5, 5]},
                {"tag": "far", "rounds": 8, "figure": [2, 2, 2]},
            ],
        )

    def test_near_and_far_are_never_compared(self) -> None:
        mixed = {
            _OURS: sample(_OURS, 1),
            _PEER: sample(_PEER, 9, 500, 500),
        }
        self.assertEqual(
            self.rows([mixed] * 9 + [pair(1, 5)]),
            [{"tag": "near", "rounds": 1, "figure": [5, 5, 5]}],
        )

    def test_a_sample_during_which_the_distance_changed_is_left_out(
        self,
    ) -> None:
        changed = pair(1, 9, 70, 500)
        disturbed = pair(1, 9, 5000, 5000)
        self.assertEqual(
            self.rows([changed, disturbed, pair(1, 5)]),
            [{"tag": "near", "rounds": 1, "figure": [5, 5, 5]}],
        )

    def test_a_goal_for_one_distance_has_no_other_row(self) -> None:
        goal = goals.Goal(
            "Queue",
            "queue",
            "two",
            "Queue",
            goals.FASTER,
            peer="ring",
            tag="far",
        )
        self.assertEqual(
            self.rows([pair(1, 5)] * 9, goal), [{"tag": "far", "rounds": 0}]
        )

    def test_what_was_not_near_enough_is_shown_and_decides_nothing(
        self,
    ) -> None:
        goal = goals.Goal(
            "Queue",
            "queue",
            "two",
            "Queue",
            goals.FASTER,
            2,
            4,
            peer="ring",
            tag="near",
        )
        between = [pair(1, 5, 320, 320)] * 7
        rows = figures.rows(goal, [pair(1, 9)] + between)
        self.assertEqual([x["tag"] for x in rows], ["near", "between"])
        self.assertEqual(
            [figures.verdict(goal, row) for row in rows],
            [figures.FEW, figures.BESIDE],
        )
        rows = figures.rows(goal, [pair(1, 9)] * 7 + between)
        self.assertEqual([x["tag"] for x in rows], ["near"])

    def test_a_sample_that_failed_or_is_missing_has_no_ratio(self) -> None:
        for bad in (Sample(_PEER, error="no"), Sample(_PEER, missing="no")):
            broken = {_OURS: sample(_OURS, 1), _PEER: bad}
            self.assertEqual(self.rows([broken, {_OURS: broken[_OURS]}]), [])
            self.assertEqual(
                self.rows([broken, pair(1, 5)])[0]["figure"], [5, 5, 5]
            )

    def test_a_figure_without_peer_needs_no_distance(self) -> None:
        goal = goals.Goal("Queue", "queue", "two", "Queue", goals.CPU)
        one = {_OURS: Sample(_OURS, 1, 70, 500, cpu=0.25)}
        self.assertEqual(
            self.rows([one], goal),
            [{"tag": "", "rounds": 1, "figure": [0.25, 0.25, 0.25]}],
        )

    def test_how_often_something_hangs_is_a_mean(self) -> None:
        goal = goals.Goal("Q", "queue", "two", "Queue", goals.DEAD, 0, 0)
        rounds = [
            {_OURS: Sample(_OURS, 1, 70, 70, dead=dead)}
            for dead in (0, 0, 0, 0, 0, 0, 0, 1)
        ]
        (record,) = figures.rows(goal, rounds)
        self.assertEqual(record["figure"], [0, 0.125, 0])
        self.assertEqual(figures.verdict(goal, record), figures.NOT)
        (record,) = figures.rows(goal, rounds[:7])
        self.assertEqual(figures.verdict(goal, record), figures.AIM)
        self.assertEqual(
            text.cells(goal, record)[4:6], ["0 % [0, 0]", "<= 0 %"]
        )

    def test_a_peer_may_be_in_another_group(self) -> None:
        goal = goals.Goal(
            "Growth",
            "queue",
            "two",
            "Queue",
            goals.COST,
            peer="Queue",
            peer_group="start",
        )
        start = Name("start", "two", "Queue")
        one = {_OURS: sample(_OURS, 30), start: sample(start, 10)}
        self.assertEqual(self.rows([one], goal)[0]["figure"], [3, 3, 3])

    def verdict(
        self, median: float, rounds: int = 7, sense: str = goals.FASTER
    ) -> str:
        """Returns the verdict on a median."""
        aim = 4 if sense == goals.FASTER else 1
        goal = goals.Goal(
            "Queue", "queue", "two", "Queue", sense, 2, aim, peer="ring"
        )
        record = {"rounds": rounds, "figure": [0, median, 9], "tag": "near"}
        return figures.verdict(goal, record)

    def test_the_median_decides(self) -> None:
        for median, verdict in (
            (4, figures.AIM),
            (3.9, figures.REACH),
            (1.9, figures.NOT),
        ):
            self.assertEqual(self.verdict(median), verdict)
        for median, verdict in (
            (1, figures.AIM),
            (2, figures.REACH),
            (2.1, figures.NOT),
        ):
            self.assertEqual(self.verdict(median, sense=goals.COST), verdict)

    def test_few_rounds_decide_nothing(self) -> None:
        self.assertEqual(self.verdict(4, rounds=6), figures.FEW)

    def test_rounds_are_asked_for_until_near_ones_are_enough(self) -> None:
        goal = goals.Goal(
            "Queue",
            "queue",
            "two",
            "Queue",
            goals.FASTER,
            peer="ring",
            tag="near",
        )
        far = [pair(1, 2, 500, 500)] * 9
        self.assertFalse(figures.decided(goal, far + [pair(1, 2)] * 6))
        self.assertTrue(figures.decided(goal, far + [pair(1, 2)] * 7))
        # What is not there at all does not come by waiting for it.
        self.assertTrue(figures.decided(goal, [{}]))

    def test_times_are_of_what_was_good(self) -> None:
        rounds = [
            pair(10, 20),
            pair(30, 20, 500, 500),
            pair(1, 1, 70, 500),
            {_OURS: Sample(_OURS, error="no")},
        ]
        self.assertEqual(
            [
                (x["contender"], x["tag"], x["rounds"], x["ns"])
                for x in figures.times(rounds)
            ],
            [
                ("Queue", "near", 1, [10, 10, 10]),
                ("Queue", "far", 1, [30, 30, 30]),
                ("ring", "near", 1, [20, 20, 20]),
                ("ring", "far", 1, [20, 20, 20]),
            ],
        )

    def test_distances_are_counted(self) -> None:
        rounds = [pair(1, 1), pair(1, 1, 70, 500)]
        self.assertEqual(
            [(x["tag"], x["samples"]) for x in figures.distances(rounds)],
            [("near", 2), ("between", 0), ("far", 0), ("changed", 2)],
        )

    def test_each_failure_is_reported_once(self) -> None:
        bad = {
            _OURS: Sample(_OURS, error="it hangs"),
            _PEER: Sample(_PEER, missing="s6"),
        }
        self.assertEqual(
            figures.failures([bad, bad, pair(1, 1)]),
            (
                ["queue/two/ring: missing: s6"],
                ["queue/two/Queue: in 2 of 3 rounds: it hangs"],
            ),
        )

    def test_a_peer_that_fails_now_and_then_is_left_out_of_those_rounds(
        self,
    ) -> None:
        for name, is_failure in ((_PEER, False), (_OURS, True)):
            bad = {name: Sample(name, error="no")}
            left_out, failed = figures.failures([bad, pair(1, 1), pair(1, 1)])
            line = [f"{name}: in 1 of 3 rounds: no"]
            self.assertEqual(failed, line if is_failure else [])
            self.assertEqual(left_out, [] if is_failure else line)

    def test_a_peer_that_mostly_fails_has_failed(self) -> None:
        bad = {_PEER: Sample(_PEER, error="no")}
        _, failed = figures.failures([bad, bad, pair(1, 1)])
        self.assertEqual(len(failed), 1)


class GoalsTest(unittest.TestCase):
    """The table, and how it is written."""

    def test_each_goal_has_figures_of_its_own(self) -> None:
        keys = [goal.key for goal in goals.all_goals()]
        self.assertEqual(len(keys), len(set(keys)))

    def test_each_note_is_about_a_goal(self) -> None:
        self.assertLessEqual(
            set(goals.NOTES), {goal.key for goal in goals.all_goals()}
        )

    def test_an_aim_is_beyond_what_is_required(self) -> None:
        for goal in goals.all_goals():
            if goal.reach is None or goal.aim is None:
                self.assertIs(goal.reach, goal.aim, goal.key)
            elif goal.sense == goals.FASTER:
                self.assertGreater(goal.aim, goal.reach, goal.key)
            else:
                self.assertLessEqual(goal.aim, goal.reach, goal.key)

    def test_numbers_have_only_digits_that_mean_something(self) -> None:
        for value, told in (
            (0.0, "0"),
            (0.00012345, "0.00012"),
            (0.12345, "0.12"),
            (5.3123, "5.31"),
            (12.345, "12.3"),
            (1234.5, "1234"),
        ):
            self.assertEqual(text.number(value), told)
        for value, told in (
            (0.5, "0.50 ns"),
            (27.12, "27.1 ns"),
            (1020, "1.02 us"),
            (2.5e9, "2.50 s"),
        ):
            self.assertEqual(text.time(value), told)


if __name__ == "__main__":
    unittest.main()

"""The tests of the game: moves, goals, and what is shown."""

import contextlib
import io
import os
import re
import unittest
from collections.abc import Mapping, Sequence
from typing import Any
from unittest import mock

from harness import game, play, results
from harness.screen import Screen


def setUpModule() -> None:  # pylint: disable=invalid-name
    """Lets there be a terminal that can clear its screen."""
    unittest.enterModuleContext(mock.patch.dict(os.environ, TERM="xterm"))


class Terminal(io.StringIO):
    """Says that it is one."""

    def isatty(self) -> bool:
        """Says so."""
        return True


def start(
    *arguments: str,
    typed: Sequence[str] = (),
    lab: str = "counter_without_lock",
) -> list[str]:
    """Plays; returns what was shown, first, and after each line typed."""
    out = io.StringIO()
    lines = io.StringIO("".join(f"{line}\n" for line in typed))
    status = play.start([lab, *arguments], out, lines)
    assert status == 0, status
    return re.split(r"^> .*\n", out.getvalue(), flags=re.M)


def schedules(pages: Sequence[str]) -> list[str]:
    """Returns the schedule on each page."""
    return re.findall(r"^Schedule: (\S+)", "".join(pages), re.M)


class PlayTest(unittest.TestCase):
    """The lab whose updates can be lost."""

    def test_the_start_says_what_to_do(self) -> None:
        """Processes, their next steps, what is shared, goals, par."""
        page = start()[0]
        for told in (
            "  A Worker 0  start -> after load; says Loaded 0\n",
            "Shared:\n  counter = 0\n",
            "*  1  outcome 1, 2 switches\n",
            "   2  outcome 2, 1 switch  (as expected)\n",
        ):
            self.assertIn(told, page)
        self.assertRegex(page, r"Goal: outcome 1 \(expected: 2\) +par 2 swit")

    def test_an_update_is_lost_move_by_move(self) -> None:
        """In as few switches as possible, with small letters as well."""
        pages = start(typed=["A", "b", "B", "a"])
        self.assertEqual(schedules(pages), ["-", "A", "AB", "ABB", "ABBA"])
        self.assertIn("B Worker 1: start -> after load\n", pages[2])
        self.assertIn("* counter = 1\n", pages[3])
        self.assertIn("  finished (exit status 0)\n", pages[3])
        self.assertIn(
            "Outcome: 1\nYou have reached the goal in 2 switches, "
            "and no way has fewer. Well played!\n",
            pages[4],
        )
        self.assertIn("A Worker 0: after load -> its end", pages[4])

    def test_more_switches_than_par_are_counted(self) -> None:
        """And so is an end that is not the goal."""
        pages = start(typed=["ABAB", "r", "AABB"])
        self.assertIn("goal in 3 switches; 2 are enough.", pages[1])
        self.assertIn("Outcome: 2\nThat is not the goal.", pages[3])
        self.assertNotIn("reached the goal", pages[3])

    def test_undo_and_restart(self) -> None:
        """One choice, and all of them; also after the end."""
        pages = start(typed=["AABB", "u", "undo", "B", "r", "u"])
        self.assertEqual(
            schedules(pages), ["-", "AABB", "AAB", "AA", "AAB", "-", "-"]
        )
        self.assertIn("\nthere is nothing to undo\n", pages[6])
        # What has changed is compared with the state before that.
        self.assertIn("* counter = 1\n", pages[3])

    def test_hints_lead_to_the_goal(self) -> None:
        """Or say how to come back to the best way."""
        pages = start(typed=["h", "A", "h", "A", "h", "u", "BB", "h", "A", "h"])
        for page, told in (
            (1, "Hint: A"),
            (3, "Hint: B"),
            (5, "you are off the best way known: undo 1 choice"),
            (8, "Hint: A"),
            (10, "it has ended; u takes the last choice back"),
        ):
            self.assertIn(f"\n{told}\n", pages[page])
        self.assertIn("Well played!", pages[9])

    def test_bad_input_gets_one_line_and_the_game_goes_on(self) -> None:
        """The schedule stays as it was."""
        wrong = (
            ("X", "there is no process X; there are A to B"),
            ("xyz", "there is no command 'xyz'; ? shows all"),
            ("A B", "there is no command 'A B'; ? shows all"),
            ("é", "there is no command 'é'; ? shows all"),
            ("kill", "there is no command 'kill'; ? shows all"),
            ("kill A", "no process can be killed without --kills=1"),
            ("-A", "no process can be killed without --kills=1"),
            ("goal 3", "there is no goal 3; goal lists them"),
            ("goal x", "there is no goal x; goal lists them"),
        )
        pages = start(typed=["A", *(typed for typed, _ in wrong), "B"])
        self.assertEqual(
            schedules(pages), ["-", "A", *("A" for _ in wrong), "AB"]
        )
        for page, (_, told) in zip(pages[2:], wrong):
            self.assertTrue(page.endswith(f"\n\n{told}\n"), page)
        pages = start(typed=["AA", "A", "B", "B", "B"])
        self.assertTrue(pages[2].endswith("\nWorker 0 has finished\n"))
        self.assertIn("\nit has ended; u takes the last choice", pages[5])

    def test_a_schedule_goes_as_far_as_it_can(self) -> None:
        """And says why not further."""
        pages = start(typed=["AAAB"])
        self.assertEqual(schedules(pages), ["-", "AA"])
        self.assertIn("\nWorker 0 has finished\n", pages[1])

    def test_processes_can_be_killed_if_that_is_allowed(self) -> None:
        """An update that its process has not made is lost as well."""
        pages = start("--kills=1", typed=["AA", "kill b", "u", "-B", "u", "b"])
        self.assertIn("*  1  outcome 1, 1 switch\n", pages[0])
        self.assertIn("start -> after load; says Loaded 0  [or -A]", pages[0])
        self.assertEqual(
            schedules(pages), ["-", "AA", "AAb", "AA", "AAb", "AA", "AAB"]
        )
        self.assertIn("Well played!", pages[2])
        pages = start("--kills=1", typed=["Aa", "-B"])
        self.assertIn("\n--kills allows 1 death, no more\n", pages[2])

    def test_another_goal_can_be_chosen(self) -> None:
        """And a list shows them."""
        pages = start("--workers=3", typed=["goal", "goal 2", "ABBCCA"])
        self.assertIn("*  1  outcome 1, 3 switches\n", pages[1])
        self.assertIn("   2  outcome 2, 3 switches\n", pages[1])
        self.assertIn("Goal: outcome 2", pages[2])
        self.assertIn("That is not the goal.", pages[3])

    def test_q_and_the_end_of_the_input_end_it(self) -> None:
        """Nothing typed after q is read."""
        self.assertEqual(len(start(typed=["q", "A"])), 2)
        self.assertEqual(schedules(start(typed=["q", "A"])), ["-"])
        self.assertEqual(schedules(start()), ["-"])

    def test_wrong_usage_is_one_line_and_status_two(self) -> None:
        """Before the game begins."""
        for arguments, told in (
            ("", "which lab?"),
            ("no_lab", "there is no lab 'no_lab'"),
            ("counter_without_lock --workers=x", "--workers"),
            ("counter_without_lock --max-schedules=x", "'x' is not a number"),
        ):
            err, status = io.StringIO(), 0
            with contextlib.redirect_stderr(err):
                try:
                    status = play.main(arguments.split())
                except SystemExit as ended:
                    status = int(str(ended.code))
            self.assertEqual(status, 2)
            self.assertIn(told, err.getvalue())
            self.assertEqual(err.getvalue().count("\n"), 1, err.getvalue())

    def test_a_screen_has_24_lines_of_80_columns(self) -> None:
        """However many processes there are, whatever they say."""
        typed = ["ABC", "?", "h", "goal", "nonsense " * 20, "ABCDEFGHIJKLMNO"]
        ends = ["ABCDEFGHI", "ABCDEFGHI"]
        for flags, lines in (
            (["--workers=20"], typed),
            (["--workers=9"], ends),
            (["--workers=4", "--max-schedules=20"], typed),
        ):
            out = Terminal()
            play.start(
                ["counter_without_lock", "--max-schedules=5", *flags],
                out,
                io.StringIO("\n".join(lines)),
            )
            pages = out.getvalue().split("\x1b[H\x1b[2J")[1:]
            self.assertEqual(len(pages), len(lines) + 1)
            for page in pages:
                text = re.sub(r"\x1b\[[\d;]*m", "", page).rstrip("\n")
                self.assertLessEqual(text.count("\n"), 23, text)
                for line in text.splitlines():
                    self.assertLessEqual(len(line), 80, line)
                self.assertTrue(text.endswith("q(uit) > "), text)

    def test_an_end_fits_on_a_screen(self) -> None:
        """A deadlock of many, after many steps, and a long list of goals."""
        names = [f"Philosopher {i}" for i in range(26)]
        text = "; ".join(f"{name} waits for something" for name in names)
        process = {"state": "waiting", "place": "something"}
        taken = {
            "letter": "A",
            "from": "a",
            "to": "b",
            "notes": [],
            "views": [],
        }
        what = mock.Mock()
        what.ask.return_value = (
            {
                "first_views": [],
                "steps": [taken] * 60,
                "processes": [{"name": name, **process} for name in names],
                "options": "",
                "kind": "deadlock",
                "text": text,
            },
            None,
        )
        outcomes = [
            {"kind": "deadlock", "text": text, "witness": "AB" * i}
            for i in range(40)
        ]
        table = game.Game(what, {}, game.Survey(outcomes, 1, True))
        for waiting in (26, 5):
            what.ask.return_value[0]["text"] = "; ".join(
                text.split("; ")[:waiting]
            )
            out = Terminal()
            play.play(
                table,
                play.Table(table, "x" * 90, Screen(out), out),
                io.StringIO("goal\nA\n" + "A" * 300),
                "one\ntwo",
            )
            pages = out.getvalue().split("\x1b[H\x1b[2J")[1:]
            for page in pages:
                page = re.sub(r"\x1b\[[\d;]*m", "", page).rstrip("\n")
                self.assertLessEqual(page.count("\n"), 23, page)
                for line in page.splitlines():
                    self.assertLessEqual(len(line), 80, line)
            self.assertIn("\n\none\ntwo\n", pages[0])
            self.assertIn("goals more\n\nPress Enter to continue.", pages[1])

    def test_a_message_is_never_cut_off(self) -> None:
        """Not even where there is hardly room for the processes."""
        out = Terminal()
        play.start(
            ["counter_without_lock", "--max-schedules=5", "--workers=20"],
            out,
            io.StringIO("nonsense\n"),
        )
        self.assertIn("\nthere is no command 'nonsense'", out.getvalue())
        self.assertIn("Only 5 schedules were explored", out.getvalue())


class GoalsTest(unittest.TestCase):
    """What a player may look for."""

    def outcome(
        self, text: str, witness: str, kind: str = "outcome"
    ) -> dict[str, Any]:
        """Returns an outcome as a lab answers it."""
        return {"kind": kind, "text": text, "count": 1, "witness": witness}

    def test_what_is_wrong_comes_first(self) -> None:
        """Deadlocks before values, and then those with few switches."""
        goals = game.goals_of(
            [
                self.outcome("one after the other", "AABB"),
                self.outcome("the other first", "BBAA"),
                self.outcome("with a death", "AAb"),
                self.outcome("mixed", "ABBA"),
                self.outcome("very mixed", "ABAB"),
                self.outcome("all wait", "ABAB", "deadlock"),
            ]
        )
        self.assertEqual(
            [(goal.text, goal.wrong) for goal in goals],
            [
                ("all wait", True),
                ("with a death", True),
                ("mixed", True),
                ("very mixed", True),
                ("one after the other", False),
                ("the other first", False),
            ],
        )

    def test_something_is_expected_in_any_case(self) -> None:
        """Where they cannot go one after the other."""
        goals = game.goals_of(
            [self.outcome("x", "ABABAB"), self.outcome("y", "ABA")]
        )
        self.assertEqual([goal.text for goal in goals if goal.wrong], ["x"])

    def test_big_spaces_are_searched_by_few_preemptions(self) -> None:
        """Until the limit; the best schedule for each outcome is kept."""
        asked: list[Mapping[str, Any]] = []
        answers = [
            [self.outcome("1", "ABABAB")],
            [self.outcome("2", "AABB")],
            [self.outcome("1", "ABBA"), self.outcome("2", "BABA")],
        ]

        def explore(request: Mapping[str, Any], screen: Screen) -> Any:
            del screen
            asked.append(request)
            outcomes = answers[len(asked) - 1]
            return {
                "outcomes": outcomes,
                "schedules": 20,
                "complete": len(asked) == 3,
            }, None

        what = mock.Mock()
        what.explore = explore
        found = game.survey(what, {"kills": 1}, 100, Screen(io.StringIO()))
        self.assertEqual(
            [o["witness"] for o in found.outcomes], ["ABBA", "AABB"]
        )
        self.assertTrue(found.complete)
        self.assertEqual(
            [(r["max_preemptions"], r["max_schedules"]) for r in asked],
            [(-1, 20), (0, 80), (1, 60)],
        )
        self.assertTrue(all(request["kills"] == 1 for request in asked))
        asked.clear()
        found = game.survey(what, {}, 40, Screen(io.StringIO()))
        self.assertEqual((found.complete, found.schedules), (False, 40))
        # One without an end would end them all.
        asked.clear()
        answers[0][0]["kind"] = "endless"
        found = game.survey(what, {}, 100, Screen(io.StringIO()))
        self.assertEqual((len(asked), found.complete), (1, False))


if __name__ == "__main__":
    results.main()

"""Recorded runs: where two part, and how they are shown."""

import pathlib
import shlex
import tempfile
import unittest
from collections.abc import Sequence
from typing import Any

from book import explorations, parting, runs, runs_html
from harness import diagram, results
from harness.run import Blocked, Event, Hang, Line, Run
from harness.tags import Tags

ROOT = pathlib.Path(__file__).absolute().parent.parent
NASTY = '<script>alert("x")</script> & \x1b[31m'


def events(*rows: str) -> tuple[Event, ...]:
    """Makes events of "process|kind|object|id", a microsecond apart."""
    pids: dict[str, int] = {}
    found = []
    for number, row in enumerate(rows):
        name, kind, thing, token = (row.split("|") + ["", ""])[:4]
        pid = pids.setdefault(name, len(pids) + 3)
        found.append(Event(number * 1000, pid, name, kind, thing, token))
    return tuple(found)


SENT = (
    "Main|start|Main",
    "Main|wait|Receiver",
    "Sender|start|Sender",
    "Sender|say|Sent 'a'",
    "Sender|send|Connection 1|a1",
    "Receiver|start|Receiver",
    "Receiver|receive|Connection 1|a1",
    "Receiver|say|Got 'a'",
)
RIGHT = events(
    *SENT,
    "Receiver|say|Done: end of file",
    "Receiver|exit|Receiver",
    "Main|wake|Receiver",
    "Main|say|PASS",
)
WRONG = events(*SENT, "Receiver|wait|Connection 1")
HANG = Hang(
    (
        Blocked(3, "Main", "waiting", "poll", "its child", ("Receiver",)),
        Blocked(
            5,
            "Receiver",
            "waiting",
            "poll",
            "data from the other side of socket:[4468384]",
            ("Receiver",),
        ),
    ),
    ("Receiver",),
    "nothing had happened for 0.8 s",
)


def sentence_of(right: Sequence[Event], wrong: Sequence[Event]) -> str:
    """Returns the first difference in words; "" if there is none."""
    hang = Hang((), (), "") if wrong[-1].kind in ("wait", "release") else None
    found = parting.parting(right, wrong, hang)
    return found.sentence if found else ""


def run_of(found: Sequence[Event], hang: Hang | None = None) -> Run:
    """Returns a run with these events, which has printed what was said."""
    lines = [
        Line(0, e.process, e.object, f"{e.process}: {e.object}")
        for e in found
        if e.kind == "say"
    ]
    return Run(
        command=("/somewhere/labs/pipes/pipes", "--pace=0"),
        lines=tuple(lines),
        stderr="",
        status=-9 if hang else 0,
        duration_s=0.25,
        hang=hang,
        leaks=(),
        events=tuple(found),
        world="namespaces",
    )


def recorded(variant: str = "", **changes: Any) -> dict[str, Any]:
    """Returns a recorded run; a variant hangs."""
    run = run_of(WRONG, HANG) if variant else run_of(RIGHT)
    # pylint: disable=protected-access
    told = runs._told(run, "pipes", variant, ())
    if variant:
        told["story"] = "The receiver keeps an end."
        told["caught"] = {"by": "hang", "text": "it hangs"}
        told["beside"] = runs._compared(run_of(RIGHT), run)
    return {**told, **changes}


class PartingTest(unittest.TestCase):
    """The first difference of two runs."""

    def test_a_run_does_not_differ_from_itself(self) -> None:
        self.assertIsNone(parting.parting(RIGHT, RIGHT))

    def test_a_wait_without_end_differs_from_what_is_done_instead(self) -> None:
        found = parting.parting(RIGHT, WRONG, HANG)
        assert found
        self.assertEqual(
            found.sentence,
            "Receiver says: Done: end of file; in the wrong program it waits"
            " for Connection 1, forever",
        )
        assert found.right and found.wrong
        self.assertEqual(found.right.object, "Done: end of file")
        self.assertEqual(found.wrong.kind, "wait")

    def test_pids_times_and_the_order_of_processes_are_luck(self) -> None:
        one = events("A|say|took 3.25 ms", "B|say|pid 77", "A|exit|A")
        other = events("B|say|pid 4", "A|say|took 12 s", "A|exit|A")
        self.assertEqual(sentence_of(one, other), "")

    def test_whether_a_process_has_to_wait_is_luck(self) -> None:
        one = events("A|wait|Lock@1", "A|wake|Lock@1", "A|say|x")
        self.assertEqual(sentence_of(one, events("A|say|x")), "")

    def test_which_of_equal_processes_gets_what_is_luck(self) -> None:
        one = events("Worker 0|say|Got 1", "Worker 1|say|Got 2")
        other = events("Worker 0|say|Got 2", "Worker 1|say|Got 1")
        self.assertEqual(sentence_of(one, other), "")
        twice = events("Worker 0|say|Got 1", "Worker 1|say|Got 1")
        self.assertEqual(
            sentence_of(one, twice),
            "Worker 1 says: Got 2; in the wrong program it says: Got 1",
        )

    def test_in_what_a_process_is_killed_is_luck(self) -> None:
        """Only in a run that hangs, a wait is without end."""
        one = events("A|say|1", "A|wait|its pool")
        self.assertIsNone(parting.parting(one, events("A|say|1")))

    def test_a_process_that_does_less_ends_or_does_nothing_more(self) -> None:
        more = events("A|say|1", "A|say|2", "A|exit|A")
        self.assertEqual(
            sentence_of(more, events("A|say|1")),
            "A says: 2; in the wrong program it does nothing more",
        )
        less = events("A|say|1", "A|exit|A")
        found = parting.parting(more, less)
        assert found and found.wrong
        self.assertEqual(
            found.sentence, "A says: 2; in the wrong program it ends"
        )
        # It parts after the last that it has done.
        self.assertEqual(found.wrong.kind, "exit")

    def test_what_is_said_shows_more_than_a_lock(self) -> None:
        one = events("A|acquire|Lock@1", "A|say|2", "A|release|Lock@1")
        other = events("A|say|1")
        self.assertEqual(
            sentence_of(one, other),
            "A says: 2; in the wrong program it says: 1",
        )
        self.assertEqual(
            sentence_of(one, events("A|say|2")),
            "A has Lock@1; in the wrong program it says: 2",
        )

    def test_a_wait_that_began_under_a_lock_is_without_end(self) -> None:
        """A condition gives the lock up after the wait has begun."""
        wrong = events("A|acquire|Lock@1", "A|wait|ready", "A|release|Lock@1")
        right = events(
            "A|acquire|Lock@1", "A|wake|ready", "A|say|Go", "A|exit|A"
        )
        self.assertEqual(
            sentence_of(right, wrong),
            "A says: Go; in the wrong program it waits for ready, forever",
        )

    def test_the_hang_knows_what_no_event_says(self) -> None:
        lines = [Line(0, "Receiver", "Got", "Receiver: Got")]
        more = [*lines, Line(1, "Receiver", "Done", "Receiver: Done")]
        found = parting.parting(
            parting.from_lines(more), parting.from_lines(lines), HANG
        )
        assert found
        self.assertEqual(
            found.sentence,
            "Receiver says: Done; in the wrong program it waits for data from"
            " the other side of a socket, forever",
        )

    def test_numbers_of_the_kernel_are_not_for_readers(self) -> None:
        for thing, wanted in (
            ("the write end of pipe:[12]", "the write end of a pipe"),
            ("a futex at 0x7f00 that no process wakes",)
            + ("a futex that no process wakes",),
            ("Event@7f00", "an Event"),
            ("file /tmp/ipc-labs-2-4a-x/s.txt", "file s.txt"),
        ):
            self.assertEqual(parting.readable(thing), wanted)


class RecordTest(unittest.TestCase):
    """What is kept of a run."""

    def test_a_command_runs_the_same_in_a_terminal(self) -> None:
        self.assertEqual(
            runs.command("pipes", "", ()), "./bazelw run //labs:pipes"
        )
        self.assertEqual(
            runs.command("pipes", "no_framing", ("--messages=2",)),
            "./bazelw run //labs/pipes:wrong_no_framing -- --messages=2",
        )

    def test_a_command_explores_the_same_in_a_terminal(self) -> None:
        one = explorations.Wanted("pool", "dead", "a 'b' c", ("--x=1",), 2)
        self.assertEqual(
            shlex.split(one.command),
            [
                *("./bazelw", "run", "//harness:explore", "--"),
                *("pool:wrong_dead", "--scenario=a 'b' c", "--kills=2"),
                "--x=1",
            ],
        )

    def test_who_waits_for_what_is_kept_for_a_reader(self) -> None:
        hang = recorded("unclosed_end")["hang"]
        self.assertEqual(hang["circle"], ["Receiver"])
        main, receiver = hang["blocked"]
        self.assertEqual(main["waits_for"], "its child")
        self.assertEqual(
            receiver["waits_for"],
            "data from the other side of a socket (Connection 1)",
        )

    def test_a_long_run_is_cut(self) -> None:
        long = events(*(f"A|say|{i}" for i in range(1000)))
        # pylint: disable-next=protected-access
        told = runs._told(run_of(long), "pipes", "", ())
        self.assertEqual(len(told["events"]), 300)
        self.assertEqual(len(told["lines"]), 81)
        self.assertIn("... 920 lines are not shown", told["lines"])
        self.assertLess(len(told["diagram"]), 30000)

    def test_a_lab_that_is_not_built_is_left_out_and_told(self) -> None:
        said: list[str] = []
        found = runs.record_all(
            ROOT, ["pipes"], lambda lab, target: None, tell=said.append
        )
        self.assertEqual(found, {})
        self.assertEqual(
            said, ["no runs of pipes: labs/pipes/pipes is not built"]
        )

    def test_a_lab_that_is_skipped_here_is_left_out_and_told(self) -> None:
        said: list[str] = []
        with tempfile.TemporaryDirectory() as folder:
            program = pathlib.Path(folder) / "pipes"
            program.write_text(
                "#!/bin/sh\necho 'Main: SKIP no luck'\nexit 77\n",
                encoding="utf-8",
            )
            program.chmod(0o755)
            found = runs.record_all(
                ROOT,
                ["pipes"],
                lambda lab, target: str(program),
                tell=said.append,
            )
        self.assertEqual(found, {})
        self.assertEqual(said, ["no runs of pipes: no luck"])

    def test_programs_are_run_as_the_test_of_their_lab_does(self) -> None:
        """Here all of them are one program, which sees no difference."""
        with tempfile.TemporaryDirectory() as folder:
            program = pathlib.Path(folder) / "pipes"
            program.write_text(
                '#!/bin/sh\necho "Main: $*"\necho "Main: PASS"\n',
                encoding="utf-8",
            )
            program.chmod(0o755)
            found = runs.record(ROOT, "pipes", lambda lab, target: str(program))
        self.assertEqual(found[0]["variant"], "")
        self.assertEqual(
            found[0]["lines"], ["Main: --pace=0 --seed=1", "Main: PASS"]
        )
        variants = [run["variant"] for run in found[1:]]
        self.assertIn("unclosed_end", variants)
        for run in found[1:]:
            self.assertEqual(run["beside"]["first_difference"], "")
            self.assertTrue(run["story"])


class HtmlTest(unittest.TestCase):
    """The section of a chapter."""

    def test_right_and_wrong_stand_side_by_side(self) -> None:
        page = runs_html.chapter_section(
            "pipes",
            [recorded(), recorded("ignored"), recorded("unclosed_end")],
            "a date, a machine",
        )
        tags = Tags(page)
        self.assertEqual(tags.open, [])
        self.assertEqual(tags.nameless, [])
        self.assertEqual(len(set(tags.ids)), len(tags.ids))
        self.assertEqual(page.count('<details class="pair"'), 2)
        self.assertEqual(page.count(" open>"), 1)
        self.assertEqual(page.count('class="flag"/></svg> first'), 1)
        # One in each of the four diagrams.
        self.assertEqual(page.count(f"<title>{diagram.FIRST_DIFFERENCE}"), 4)
        self.assertIn("a date, a machine", page)
        self.assertIn("stopped, since it hangs", page)
        self.assertIn("wrong_unclosed_end", page)

    def test_without_variants_there_is_no_section(self) -> None:
        self.assertEqual(runs_html.chapter_section("pipes", [recorded()]), "")

    def test_what_shows_most_is_unfolded(self) -> None:
        hang = recorded("some_hang")
        circle = {**hang["hang"], "circle": ["A", "B"]}
        self.assertEqual(
            runs_html.shown_first(
                [
                    recorded(),
                    recorded("raw_hang"),
                    recorded("silent", hang=None),
                    hang,
                    recorded("circle", hang=circle),
                ]
            ),
            "circle",
        )
        self.assertEqual(runs_html.shown_first([recorded()]), "")

    def test_a_transcript_stands_beside_its_diagram(self) -> None:
        page = runs_html.transcript_figure(recorded())
        tags = Tags(page)
        self.assertEqual((tags.open, tags.nameless), ([], []))
        self.assertEqual(tags.count["svg"], 1)
        self.assertIn("$ ./bazelw run //labs:pipes", page)

    def test_what_a_program_prints_is_escaped(self) -> None:
        nasty = recorded("x", lines=[NASTY], stderr=[NASTY], story=NASTY)
        nasty["caught"] = {"by": "output", "text": NASTY}
        nasty["hang"] = None
        for page in (
            runs_html.chapter_section("pipes", [nasty]),
            runs_html.transcript_figure(nasty),
        ):
            self.assertNotIn("<script", page)
            self.assertNotIn("\x1b", page)
            self.assertEqual(Tags(page).open, [])


if __name__ == "__main__":
    results.main()

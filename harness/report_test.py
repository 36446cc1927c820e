"""The tests of the reports: they are well formed whatever a lab prints."""

import dataclasses
import json
import unittest
from typing import Any
from xml.etree import ElementTree

from harness import diagram, html_report, report, results
from harness.run import Event, Leak, Line, Run
from harness.tags import Tags

SVG = "{http://www.w3.org/2000/svg}"
LANES = diagram.Style(before_mark=3, after_mark=2, lanes=True, points=False)
NASTY = '<script>alert("x")</script> & \x1b[31m \x00 ]]>'


def events(*rows: str) -> tuple[Event, ...]:
    """Makes events of "pid kind object id", one nanosecond apart."""
    found = []
    for t_ns, row in enumerate(rows):
        pid, kind, name, number = row.split(" ")
        found.append(Event(t_ns, int(pid), f"P {pid}", kind, name, number))
    return tuple(found)


def run_of(*rows: str, **changes: Any) -> Run:
    """Returns a run with these events that went well, but for the changes."""
    run = Run(
        command=("/somewhere/labs/fake/fake", "--pace=0"),
        lines=(Line(0, "Main", "PASS", "Main: PASS"),),
        stderr="",
        status=0,
        duration_s=0.25,
        hang=None,
        leaks=(),
        events=events(*rows),
        world="namespaces",
    )
    return dataclasses.replace(run, **changes)


def course_of(*checks: report.Check) -> report.CourseReport:
    """Returns a course of one lab with these checks."""
    lab = report.LabReport("fake", "What & why?", list(checks), 1.5)
    return report.CourseReport([lab], 2)


FAILED = report.Check(
    NASTY, report.FAILED, 0.5, f"{NASTY}\nmore", (run_of(stderr=NASTY),)
)
PASSED = report.Check("fine", report.OK, 0.25, "", (run_of("1 send a 1"),))
SKIPPED = report.Check("later", report.SKIPPED, 0, "not here")


class ReportTest(unittest.TestCase):
    """JSON, JUnit XML and HTML."""

    def test_json_tells_all(self) -> None:
        """Also of each run."""
        document = json.loads(report.to_json(course_of(PASSED, FAILED)))
        self.assertIs(document["passed"], False)
        self.assertEqual(document["worlds"], ["namespaces"])
        fine, nasty = document["labs"][0]["checks"]
        self.assertEqual(nasty["name"], NASTY)
        self.assertEqual(fine["runs"][0]["events"][0]["kind"], "send")
        document = json.loads(report.to_json(course_of(PASSED)))
        self.assertIs(document["passed"], True)

    def test_junit_can_be_parsed(self) -> None:
        """With the totals, and what XML cannot contain replaced."""
        text = report.to_junit(course_of(PASSED, FAILED, SKIPPED))
        suites = ElementTree.fromstring(text)
        (suite,) = suites
        for element in (suites, suite):
            self.assertEqual(element.get("tests"), "3")
            self.assertEqual(element.get("failures"), "1")
            self.assertEqual(element.get("skipped"), "1")
        fine, nasty, later = suite
        self.assertEqual(fine.get("classname"), "labs.fake")
        self.assertEqual(fine.get("time"), "0.250")
        self.assertIsNone(fine.find("failure"))
        self.assertIn("\\x1b[31m", str(nasty.findtext("failure")))
        self.assertIsNotNone(later.find("skipped"))

    def test_what_was_skipped_has_not_passed(self) -> None:
        """In no form of the report, and it has not failed."""
        course = course_of(PASSED, SKIPPED)
        self.assertEqual(
            course.verdict,
            (report.SKIPPED, "0 failed, 1 skipped, the others passed"),
        )
        self.assertIn("1 skipped</td>", html_report.to_html(course))
        document = json.loads(report.to_json(course))
        (lab,) = document["labs"]
        self.assertEqual(
            (document["verdict"], lab["verdict"]), ("skipped", "skipped")
        )
        self.assertEqual(
            course_of(PASSED, SKIPPED, FAILED).labs[0].verdict,
            (report.FAILED, "1 failed"),
        )

    def test_the_page_escapes_everything(self) -> None:
        """And is complete in itself."""
        nasty_run = run_of(
            "1 say x 1",
            lines=(Line(0, "", NASTY, NASTY),),
            leaks=(Leak("file", NASTY, NASTY),),
            events=(
                Event(0, 1, NASTY, "start", NASTY, NASTY),
                Event(1, 1, NASTY, "say", NASTY, ""),
                Event(2, 1, NASTY, "wait", NASTY, ""),
                Event(3, 1, NASTY, NASTY, NASTY, NASTY),
            ),
            world=NASTY,
        )
        nasty = dataclasses.replace(FAILED, runs=(nasty_run,))
        page = html_report.to_html(course_of(nasty, PASSED, SKIPPED))
        tags = Tags(page)
        self.assertEqual(tags.open, [])
        self.assertNotIn("script", tags.count)
        self.assertNotIn("\x1b", page)
        self.assertEqual(tags.count["svg"], 1)
        for outside in ("src=", "@import", "url(", "<link"):
            self.assertNotIn(outside, page)

    def test_the_page_shows_each_command_once(self) -> None:
        """The run that failed, if one did; none that tells nothing."""
        run = run_of("1 send a 1")
        bad = dataclasses.replace(run, status=1)
        checks = [
            report.Check("first", report.OK, 1, "", (run, run)),
            report.Check("help", report.OK, 1, "", (run_of(),)),
            report.Check("second", report.FAILED, 1, "", (bad,)),
        ]
        lab = report.LabReport("fake", "", checks)
        self.assertEqual(list(html_report.chosen_runs(lab)), [(checks[2], bad)])


class DiagramTest(unittest.TestCase):
    """The sequence diagram of a run."""

    def draw(self, *rows: str) -> ElementTree.Element:
        """Draws the events; the result must be well formed."""
        return ElementTree.fromstring(diagram.sequence_diagram(events(*rows)))

    def found(self, svg: ElementTree.Element, style: str) -> list[str]:
        """Returns the texts of the elements of a class."""
        return [
            "".join(element.itertext())
            for element in svg.iter()
            if style in str(element.get("class")).split()
        ]

    def test_nothing_is_drawn_of_nothing(self) -> None:
        """No events, or only names."""
        self.assertEqual(diagram.sequence_diagram(()), "")
        names = events("1 name Lock@1 fork")
        self.assertEqual(diagram.sequence_diagram(names), "")

    def test_a_receive_is_joined_to_its_send(self) -> None:
        """By object and id; what has no partner has no arrow."""
        svg = self.draw(
            "1 send a 1", "2 send b 1", "3 receive a 1", "3 receive a 2"
        )
        self.assertEqual(self.found(svg, "arrow"), ["1 through a"])
        (arrow,) = (g for g in svg.iter(f"{SVG}g") if g.get("class") == "arrow")
        line = arrow.find(f"{SVG}line")
        assert line is not None
        self.assertLess(int(line.get("x1", 0)), int(line.get("x2", 0)))
        self.assertLess(int(line.get("y1", 0)), int(line.get("y2", 0)))
        self.assertEqual(self.found(svg, "headtext"), ["P 1", "P 2", "P 3"])

    def test_a_wait_is_shaded_and_one_without_end_is_a_fault(self) -> None:
        """Objects have the names that people gave them."""
        svg = self.draw(
            "1 name Lock@1 fork",
            "1 wait Lock@1 ",
            "2 wait Pipe@2 ",
            "1 wake Lock@1 ",
        )
        self.assertEqual(
            self.found(svg, "waiting"),
            ["waits for fork", "waits for Pipe@2, forever"],
        )
        self.assertEqual(
            self.found(svg, "never"), ["waits for Pipe@2, forever"]
        )

    def test_what_is_held_is_a_bar(self) -> None:
        """From acquire to release."""
        svg = self.draw("1 acquire a ", "1 acquire b ", "1 release a ")
        self.assertEqual(self.found(svg, "held"), ["holds a", "holds b"])

    def test_a_long_run_is_cut_and_says_so(self) -> None:
        """In the middle; processes that are too many are counted."""
        svg = self.draw(*(f"{i % 15} point p {i}" for i in range(1000)))
        gaps = self.found(svg, "gap")
        self.assertEqual(
            gaps,
            [
                "... 622 events are not drawn ...",
                "3 more processes are not drawn",
            ],
        )
        self.assertEqual(len(self.found(svg, "time")), 180)

    def test_lanes_are_narrow_and_all_words_beside_them(self) -> None:
        """Each row names its process; points of the explorer are left out."""
        found = events("1 say hello 1", "2 point p 1", "1 wait Lock@7f2500 x")
        svg = ElementTree.fromstring(
            diagram.sequence_diagram(found, LANES, label="Two of them")
        )
        self.assertEqual(svg.get("aria-label"), "Two of them")
        self.assertEqual(self.found(svg, "headtext"), ["A"])
        self.assertEqual(self.found(svg, "who"), ["A P 1", "A P 1"])
        self.assertEqual(self.found(svg, "say"), ["A P 1 says: hello"])
        self.assertEqual(
            self.found(svg, "wait"), ["A P 1 waits for x a Lock, forever"]
        )

    def test_a_marked_event_is_drawn_with_what_is_around_it(self) -> None:
        """What is left out before and after it is counted."""
        found = events(*(f"{i % 2} say s{i} {i}" for i in range(50)))
        svg = ElementTree.fromstring(
            diagram.sequence_diagram(found, LANES, mark=found[30])
        )
        (mark,) = (g for g in svg.iter() if g.get("class") == "marked")
        self.assertEqual("".join(mark.itertext()), diagram.FIRST_DIFFERENCE)
        said = self.found(svg, "say")
        self.assertEqual(len(said), 6)
        self.assertIn("B P 1 says: s27", said)
        self.assertEqual(
            self.found(svg, "gap"),
            [
                "... 27 events are not drawn ...",
                "... 17 events are not drawn ...",
            ],
        )

    def test_letters_follow_the_given_order(self) -> None:
        """So that two diagrams beside each other have the same."""
        found = events("1 say a 1", "2 say b 1")
        svg = ElementTree.fromstring(
            diagram.sequence_diagram(found, LANES, order=["P 2", "P 1"])
        )
        self.assertEqual(self.found(svg, "who"), ["B P 1", "A P 2"])

    def test_the_style_needs_nothing_from_outside(self) -> None:
        """It stands in the page of the report."""
        self.assertNotIn("url(", diagram.stylesheet())
        self.assertIn(".diagram", diagram.stylesheet())


if __name__ == "__main__":
    results.main()

"""The pictures of hangs, and what is said of the plots."""

import json
import pathlib
import unittest
from typing import Any
from xml.etree import ElementTree

from book import pictures
from harness import results

ROOT = pathlib.Path(__file__).absolute().parent.parent
SVG = "{http://www.w3.org/2000/svg}"


def blocked(
    process: str, waits_for: str, *held_by: str, state: str = "waiting"
) -> dict[str, Any]:
    """Returns a process that does not go on."""
    return {
        "process": process,
        "state": state,
        "call": "futex",
        "waits_for": waits_for,
        "held_by": list(held_by),
    }


def hang(*processes: dict[str, Any], circle: tuple[str, ...] = ()) -> Any:
    """Returns a hang as a recorded run has it."""
    return {
        "explanation": "",
        "blocked": list(processes),
        "circle": list(circle),
    }


TWO = hang(
    blocked("Main", "its child", "Worker 0"),
    blocked("Worker 0", "Lock 'B'", "Worker 1"),
    blocked("Worker 1", "Lock 'A'", "Worker 0"),
    circle=("Worker 0", "Worker 1"),
)


class HangPictureTest(unittest.TestCase):
    """Who waits for whom."""

    def draw(self, found: Any) -> ElementTree.Element:
        """Draws; the result must be well formed and have a text."""
        svg = ElementTree.fromstring(pictures.hang_picture(found))
        self.assertEqual(svg.get("role"), "img")
        self.assertTrue(svg.get("aria-label"))
        return svg

    def words(self, svg: ElementTree.Element) -> str:
        """Returns all words of a picture."""
        return " ".join("".join(each.itertext()) for each in svg)

    def inside(self, svg: ElementTree.Element) -> None:
        """Fails if a circle, or the place of a text, is outside."""
        width, height = float(svg.get("width", 0)), float(svg.get("height", 0))
        for each in svg.iter(f"{SVG}circle"):
            x, y = float(each.get("cx", 0)), float(each.get("cy", 0))
            radius = float(each.get("r", 0))
            self.assertTrue(radius <= x <= width - radius, each.attrib)
            self.assertTrue(radius <= y <= height - radius, each.attrib)
        for each in svg.iter(f"{SVG}text"):
            self.assertTrue(0 < float(each.get("x", 0)) < width, each.attrib)
            self.assertTrue(0 < float(each.get("y", 0)) < height, each.attrib)

    def test_nothing_is_drawn_of_nothing(self) -> None:
        self.assertEqual(pictures.hang_picture(hang()), "")

    def test_two_that_wait_for_each_other_are_a_circle(self) -> None:
        svg = self.draw(TWO)
        self.inside(svg)
        stuck = [
            each
            for each in svg.iter(f"{SVG}circle")
            if "stuck" in str(each.get("class"))
        ]
        self.assertEqual(len(stuck), 2)
        self.assertIn("waits for Lock 'A'", self.words(svg))
        label = str(svg.get("aria-label"))
        self.assertIn("Worker 0 waits for Lock 'B', held by Worker 1.", label)
        self.assertIn(
            "A circle: Worker 0 waits for Worker 1 waits for Worker 0.", label
        )

    def test_a_larger_circle_stays_in_the_picture(self) -> None:
        for count in (3, 4, 5, 9):
            names = tuple(f"Worker {i}" for i in range(count))
            svg = self.draw(
                hang(
                    *(
                        blocked(name, "Lock 'a'", names[(i + 1) % count])
                        for i, name in enumerate(names)
                    ),
                    circle=names,
                )
            )
            self.inside(svg)
            self.assertEqual(len(list(svg.iter(f"{SVG}path"))), count)

    def test_a_process_may_wait_for_itself(self) -> None:
        svg = self.draw(
            hang(
                blocked("Receiver", "the write end of a pipe", "Receiver"),
                circle=("Receiver",),
            )
        )
        self.inside(svg)
        self.assertEqual(
            svg.get("aria-label"),
            "Receiver waits for the write end of a pipe, open in Receiver"
            " itself.",
        )

    def test_a_chain_may_end_at_no_process(self) -> None:
        svg = self.draw(hang(blocked("Waiter", "Event 'ready'")))
        self.inside(svg)
        self.assertIn("no process", self.words(svg))
        self.assertEqual(
            svg.get("aria-label"),
            "Waiter waits for Event 'ready', and no process will wake it.",
        )

    def test_many_holders_and_many_processes_have_room(self) -> None:
        svg = self.draw(
            hang(
                blocked("A", "data from a socket", "B", "C", "D"),
                *(blocked(f"Q {i}", "a signal") for i in range(20)),
                blocked("Z", "", "A", state="zombie"),
            )
        )
        self.inside(svg)
        self.assertIn("... and 14 more processes", self.words(svg))

    def test_what_a_program_says_is_escaped(self) -> None:
        svg = pictures.hang_picture(hang(blocked("<b>", '"&\x1b')))
        ElementTree.fromstring(svg)
        self.assertNotIn("<b>", svg)


class PlotsTest(unittest.TestCase):
    """What is said of the plots of the benchmarks."""

    def setUp(self) -> None:
        file = ROOT / "docs" / "benchmarks" / "results.json"
        self.results = json.loads(file.read_text(encoding="utf-8"))

    def test_each_plot_has_a_text_and_names_its_machine(self) -> None:
        for file in sorted((ROOT / "docs" / "benchmarks").glob("*.svg")):
            with self.subTest(file.name):
                text = pictures.plot_text(file.stem, self.results)
                self.assertRegex(text, r"\d+ lines, the highest .*: \w+")
                figure = pictures.plot_figure(
                    file.name, file.stem, "A title", self.results
                )
                self.assertIn(f'src="{file.name}"', figure)
                svg = file.read_text(encoding="utf-8")
                self.assertIn(self.results["date"], svg)
                self.assertIn(self.results["machine"]["processor"], svg)
                # A dark page inverts it.
                self.assertIn('fill="#ffffff"', svg[:600])


if __name__ == "__main__":
    results.main()

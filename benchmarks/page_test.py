"""The page and the plots of docs/benchmarks agree with their figures."""

import json
import pathlib
import unittest
from typing import Any
from xml.etree import ElementTree

from benchmarks import compare, goals, page, plots, text

_FOLDER = pathlib.Path(__file__).absolute().parent.parent / "docs/benchmarks"
_REDRAW = "run: ./bazelw run //benchmarks:compare -- --redraw"


class PageTest(unittest.TestCase):
    """What is in the tree; --redraw mends all of it but missing figures."""

    def setUp(self) -> None:
        written = (_FOLDER / "results.json").read_text(encoding="utf-8")
        self.results: dict[str, Any] = json.loads(written)
        self.written = written
        self.page = (_FOLDER / "README.md").read_text(encoding="utf-8")

    def test_the_page_agrees_with_its_figures(self) -> None:
        self.assertEqual(self.page, page.page(self.results), _REDRAW)
        self.assertEqual(self.written, compare.to_json(self.results))

    def test_the_page_carries_its_date_and_machine(self) -> None:
        self.assertIn(text.machine(self.results), self.page)
        self.assertRegex(self.results["date"], r"^\d{4}-\d\d-\d\d$")

    def test_each_goal_is_in_the_table(self) -> None:
        for goal in goals.all_goals():
            against = goal.peer_group or goal.peer
            self.assertIn(f"| {goal.what} | {against} | ", self.page, _REDRAW)

    def test_each_figure_is_that_of_a_goal(self) -> None:
        keys = {goal.key for goal in goals.all_goals()}
        for record in self.results["rows"]:
            self.assertIn(record["key"], keys)

    def test_each_plot_is_there_with_its_date_and_machine(self) -> None:
        for plot in plots.PLOTS:
            file = _FOLDER / f"{plot.name}.svg"
            drawn, _ = plots.lines(plot, self.results)
            with self.subTest(plot.name):
                self.assertEqual(file.exists(), bool(drawn), _REDRAW)
            if not drawn:
                continue
            told = "".join(ElementTree.parse(file).getroot().itertext())
            with self.subTest(plot.name):
                self.assertIn(text.machine(self.results), told, _REDRAW)
                for line in drawn:
                    self.assertIn(line.title, told, _REDRAW)

    def test_there_are_no_other_plots(self) -> None:
        self.assertLessEqual(
            {file.stem for file in _FOLDER.glob("*.svg")},
            {plot.name for plot in plots.PLOTS},
        )


if __name__ == "__main__":
    unittest.main()

"""Looks at the whole book in a real browser.

The book is built of all chapters and pages, with recordings of some labs: of
three of them every schedule is clicked. axe-core looks at each page, and at one
of each kind narrow and dark.
"""

import importlib.util
import pathlib
import tempfile
import unittest
from collections.abc import Iterator
from typing import Any, ClassVar

from book import build, recordings
from book import scheduler_test as browsing
from harness import course, results

_ROOT = pathlib.Path(__file__).absolute().parent.parent
_AXE = _ROOT / "tools/node_modules/axe-core/axe.min.js"
_CLICKED = ("condition", "counter_without_lock", "deadlock")
_RECORDED = ("pipes", *_CLICKED)
_PAGE_BYTES = 300_000
_WIDE, _NARROW = (1440, 900), (375, 812)
# Of the pages of sources, which are made alike, these.
_SOURCES = (
    "source/common/sync/lock.h.html",
    "source/labs/pipes/main.cc.html",
    "source/labs/condition/raw.cc.html",
)

# Of the pages in the other colours and the other shape, one of each kind.
_IN_THE_DARK = (
    *("index.html", "search.html", "schedulers.html", *_SOURCES),
    *(f"labs/{lab}.html" for lab in (*_RECORDED, "mechanisms")),
    *("docs/benchmarks.html", "docs/death.html", "docs/start.html"),
)

_RUN_AXE = """
const done = arguments[0];
axe.run(document, {resultTypes: ["violations"], preload: false}).then(
  (found) => done(found.violations
    .filter((v) => ["serious", "critical"].includes(v.impact))
    .map((v) => `${v.id}: ${v.help}: ${v.nodes.map((n) => n.html).slice(0, 3)}`)),
  (error) => done([`axe: ${error}`]));
"""

# Whether the page is light or dark, by the brightness of its ground.
_GROUND = """
const ground = getComputedStyle(document.documentElement).backgroundColor;
return ground.match(/\\d+/g)[0] > 127 ? "light" : "dark";
"""


def _missing() -> str:
    """Returns what this machine lacks, or ""."""
    if not all(map(importlib.util.find_spec, ("sphinx", "myst_parser"))):
        return f"{build.PACKAGES} are not installed"
    return "" if _AXE.is_file() else "axe-core is not installed: tools/check"


class BookTest(unittest.TestCase):
    """The book as its readers see it."""

    driver: ClassVar[Any]
    out: ClassVar[pathlib.Path]
    recorded: ClassVar[recordings.Recordings]

    @classmethod
    def setUpClass(cls) -> None:
        if reason := _missing():
            raise unittest.SkipTest(reason)
        cls.driver = browsing.browser(*_WIDE)
        cls.addClassCleanup(cls.driver.quit)
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.out = pathlib.Path(folder.name) / "book"
        cls.recorded = recordings.record(_ROOT, _RECORDED, lambda line: None)
        build.build(_ROOT, cls.out, cls.recorded)

    def pages(self, sources: bool = True) -> Iterator[str]:
        """Yields the addresses of the pages in the book."""
        for page in sorted(self.out.rglob("*.html")):
            name = str(page.relative_to(self.out))
            if not name.startswith("source/") or (sources and name in _SOURCES):
                yield name

    def open(self, name: str, driver: Any = None) -> None:
        """Loads a page."""
        driver = driver or self.driver
        browsing.open_page(driver, (self.out / name).as_uri())

    def test_no_page_is_large(self) -> None:
        large = [
            f"{page.relative_to(self.out)}: {page.stat().st_size}"
            for page in self.out.rglob("*.html")
            if page.stat().st_size > _PAGE_BYTES
        ]
        self.assertEqual(large, [])

    def test_every_lab_has_a_page(self) -> None:
        labs = [lesson.lab for lesson in course.read_syllabus(_ROOT)]
        there = {page.stem for page in (self.out / "labs").glob("*.html")}
        self.assertEqual({*labs} - there, set())

    def test_no_page_complains_or_loads_anything_from_elsewhere(self) -> None:
        base = self.out.as_uri() + "/"
        for name in self.pages():
            with self.subTest(page=name):
                self.open(name)
                loaded = self.driver.execute_script(
                    "return performance.getEntriesByType('resource')"
                    ".map((entry) => entry.name)"
                )
                outside = [
                    address
                    for address in loaded
                    if not address.startswith((base, "data:"))
                ]
                self.assertEqual(outside, [])
                self.assertEqual(browsing.errors(self.driver), [])

    def assert_accessible(self, driver: Any, name: str) -> None:
        """axe-core finds nothing serious."""
        self.open(name, driver)
        driver.execute_script(_AXE.read_text(encoding="utf-8"))
        self.assertEqual(driver.execute_async_script(_RUN_AXE), [], name)

    def test_axe_finds_nothing_serious_wide_and_light(self) -> None:
        self.driver.set_script_timeout(60)
        for name in self.pages():
            with self.subTest(page=name):
                self.assert_accessible(self.driver, name)

    def test_narrow_pages_do_not_scroll_sideways(self) -> None:
        driver = browsing.browser(*_NARROW)
        self.addCleanup(driver.quit)
        for name in self.pages():
            with self.subTest(page=name):
                self.open(name, driver)
                wide = driver.execute_script(
                    "return document.documentElement.scrollWidth"
                )
                self.assertLessEqual(wide, _NARROW[0])

    def test_axe_finds_nothing_serious_narrow_and_dark(self) -> None:
        driver = browsing.browser(*_NARROW, prefers_color_scheme="dark")
        self.addCleanup(driver.quit)
        driver.set_script_timeout(60)
        for name in _IN_THE_DARK:
            with self.subTest(page=name):
                self.assert_accessible(driver, name)

    def test_every_schedule_ends_as_the_explorer_says(self) -> None:
        browsing.errors(self.driver)  # Of other tests.
        for lab in _CLICKED:
            address = (self.out / f"labs/{lab}.html").as_uri()
            for exploration in self.recorded["explorations"][lab]:
                with self.subTest(lab=lab, key=exploration["key"]):
                    found = browsing.clicked_endings(
                        self.driver, address, exploration["key"]
                    )
                    wanted = browsing.endings_of(exploration)
                    self.assertEqual(found, wanted)
        self.assertEqual(browsing.errors(self.driver), [])

    def test_a_reader_chooses_dark_and_prints_light(self) -> None:
        for system in ("light", "dark"):
            with self.subTest(system=system):
                driver = browsing.browser(*_WIDE, prefers_color_scheme=system)
                self.addCleanup(driver.quit)
                self.open("labs/deadlock.html", driver)
                told = [driver.execute_script(_GROUND)]
                driver.find_element("css selector", ".theme").click()
                told.append(driver.execute_script(_GROUND))
                driver.refresh()
                told.append(driver.execute_script(_GROUND))
                other = "dark" if system == "light" else "light"
                self.assertEqual(told, [system, other, other])
                driver.execute_cdp_cmd(
                    "Emulation.setEmulatedMedia", {"media": "print"}
                )
                self.assertEqual(driver.execute_script(_GROUND), "light")
                # Styles of the page leave the words of its pictures alone.
                hidden = driver.execute_script(
                    "return [...document.querySelectorAll('article svg text')]"
                    ".filter((e) => getComputedStyle(e).display === 'none')"
                    ".map((e) => e.textContent)"
                )
                self.assertEqual(hidden, [])

    def test_a_chapter_prints_with_its_answers(self) -> None:
        self.open("labs/pipes.html")
        found = self.driver.execute_cdp_cmd("Page.printToPDF", {})
        self.assertGreater(len(found["data"]), 10_000)

    def test_the_code_beside_a_chapter_follows_a_click(self) -> None:
        self.open("labs/condition.html")
        for tag, word in (("one", "notify_one"), ("wait", "wait_until")):
            browsing.wait_for(
                self.driver,
                "document.querySelector('#code pre.listing code > *')",
            )
            self.driver.execute_script(
                "const link = document.querySelector(arguments[0]);"
                "link.scrollIntoView({block: 'center'}); link.click();",
                f"figcaption a[href$='#tag-{tag}']",
            )
            browsing.wait_for(
                self.driver,
                "[...document.querySelectorAll('#code .marked')].some("
                f"(row) => row.textContent.includes('{word}'))",
            )

    def test_the_search_finds_a_word_of_a_chapter(self) -> None:
        browsing.open_page(
            self.driver,
            (self.out / "search.html").as_uri() + "?q=robust",
        )
        browsing.wait_for(
            self.driver,
            "document.querySelector('#search-results a[href*=\"lock\"]')",
        )

    def test_pages_can_be_read_without_javascript(self) -> None:
        self.driver.execute_cdp_cmd(
            "Emulation.setScriptExecutionDisabled", {"value": True}
        )
        try:
            self.driver.get((self.out / "labs/deadlock.html").as_uri())
            text = self.driver.find_element("tag name", "main").text
        finally:
            self.driver.execute_cdp_cmd(
                "Emulation.setScriptExecutionDisabled", {"value": False}
            )
        self.assertIn("Which of these can come out?", text)
        self.assertIn("How do processes end up waiting", text)


if __name__ == "__main__":
    results.main()

"""Clicks through the scheduler in a real browser, with recorded explorations.

clicked_endings() is also for the whole book: it finds every schedule by the
buttons alone, so that what it counts can be compared with the explorer.
"""

import collections
import importlib
import json
import pathlib
import shutil
import sys
import tempfile
import unittest
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from book import scheduler_html
from harness import results
from harness.run import time_scale

_FOLDER = pathlib.Path(__file__).absolute().parent
_DEBIAN = "/usr/lib/python3/dist-packages"
_WAIT_S = 10.0
_NARROW = (375, 812)
_TOUCH_MIN_PX = 44

# Stands for book.css, which has these variables.
_COLOURS = """\
:root { --bg: #fff; --fg: #111; --faint: #555; --line: #ccc; --panel: #f5f5f5;
  --accent: #0550ae; --ok: #116329; --bad: #a40e26; --warn: #7a4a00;
  --code-bg: #eee; --p0: #0550ae; --p1: #bc4c00; --p2: #116329; --p3: #8250df;
  --p4: #a40e26; --p5: #0a7d7d; --p6: #7a4a00; --p7: #57606a; }
body { margin: 0; padding: 10px; font: 16px sans-serif;
  overflow-wrap: break-word; }
"""

# Plays some letters from the start, then always the first choice that there
# is, all by clicks. Returns what could be chosen before each step, the letters
# that were played, and how it has ended.
_CLICK_THROUGH = """
const [letters] = arguments;
const root = document.querySelector(".sched");
const find = (text) => [...root.querySelectorAll(".sched-controls button")]
  .find((b) => b.textContent === text);
const open = () => [...root.querySelectorAll(".sched-move, .sched-kill")]
  .filter((b) => !b.hasAttribute("aria-disabled"));
find("Restart").click();
const choices = [];
let played = "";
for (let now = open(); now.length; now = open()) {
  choices.push(now.map((b) => b.dataset.letter).join(""));
  const wanted = letters[played.length] || choices.at(-1)[0];
  const button = now.find((b) => b.dataset.letter === wanted);
  if (!button) throw new Error(`${letters}: ${wanted} is not there`);
  button.click();
  played += wanted;
}
const end = root.querySelector(".sched-end");
if (!end) return { choices, played, kind: "", text: "" };
const kind = [...end.classList].find((c) => c.startsWith("sched-")
  && c !== "sched-end").slice("sched-".length);
const parts = [...end.querySelectorAll("li, b")].map((e) => e.textContent);
return { choices, played, kind, text: parts.join("; ") };
"""


def selenium() -> Any:
    """Returns the module selenium.webdriver, which Debian has; or None."""
    try:
        return importlib.import_module("selenium.webdriver")
    except ImportError:
        pass
    # Another Python than Debian's own runs this.
    if _DEBIAN not in sys.path:
        sys.path.append(_DEBIAN)
    try:
        return importlib.import_module("selenium.webdriver")
    except ImportError:
        return None


def browser(width: int = 1200, height: int = 900, **media: str) -> Any:
    """Starts a headless Chromium.

    Args:
      width: of its window. A narrow one is a telephone, with touch.
      height: of its window.
      media: features such as prefers_color_scheme="dark".

    Raises:
      unittest.SkipTest: there is none on this machine.
    """
    driver = selenium()
    place = shutil.which("chromedriver")
    if driver is None or place is None:
        what = "python3-selenium" if place else "chromium-driver"
        raise unittest.SkipTest(f"{what} is not installed")
    options = driver.ChromeOptions()
    for argument in (
        *("--headless=new", "--no-sandbox", "--disable-gpu"),
        *("--disable-dev-shm-usage", "--lang=en-US"),
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = importlib.import_module("selenium.webdriver.chrome.service")
    found = driver.Chrome(service=service.Service(place), options=options)
    is_telephone = width < 600
    found.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {
            "width": width,
            "height": height,
            "deviceScaleFactor": 1,
            "mobile": is_telephone,
        },
    )
    found.execute_cdp_cmd(
        "Emulation.setTouchEmulationEnabled", {"enabled": is_telephone}
    )
    features = [
        {"name": name.replace("_", "-"), "value": value}
        for name, value in media.items()
    ]
    found.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    return found


def open_page(driver: Any, address: str) -> None:
    """Loads a page, even if only the fragment of its address is another."""
    driver.get("about:blank")
    driver.get(address)


def wait_for(driver: Any, condition: str) -> Any:
    """Waits until an expression of JavaScript is true; returns its value."""
    limit_s = _WAIT_S * time_scale()
    driver.set_script_timeout(limit_s + _WAIT_S)
    value = driver.execute_async_script(
        "const done = arguments[1], end = performance.now() + arguments[0];"
        f"const look = () => {{ const value = {condition};"
        " if (value || performance.now() > end) done(value);"
        " else setTimeout(look, 20); }; look();",
        1000 * limit_s,
    )
    if not value:
        raise AssertionError(f"not within {limit_s:.0f} s: {condition}")
    return value


def open_scheduler(driver: Any, address: str, key: str) -> None:
    """Opens a page with the scheduler at the start of an exploration."""
    open_page(driver, f"{address}{scheduler_html.link(key, '')}")
    wait_for(
        driver,
        "document.querySelector"
        f"('.sched[data-key={json.dumps(key)}]:not([hidden])')",
    )


def clicked_schedules(driver: Any) -> Iterator[tuple[str, str, str]]:
    """Clicks through all schedules of the open scheduler.

    Yields the letters, the kind of its end ("" if that is not recorded), and
    the text. Which schedules there are is found by what can be clicked.
    """
    prefix: str | None = ""
    while prefix is not None:
        found = driver.execute_script(_CLICK_THROUGH, prefix)
        played, choices = found["played"], found["choices"]
        yield played, found["kind"], found["text"]
        # Back to the last choice that had another possibility.
        prefix = None
        for i in reversed(range(len(played))):
            others = choices[i][choices[i].index(played[i]) + 1 :]
            if others:
                prefix = played[:i] + others[0]
                break


def clicked_endings(
    driver: Any, address: str, key: str
) -> dict[tuple[str, str], int]:
    """Returns how many schedules end how, found by clicking through them."""
    open_scheduler(driver, address, key)
    return collections.Counter(
        (kind, text) for _, kind, text in clicked_schedules(driver)
    )


def endings_of(exploration: Mapping[str, Any]) -> dict[tuple[str, str], int]:
    """Returns what the explorer says about the same."""
    return {
        (outcome["kind"], outcome["text"]): outcome["count"]
        for outcome in exploration["outcomes"]
    }


def errors(driver: Any) -> list[str]:
    """Returns what the browser has complained about since the last call."""
    return [
        entry["message"]
        for entry in driver.get_log("browser")
        if entry["level"] in ("SEVERE", "WARNING")
    ]


def write_page(
    folder: pathlib.Path,
    lab: str,
    explorations: Sequence[Mapping[str, Any]],
    recorded: Mapping[str, str],
) -> str:
    """Writes a page with nothing but the section; returns its address."""
    static = folder / "_static"
    (static / "explorations").mkdir(parents=True, exist_ok=True)
    for name in ("scheduler.js", "scheduler.css"):
        shutil.copyfile(_FOLDER / "static" / name, static / name)
    (static / "explorations" / f"{lab}.js").write_text(
        scheduler_html.data_script(lab, explorations, recorded),
        encoding="utf-8",
    )
    page = folder / "labs" / f"{lab}.html"
    page.parent.mkdir(exist_ok=True)
    page.write_text(
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{lab}</title><style>{_COLOURS}</style>"
        '<link rel="icon" href="data:,">'
        '<link rel="stylesheet" href="../_static/scheduler.css">'
        '<script defer src="../_static/scheduler.js"></script></head>'
        f"<body><main><h1>{lab}</h1>"
        f"{scheduler_html.chapter_section(lab, explorations)}"
        "</main></body></html>",
        encoding="utf-8",
    )
    return page.as_uri()


def read_recordings() -> tuple[dict[str, list[Any]], dict[str, str]]:
    """Returns the stored recordings by lab, and when and where they were."""
    text = (_FOLDER / "testdata" / "explorations.json").read_text("utf-8")
    stored = json.loads(text)
    labs: dict[str, list[Any]] = {}
    for exploration in stored["explorations"]:
        labs.setdefault(exploration["lab"], []).append(exploration)
    return labs, stored["recorded"]


class SchedulerTest(unittest.TestCase):
    """The scheduler as readers use it."""

    driver: Any
    labs: dict[str, list[Any]]
    pages: dict[str, str]

    @classmethod
    def setUpClass(cls) -> None:
        cls.driver = browser()
        cls.addClassCleanup(cls.driver.quit)
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.labs, recorded = read_recordings()
        cls.pages = {
            lab: write_page(pathlib.Path(folder.name), lab, found, recorded)
            for lab, found in cls.labs.items()
        }

    def tearDown(self) -> None:
        self.assertEqual(errors(self.driver), [])

    # How a test does what a reader does.

    def open(self, fragment: str, lab: str = "counter_without_lock") -> None:
        """Loads a page."""
        open_page(self.driver, self.pages[lab] + fragment)

    def play(self, fragment: str, lab: str = "counter_without_lock") -> None:
        """Loads a page with a schedule, and waits for the scheduler."""
        self.open(fragment, lab)
        wait_for(self.driver, "document.querySelector('.sched-move')")

    def all(self, selector: str) -> list[Any]:
        """Returns all elements that can be seen."""
        found: list[Any] = self.driver.execute_script(
            "return [...document.querySelectorAll(arguments[0])]"
            ".filter((element) => element.checkVisibility())",
            selector,
        )
        return found

    def one(self, selector: str) -> Any:
        """Returns the only element that can be seen."""
        found = self.all(selector)
        self.assertEqual(len(found), 1, selector)
        return found[0]

    def press(self, text: str) -> None:
        """Clicks on the button with a text."""
        found = self.driver.execute_script(
            "return [...document.querySelectorAll('button')].filter((b) =>"
            " b.checkVisibility() && b.textContent === arguments[0])",
            text,
        )
        self.assertEqual(len(found), 1, text)
        found[0].click()

    def move(self, letters: str) -> None:
        """Clicks on the buttons of some steps."""
        for letter in letters:
            self.one(f"button[data-letter='{letter}']").click()

    def select(self, selector: str, text: str) -> None:
        """Chooses the first option that has a text in it."""
        for option in self.one(selector).find_elements("tag name", "option"):
            if text in option.text:
                option.click()
                return
        self.fail(f"no option {text!r}")

    def press_keys(self, keys: str) -> None:
        """Types, wherever the focus is."""
        self.driver.switch_to.active_element.send_keys(keys)

    def said(self) -> str:
        """Returns what a screen reader was told last."""
        text: str = self.one(".sched-said").text
        return text

    def schedule(self) -> str:
        """Returns the letters on the screen; the address has the same."""
        found: str = self.one(".sched-schedule .sched-word").text
        shown = "" if found == "(no step yet)" else found
        wait_for(self.driver, f"location.hash.endsWith(':{shown}')")
        return shown

    # What must hold.

    def test_every_schedule_ends_as_the_explorer_says(self) -> None:
        for lab, explorations in self.labs.items():
            for exploration in explorations:
                with self.subTest(lab=lab, key=exploration["key"]):
                    found = clicked_endings(
                        self.driver, self.pages[lab], exploration["key"]
                    )
                    self.assertEqual(found, endings_of(exploration))
                    self.assertEqual(
                        sum(found.values()), exploration["schedules"]
                    )

    def test_a_step_says_what_it_did_and_marks_what_changed(self) -> None:
        self.play("#scheduler=right:")
        self.move("A")
        self.assertEqual(
            self.said(), "A Worker 0: start \u2192 after load; says Loaded 0."
        )
        self.assertEqual(self.all(".sched-changed"), [])
        self.move("A")
        self.assertIn("counter is now 1.", self.said())
        self.assertEqual(self.one(".sched-changed").text, "counter\n1 (was 0)")
        self.assertEqual(self.all(".sched-where")[0].text, "finished")
        self.assertEqual(self.schedule(), "AA")

    def test_a_choice_that_cannot_be_made_says_why(self) -> None:
        self.play("#scheduler=one_woken:A", "condition")
        button = self.one(".sched-move[data-letter='A']")
        self.assertEqual(button.get_attribute("aria-disabled"), "true")
        button.click()
        self.assertEqual(
            self.said(), "A Consumer 0 cannot: waits for Condition 'changed'."
        )
        self.assertEqual(self.schedule(), "A")

    def test_what_was_not_recorded_is_said(self) -> None:
        self.play("#scheduler=right--workers-3:ABA")
        self.move("C")
        self.assertIn(
            "not recorded: only schedules with at most 1 pre-emption were",
            f"{self.said()} {self.one('.sched-cards').text}",
        )

    def test_undo_redo_restart_and_the_table_of_steps(self) -> None:
        self.play("#scheduler=right:ABB")
        self.press("Undo")
        self.assertEqual(self.schedule(), "AB")
        self.press("Undo")
        self.press("Redo")
        self.assertEqual(self.schedule(), "AB")
        self.press("Restart")
        self.assertEqual(self.schedule(), "")
        self.press("Undo")
        self.assertEqual(self.said(), "There is nothing to undo.")
        self.one(".sched-back[data-step='3']").click()
        self.assertEqual(self.schedule(), "ABB")
        self.one(".sched-back[data-step='1']").click()
        self.assertEqual(self.schedule(), "A")
        self.assertEqual(len(self.all(".sched-future")), 2)
        self.move("A")
        self.assertEqual(self.all(".sched-future"), [])
        self.one(".sched-back[data-step='0']").click()
        self.assertEqual(self.said(), "At the start.")

    def test_the_keyboard_is_enough(self) -> None:
        self.play("#scheduler=right--kills-1:")
        self.press_keys("ab")
        self.assertEqual(self.schedule(), "AB")
        self.press_keys("u")
        self.assertEqual(self.schedule(), "A")
        self.press_keys("y")
        self.press_keys("A")  # with Shift: it dies
        self.assertEqual(self.schedule(), "ABa")
        self.assertIn("killed by SIGKILL", self.one(".sched-cards").text)
        self.press_keys("b")
        self.assertIn("It has ended", self.said())
        self.press_keys("r")
        self.assertEqual(self.schedule(), "")
        self.press_keys("h")
        self.assertIn("Hint: ", self.said())

    def test_a_goal_has_a_par_and_hints(self) -> None:
        self.play("#scheduler=right:")
        goal = self.one(".sched-goal-text")
        self.assertEqual(goal.text, "Par is 2 switches; you have 0 switches.")
        self.press("Hint")
        self.assertEqual(self.said(), "Hint: A Worker 0.")
        self.one(".sched-hinted")
        self.move("AA")
        self.press("Hint")
        self.assertEqual(self.said(), "Hint: undo 1 step.")
        self.move("BB")
        self.assertIn("not the goal", self.one(".sched-missed").text)
        self.press("Restart")
        self.move("ABAB")
        self.assertEqual(
            self.one(".sched-reached").text,
            "Reached: outcome: 1 in 3 switches, par 2."
            " 2 switches would do: how?",
        )
        self.select(".sched-goal-choice", "outcome: 2")
        self.press("Restart")
        self.move("AABB")
        self.assertEqual(
            self.one(".sched-reached").text,
            "Reached: outcome: 2 in 1 switch, par 1. No way has fewer.",
        )

    def test_show_me_plays_the_best_way(self) -> None:
        self.play("#scheduler=right:")
        self.press("Show me")
        wait_for(self.driver, "document.querySelector('.sched-reached')")
        self.assertEqual(self.schedule(), "ABBA")

    def test_a_deadlock_says_who_waits_for_what(self) -> None:
        self.play("#scheduler=one_woken:BACBA", "condition")
        box = self.one(".sched-deadlock").text.splitlines()
        self.assertEqual(
            box,
            [
                "Deadlock: no process can go on.",
                "Consumer 0 waits for Condition 'changed'",
                "Producer waits for Condition 'changed'",
                "1 of the 14 schedules ends like this.",
            ],
        )

    def test_two_schedules_side_by_side(self) -> None:
        self.play("#scheduler=right:ABBA")
        self.press("Compare with another schedule")
        self.select(".sched-pair select", "AABB")
        self.assertEqual(
            self.one(".sched-pair-said").text, "The first difference is step 2."
        )
        ends = self.one(".sched-ends").text
        self.assertRegex(ends, "(?s)outcome: 1.*outcome: 2")
        self.one(".sched-differs")
        self.one(".sched-typed").send_keys("ABAB\n")
        self.assertEqual(self.schedule(), "ABAB")
        self.assertEqual(
            self.one(".sched-pair-said").text, "The first difference is step 3."
        )
        self.press("Close")
        self.assertEqual(self.all(".sched-pair"), [])

    def test_an_address_leads_to_a_schedule(self) -> None:
        self.play("#scheduler=right--kills-1:AaB")
        self.assertEqual(self.schedule(), "AaB")
        self.play("#ABBA")
        self.assertEqual(self.schedule(), "ABBA")
        self.all("a[href='#scheduler=right:AABB']")[0].click()
        wait_for(self.driver, "location.hash.endsWith(':AABB')")
        wait_for(self.driver, "document.querySelector('.sched-missed')")
        self.assertEqual(self.schedule(), "AABB")

    def test_a_wrong_address_says_so_in_one_line(self) -> None:
        for fragment, told in (
            ("#scheduler=nothing:AB", "no exploration \u201cnothing\u201d"),
            ("#scheduler=right:AAA", "after AA, A cannot be next (finished)"),
            ("#scheduler=right:ABC", "there is no process C"),
            ("#scheduler=right:%20x", "There is no schedule"),
            ("#scheduler=right:constructor", "There is no schedule"),
        ):
            with self.subTest(fragment):
                self.open(fragment)
                text = wait_for(
                    self.driver,
                    "document.querySelector('.sched-problem').textContent",
                )
                self.assertIn(told, text)
                self.assertNotIn("\n", text)
        self.open("#no-such-anchor")
        self.assertEqual(self.all(".sched-problem:not(:empty)"), [])

    def test_a_question_comes_first_and_is_judged(self) -> None:
        self.open("")
        self.assertEqual(self.all(".sched"), [])
        self.assertEqual(self.all(".exploration-outcomes"), [])
        for box in self.all(".prediction input"):
            box.click()
        self.press("Check my answer")
        wait_for(self.driver, "document.querySelector('.sched-move')")
        self.assertIn("2 of 5 right.", self.one(".prediction-score").text)
        self.assertEqual(len(self.all(".prediction-right")), 2)
        wrong = self.all(".prediction-wrong")[0].text
        self.assertIn("\u2717 You said that it can.", wrong)
        self.assertIn("none of the 6 schedules ends like that", wrong)
        self.assertEqual(len(self.all(".exploration-outcomes")), 1)

    def test_another_exploration_has_a_question_of_its_own(self) -> None:
        self.open("")
        self.press("Skip the question")
        wait_for(self.driver, "document.querySelector('.sched-move')")
        self.select(".sched-choice select", "death")
        self.assertEqual(self.all(".sched"), [])
        self.press("Skip the question")
        wait_for(self.driver, "document.querySelector('.sched-kill')")
        self.select(".sched-choice select", "2 processes")
        self.assertEqual(self.all(".sched-kill"), [])
        self.move("A")
        self.assertEqual(self.schedule(), "A")


class NarrowTest(unittest.TestCase):
    """On a telephone: from the question to the lost update, by touch."""

    def test_the_lost_update_is_found_by_touch(self) -> None:
        driver = browser(*_NARROW, prefers_color_scheme="dark")
        self.addCleanup(driver.quit)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        labs, recorded = read_recordings()
        lab = "counter_without_lock"
        open_page(
            driver,
            write_page(pathlib.Path(folder.name), lab, labs[lab], recorded),
        )

        def tap(selector: str, text: str = "") -> None:
            for element in driver.find_elements("css selector", selector):
                if element.is_displayed() and text in element.text:
                    self._tap(driver, element)
                    return
            self.fail(f"there is no {selector} {text}")

        tap(".prediction label", "1")
        tap(".prediction label", "2")
        tap("button", "Check my answer")
        wait_for(driver, "document.querySelector('.sched-move')")
        for letter in "ABBA":
            tap(f".sched-move[data-letter='{letter}']")
        reached = driver.find_element("css selector", ".sched-reached")
        self.assertIn("Reached: outcome: 1 in 2 switches", reached.text)
        wide = "document.documentElement.scrollWidth"
        self.assertEqual(driver.execute_script(f"return {wide}"), _NARROW[0])
        small = driver.execute_script(
            "return [...document.querySelectorAll('.explorations button,"
            " .explorations select')].filter((e) => e.offsetParent &&"
            f" e.offsetHeight < {_TOUCH_MIN_PX}).map((e) => e.outerHTML)"
        )
        self.assertEqual(small, [])
        self.assertEqual(errors(driver), [])

    @staticmethod
    def _tap(driver: Any, element: Any) -> None:
        """Touches the middle of an element, wherever that is."""
        driver.execute_script(
            "arguments[0].scrollIntoView({block: 'center'})", element
        )
        place = driver.execute_script(
            "const r = arguments[0].getBoundingClientRect();"
            "return [r.x + r.width / 2, r.y + r.height / 2]",
            element,
        )
        touched = [{"x": place[0], "y": place[1]}]
        for kind, points in (("touchStart", touched), ("touchEnd", [])):
            driver.execute_cdp_cmd(
                "Input.dispatchTouchEvent",
                {"type": kind, "touchPoints": points},
            )


class CalmTest(unittest.TestCase):
    """For readers who want nothing to move by itself."""

    def test_show_me_waits_for_each_step(self) -> None:
        driver = browser(prefers_reduced_motion="reduce")
        self.addCleanup(driver.quit)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        labs, recorded = read_recordings()
        lab = "counter_without_lock"
        place = pathlib.Path(folder.name)
        address = write_page(place, lab, labs[lab], recorded)
        open_scheduler(driver, address, "right")
        buttons = {
            button.text: button
            for button in driver.find_elements("css selector", ".sched button")
        }
        buttons["Show me"].click()
        said = driver.find_element("css selector", ".sched-said")
        self.assertEqual(said.text, "Press Redo for each step of the best way.")
        for _ in "ABBA":
            buttons["Redo"].click()
        wait_for(driver, "location.hash.endsWith(':ABBA')")
        self.assertEqual(errors(driver), [])


class WithoutScriptTest(unittest.TestCase):
    """What the HTML says by itself."""

    def test_it_has_the_questions_answers_and_outcomes(self) -> None:
        labs, _ = read_recordings()
        found = scheduler_html.chapter_section("condition", labs["condition"])
        self.assertIn("Which of these can come out?", found)
        self.assertIn("cannot come out: none of the 14 schedules", found)
        self.assertIn('<b class="exploration-bad">deadlock:</b>', found)
        self.assertIn("./bazelw run //harness:explore -- condition", found)

    def test_the_list_does_not_give_the_outcomes_away(self) -> None:
        labs, _ = read_recordings()
        both = [one for found in labs.values() for one in found]
        found = scheduler_html.index_section(both)
        self.assertIn("labs/condition.html#exploration-one_woken", found)
        self.assertIn("24 schedules, of those with at most 1 pre-emp", found)
        self.assertNotIn("deadlock", found)

    def test_no_exploration_no_section(self) -> None:
        self.assertEqual(scheduler_html.chapter_section("pipes", []), "")


if __name__ == "__main__":
    results.main()

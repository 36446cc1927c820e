"""The results of a program's tests: each is reported as soon as it has ended.

    results.main()   # in place of unittest.main()

Bazel may run the tests of a program in several processes (shard_count): then
each of them has its share.

A test under Bazel has a limit, after which Bazel kills it. What it has found by
then is on the screen, and shortly before the limit it ends by itself, with the
names of the tests that it has not reached.
"""

import os
import pathlib
import signal
import sys
import textwrap
import time
import unittest
from collections.abc import Callable, Iterator
from types import FrameType

from harness import program, report
from harness.screen import Screen

__all__ = ["COLOURS", "Results", "main", "remaining_s", "show_check", "tests"]

# This much of Bazel's limit is left for the end.
_RESERVE_PART, _RESERVE_MIN_S, _RESERVE_MAX_S = 0.1, 3.0, 30.0
_start_s = time.monotonic()

COLOURS = {report.OK: "good", report.FAILED: "bad", report.SKIPPED: "faint"}
_NAME_WIDTH = 60


class OutOfTime(BaseException):
    """The test has been interrupted, since Bazel would soon end all of it."""


def remaining_s() -> float | None:
    """Returns after how long the tests end by themselves; None for never."""
    limit = os.environ.get("TEST_TIMEOUT", "")
    if not limit.isdigit() or int(limit) == 0:
        return None
    reserve_s = max(_RESERVE_MIN_S, _RESERVE_PART * int(limit))
    reserve_s = min(reserve_s, _RESERVE_MAX_S)
    return max(0.1, int(limit) - reserve_s - (time.monotonic() - _start_s))


def tests(suite: unittest.TestSuite) -> Iterator[unittest.TestCase]:
    """Returns the tests of a suite and of those within it."""
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from tests(test)
        else:
            yield test


def own_share(found: list[unittest.TestCase]) -> list[unittest.TestCase]:
    """Returns the tests that are this process's, if Bazel has made several."""
    if file := os.environ.get("TEST_SHARD_STATUS_FILE"):
        pathlib.Path(file).touch()  # So Bazel knows that they are shared out.
    total = int(os.environ.get("TEST_TOTAL_SHARDS", "1"))
    return found[int(os.environ.get("TEST_SHARD_INDEX", "0")) :: total]


def method_name(test: unittest.TestCase) -> str:
    """Returns "test_it_passes" of labs.pipes.PipesTest.test_it_passes."""
    return test.id().rpartition(".")[2]


def _in_words(test: unittest.TestCase, error: BaseException) -> str:
    """Returns what the test itself can tell of its failure, or ""."""
    tell = getattr(test, "in_words", None)
    if tell is None or getattr(error, "tells_all", False):
        return ""
    return str(tell(error))


class Results(unittest.TestResult):
    """Turns the outcome of each test into a report.Check.

    Args:
      tell: is called with each of them at once.
      name: what a test is called there.
    """

    def __init__(
        self,
        tell: Callable[[report.Check], None],
        name: Callable[[unittest.TestCase], str] = method_name,
    ) -> None:
        super().__init__()
        self.checks: list[report.Check] = []
        self._tell = tell
        self._name = name
        self._start_s = 0.0
        self._faults: list[tuple[str, str]] = []
        self._kind = ""

    def startTest(self, test: unittest.TestCase) -> None:
        super().startTest(test)
        self._faults = []
        self._kind = ""
        self._start_s = time.monotonic()

    # The types of these arguments are those of unittest, as far as it has any.
    def addError(self, test, err):  # type: ignore[no-untyped-def]
        super().addError(test, err)
        detail = self.errors[-1][1]
        if isinstance(err[1], OutOfTime):
            self._end()
            detail = f"{err[1]}\n{detail}"
        elif words := _in_words(test, err[1]):
            detail = f"{words}\n{detail}"
        self._add(report.FAILED, detail)
        if not isinstance(test, unittest.TestCase):  # Of setUpClass.
            self.stopTest(test)

    def addFailure(self, test, err):  # type: ignore[no-untyped-def]
        super().addFailure(test, err)
        # Of our own failures everything is in the message; of others the line
        # that failed is worth having.
        if getattr(err[1], "tells_all", False):
            verdict = getattr(err[1], "verdict", None)
            self._kind = self._kind or getattr(verdict, "kind", "")
            self._add(report.FAILED, str(err[1]))
        else:
            words = _in_words(test, err[1])
            self._add(report.FAILED, words or self.failures[-1][1])

    def addSubTest(self, test, subtest, err):  # type: ignore[no-untyped-def]
        super().addSubTest(test, subtest, err)
        if err is not None:
            if isinstance(err[1], OutOfTime):
                self._end()
            words = _in_words(test, err[1]) or str(err[1])
            self._add(report.FAILED, f"{subtest}: {words}")

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:
        super().addSkip(test, reason)
        self._add(report.SKIPPED, reason)
        if not isinstance(test, unittest.TestCase):  # Of setUpClass.
            self.stopTest(test)

    def addUnexpectedSuccess(self, test: unittest.TestCase) -> None:
        super().addUnexpectedSuccess(test)
        self._add(report.FAILED, "it was expected to fail, but did not")

    def _end(self) -> None:
        """Runs no further test, and no further part of this one."""
        self.stop()
        self.failfast = True

    def _add(self, status: str, detail: str) -> None:
        self._faults.append((status, detail.rstrip()))

    def stopTest(self, test: unittest.TestCase) -> None:
        super().stopTest(test)
        statuses = [status for status, _ in self._faults]
        status = report.OK
        if statuses:
            failed = report.FAILED in statuses
            status = report.FAILED if failed else report.SKIPPED
        check = report.Check(
            name=self._name(test),
            status=status,
            duration_s=time.monotonic() - self._start_s,
            detail="\n".join(detail for _, detail in self._faults),
            runs=tuple(getattr(test, "runs", ())),
            kind=(self._kind or "output") if report.FAILED in statuses else "",
        )
        self._faults = []
        self.checks.append(check)
        self._tell(check)


def show_check(screen: Screen, check: report.Check) -> None:
    """Prints one line for a check, and what is wrong if it failed."""
    colour = COLOURS[check.status]
    word = {report.FAILED: "FAIL", report.SKIPPED: "skip"}.get(
        check.status, check.status
    )
    time_text = screen.paint("faint", f"{check.duration_s:6.2f} s")
    mark = screen.paint(colour, f"{word:4}")
    screen.line(f"  {mark}  {check.name:{_NAME_WIDTH}} {time_text}")
    if check.status != report.OK and check.detail:
        for line in textwrap.indent(
            report.xml_text(check.detail), " " * 8
        ).splitlines():
            screen.line(line)


class _Runner:
    """Runs tests, reports each, and ends before Bazel ends it."""

    def __init__(self) -> None:
        self._screen = Screen(sys.stderr)

    def run(self, test: unittest.TestSuite | unittest.TestCase) -> Results:
        """Runs all tests of the suite, if there is time."""
        results = Results(lambda check: show_check(self._screen, check))
        suite = unittest.TestSuite(
            own_share([*tests(unittest.TestSuite([test]))])
        )
        wanted = [method_name(each) for each in tests(suite)]
        self._limit_time()
        try:
            suite.run(results)
        except OutOfTime as error:  # Between two tests.
            results.stop()
            self._screen.line(str(error))
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        self._sum_up(results, wanted)
        return results

    def _limit_time(self) -> None:
        def end(number: int, frame: FrameType | None) -> None:
            raise OutOfTime(
                f"ended here, {time.monotonic() - _start_s:.0f} s after the"
                " start: Bazel's limit is near"
            )

        left_s = remaining_s()
        if left_s is not None:
            signal.signal(signal.SIGALRM, end)
            signal.setitimer(signal.ITIMER_REAL, left_s)

    def _sum_up(self, results: Results, wanted: list[str]) -> None:
        suite = report.LabReport(_name(), "", results.checks)
        for check in suite.failed:
            self._screen.line(f"FAIL  {check.name}")
        for reason in dict.fromkeys(check.detail for check in suite.skipped):
            self._screen.line(f"SKIPPED: {reason}")
        total = report.count(wanted, "test")
        words = f"{len(suite.failed)} failed, {len(suite.skipped)} skipped"
        self._screen.line(f"{total}: {words}")
        if results.shouldStop:
            done = {check.name for check in results.checks}
            left = [name for name in wanted if name not in done]
            self._screen.line(
                f"Ended early; {len(left)} not run: {', '.join(left) or '-'}"
            )


def _name() -> str:
    return pathlib.Path(sys.argv[0]).stem


def main() -> None:
    """Runs the tests of the main module, and ends the program."""
    program.prepare()
    found = unittest.main(testRunner=_Runner(), exit=False).result
    assert isinstance(found, Results)
    if file := os.environ.get("XML_OUTPUT_FILE"):  # bazel test wants it.
        suite = report.LabReport(_name(), "", found.checks)
        text = report.to_junit(report.CourseReport([suite]))
        pathlib.Path(file).write_text(text, encoding="utf-8")
    complete = found.checks and not found.shouldStop
    sys.exit(not (found.wasSuccessful() and complete))

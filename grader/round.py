"""Judges a whole class, several submissions at a time."""

import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent import futures
from dataclasses import dataclass
from functools import partial

from grader import judging, model
from grader.journal import Journal
from harness.exercises import Exercise
from harness.screen import Screen

_Work = Callable[[int], model.Judgement]  # Is given a slot.


@dataclass(frozen=True)
class Judged:
    """What came of a class.

    standards: what each exercise was compared with, by its title.
    judgements: one for each submission, in the order of those.
    """

    standards: dict[str, judging.Standard]
    judgements: list[model.Judgement]


class Round:
    """Judges what the journal does not know yet, `jobs` at a time."""

    def __init__(
        self, judge: judging.Judge, journal: Journal, jobs: int, screen: Screen
    ) -> None:
        self._judge = judge
        self._journal = journal
        self._lock = threading.Lock()
        self._screen = screen
        self._jobs = jobs
        self._digest = judge.digest
        self._slots: queue.SimpleQueue[int] = queue.SimpleQueue()
        for slot in range(jobs):
            self._slots.put(slot)
        self._start_s = time.monotonic()

    def judge(
        self,
        exercises: Sequence[Exercise],
        all_of_them: Sequence[model.Submission],
    ) -> Judged:
        """Judges the exercises themselves, and then all submissions.

        Ctrl-C ends what is being judged; nothing that was judged is lost.
        """
        by_title = {exercise.title: exercise for exercise in exercises}
        own = [(e, one) for e in exercises for one in judging.own(e)]
        made = self._all(
            "of the exercises themselves",
            [one for _, one in own],
            [partial(self._judge.judge_own, e, one) for e, one in own],
        )
        for one in made[1::2]:  # The instructor must know; a learner may not.
            for check in one.checks:
                if check.is_hidden and check.status == model.FAILED:
                    self._screen.line(
                        f"  {one.exercise}: the solution fails"
                        f" {model.shown(judging.first_line(check))}"
                    )
        found = {
            title: judging.Standard.of(*made[2 * number : 2 * number + 2])
            for number, title in enumerate(by_title)
        }
        judgements = self._all(
            "submissions",
            all_of_them,
            [
                partial(
                    self._judge.judge,
                    by_title[one.exercise],
                    found[one.exercise],
                    one,
                )
                for one in all_of_them
            ],
        )
        return Judged(found, judgements)

    def _all(
        self,
        what: str,
        submissions: Sequence[model.Submission],
        work: Sequence[_Work],
    ) -> list[model.Judgement]:
        pool = futures.ThreadPoolExecutor(self._jobs)
        begun = [
            pool.submit(self._known_or, one, judge)
            for one, judge in zip(submissions, work)
        ]
        try:
            for number, _ in enumerate(futures.as_completed(begun), 1):
                spent_s = time.monotonic() - self._start_s
                self._screen.status(
                    f"  ... judged {number:,} of {len(work):,} {what},"
                    f" {spent_s:.0f} s"
                )
            return [each.result() for each in begun]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            self._judge.end()
            raise
        finally:
            self._screen.status()
            pool.shutdown()

    def _known_or(
        self,
        one: model.Submission,
        judge: _Work,
    ) -> model.Judgement:
        """Returns what the journal knows; else judges, and notes it there."""
        known = self._journal.find(one, self._digest)
        if known:
            return known
        slot = self._slots.get()
        try:
            judgement = judge(slot)
        finally:
            self._slots.put(slot)
        with self._lock:
            self._journal.add(judgement, self._digest)
        return judgement
